"""What a URL asks for: ranges, time zones, what makes no sense, and back to a URL."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.counting.points import begin
from campaigns.models import Span
from providers.models import Provider
from stats.query.filters import Filters, Invalid, parse
from stats.query.span_ranges import SPANS, segments
from tests.stats.conftest import NOW, asked

HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("parameters", "start", "end"),
    [
        ({}, None, None),
        ({"range": "today"}, "2026-03-18 00:00", None),
        ({"range": "today", "tz": "Asia/Kolkata"}, "2026-03-17 18:30", None),
        ({"range": "yesterday", "tz": "Asia/Kolkata"}, "2026-03-16 18:30", "2026-03-17 18:30"),
        ({"range": "24h"}, "2026-03-17 12:00", None),
        ({"range": "7d"}, "2026-03-12 00:00", None),
        ({"range": "30d", "tz": "America/New_York"}, "2026-02-17 05:00", None),
        ({"from": "2026-03-01", "to": "2026-03-02"}, "2026-03-01 00:00", "2026-03-03 00:00"),
        ({"from": "2026-03-17T10:07:30"}, "2026-03-17 10:07", None),
        ({"to": "2026-03-17T10:07:30"}, None, "2026-03-17 10:08"),
        ({"from": "2026-03-17T10:07+05:30"}, "2026-03-17 04:37", None),
        ({"from": "2026-03-17T10:07Z", "tz": "Asia/Tokyo"}, "2026-03-17 10:07", None),
        # Minutes are not kept for so long: the range is widened to what is known.
        ({"from": "2026-01-05T10:07", "to": "2026-01-05T10:20"}, "2026-01-05 10:00", "2026-01-05 10:30"),
        # A clock change: the day has 23 hours, and 25.
        (
            {"from": "2026-03-29", "to": "2026-03-29", "tz": "Europe/Berlin"},
            "2026-03-28 23:00",
            "2026-03-29 22:00",
        ),
        (
            {"from": "2025-10-26", "to": "2025-10-26", "tz": "Europe/Berlin"},
            "2025-10-25 22:00",
            "2025-10-26 23:00",
        ),
    ],
)
def test_ranges(parameters: dict[str, str], start: str | None, end: str | None) -> None:
    filters = parse(parameters, NOW)
    assert (filters.start, filters.end) == (start and at(start), end and at(end))


@pytest.mark.parametrize(
    ("parameters", "start", "end"),
    [
        ({"range": "today"}, "2026-03-17 00:00", "2026-03-17 12:00"),
        ({"range": "yesterday"}, "2026-03-16 00:00", "2026-03-17 00:00"),
        ({"range": "24h"}, "2026-03-16 12:00", "2026-03-17 12:00"),
        ({"range": "7d"}, "2026-03-05 00:00", "2026-03-11 12:00"),
        ({"from": "2026-03-17T10:00", "to": "2026-03-17T11:00"}, "2026-03-17 09:00", "2026-03-17 10:00"),
        # New York changed its clocks on 8 March: the same hours of the days before.
        (
            {"from": "2026-03-08", "to": "2026-03-09", "tz": "America/New_York"},
            "2026-03-06 05:00",
            "2026-03-08 05:00",
        ),
        ({"from": "2026-03-15", "to": "2026-03-30"}, "2026-03-11 00:00", "2026-03-14 12:00"),
    ],
)
def test_the_range_before(parameters: dict[str, str], start: str, end: str) -> None:
    before = parse(parameters, NOW).previous()
    assert before is not None
    assert (before.start, before.end) == (at(start), at(end))


@pytest.mark.parametrize(
    ("parameters", "now", "start", "end"),
    [
        # Soon after midnight the days are as many as at noon.
        ({"range": "7d"}, "2026-03-18 00:30", "2026-03-05 00:00", "2026-03-11 00:30"),
        ({"range": "today"}, "2026-03-18 00:30", "2026-03-17 00:00", "2026-03-17 00:30"),
        # In Cairo 24 April 2026 begins at one o'clock.
        (
            {"range": "today", "tz": "Africa/Cairo"}, "2026-04-24 09:00",
            "2026-04-22 22:00", "2026-04-23 10:00",
        ),
    ],
)  # fmt: skip
def test_the_range_before_at_odd_hours(parameters: dict[str, str], now: str, start: str, end: str) -> None:
    before = parse(parameters, at(now)).previous()
    assert before is not None
    assert (before.start, before.end) == (at(start), at(end))


def test_nothing_is_before_all_time() -> None:
    assert parse({}, NOW).previous() is None


def test_nothing_is_before_what_is_yet_to_come() -> None:
    assert parse({"from": "2026-03-19"}, NOW).previous() is None


@pytest.mark.parametrize(
    ("parameters", "wrong"),
    [
        ({"tz": "Mars/Olympus"}, "tz"),
        ({"tz": "../../etc/passwd"}, "tz"),
        ({"range": "forever"}, "range"),
        ({"range": "7d", "from": "2026-03-01"}, "range"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-02-30"}, "from"),
        ({"to": "9999-12-31"}, "to"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "to"),
        ({"variant": "1"}, "variant"),
        ({"traffic": "none"}, "traffic"),
        ({"traffic": "conversations", "campaign": "c1"}, "traffic"),
        ({"template": "a\0b"}, "template"),
    ],
)
def test_what_makes_no_sense(parameters: dict[str, str], wrong: str) -> None:
    with pytest.raises(Invalid) as raised:
        parse(parameters, NOW)
    assert [*raised.value.errors] == [wrong]


def test_a_provider_is_named_by_its_nickname(shop: Provider) -> None:
    assert asked(provider="Shop").provider_id == shop.pk
    with pytest.raises(Invalid, match="No provider has this nickname"):
        asked(provider="shop")


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"range": "7d", "campaign": "c 1&2", "variant": "1", "tz": "Asia/Kolkata"},
        {"from": "2026-03-01", "to": "2026-03-02", "template": "(none)", "traffic": "campaigns"},
        {"from": "2026-03-17T10:07", "tz": "Asia/Kolkata"},
        # Twice between two and three: only the offset tells which.
        {"from": "2025-10-26T02:30+01:00", "tz": "Europe/Berlin"},
        {"to": "2025-10-26T02:30+02:00", "tz": "Europe/Berlin"},
    ],
)
def test_a_url_says_what_it_said(parameters: dict[str, str]) -> None:
    filters = parse(parameters, NOW)
    again = parse(dict(parse_qsl(filters.query())), NOW)
    assert (again.start, again.end, again.zone) == (filters.start, filters.end, filters.zone)
    assert again == filters or filters.range != again.range


def test_a_link_changes_one_filter() -> None:
    filters = parse({"range": "7d", "campaign": "c1", "variant": "1"}, NOW)
    assert filters.query(variant="", template="a b") == "range=7d&campaign=c1&template=a+b"


moments = st.integers(0, 2 * 366 * 1440).map(lambda n: at("2025-01-01") + timedelta(minutes=n))


@given(moments, moments)
def test_stretches_cover_a_range_once(one: datetime, other: datetime) -> None:
    start, end = min(one, other), max(one, other)
    position = start
    for span, first, last in segments(start, end, SPANS):
        assert first == position
        assert last is not None
        assert first < last
        assert (begin(first, span), begin(last, span)) == (first, last)
        position = last
    assert position == end
    assert sum(1 for _ in segments(start, end, SPANS)) < 2 * len(SPANS)


def test_an_open_range_is_one_stretch_of_weeks() -> None:
    assert [*segments(None, None, SPANS)] == [(Span.WEEK, None, None)]
    assert [*segments(None, at("2026-03-18 00:15"), SPANS)] == [
        (Span.WEEK, None, at("2026-03-12 00:00")),
        (Span.DAY, at("2026-03-12 00:00"), at("2026-03-18 00:00")),
        (Span.QUARTER, at("2026-03-18 00:00"), at("2026-03-18 00:15")),
    ]


def test_filters_made_by_hand_need_only_a_clock_and_a_zone() -> None:
    filters = parse({}, NOW)
    assert Filters(NOW, filters.zone).query() == ""
    assert filters.query() == "range=all"
