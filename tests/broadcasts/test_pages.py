"""Segments and broadcasts in the admin: written step by step, launched, watched, stopped."""

import json
import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from audience.models import Contact, ContactEvent
from broadcasts.models import Broadcast, Listed, Recipient, Segment
from broadcasts.pages import progress
from broadcasts.people import lists
from broadcasts.run import estimate, lifecycle, worker
from campaigns.models import Message
from providers.models import Provider
from templates_app.models import Template
from tests.admin.conftest import looker, operator, operator_user, signed_in
from tests.broadcasts.conftest import (
    add,
    happen,
    launched,
    make_broadcast,
    make_template,
    make_variant,
    sums,
    work,
)
from tests.factories import MessageFactory, make_provider

__all__ = ["looker", "operator", "operator_user", "signed_in"]

Kind, State, Who = Broadcast.Kind, Broadcast.State, Broadcast.Who
LIST = "/admin/broadcasts/broadcast/"
PUNE = {"groups": [{"conditions": [{"kind": "attribute", "name": "City", "op": "is", "values": ["Pune"]}]}]}


def page(client: Client, url: str) -> str:
    answer = client.get(url, follow=True)
    assert answer.status_code == 200, url
    return re.sub(r"\s+", " ", answer.content.decode())


def post(client: Client, url: str, **data: Any) -> str:
    """As browsers do it: line breaks in values are CR and LF."""
    sent = {name: re.sub("\r?\n", "\r\n", v) if isinstance(v, str) else v for name, v in data.items()}
    answer = client.post(url, sent, follow=True)
    assert answer.status_code == 200, url
    return re.sub(r"\s+", " ", answer.content.decode())


def step(broadcast: Broadcast, name: str) -> str:
    return f"{LIST}{broadcast.pk}/step/{name}/"


@pytest.fixture
def two(db: None) -> None:
    add("mira", phone="+919812300001", name="Mira", City="Pune")
    add("bo", phone="+919812300002", name="Bo", City="Goa")
    add("out", phone="+919812300003", opted_in=False, City="Pune")


# Segments


def count(client: Client, value: Any) -> Any:
    text = value if isinstance(value, str) else json.dumps(value)
    answer = client.post("/admin/broadcasts/segment/count/", {"filter": text})
    assert answer.status_code in (200, 400), answer
    return answer.json()


def test_a_segment_is_counted_as_it_is_built(operator: Client, two: None) -> None:
    assert count(operator, {}) == {"people": 3, "reachable": 2, "words": "Everybody"}
    assert count(operator, PUNE) == {"people": 2, "reachable": 1, "words": "City is Pune"}
    wrong = {"groups": [{"conditions": [{"kind": "event", "name": ""}]}]}
    assert count(operator, wrong) == {"problems": {"groups.0.conditions.0": "Choose an event."}}
    assert "JSON" in count(operator, "{")["problems"][""]
    operator.get("/admin/broadcasts/segment/count/", status=405)


def test_a_segment_is_saved_and_shown(operator: Client, looker: Client, two: None) -> None:
    add_url = "/admin/broadcasts/segment/add/"
    shown = post(operator, add_url, name="Pune", filter='{"groups": [{"conditions": []}]}')
    assert "This group has no condition." in shown
    post(operator, add_url, name="Pune", filter=json.dumps(PUNE))
    segment = Segment.objects.get()
    assert (segment.by, segment.words) == ("mira", "City is Pune")
    for client in (operator, looker):
        assert "City is Pune" in page(client, "/admin/broadcasts/segment/")
        page(client, f"/admin/broadcasts/segment/{segment.pk}/change/")
    changed = {"name": "x", "filter": "{}"}
    looker.post(f"/admin/broadcasts/segment/{segment.pk}/change/", changed, status=403)


def test_a_segment_in_use_is_not_deleted(operator: Client, provider: Provider) -> None:
    segment = Segment.objects.create(name="all")
    url = f"/admin/broadcasts/segment/{segment.pk}/delete/"
    make_broadcast(provider, who=Who.SEGMENT, segment=segment)
    operator.get(url, status=403)
    Broadcast.objects.all().delete()
    operator.get(url)


# Writing one


