"""POST /1/upload: CleverTap's format, its answers, and everything that is wrong with a record."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from audience import accounts, api, writing
from audience.models import Contact, ContactDate, ContactEvent, KnownProperty, OptChange
from tests.audience.conftest import contact
from tests.gateway import Answer, call

pytestmark = pytest.mark.django_db

SEED = {
    "identity": "1189549",
    "type": "profile",
    "profileData": {
        "Name": "Jack Montana",
        "Email": "jack@gmail.com",
        "Phone": "+14155551234",
        "Gender": "M",
        "MSG-sms": True,
        "MSG-email": True,
        "MSG-whatsapp": True,
        "Customer Type": "internal test user",
    },
}
Upload = Callable[..., Answer]


@pytest.fixture
def upload() -> Upload:
    _, passcode = accounts.add("SHOP-1")
    headers = {"X-CleverTap-Account-Id": "SHOP-1", "X-CleverTap-Passcode": passcode}

    def post(*records: Any, body: Any = None, query: str = "", **changes: str) -> Answer:
        payload = {"d": list(records)} if body is None else body
        content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return call("POST", f"/1/upload{query}", content, headers | changes)

    return post


def profile(identity: str = "a", **data: Any) -> dict[str, Any]:
    return {"identity": identity, "type": "profile", "profileData": data}


def event(name: str = "Booked", identity: str = "a", **changes: Any) -> dict[str, Any]:
    return {"identity": identity, "type": "event", "evtName": name, "evtData": {}, **changes}


def test_the_seeds_profile(upload: Upload) -> None:
    answer = upload(SEED)
    assert (answer.status, answer.json) == (200, {"status": "success", "processed": 1, "unprocessed": []})
    jack = contact("1189549")
    assert (jack.name, jack.email, jack.phone, jack.gender) == (
        "Jack Montana", "jack@gmail.com", "14155551234", "M",
    )  # fmt: skip
    assert jack.reachable
    assert jack.attributes == {"MSG-sms": True, "MSG-email": True, "Customer Type": "internal test user"}
    change = OptChange.objects.get()
    assert (change.to, change.why, change.by) == ("in", "api", "SHOP-1")


def test_profiles_are_merged(upload: Upload) -> None:
    upload(SEED, profile("1189549", City="Pune", Tags=["a", "b"], Points=3, Phone="+14155550000"))
    upload(
        profile(
            "1189549",
            **{
                "Customer Type": {"$delete": 1}, "Tags": {"$add": ["b", "c"]}, "Points": {"$incr": 2},
                "Name": {"$delete": True}, "Email": None, "City": "", "New": {"$set": 1},
                "msg-dndwhatsapp": "TRUE", "MSG-whatsapp": {"$delete": 1},
            },
        )
    )  # fmt: skip
    jack = contact("1189549")
    assert jack.attributes == {
        "MSG-sms": True, "MSG-email": True, "City": "Pune", "Tags": ["a", "b", "c"], "Points": 5, "New": 1,
    }  # fmt: skip
    assert (jack.name, jack.email, jack.phone, jack.dnd) == ("", "jack@gmail.com", "14155550000", True)
    assert not jack.opted_in
    upload(profile("1189549", Tags={"$remove": "a"}, Points={"$decr": 0.5}))
    assert (contact("1189549").attributes["Tags"], contact("1189549").attributes["Points"]) == (
        ["b", "c"],
        4.5,
    )


def test_blank_values_leave_what_is_there(upload: Upload) -> None:
    upload(SEED)
    blank = {"Name": " ", "Phone": "\t", "Email": " ", "MSG-whatsapp": " ", "Customer Type": "  "}
    answer = upload(profile("1189549", **blank), event(evtData={"Seat": " "}))
    assert answer.json["processed"] == 2
    jack = contact("1189549")
    assert (jack.name, jack.phone, jack.reachable) == ("Jack Montana", "14155551234", True)
    assert jack.attributes["Customer Type"] == "internal test user"
    assert ContactEvent.objects.get().properties == {}


def test_events_and_their_dates(upload: Upload) -> None:
    data = {"Seat": 4, "Departs": "$D_1775000000", "Nothing": None}
    answer = upload(profile(Born="$D_-86400"), event(evtData=data, ts=1767225600), event("Opened", "new"))
    assert answer.json["processed"] == 3
    booked = ContactEvent.objects.get(name="Booked")
    assert booked.at == datetime(2026, 1, 1, tzinfo=UTC)
    assert booked.properties == {"Seat": 4, "Departs": "2026-03-31T23:33:20Z"}
    dates = ContactDate.objects.values_list("contact__identity", "event_name", "name", "event")
    assert set(dates) == {("a", "", "Born", None), ("a", "Booked", "Departs", booked.pk)}
    opened = contact("new").events.get()
    assert abs((timezone.now() - opened.at).total_seconds()) < 3600
    assert set(KnownProperty.objects.values_list("event", "name", "type")) == {
        ("", "Born", "moment"), ("Booked", "", ""), ("Booked", "Seat", "number"),
        ("Booked", "Departs", "moment"), ("Opened", "", ""),
    }  # fmt: skip


def test_a_new_date_of_a_profile_leaves_those_of_its_events(upload: Upload) -> None:
    """A profile's dates are written anew; what events told, and other contacts, is not its business."""
    booked = event(evtData={"Departs": "$D_1775000000"})
    upload(profile(Born="$D_0", Renewal="$D_86400"), booked, profile("b", Born="$D_0"))
    upload(profile(Born="$D_172800", Renewal={"$delete": 1}))
    dates = ContactDate.objects.values_list("contact__identity", "event_name", "name", "at__year", "at__day")
    assert set(dates) == {
        ("a", "", "Born", 1970, 3), ("a", "Booked", "Departs", 2026, 31), ("b", "", "Born", 1970, 1),
    }  # fmt: skip
    upload(profile(Born={"$delete": 1}))
    assert set(contact("a").dates.values_list("name", flat=True)) == {"Departs"}


