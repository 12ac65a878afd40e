"""Slots filled from contacts and events; the control group and the variants."""

from collections import Counter
from contextlib import suppress
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcasts import picking, values
from broadcasts.values import Missing, Reference

BERLIN = ZoneInfo("Europe/Berlin")
PROFILE = {"name": "Mira", "City": "Pune", "Points": 12.0, "Vip": True, "Likes": ["tea", "rain"], "phone": ""}
EVENT = {
    "Order id": 4711,
    "Delivery": "2026-03-31T08:00:00Z",
    "Day": "2026-03-30T22:00:00Z",
    "Items": [{"Title": "Umbrella", "Quantity": 2.0}, {"Title": "Tea"}],
}


def filled(text: str) -> str:
    return values.render(values.parse(text), PROFILE, EVENT, BERLIN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello", "Hello"),
        ("Hello {{ profile.Name }}!", "Hello Mira!"),
        ("{{profile.City}}/{{event.Order id}}", "Pune/4711"),
        ("{{ profile.Country | your country }}", "your country"),
        ("{{ Profile.phone | }}", ""),
        ("{{ profile.Points }} points", "12 points"),
        ("{{ profile.Vip }}", "yes"),
        ("{{ profile.Likes }}", "tea, rain"),
        ("{{ event.Delivery }}", "2026-03-31 10:00"),
        ("{{ event.Day }}", "2026-03-31"),
        ("{{ event.Items }}", "Title: Umbrella, Quantity: 2, Title: Tea"),
        ("{{ event.Coupon | A|B }}", "A|B"),
        ("50 % {off}", "50 % {off}"),
    ],
)
def test_references_are_filled_in(text: str, expected: str) -> None:
    assert filled(text) == expected


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York"])
def test_the_last_date_and_the_first_are_written_in_any_zone(zone: str) -> None:
    assert values.written("9999-12-31T23:59:59Z", ZoneInfo(zone)).startswith("9999-12-31")
    assert values.written("0001-01-01T00:00:00Z", ZoneInfo(zone))


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
    chosen = {one for one in people if picking.is_control(one, 7, 10)}
    assert 1850 < len(chosen) < 2150
    assert chosen == {one for one in people if picking.is_control(one, 7, 10)}
    assert chosen < {one for one in people if picking.is_control(one, 7, 20)}
    assert chosen != {one for one in people if picking.is_control(one, 8, 10)}
    assert not any(picking.is_control(one, 7, 0) for one in people)


def test_variants_share_as_they_are_told_apart_from_the_control_group() -> None:
    people = [f"person-{n}" for n in range(20_000)]
    got = Counter(picking.variant(one, 7, [50, 30, 20]) for one in people)
    assert [round(got[n] / 200) for n in range(3)] == pytest.approx([50, 30, 20], abs=2)
    outside = Counter(
        picking.variant(one, 7, [50, 50]) for one in people if not picking.is_control(one, 7, 50)
    )
    assert outside[0] / outside.total() == pytest.approx(0.5, abs=0.03)
    assert picking.variant("x", 7, [100]) == 0