def test_a_broadcast_is_written_and_launched(operator: Client, provider: Provider, two: None) -> None:
    template = make_template(provider)
    segment = Segment.objects.create(name="Pune", filter=PUNE)
    shown = post(operator, f"{LIST}add/", name="Sale", kind="one_time", provider=provider.pk)
    broadcast = Broadcast.objects.get()
    assert "2. Who" in shown
    assert "When" not in shown.partition("</nav>")[0].rpartition("<nav")[2]

    shown = post(operator, step(broadcast, "who"), who="segment", filter="")
    assert "Choose the segment." in shown
    shown = post(operator, step(broadcast, "who"), who="segment", segment=segment.pk, filter="")
    assert "Choose a template" in shown

    url = step(broadcast, "message")
    shown = post(
        operator, url, action="refresh", variants=1, **{"v0-percent": 100, "v0-template": template.pk}
    )
    assert 'name="v0-slot-body-2"' in shown
    texts = {"v0-percent": 100, "v0-template": template.pk, "v0-slot-body-1": "{{ profile.name | there }}"}
    shown = post(operator, url, action="save", variants=1, **texts)
    assert "This field is required." in shown
    shown = post(operator, url, action="save", variants=1, **texts | {"v0-slot-body-2": "{{ oops }}"})
    assert "is not a reference" in shown
    shown = post(operator, url, action="save", variants=1, **texts | {"v0-slot-body-2": "tea"})
    assert "Messages per 5 minutes" in shown

    shown = post(
        operator, step(broadcast, "delivery"), zone="UTC", quiet_from="21:00", throttle=100, error_percent=10
    )
    assert "both a beginning and an end" in shown
    values = {"zone": "UTC", "throttle": 100, "error_percent": 10, "cap_count": 3, "cap_days": 7}
    shown = post(operator, step(broadcast, "delivery"), **values)
    assert "Before it can be launched" not in shown
    assert "The segment Pune: City is Pune" in shown
    assert "100 messages per 5 minutes" in shown
    assert "Body 2</dt><dd>tea" in shown
    assert progress._slot("card.0.button.1") == "Card 1 button 2"  # as the form has them

    estimated = page(operator, f"{LIST}{broadcast.pk}/estimate/")
    assert "messages, to 2 people in the audience" in estimated
    assert "Not opted in</td><td>1" in estimated

    asked = post(operator, step(broadcast, "review"))
    assert "1 message, and 1 of 2 people left out." in asked
    assert re.search(r"Launched now, it starts at 20\d\d-\d\d-\d\d \d\d:\d\d \(UTC\), through", asked)
    assert "Launch 1 message" in asked
    shown = post(operator, step(broadcast, "review"), confirmed="yes")
    assert "It begins in a moment." in shown
    work(broadcast)
    assert sums(broadcast) == {"queued": 1, "excluded": 1}
    assert json.loads(Message.objects.get().content)["body"] == [{"text": "Mira"}, {"text": "tea"}]
    shown = page(operator, f"{LIST}{broadcast.pk}/change/")
    assert 'id="count-queued">1<' in shown
    assert "Not opted in" in shown
    assert "Launched." in shown
    assert page(operator, step(broadcast, "who")) == shown or "Recipients" in page(
        operator, step(broadcast, "who")
    )


def test_another_providers_template_cannot_be_chosen(operator: Client, provider: Provider, two: None) -> None:
    """Nor one that may not be sent now, though it is the provider's own."""
    theirs = make_template(make_provider(), pk=7002)
    paused = make_template(provider, "paused", pk=7003, status="PAUSED")
    gone = make_template(provider, "gone", pk=7004, vanished_at=timezone.now())
    broadcast = make_broadcast(provider, variants=[])
    own = make_template(provider, pk=7001)
    url = step(broadcast, "message")
    shown = page(operator, url)
    assert f'value="{own.pk}"' in shown
    for other in (theirs, paused, gone):
        assert f'value="{other.pk}"' not in shown
    data = {"v0-percent": 100, "v0-slot-body-1": "x", "v0-slot-body-2": "y", "v0-template": theirs.pk}
    assert "valid choice" in post(operator, url, action="save", variants=1, **data)
    broadcast.refresh_from_db()
    assert broadcast.messages == []