AT_THE_LIMIT: list[Any] = [
    *(profile("x" * length) for length in (511, 512)),
    *(profile("é" * length) for length in (255, 256)),
    *(profile(**{"k" * length: 1}) for length in (119, 120)),
    *(profile(City="x" * length) for length in (511, 512)),
    *(profile(Name="x" * length) for length in (511, 512)),
    *(profile(Email=f"{'x' * length}@shop.example") for length in (306, 307)),
    *(profile(**{f"k{n}": n for n in range(number)}) for number in (255, 256)),
    *(profile(City=list(range(number))) for number in (99, 100)),
    *(profile(Points=number) for number in (2**62, 2**63 - 1, -(2**63) + 1)),
    *(profile(Born=f"$D_{second}") for second in (-62_135_596_800, 253_402_300_799)),
    *(event("x" * length) for length in (511, 512)),
    *(event(evtData={f"k{n}": n for n in range(number)}) for number in (255, 256)),
    *(event(evtData={"Items": [{"a": 1}] * number}) for number in (99, 100)),
    *(event(ts=second) for second in (1, 253_402_300_799)),
]
BEYOND: list[Any] = [
    profile("x" * 513),
    profile("é" * 257),
    profile(**{"k" * 121: 1}),
    profile(City="x" * 513),
    profile(City="é" * 257),
    profile(Name="x" * 513),
    profile(Email=f"{'x' * 308}@shop.example"),
    profile(**{f"k{n}": n for n in range(257)}),
    profile(City=list(range(101))),
    profile(Points=2**63),
    profile(Points=-(2**63)),
    profile(Born="$D_-62135596801"),
    profile(Born="$D_253402300800"),
    event("x" * 513),
    event(evtData={f"k{n}": n for n in range(257)}),
    event(evtData={"Items": [{"a": 1}] * 101}),
    event(ts=0),
    event(ts=253_402_300_800),
]


def _label(record: Any) -> str:
    return str(record)[:60]


@pytest.mark.parametrize("record", AT_THE_LIMIT, ids=_label)
def test_what_is_at_the_limit_is_stored(upload: Upload, record: Any) -> None:
    assert upload(record).json["status"] == "success"
    assert Contact.objects.count() == 1


@pytest.mark.parametrize("record", BEYOND, ids=_label)
def test_what_is_one_beyond_is_not(upload: Upload, record: Any) -> None:
    assert upload(record).json["status"] == "fail"
    assert not Contact.objects.exists()


@pytest.mark.parametrize(("number", "kept"), [(99, 100), (100, 100), (101, 100)])
def test_a_list_that_is_added_to_keeps_its_newest_items(upload: Upload, number: int, kept: int) -> None:
    upload(profile(Tags=[f"t{n}" for n in range(number)][-100:]))
    upload(profile(Tags={"$add": ["new"]}))
    tags = contact("a").attributes["Tags"]
    assert (len(tags), tags[-1]) == (kept, "new")


@pytest.mark.parametrize(("at_once", "status"), [(14, 200), (15, 429)])
def test_as_many_calls_at_once_as_clevertap_allows(upload: Upload, at_once: int, status: int) -> None:
    for _ in range(at_once):
        assert api._places.acquire(blocking=False)
    try:
        assert upload(SEED).status == status
    finally:
        for _ in range(at_once):
            api._places.release()


