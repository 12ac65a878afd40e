"""What a filter says, and whom the database finds for it: the same on PostgreSQL and SQLite."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from audience.models import Contact
from broadcasts import contact_filters
from broadcasts.people import selecting
from campaigns.ledger import ledger
from campaigns.ledger.entries import Tried
from campaigns.models import Message, Status
from providers.messages import Outcome, StatusUpdate
from providers.models import Provider
from tests.broadcasts.conftest import add, happen
from tests.factories import MessageFactory

DAY = timedelta(days=1)
NOW = timezone.now()


def one(**condition: Any) -> Any:
    return {"groups": [{"conditions": [condition]}]}


def found(value: Any) -> set[str]:
    rows = selecting.contacts(contact_filters.read(value), timezone.now())
    return set(rows.values_list("identity", flat=True))


def attribute(op: str, *values: str, name: str = "Plan") -> Any:
    return one(kind="attribute", name=name, op=op, values=list(values))


AGREED = {"kind": "consent", "state": "opted_in"}


@pytest.fixture
def three(db: None) -> None:
    add(
        "gold",
        phone="+919812300001",
        name="Ána",
        Plan="Gold",
        Age=42,
        City=["Pune", "Goa"],
        Vip=True,
        Renewal=date(10),
    )
    add(
        "silver",
        phone="+919812300002",
        name="Bo",
        email="bo@shop.example",
        Plan="silver",
        Age=18,
        Vip=False,
        Renewal=date(-10),
    )
    add("none", opted_in=False, gender="F")


def date(days: int) -> str:
    return f"$D_{int((NOW + days * DAY).timestamp())}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, {"gold", "silver", "none"}),
        (attribute("is", "gold"), {"gold"}),
        (attribute("is", "GOLD", "Silver"), {"gold", "silver"}),
        (attribute("is_not", "gold"), {"silver", "none"}),
        (attribute("contains", "ILV"), {"silver"}),
        (attribute("contains", "%"), set()),
        (attribute("begins", "go"), {"gold"}),
        (attribute("known"), {"gold", "silver"}),
        (attribute("unknown"), {"none"}),
        (attribute("is", "42", name="Age"), {"gold"}),
        (attribute("is", "42.0", name="Age"), {"gold"}),
        (attribute("more_than", "18", name="Age"), {"gold"}),
        (attribute("at_least", "18", name="Age"), {"gold", "silver"}),
        (attribute("less_than", "42", name="Age"), {"silver"}),
        (attribute("at_most", "1e3", name="Age"), {"gold", "silver"}),
        (attribute("at_least", "0", name="Plan"), set()),  # a text is not a number
        (attribute("is", "true", name="Vip"), {"gold"}),
        (attribute("is", "goa", name="City"), {"gold"}),
        (attribute("is_not", "goa", name="City"), {"silver", "none"}),
        (attribute("next_days", "11", name="Renewal"), {"gold"}),
        (attribute("next_days", "5", name="Renewal"), set()),
        (attribute("last_days", "11", name="Renewal"), {"silver"}),
        (attribute("before", "2000-01-01", name="Renewal"), set()),
        (attribute("from", "2000-01-01", name="Renewal"), {"gold", "silver"}),
        (attribute("from", "2000-01-01", name="Plan"), set()),
        (one(kind="field", name="name", op="is", values=["bo"]), {"silver"}),
        (one(kind="field", name="phone", op="is", values=["+91 98123 00001"]), {"gold"}),
        (one(kind="field", name="phone", op="begins", values=["+91 98"]), {"gold", "silver"}),
        (one(kind="field", name="phone", op="contains", values=["00 002"]), {"silver"}),
        (one(kind="field", name="email", op="unknown"), {"gold", "none"}),
        (one(kind="field", name="email", op="is", values=["BO@Shop.example", "x"]), {"silver"}),
        (one(kind="field", name="identity", op="begins", values=["S"]), {"silver"}),
        (one(kind="field", name="gender", op="is_not", values=["f"]), {"gold", "silver"}),
        (one(kind="consent", state="reachable"), {"gold", "silver"}),
        (one(kind="consent", state="not_opted_in"), {"none"}),
    ],
)  # fmt: skip
def test_attributes_fields_and_consent(three: None, value: Any, expected: set[str]) -> None:
    assert found(value) == expected


@pytest.mark.parametrize(("op", "most"), [("is", 1000), ("is_not", 1000), ("contains", 200), ("begins", 200)])
@pytest.mark.parametrize("kind", ["attribute", "field"])
def test_as_many_values_as_are_allowed(three: None, kind: str, op: str, most: int) -> None:
    values = [f"other{n}" for n in range(most - 1)] + ["bo"]
    name = "name" if kind == "field" else "Plan"
    expected = {"gold", "silver", "none"} if op == "is_not" else set()
    if kind == "field":
        expected ^= {"silver"}
    assert found(one(kind=kind, name=name, op=op, values=values)) == expected
    with pytest.raises(contact_filters.Wrong, match="too many values"):
        contact_filters.read(one(kind=kind, name=name, op=op, values=[*values, "more"]))


def test_groups_are_joined_as_they_say(three: None) -> None:
    gold = {"kind": "attribute", "name": "Plan", "op": "is", "values": ["gold"]}
    young = {"kind": "attribute", "name": "Age", "op": "less_than", "values": ["30"]}
    agreed = {"kind": "consent", "state": "opted_in"}
    either = {"match": "any", "conditions": [gold, young]}
    assert found({"groups": [either, {"conditions": [agreed]}]}) == {"gold", "silver"}
    assert found({"groups": [{"conditions": [gold, young]}]}) == set()
    assert found({"match": "any", "groups": [{"conditions": [gold]}, {"conditions": [young]}]}) == {
        "gold",
        "silver",
    }


@pytest.mark.parametrize(
    "name", ["2024", 'a "quoted" key', "dots.and[0]", "$", "ключ", "back\\slash", "' OR 1=1 --", "%s"]
)
def test_any_name_is_a_name(db: None, name: str) -> None:
    add("x", **{name: "here"})
    add("y", Other="here")
    assert found(attribute("is", "here", name=name)) == {"x"}
    assert found(attribute("unknown", name=name)) == {"y"}


@given(
    value=st.one_of(st.text(max_size=20), st.integers(-(2**53), 2**53), st.floats(-1e15, 1e15), st.booleans())
)
def test_what_is_kept_is_found_again(db: None, value: Any) -> None:
    if isinstance(value, str) and (
        "\0" in value or not value.strip() or "\ud800" <= max(value, default="") <= "\udfff"
    ):
        return
    Contact.objects.all().delete()
    Contact.objects.create(identity="x", attributes={"k": value}, created_at=NOW, updated_at=NOW)
    text = value if isinstance(value, str) else json.dumps(value)
    assert found(attribute("is", text, name="k")) == {"x"}
    assert found(attribute("is_not", text, name="k")) == set()


def test_events(db: None) -> None:
    for identity in ("often", "once", "never"):
        add(identity)
    for days in (1, 2, 40):
        happen("often", "Charged", NOW - days * DAY, Amount=100 * days, Items=["Shoes", "Hat"])
    happen("once", "Charged", NOW - 20 * DAY, Amount=5)

    def did(**values: Any) -> set[str]:
        return found(one(kind="event", name="Charged", **values))

    assert did() == {"often", "once"}
    assert did(did=False) == {"never"}
    assert did(days=7) == {"often"}
    assert did(days=7, did=False) == {"once", "never"}
    assert did(times=2) == {"often"}
    assert did(times=3, days=30) == set()
    assert did(times=2, did=False) == {"once", "never"}
    assert did(where=[{"name": "Amount", "op": "less_than", "values": ["50"]}]) == {"once"}
    assert did(where=[{"name": "Items", "op": "is", "values": ["hat"]}], days=1) == set()
    assert did(where=[{"name": "Items", "op": "is", "values": ["hat"]}], days=2) == {"often"}


def sent(provider: Provider, to: str, *kinds: str, days: int = 0, **values: Any) -> Message:
    at = NOW - days * DAY
    message = MessageFactory(
        provider=provider, to=to, accepted_at=at, status=Status.SENDING, attempt=1, **values
    )
    ledger.record_attempts(provider.pk, [Tried(message.pk, 1, at, Outcome.ACCEPTED, bsp_id=f"b{message.pk}")])
    updates = [StatusUpdate(kind, timestamp=int(at.timestamp()), bsp_id=f"b{message.pk}") for kind in kinds]  # type: ignore[arg-type]
    ledger.record(provider.pk, updates)
    return message


def test_who_read_it_received_it(provider: Provider) -> None:
    """Though nobody reported that it was delivered."""
    sent(provider, add("reader", phone="+919812300001").phone, "read")
    sent(provider, add("clicker", phone="+919812300002").phone, "clicked")
    sent(provider, add("waiting", phone="+919812300003").phone)
    assert found(one(kind="message", what="received")) == {"reader", "clicker"}
    assert found(one(kind="message", what="received", did=False)) == {"waiting"}


def test_what_became_of_messages(provider: Provider) -> None:
    reader = add("reader", phone="+919812300001")
    clicker = add("clicker", phone="+919812300002")
    add("stranger", phone="+919812300003")
    add("nobody", opted_in=False)
    sent(provider, reader.phone, "delivered", "read", days=10, campaign="111")
    sent(provider, clicker.phone, "delivered", "clicked", campaign="222", template="sale")
    sent(provider, "919812300003", "delivered", "read", "clicked", untracked=True)  # a test
    sent(provider, add("refused", phone="+919812300004").phone, "failed")

    def with_message(**values: Any) -> set[str]:
        return found(one(kind="message", **values))

    assert with_message(what="received") == {"reader", "clicker"}
    assert with_message(what="received", days=5) == {"clicker"}
    assert with_message(what="received", did=False) == {"stranger", "nobody", "refused"}
    assert with_message(what="read") == {"reader"}
    assert with_message(what="read", campaign="222") == set()
    assert with_message(what="clicked", template="sale") == {"clicker"}
    assert with_message(what="clicked") == {"clicker"}
    assert with_message(what="sent") == {"reader", "clicker"}
    assert with_message(what="sent", days=5) == {"clicker"}
    assert with_message(what="sent", campaign="111") == {"reader"}
    assert with_message(what="sent", did=False) == {"stranger", "nobody", "refused"}
    assert with_message(what="replied") == set()
    from campaigns.ledger import events

    events.add_replies(provider.pk, {Message.objects.get(to=reader.phone).pk: NOW}, NOW)
    assert with_message(what="replied", days=1) == {"reader"}


def test_who_was_sent_a_message_that_failed_was_sent_none(provider: Provider) -> None:
    """Whatever else of theirs is unknown or waits may have reached them, or will."""
    for number, status in enumerate(Status):
        phone = add(status.name.lower(), phone=f"+9198123000{number:02d}").phone
        MessageFactory(provider=provider, to=phone, accepted_at=NOW, status=status)
    failed = {"failed"}
    assert found(one(kind="message", what="sent", did=False)) == failed
    assert found(one(kind="message", what="sent")) == {status.name.lower() for status in Status} - failed


@pytest.mark.parametrize(
    ("value", "place", "words"),
    [
        ([1], "", "not understood"),
        ({"groups": [{}]}, "groups.0", "no condition"),
        ({"groups": [{"conditions": [{"kind": "x"}]}]}, "groups.0.conditions.0", "not understood"),
        (attribute("is"), "groups.0.conditions.0", "no value"),
        (attribute("is", "x", name=""), "groups.0.conditions.0", "Choose a property"),
        (attribute("at_least", "many"), "groups.0.conditions.0", "“many” is not a number"),
        (attribute("at_least", "nan"), "groups.0.conditions.0", "is not a number"),
        (attribute("last_days", "0000000019999999999"), "groups.0.conditions.0", "the days must be 1 to"),
        (attribute("before", "31.3.2026"), "groups.0.conditions.0", "Write it as 2026-03-31"),
        (attribute("before", "2026-02-30"), "groups.0.conditions.0", "is not a date"),
        (attribute("before", "0206-03-31"), "groups.0.conditions.0", "is not a date"),
        (attribute("last_days", "0"), "groups.0.conditions.0", "1 to 3650"),
        (attribute("is", "a\0b"), "groups.0.conditions.0", "null character"),
        (one(kind="field", name="attributes", op="is", values=["x"]), "groups.0.conditions.0", "not a field"),
        (
            one(kind="field", name="name", op="at_least", values=["5"]),
            "groups.0.conditions.0",
            "does not go with",
        ),
        (one(kind="event", name=" "), "groups.0.conditions.0", "Choose an event"),
        (one(kind="event", name="x", days=0), "groups.0.conditions.0", "days"),
        (one(kind="message", what="read", days=3651), "groups.0.conditions.0", "1 to 3650"),
        (one(kind="message", what="read", days=0), "groups.0.conditions.0", "1 to 3650"),
        (one(kind="event", name="x", days=3651), "groups.0.conditions.0", "1 to 3650"),
        (one(kind="event", name="x", times=1001), "groups.0.conditions.0", "1 to 1000"),
        (one(kind="event", name="x", times=0), "groups.0.conditions.0", "1 to 1000"),
        (one(kind="event", name="x" * 513), "groups.0.conditions.0", "longer than 512"),
        (attribute("last_days", "3651"), "groups.0.conditions.0", "1 to 3650"),
        (attribute("is", "x" * 513), "groups.0.conditions.0", "longer than 512"),
        ({"groups": [{"conditions": [AGREED] * 51}]}, "", "more than 50"),
        ({"groups": [{"conditions": [AGREED] * 26}, {"conditions": [AGREED] * 25}]}, "", "more than 50"),
        ({"groups": [{"conditions": [AGREED]}] * 21}, "", "21 groups; at most 20"),
    ],
)
def test_a_wrong_filter_says_where_and_why(value: Any, place: str, words: str) -> None:
    with pytest.raises(contact_filters.Wrong) as error:
        contact_filters.read(value)
    assert words in error.value.problems[place]


@pytest.mark.parametrize(
    "value",
    [
        *(one(kind="message", what="read", days=days) for days in (1, 3649, 3650)),
        *(one(kind="event", name="x", days=days) for days in (1, 3649, 3650)),
        *(one(kind="event", name="x", times=times) for times in (1, 999, 1000)),
        *(attribute("next_days", days) for days in ("1", "3649", "3650")),
        *(attribute("is", "x" * length) for length in (511, 512)),
        *({"groups": [{"conditions": [AGREED] * number}]} for number in (49, 50)),
        *({"groups": [{"conditions": [AGREED]}] * number} for number in (19, 20)),
    ],
)
def test_a_filter_at_its_limits_is_read_and_asked(db: None, value: Any) -> None:
    assert contact_filters.plain(contact_filters.read(value))
    assert found(value) == set()


def test_a_filter_in_words() -> None:
    value = {
        "groups": [
            {"conditions": [{"kind": "attribute", "name": "City", "op": "is", "values": ["Pune", "Goa"]}]},
            {
                "match": "any",
                "conditions": [
                    {"kind": "message", "what": "read", "did": False, "days": 30},
                    {"kind": "event", "name": "Charged", "times": 2, "days": 7,
                     "where": [{"name": "Amount", "op": "at_least", "values": ["100"]}]},
                ],
            },
        ]
    }  # fmt: skip
    assert contact_filters.describe(contact_filters.read(value)) == (
        "City is Pune or Goa and (did not read a message in the last 30 days or did Charged at least 2 times "
        "in the last 7 days where Amount is at least 100)"
    )
    assert contact_filters.describe(contact_filters.EVERYBODY) == "Everybody"
    found = contact_filters.read(value)
    assert contact_filters.read(contact_filters.plain(found)) == found


@pytest.mark.parametrize(
    ("op", "value", "names"),
    [
        ("before", "2026-12-05", {"early"}),
        ("before", "2026-12-06", {"early", "today"}),
        ("from", "2026-12-05", {"today", "late"}),
        ("is", "2026-12-05", {"today"}),
        ("last_days", "1", {"early", "today"}),
        ("next_days", "1", {"today", "late"}),
        ("known", "", {"early", "today", "late"}),
    ],
)
def test_dates_without_a_time_are_compared_by_days(db: None, op: str, value: str, names: set[str]) -> None:
    with time_machine.travel(datetime(2026, 12, 5, 18, 0, tzinfo=UTC), tick=False):
        for identity, day in (("early", 4), ("today", 5), ("late", 6)):
            add(identity, Trip=f"2026-12-{day:02d}")
        add("nobody", City="2026")
        assert found(attribute(op, value, name="Trip")) == names


def test_numbers_are_compared_by_their_value(db: None) -> None:
    add("a", Fee=Decimal("1499.50"))
    add("b", Fee=Decimal("250.00"))
    for op, value, names in (("is", "1499.5", {"a"}), ("at_least", "1499.50", {"a"}), ("is", "250", {"b"})):
        assert found(attribute(op, value, name="Fee")) == names
