"""One person with two spellings of a number gets one message, and is one in caps, segments and lists."""

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from audience.models import Contact
from broadcasts import contact_filters
from broadcasts.models import Recipient
from broadcasts.people import lists, selecting
from broadcasts.run import estimate
from campaigns.ledger import events
from campaigns.models import Message, Status
from providers.models import Provider
from tests import months
from tests.audience.conftest import taken_over
from tests.broadcasts.conftest import add, launched, make_broadcast
from tests.factories import MessageFactory

PEOPLE = (Path(__file__).parent / "files" / "people_spelt_twice.csv").read_bytes()
ONE_EACH = {"p1", "p3", "p5", "p6", "p7"}


@pytest.fixture
def _people(db: None, settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    taken_over(PEOPLE)


def reasons() -> dict[str, str]:
    rows = Recipient.objects.filter(state=Recipient.State.EXCLUDED)
    return dict(rows.values_list("contact__identity", "reason"))


def found(**condition: Any) -> set[str]:
    value = {"groups": [{"conditions": [condition]}]}
    people = selecting.contacts(contact_filters.read(value), timezone.now())
    return set(people.values_list("identity", flat=True))


@pytest.mark.usefixtures("_people")
def test_one_person_gets_one_message(provider: Provider) -> None:
    broadcast = make_broadcast(provider)
    expected = estimate.estimate(broadcast, timezone.now())
    assert (expected.messages, expected.excluded) == (5, [("another recipient has the same number", 3)])
    launched(broadcast)
    assert reasons() == dict.fromkeys(("p2", "p4", "p8"), "same_number")
    assert Message.objects.count() == 5


@pytest.mark.usefixtures("_people")
def test_the_database_takes_no_second_row_of_a_person(provider: Provider) -> None:
    broadcast = launched(make_broadcast(provider))
    row = Recipient.objects.get(broadcast=broadcast, contact__identity="p2")
    with pytest.raises(IntegrityError), transaction.atomic():
        Recipient.objects.filter(pk=row.pk).update(state=Recipient.State.WAITING)


@pytest.mark.usefixtures("_people")
def test_the_frequency_cap_counts_every_spelling(provider: Provider) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    MessageFactory(provider=provider, to="5215511112222", accepted_at=yesterday, status=Status.ACCEPTED)
    broadcast = make_broadcast(provider, cap_count=1, cap_days=7)
    expected = estimate.estimate(broadcast, timezone.now())
    assert ("reached the frequency cap", 1) in expected.excluded
    launched(broadcast)
    assert reasons()["p1"] == "capped"
    assert Recipient.objects.filter(state=Recipient.State.QUEUED).count() == 4


@pytest.mark.usefixtures("_people")
def test_a_segment_by_behaviour_has_every_spelling(provider: Provider) -> None:
    at = timezone.now()
    message = MessageFactory(provider=provider, to="551187651234", accepted_at=at, status=Status.READ)
    events.add_replies(provider.pk, {message.pk: at}, at)
    everybody = {f"p{n}" for n in range(1, 9)}
    for what in ("sent", "replied"):
        assert found(kind="message", what=what) == {"p3", "p4"}
        assert found(kind="message", what=what, did=False) == everybody - {"p3", "p4"}


@pytest.mark.usefixtures("_people")
@pytest.mark.parametrize(
    ("op", "value", "who"),
    [
        ("is", "+52 55 1111 2222", {"p1", "p2"}),
        ("is", "+5215511112222", {"p1", "p2"}),
        ("begins", "+5255", {"p1", "p2"}),
        ("begins", "52155", {"p1", "p2"}),
        ("begins", "+55 11 9", {"p3", "p4"}),
        ("begins", "551187", {"p3", "p4"}),
        ("contains", "87651234", {"p3", "p4"}),
        ("is", "+919812350777", {"p5"}),
    ],
)
def test_a_segment_by_number_has_every_spelling(op: str, value: str, who: set[str]) -> None:
    assert found(kind="field", name="phone", op=op, values=[value]) == who


@pytest.mark.usefixtures("_people")
def test_a_list_of_numbers_has_every_spelling(provider: Provider) -> None:
    broadcast = make_broadcast(provider, who="list")
    file = io.BytesIO(b"Phone\n+5215511112222\n+551187651234\n+5215599999999\n")
    source = lists.inspect(file, "numbers.csv", 60)
    taken = lists.take(broadcast, source)
    assert (taken.contacts, taken.examples) == (4, ["+5215599999999"])


def test_contacts_without_a_number_are_not_one_person(provider: Provider) -> None:
    for identity in ("ann", "bea"):
        add(identity)
    launched(make_broadcast(provider))
    assert reasons() == {"ann": "no_phone", "bea": "no_phone"}


@pytest.mark.django_db
@pytest.mark.parametrize("did", [True, False])
def test_messages_are_joined_to_contacts_by_an_index(provider: Provider, did: bool) -> None:
    """PostgreSQL goes from a contact to its messages by the index of the person. SQLite gathers the people of
    the messages once, and looks each contact up among them."""
    now = timezone.now()
    Contact.objects.bulk_create(
        Contact(identity=f"p{n}", phone=f"91981{n:07}", created_at=now, updated_at=now) for n in range(300)
    )
    Message.objects.bulk_create(
        MessageFactory.build(provider=provider, to=f"91981{n:07}", msg_id=f"m{n}") for n in range(600)
    )
    condition = {"kind": "message", "what": "sent", "did": did}
    value = {"groups": [{"conditions": [condition]}]}
    people = selecting.contacts(contact_filters.read(value), timezone.now()).filter(pk__gt=10).order_by("pk")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE audience_contact, campaigns_message")
            for way in ("seqscan", "hashjoin", "mergejoin"):  # which are quicker for tables as small as these
                cursor.execute(f"SET LOCAL enable_{way} = off")
        assert "message_person" in months.plan(people[:500])
    else:
        plan = people[:500].explain()
        assert "SEARCH audience_contact USING INTEGER PRIMARY KEY" in plan
        assert "LIST SUBQUERY" in plan
        assert "CORRELATED" not in plan, "they would be gathered anew for each contact"