@pytest.mark.parametrize(("posted", "shown"), [(3, 3), (4, 4), (5, 4)])
def test_a_message_has_four_variants_at_most(
    operator: Client, provider: Provider, posted: int, shown: int
) -> None:
    broadcast = make_broadcast(provider, variants=[])
    url = step(broadcast, "message")
    found = post(operator, url, action="refresh", variants=posted)
    assert len(set(re.findall(r'name="(v\d)-percent"', found))) == shown
    added = post(operator, url, action="add", variants=posted)
    assert len(set(re.findall(r'name="(v\d)-percent"', added))) == 4


def test_variants_are_added_removed_and_must_sum_up(operator: Client, provider: Provider, two: None) -> None:
    template = make_template(provider, pk=7001)  # no percentage
    broadcast = make_broadcast(provider, variants=[])
    url = step(broadcast, "message")
    one = {"v0-percent": 100, "v0-template": template.pk, "v0-slot-body-1": "x", "v0-slot-body-2": "y"}
    shown = post(operator, url, action="add", variants=1, **one)
    assert shown.count('value="50"') == 2
    assert shown.count('value="x"') == 2
    both = one | {key.replace("v0", "v1"): value for key, value in one.items()}
    shown = post(operator, url, action="save", variants=2, **both)
    assert "must sum to 100" in shown
    post(operator, url, action="save", variants=2, **both | {"v0-percent": 70, "v1-percent": 30})
    broadcast.refresh_from_db()
    assert [(each.name, each.percent) for each in broadcast.messages] == [("A", 70), ("B", 30)]
    shown = page(operator, url)
    assert "Remove variant B" in shown
    shown = post(operator, url, action="remove-0", variants=2, **both)
    assert "Remove variant" not in shown
    assert 'value="100"' in shown


def sample_of(identity: str, event: ContactEvent | None = None) -> str:
    return estimate.key((Contact.objects.get(identity=identity), event))


def test_whoever_was_chosen_stays_chosen_while_events_come_in(
    operator: Client, provider: Provider, two: None
) -> None:
    values = {"body.1": "{{ profile.name }}", "body.2": "{{ event.Film }}"}
    variants = [make_variant(values=values)]
    broadcast = make_broadcast(provider, kind=Kind.ACTION, event_name="Booked", variants=variants)
    chosen = sample_of("mira", happen("mira", "Booked", Film="Alien"))
    url = f"{LIST}{broadcast.pk}/test/"
    assert f'value="{chosen}"' in page(operator, url)
    for n in range(estimate.SAMPLES + 1):
        happen("bo", "Booked", timezone.now() + timedelta(seconds=n), Film=f"Heat {n}")
    post(operator, url, numbers="+15550001234", variant="A", sample=chosen)
    assert json.loads(Message.objects.get().content)["body"] == [{"text": "Mira"}, {"text": "Alien"}]
    fields = {"v0-percent": 100, "v0-template": Template.objects.get().pk}
    fields |= {f"v0-slot-body-{n}": values[f"body.{n}"] for n in (1, 2)}
    shown = post(operator, step(broadcast, "message"), action="preview", variants=1, sample=chosen, **fields)
    assert ">Alien</span>" in shown
    stranger = sample_of("out")
    assert "valid choice" in post(operator, url, numbers="+15550001234", variant="A", sample=stranger)


def test_the_preview_shows_real_contacts(operator: Client, provider: Provider, two: None) -> None:
    template = make_template(provider)
    broadcast = make_broadcast(provider)
    url = step(broadcast, "message")
    texts = {"v0-percent": 100, "v0-template": template.pk, "v0-slot-body-1": "{{profile.name}}"}
    age = {"v0-slot-body-2": "{{profile.Age}}"}
    shown = post(operator, url, action="preview", variants=1, sample=sample_of("bo"), **texts | age)
    assert ">Bo</span>" in shown
    assert "profile.Age is not known. This person would get no message." in shown
    assert "<html" not in shown
    assert ">Mira</span>" in page(operator, url)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": Kind.ACTION}, "Choose the event that triggers a message."),
        ({"kind": Kind.INACTION, "event_name": "Cart"}, "Choose the event that must not happen"),
        ({"kind": Kind.DATE}, "Choose the date that triggers a message."),
        ({"who": Who.SEGMENT}, "No segment is chosen."),
        ({"who": Who.LIST}, "No list has been uploaded."),
        ({"variants": []}, "There is no message yet."),
        ({"starts_at": timezone.now() - timedelta(hours=1)}, "The time to begin has passed"),
        ({"ends_at": timezone.now() - timedelta(hours=1)}, "It would end before it begins."),
    ],
)
def test_what_is_missing_is_said_and_nothing_launched(
    operator: Client, provider: Provider, two: None, values: dict[str, Any], words: str
) -> None:
    broadcast = make_broadcast(provider, **values)
    assert words in post(operator, step(broadcast, "review"))
    broadcast.refresh_from_db()
    assert broadcast.state == State.DRAFT