def test_a_repeated_call_doubles_nothing(upload: Upload) -> None:
    """A caller that got no answer calls again."""
    records = [SEED, event(evtData={"Departs": "$D_1775000000"}, ts=1767225600), event("B", ts="1767225601")]
    for _ in range(2):
        assert upload(*records).json["status"] == "success"
    assert (ContactEvent.objects.count(), ContactDate.objects.count()) == (2, 1)
    assert OptChange.objects.count() == 1
    upload(event("C"), event("C"))
    assert ContactEvent.objects.filter(name="C").count() == 2, "two without a time are two"


@pytest.mark.parametrize(
    ("record", "code", "words"),
    [
        ("text", 512, "not an object"),
        (None, 512, "not an object"),
        ({"identity": "a"}, 524, "type is neither"),
        ({"identity": "a", "type": "user"}, 524, "type is neither"),
        ({"type": "profile", "profileData": {}}, 523, "identity is missing"),
        ({"identity": " ", "type": "profile", "profileData": {}}, 523, "identity is missing"),
        ({"identity": {"a": 1}, "type": "profile", "profileData": {}}, 523, "identity is missing"),
        (profile("x" * 513), 523, "longer than 512 bytes"),
        ({"identity": "a", "type": "profile"}, 512, "profileData is not an object"),
        ({"identity": "a", "type": "profile", "profileData": []}, 512, "profileData is not an object"),
        (profile(Gender="robot"), 514, "neither M nor F"),
        (profile(Email="jack at gmail"), 515, "not an e-mail address"),
        (profile(Email=["a@b.example"]), 515, "not a text"),
        (profile(Phone="12"), 516, "not a phone number"),
        (profile(Phone="+999123456789"), 516, "a code that no country has"),
        (profile(Phone=True), 516, "not a text"),
        (profile(**{"MSG-whatsapp": "perhaps"}), 512, "neither true nor false"),
        (profile(**{"MSG-whatsapp": 7}), 512, "neither true nor false"),
        (profile(City="x" * 513), 512, "City is longer than 512 bytes"),
        (profile(**{"x" * 121: 1}), 512, "longer than 120 bytes"),
        (profile(**{" ": 1}), 512, "a key is empty"),
        (profile(City={"a": 1}), 512, "not a value that can be stored"),
        (profile(City={"$incr": "x"}), 512, "not a value that can be stored"),
        (profile(City=[[1]]), 512, "not a list of at most"),
        (profile(City=list(range(101))), 512, "not a list of at most"),
        (profile(Points=2**63), 512, "too large a number"),
        (profile(Born="$D_1350000000000"), 512, "not a date between"),  # milliseconds
        (profile(**{f"k{n}": n for n in range(257)}), 522, "more than 256"),
        ({"identity": "a", "type": "event"}, 509, "evtName is missing"),
        (event("  "), 509, "evtName is missing"),
        (event(5), 509, "evtName is missing"),  # type: ignore[arg-type]
        (event("x" * 513), 512, "evtName is longer"),
        (event("App Launched"), 513, "only CleverTap itself may raise"),
        (event(evtData=[1]), 512, "evtData is not an object"),
        (event(evtData={f"k{n}": n for n in range(257)}), 522, "more than 256"),
        (event(evtData={"a": {"$incr": 1}}), 512, "not a value that can be stored"),
        (event(evtData={"Items": [{"a": {"b": 1}}]}), 512, "Items, a, is"),
        (event(evtData={"Items": [{"a": 1}] * 101}), 512, "more than 100 items"),
        (event(evtData={"Items": [{"a": 1}, 2]}), 512, "not a list of at most"),
        (event(ts="yesterday"), 525, "not a time in epoch seconds"),
        (event(ts=1767225600000), 525, "not a time in epoch seconds"),
        (event(ts=-1), 525, "not a time in epoch seconds"),
        (event(ts=True), 525, "not a time in epoch seconds"),
        (event(ts={}), 525, "not a time in epoch seconds"),
    ],
)
def test_a_bad_record_costs_no_other(upload: Upload, record: Any, code: int, words: str) -> None:
    answer = upload(profile("before", Name="B"), record, event("After", "after"))
    assert answer.status == 200
    assert (answer.json["status"], answer.json["processed"]) == ("partial", 2)
    (unprocessed,) = answer.json["unprocessed"]
    assert (unprocessed["status"], unprocessed["code"], unprocessed["record"]) == ("fail", code, record)
    assert words in unprocessed["error"]
    assert set(Contact.objects.values_list("identity", flat=True)) == {"before", "after"}
    assert upload(record).json["status"] == "fail"


