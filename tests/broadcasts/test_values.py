"""Slots filled from contacts and events; the control group and the variants."""

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcasts.message import assignment, values
from broadcasts.message.values import Missing, Reference, Style
from broadcasts.models import Broadcast

KINDS = {"profile.Trip": "date", "event.Delivery": "moment", "event.Day": "moment", "event.Items": "list"}
BERLIN = Style(ZoneInfo("Europe/Berlin"), kinds=KINDS)
PROFILE = {
    "name": "Mira",
    "City": "Pune",
    "Points": Decimal("12.50"),
    "Trip": "2026-12-05",
    "Batch": "2026-12-05",
    "Version": "2026-03-31T08:00:00Z",
    "Vip": True,
    "Likes": ["tea", "rain"],
    "phone": "",
}
EVENT = {
    "Order id": 4711,
    "Delivery": "2026-03-31T08:00:00Z",
    "Day": "2026-03-30T22:00:00Z",
    "Items": [{"Title": "Umbrella", "Quantity": 2}, {"Title": "Tea"}],
}


def filled(text: str) -> str:
    return values.rendered(values.parse(text), PROFILE, EVENT, BERLIN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello", "Hello"),
        ("Hello {{ profile.Name }}!", "Hello Mira!"),
        ("{{profile.City}}/{{event.Order id}}", "Pune/4711"),
        ("{{ profile.Country | your country }}", "your country"),
        ("{{ Profile.phone | }}", ""),
        ("{{ profile.Points }} points", "12.50 points"),
        ("{{ profile.Vip }}", "yes"),
        ("{{ profile.Likes }}", "tea, rain"),
        ("{{ event.Delivery }}", "2026-03-31 10:00"),
        ("{{ event.Day }}", "2026-03-31 00:00"),
        ("{{ profile.Trip }}", "2026-12-05"),
        ("{{ profile.Batch }}, {{ profile.Version }}", "2026-12-05, 2026-03-31T08:00:00Z"),
        ("{{ event.Items }}", "Title: Umbrella, Quantity: 2, Title: Tea"),
        ("{{ event.Coupon | A|B }}", "A|B"),
        ("50 % {off}", "50 % {off}"),
    ],
)
def test_references_are_filled_in(text: str, expected: str) -> None:
    assert filled(text) == expected


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_the_last_date_and_the_first_are_written_in_any_zone(zone: str) -> None:
    style = Style(ZoneInfo(zone))
    assert values.written("9999-12-31T23:59:59Z", style, "moment").startswith("9999-12-31")
    assert values.written("0001-01-01T00:00:00Z", style, "moment")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
@pytest.mark.parametrize(
    ("form", "day", "moment"),
    [
        ("iso", "2026-12-05", "2026-12-05 12:00"),
        ("dmy", "05/12/2026", "05/12/2026 12:00"),
        ("mdy", "12/05/2026", "12/05/2026 12:00"),
        ("dots", "05.12.2026", "05.12.2026 12:00"),
        ("long", "5 December 2026", "5 December 2026 12:00"),
        ("us", "December 5, 2026", "December 5, 2026 12:00"),
    ],
)
def test_a_date_is_the_same_day_in_every_zone(zone: str, form: str, day: str, moment: str) -> None:
    """The broadcast chooses the format. A moment is written by the clock of the zone."""
    assert form in Broadcast.DateFormat.values
    style = Style(ZoneInfo(zone), form)
    noon = datetime(2026, 12, 5, 12, 0, tzinfo=style.zone).astimezone(UTC)
    assert values.written("2026-12-05", style, "date") == day
    assert values.written(f"{noon:%Y-%m-%dT%H:%M:%SZ}", style, "moment") == moment
    assert values.written("2026-12-05", style, "text") == "2026-12-05"


@pytest.mark.parametrize(
    "text", ["{{ profile.Country }}", "{{ profile.name}} {{event.Amount}}", "{{ profile.phone }}"]
)
def test_a_value_that_is_missing_is_named(text: str) -> None:
    with pytest.raises(Missing, match=r"(profile.Country|event.Amount|profile.phone) is not known"):
        filled(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ name }}",
        "{{ profile. }}",
        "{{ user.x }}",
        "{{ profile.x",
        "profile.x }}",
        "{{}}",
        "x" * 2001,
        "a\0",
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"reference|closed|longer|null"):
        values.parse(text)


def test_texts_and_lists_at_their_limits() -> None:
    for length in (1999, 2000):
        assert filled("x" * length) == "x" * length
    for number in (19, 20, 21):
        items = [f"i{n}" for n in range(number)]
        assert values.written(items, BERLIN, "list").split(", ") == items[:20]
        assert values.written(dict.fromkeys(items, 1), BERLIN, "list").count(": 1") == min(number, 20)


@given(st.text("{}|. profileventx", max_size=40))
def test_whatever_parses_is_filled_or_missing(text: str) -> None:
    with suppress(ValueError, Missing):
        assert isinstance(filled(text), str)


def test_the_references_of_texts() -> None:
    assert values.references(["{{ profile.a | b }} {{event.c}}", "d"]) == [
        Reference("profile", "a", "b"),
        Reference("event", "c"),
    ]


def test_the_control_group_is_as_large_as_asked_for_and_stays() -> None:
    people = [f"person-{n}" for n in range(20_000)]
    chosen = {one for one in people if assignment.is_control(one, 7, 10)}
    assert 1850 < len(chosen) < 2150
    assert chosen == {one for one in people if assignment.is_control(one, 7, 10)}
    assert chosen < {one for one in people if assignment.is_control(one, 7, 20)}
    assert chosen != {one for one in people if assignment.is_control(one, 8, 10)}
    assert not any(assignment.is_control(one, 7, 0) for one in people)


def test_variants_share_as_they_are_told_apart_from_the_control_group() -> None:
    people = [f"person-{n}" for n in range(20_000)]
    got = Counter(assignment.variant(one, 7, [50, 30, 20]) for one in people)
    assert [round(got[n] / 200) for n in range(3)] == pytest.approx([50, 30, 20], abs=2)
    outside = Counter(
        assignment.variant(one, 7, [50, 50]) for one in people if not assignment.is_control(one, 7, 50)
    )
    assert outside[0] / outside.total() == pytest.approx(0.5, abs=0.03)
    assert assignment.variant("x", 7, [100]) == 0