def test_a_message_that_cannot_be_sent_is_found_before_the_launch(
    operator: Client, provider: Provider, two: None
) -> None:
    make_template(
        provider, components=[{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Look"}]
    )
    variant = {
        "name": "A",
        "percent": 100,
        "template": "hello",
        "language": "en",
        "values": {"header": "no address"},
    }
    broadcast = make_broadcast(provider, variants=[variant])
    shown = page(operator, step(broadcast, "review"))
    assert "Variant A, tried on mira: " in shown
    Provider.objects.update(state="paused", paused_reason="No money.")
    assert "is paused: No money." in page(operator, step(broadcast, "review"))


def test_one_persons_bad_value_does_not_keep_the_others_waiting(
    operator: Client, provider: Provider, two: None
) -> None:
    make_template(
        provider, components=[{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Look"}]
    )
    variant = {"name": "A", "percent": 100, "template": "hello", "language": "en"}
    variant["values"] = {"header": "{{ profile.Picture }}"}
    broadcast = make_broadcast(provider, variants=[variant])
    add("mira", Picture="no address")
    assert "Variant A, tried on mira: " in page(operator, step(broadcast, "review"))
    add("bo", Picture="https://cdn.example.test/bo.jpg")
    assert "Variant A, tried on" not in page(operator, step(broadcast, "review"))
    post(operator, step(broadcast, "review"), confirmed="yes")
    work(broadcast)
    assert sums(broadcast) == {"queued": 1, "excluded": 2}
    assert broadcast.excluded_for == {"not_opted_in": 1, "refused": 1}


def test_event_values_need_an_event(operator: Client, provider: Provider, two: None) -> None:
    variant = {"name": "A", "percent": 100, "template": "hello", "language": "en"}
    texts = {"body.1": "{{event.Film}}", "body.2": "x"}
    broadcast = make_broadcast(provider, variants=[variant | {"values": texts}])
    assert "no event triggers it, so event.Film is never known" in page(operator, step(broadcast, "review"))
    by_date = make_broadcast(
        provider, kind=Kind.DATE, date_name="Renewal", variants=[variant | {"values": texts}]
    )
    assert "so event.Film is never known" in page(operator, step(by_date, "review"))


def upload(operator: Client, broadcast: Broadcast, name: str, content: bytes) -> str:
    file = SimpleUploadedFile(name, content)
    return post(operator, step(broadcast, "who"), who="list", filter="", file=file)


def listed() -> set[str]:
    return set(Listed.objects.values_list("contact__identity", flat=True))


@pytest.mark.parametrize(
    ("content", "people", "words"),
    [
        (
            b"Phone;Identity\n1;mira\n2;nobody\n3;mira\n4;\n5;out\n",
            {"mira", "out"},
            "2 contacts on the list. 1 belong to no contact: nobody. "
            "1 row with a person from an earlier row.",
        ),
        (b"\xef\xbb\xbfIdentity,City\r\nbo,Goa\r\nmira,\r\n", {"bo", "mira"}, "2 contacts"),
        ("bo\r\nmira\r\n".encode("utf-16"), {"bo", "mira"}, "2 contacts"),  # no heading
        ("identity,name\nmira,Zo\xeb\njos\xe9,x\n".encode("cp1252"), {"mira"}, "1 belong to no contact"),
        (b"Name,Phone\nM,+91 98123 00001\nB,009198123-00002\nX,12\nM,919812300001\n", {"mira", "bo"},
         "1 belong to no contact: 12. 1 row with a person from an earlier row."),
    ],
)  # fmt: skip
def test_a_list_is_uploaded(
    operator: Client, provider: Provider, two: None, content: bytes, people: set[str], words: str
) -> None:
    broadcast = make_broadcast(provider)
    assert words in upload(operator, broadcast, "people.csv", content)
    broadcast.refresh_from_db()
    assert (listed(), broadcast.list_name) == (people, "people.csv")
    assert f"messages, to {len(people)} people" in page(operator, f"{LIST}{broadcast.pk}/estimate/")


def test_a_list_that_cannot_be_read_leaves_the_one_before(
    operator: Client, provider: Provider, two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    broadcast = make_broadcast(provider)
    monkeypatch.setattr(lists, "CHUNK", 2)
    many = b"identity\nbo\nx1\nmira\nx1\nx2\nbo\n"  # repeated in other chunks
    words = (
        "2 contacts on the list. 2 belong to no contact: x1, x2. 2 rows with a person from an earlier row."
    )
    assert words in upload(operator, broadcast, "p.csv", many)
    for content, words in (
        (b"PK\x03\x04", "workbook"),
        (b"", "empty"),
        (b"identity\n", "only one row"),
        (b'identity\n"bo\n', "never closed"),
        (b"a\x00b\x01\x00c", "null bytes"),
    ):
        shown = upload(operator, broadcast, "x.csv", content)
        assert words in shown
        assert "Uploaded: p.csv, 2 contacts, 2 unknown." in shown
    assert listed() == {"bo", "mira"}
    assert "On the list, but not a contact" in page(operator, f"{LIST}{broadcast.pk}/estimate/")
    post(operator, step(broadcast, "who"), who="everybody", filter="")
    assert "On the list, but not a contact" not in page(operator, f"{LIST}{broadcast.pk}/estimate/")


@pytest.mark.parametrize(("more", "fits"), [(-1, True), (0, True), (1, False)])
def test_a_list_at_the_limit(
    operator: Client, provider: Provider, two: None, monkeypatch: pytest.MonkeyPatch, more: int, fits: bool
) -> None:
    content = b"identity\nbo\n" + b"".join(b"x%d\n" % n for n in range(5 + more))
    monkeypatch.setattr(lists, "MOST_BYTES", len(content) - more)
    shown = upload(operator, make_broadcast(provider), "p.csv", content)
    assert ("The file is larger than" in shown) != fits
    if fits:  # five of those who are no contacts are named
        assert f"{5 + more} belong to no contact: {', '.join(f'x{n}' for n in range(5 + more))}." in shown


def test_more_strangers_than_are_named(operator: Client, provider: Provider, two: None) -> None:
    shown = upload(operator, make_broadcast(provider), "p.csv", b"identity\nbo\nx0\nx1\nx2\nx3\nx4\nx5\n")
    assert "6 belong to no contact: x0, x1, x2, x3, x4 …." in shown


def test_a_copy_of_a_list_is_for_nobody_yet(operator: Client, provider: Provider, two: None) -> None:
    broadcast = make_broadcast(provider)
    upload(operator, broadcast, "people.csv", b"identity\nbo\n")
    copied = post(operator, f"{LIST}{broadcast.pk}/do/copy/")
    assert "No list has been uploaded." in copied
    twin = Broadcast.objects.exclude(pk=broadcast.pk).get()
    assert "No list has been uploaded." in post(operator, step(twin, "review"))
    assert Broadcast.objects.get(pk=twin.pk).state == State.DRAFT


def test_triggers_are_written(operator: Client, provider: Provider, two: None) -> None:
    happen("mira", "Booked", Departure="$D_1900000000", Seats=2)
    broadcast = make_broadcast(provider, kind=Kind.INACTION)
    url = step(broadcast, "trigger")
    shown = page(operator, url)
    assert '<option value="Booked">' in shown
    shown = post(operator, url, event_name="Cart", without="Cart", wait_minutes=0, event_where="[]")
    assert "Choose another event" in shown
    assert "within how many minutes" in shown
    where = [{"name": "Seats", "op": "at_least", "values": ["2"]}]
    post(operator, url, event_name="Booked", without="Paid", wait_minutes=30, event_where=json.dumps(where))
    broadcast.refresh_from_db()
    assert (broadcast.event_name, broadcast.without, broadcast.wait_minutes) == ("Booked", "Paid", 30)
    assert broadcast.event_where == [{**where[0]}]
    assert "The event Booked, and not Paid within 30 minutes" in page(operator, step(broadcast, "review"))
    assert "would have been triggered <strong>1</strong> times" in page(
        operator, f"{LIST}{broadcast.pk}/estimate/"
    )

    post(operator, step(broadcast, "basics"), name="x", kind="date", provider=provider.pk)
    shown = page(operator, url)
    found = re.search(r'<option value="([^"]+)"[^>]*>\s*Departure of the event Booked', shown)
    assert found
    values = {
        "date_name": unescape(found[1]),
        "offset": 2,
        "side": "-",
        "zone": "Asia/Kolkata",
        "event_where": "[]",
    }
    assert "A time goes with days only" in post(operator, url, offset_unit="hours", at_time="10:00", **values)
    post(operator, url, offset_unit="days", at_time="10:00", **values)
    broadcast.refresh_from_db()
    assert (broadcast.event_name, broadcast.date_name, broadcast.offset) == ("Booked", "Departure", -2)
    assert broadcast.without == ""
    assert "2 days before Departure of the event Booked, at 10:00 (Asia/Kolkata)" in page(
        operator, step(broadcast, "review")
    )


def test_times_are_by_the_clock_that_was_chosen(operator: Client, provider: Provider) -> None:
    broadcast = make_broadcast(provider)
    post(operator, step(broadcast, "delivery"), zone="Asia/Kolkata", starts_at="2030-01-05T09:00")
    broadcast.refresh_from_db()
    assert broadcast.starts_at is not None
    assert broadcast.starts_at.isoformat() == "2030-01-05T03:30:00+00:00"
    assert 'value="2030-01-05T09:00"' in page(operator, step(broadcast, "delivery"))
    assert "Begins</dt><dd>2030-01-05 09:00 (Asia/Kolkata)" in page(operator, step(broadcast, "review"))


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_a_year_that_cannot_be_meant(operator: Client, provider: Provider, year: str) -> None:
    broadcast = make_broadcast(provider)
    for zone in ("Asia/Kolkata", "America/New_York"):
        when = {"zone": zone, "starts_at": f"{year}-12-31T23:59"}
        assert "cannot be meant" in post(operator, step(broadcast, "delivery"), **when)


def test_an_end_goes_with_the_type_that_has_one(operator: Client, provider: Provider, two: None) -> None:
    broadcast = make_broadcast(
        provider, kind=Kind.ACTION, event_name="Booked", ends_at=timezone.now() - timedelta(days=1)
    )
    post(operator, step(broadcast, "basics"), name="x", kind="one_time", provider=provider.pk)
    shown = page(operator, step(broadcast, "review"))
    assert "It would end before it begins." not in shown
    assert "Ends</dt>" not in shown


def test_the_estimate_counts_a_number_once(operator: Client, provider: Provider) -> None:
    for identity in ("a", "b", "c"):
        add(identity, phone="+919812300001")
    add("d", phone="+919812300002")
    add("e", phone="+919812300003")
    MessageFactory(provider=provider, to="919812300003", msg_id="0|0|0|0", untracked=True)
    condition = {"kind": "field", "name": "identity", "op": "is_not", "values": ["e"]}
    launched(make_broadcast(provider, who=Who.FILTER, filter={"groups": [{"conditions": [condition]}]}))
    broadcast = make_broadcast(provider, cap_count=1, cap_days=7)
    found = estimate.estimate(broadcast, timezone.now())
    launched(broadcast)
    assert found.messages == sums(broadcast)["queued"] == 1
    assert dict(found.excluded) == {
        Recipient.Reason(reason).label: number for reason, number in broadcast.excluded_for.items()
    }


# Running one


def test_its_buttons(operator: Client, provider: Provider, people: Any) -> None:
    people(5)
    broadcast = launched(make_broadcast(provider, throttle=2))
    url = f"{LIST}{broadcast.pk}"
    shown = page(operator, f"{url}/change/")
    assert "The throttle allows 2 messages in 5 minutes; more in" in shown
    late = post(operator, step(broadcast, "review"))  # as from another tab
    assert "no longer a draft" in late
    assert "no longer a draft" in post(operator, step(broadcast, "basics"), name="Other")
    for button in ("Pause", "Cancel", "Copy"):
        assert f"/do/{button.lower()}/" in shown
    assert "/do/end/" not in shown
    assert "Paused by mira. Nothing is sent" in post(operator, f"{url}/do/pause/")
    assert "state had changed meanwhile" in post(operator, f"{url}/do/pause/")
    assert "every 1s" in post(operator, f"{url}/do/resume/")
    asked = post(operator, f"{url}/do/cancel/")
    assert "never get the message" in asked
    assert "Cancel broadcast" in asked
    assert sums(broadcast)["waiting"] == 3
    assert "Cancelled by mira." in post(operator, f"{url}/do/cancel/", confirmed="yes")
    worker.drain()
    assert sums(broadcast) == {"queued": 2, "cancelled": 3}
    assert "<html" not in page(operator, f"{url}/progress/")
    post(operator, f"{url}/do/copy/")
    assert Broadcast.objects.count() == 2
    operator.post(f"{url}/do/nonsense/", status=404)


def test_each_counter_of_the_list_leads_to_its_people(
    operator: Client, provider: Provider, two: None
) -> None:
    broadcast = launched(make_broadcast(provider))
    shown = page(operator, LIST)
    for name in ("recipients", "waiting", "queued", "excluded"):
        broadcast.refresh_from_db()
        cell = re.search(rf'field-of_{name}.*?href="([^"]+)">([\d,]+)</a>', shown, re.DOTALL)
        assert cell, name
        people = operator.get(unescape(cell[1])).context["cl"].result_list
        assert str(len(people)) == cell[2] == str(getattr(broadcast, name))


def test_its_recipients(operator: Client, provider: Provider, two: None) -> None:
    broadcast = launched(make_broadcast(provider))
    url = "/admin/broadcasts/recipient/"
    shown = page(operator, f"{url}?broadcast={broadcast.pk}")
    assert all(identity in shown for identity in ("mira", "bo", "out"))
    excluded = page(
        operator, f"{url}?broadcast={broadcast.pk}&state={Recipient.State.EXCLUDED}&reason=not_opted_in"
    )
    assert ">out<" in excluded
    assert ">bo<" not in excluded
    assert ">bo<" not in page(operator, f"{url}?q=%2B919812300001")


def test_a_test_is_sent_with_somebodys_values(operator: Client, provider: Provider, two: None) -> None:
    broadcast = make_broadcast(provider)
    url = f"{LIST}{broadcast.pk}/test/"
    assert "A: hello" in page(operator, url)
    assert "Not a phone number: x" in post(operator, url, numbers="x", variant="A", sample=sample_of("bo"))
    shown = post(operator, url, numbers="+15550001234", variant="A", sample=sample_of("bo"))
    assert "Test sent by mira" in shown
    message = Message.objects.get()
    assert (message.to, message.untracked) == ("15550001234", True)
    assert json.loads(message.content)["body"][0] == {"text": "Bo"}


def test_only_drafts_are_deleted(operator: Client, provider: Provider, two: None) -> None:
    draft, begun = make_broadcast(provider), launched(make_broadcast(provider))
    operator.get(f"{LIST}{begun.pk}/delete/", status=403)
    post(operator, f"{LIST}{draft.pk}/delete/", post="yes")
    assert list(Broadcast.objects.all()) == [begun]


def test_who_may_only_look_changes_nothing(
    looker: Client, signed_in: Callable[..., Client], provider: Provider, two: None
) -> None:
    draft, begun = make_broadcast(provider), launched(make_broadcast(provider))
    assert "Spring sale" in page(looker, LIST)
    for broadcast in (draft, begun):
        assert "/do/" not in page(looker, f"{LIST}{broadcast.pk}/change/")
    for url in (f"{LIST}add/", step(draft, "who"), f"{LIST}{draft.pk}/estimate/", f"{LIST}{begun.pk}/test/"):
        looker.get(url, status=403)
    for what in ("pause", "resume", "end", "cancel", "withdraw", "copy"):
        looker.post(f"{LIST}{begun.pk}/do/{what}/", {"confirmed": "yes"}, status=403)
    stranger = signed_in(["view_message"])
    stranger.get(LIST, status=403)
    stranger.get(f"{LIST}{begun.pk}/progress/", status=403)
    stranger.post("/admin/broadcasts/segment/count/", {"filter": "{}"}, status=403)


def test_a_scheduled_one_goes_back_to_being_written(operator: Client, provider: Provider, two: None) -> None:
    broadcast = make_broadcast(provider, starts_at=timezone.now() + timedelta(days=1))
    lifecycle.launch(broadcast)
    assert "It begins at" in page(operator, f"{LIST}{broadcast.pk}/change/")
    assert "What you wrote" in post(operator, f"{LIST}{broadcast.pk}/do/withdraw/")