def test_too_many_attributes_in_the_end(upload: Upload) -> None:
    upload(profile(**{f"k{n}": n for n in range(256)}))
    answer = upload(profile(one_more=1), event())
    assert [one["code"] for one in answer.json["unprocessed"]] == [522]
    assert contact("a").events.count() == 1
    assert len(contact("a").attributes) == 256


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "not JSON"),
        (b'{"d": [', 400, "not JSON"),
        (b'{"d": [{"identity": "\xff"}]}', 400, "not JSON"),
        ([], 400, 'whose \\"d\\" is a list'),
        ({"d": {}}, 400, 'whose \\"d\\" is a list'),
        ({"D": []}, 400, 'whose \\"d\\" is a list'),
        ({"d": [SEED] * 1001}, 400, "1001 records; at most 1000"),
        (b" " * 20_000, 413, "larger than 10000 bytes"),
    ],
    ids=str,
)
def test_bodies_that_are_none(upload: Upload, settings: Any, body: Any, status: int, words: str) -> None:
    settings.UPLOAD_MAX_BODY = 10_000 if status == 413 else 10_000_000
    answer = upload(body=body)
    assert (answer.status, answer.json["status"], answer.json["processed"]) == (status, "fail", 0)
    assert words in answer.body.decode()
    assert not Contact.objects.exists()


def test_a_thousand_records_and_none(upload: Upload) -> None:
    records = [profile(str(n // 2), Points=n) for n in range(1000)]
    assert upload(*records).json == {"status": "success", "processed": 1000, "unprocessed": []}
    assert Contact.objects.count() == 500
    assert contact("3").attributes == {"Points": 7}
    assert upload().json == {"status": "success", "processed": 0, "unprocessed": []}


@pytest.mark.parametrize(
    "wrong",
    [
        {"X-CleverTap-Passcode": "guess"},
        {"X-CleverTap-Passcode": ""},
        {"X-CleverTap-Account-Id": "SHOP-2"},
        {"X-CleverTap-Account-Id": ""},
        {"X-CleverTap-Account-Id": "SHOP-1\0"},
        {"X-CleverTap-Account-Id": "é" * 99},
    ],
    ids=str,
)
def test_strangers_are_turned_away(upload: Upload, wrong: dict[str, str]) -> None:
    answer = upload(SEED, **wrong)
    assert (answer.status, answer.json["status"]) == (401, "fail")
    assert not Contact.objects.exists()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_posts(upload: Upload, method: str) -> None:
    answer = call(method, "/1/upload", json.dumps({"d": [SEED]}).encode(), {"Accept": "text/none"})
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert answer.json == {
        "status": "fail",
        "error": f"Method {method} is not allowed: post the records",
        "code": 405,
        "processed": 0,
        "unprocessed": [],
    }
    assert not Contact.objects.exists()


def test_a_dry_run_only_checks(upload: Upload) -> None:
    answer = upload(SEED, profile(Phone="1"), query="?dryRun=1")
    assert (answer.json["processed"], answer.json["unprocessed"][0]["code"]) == (1, 516)
    for number, status in ((256, "success"), (257, "fail")):
        many = profile(**{f"k{n}": n for n in range(number)})
        assert upload(many, query="?dryRun=1").json["status"] == status
    assert not Contact.objects.exists()


def test_a_broken_database_stores_nothing(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(writing, "_store_events", broken)
    answer = upload(SEED, event())
    assert (answer.status, answer.json["status"]) == (500, "fail")
    assert not Contact.objects.exists()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["Name", "Email", "Phone", "Gender", "MSG-whatsapp", "City", "\0", ""])
fuzzed = st.fixed_dictionaries(
    {},
    optional={
        "identity": values,
        "type": st.sampled_from(["profile", "event"]) | values,
        "profileData": st.dictionaries(keys, values) | values,
        "evtName": values,
        "evtData": st.dictionaries(keys, values) | values,
        "ts": values,
    },
)


@given(st.lists(fuzzed | values, max_size=5))
def test_whatever_is_sent_is_answered(records: list[Any]) -> None:
    body = json.dumps({"d": records}).encode()
    try:
        found = api._records(body)
    except api.Malformed:  # Infinity and NaN are no JSON
        return
    unprocessed = api.take(found, "X").unprocessed
    assert all(509 <= one["code"] <= 525 and one["error"] for one in unprocessed)
    assert len(unprocessed) <= len(records)
