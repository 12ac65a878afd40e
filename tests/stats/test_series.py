"""The trend, on days that have 23 and 25 hours too."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.models import Provider
from stats.query import breakdowns, series
from stats.query.filters import Invalid, parse
from stats.query.series import Point, trend
from tests.stats.conftest import NOW, accepted, asked, fold

HOUR = timedelta(hours=1)


def shown(points: list[Point], zone: str) -> dict[str, int]:
    tz = ZoneInfo(zone)
    return {f"{point.start.astimezone(tz):%d %H:%M%z}": point.figures.accepted for point in points}


def test_by_day(shop: Provider, folded: bool) -> None:
    for hours in (0, 17, 18, 24 * 2):
        accepted(shop, NOW - hours * HOUR)
    fold(folded)
    found = shown(trend(asked(**{"from": "2026-03-15"}, tz="Asia/Kolkata"), "day"), "Asia/Kolkata")
    assert found == {"15 00:00+0530": 0, "16 00:00+0530": 1, "17 00:00+0530": 1, "18 00:00+0530": 2}
    in_utc = trend(asked(**{"from": "2026-03-15"}), "day")
    assert [point.figures.accepted for point in in_utc] == [0, 1, 2, 1]
    assert in_utc[0].end == in_utc[1].start


def test_by_hour_and_minute(shop: Provider, folded: bool) -> None:
    for minutes in (0, 1, 1, 61):
        accepted(shop, NOW - timedelta(minutes=minutes))
    fold(folded)
    found = trend(asked(**{"from": "2026-03-18T10:30", "to": "2026-03-18T12:01"}), "hour")
    assert shown(found, "UTC") == {"18 10:00+0000": 1, "18 11:00+0000": 2, "18 12:00+0000": 1}
    found = trend(asked(**{"from": "2026-03-18T11:58", "to": "2026-03-18T12:01"}), "minute")
    assert shown(found, "UTC") == {"18 11:58+0000": 0, "18 11:59+0000": 2, "18 12:00+0000": 1}
    # An hour of a zone that is half an hour off begins at half past.
    found = trend(asked(**{"from": "2026-03-18T16:00", "to": "2026-03-18T17:31"}, tz="Asia/Kolkata"), "hour")
    assert shown(found, "Asia/Kolkata") == {"18 16:00+0530": 1, "18 17:00+0530": 3}


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [("2026-03-08", "America/New_York", 23), ("2025-11-02", "America/New_York", 25)],
)
def test_the_day_of_a_clock_change(shop: Provider, day: str, zone: str, hours: int, folded: bool) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    for hour in range(-1, hours + 1):
        accepted(shop, start + hour * HOUR)
    fold(folded)
    only = asked(**{"from": day, "to": day}, tz=zone)
    assert [point.figures.accepted for point in trend(only, "day")] == [hours]
    by_hour = trend(only, "hour")
    assert [point.figures.accepted for point in by_hour] == [1] * hours
    assert by_hour[0].start == start
    assert by_hour[-1].end == start + hours * HOUR


def test_half_an_hour_of_daylight_saving(shop: Provider) -> None:
    """Lord Howe Island's clocks change by thirty minutes."""
    start = datetime(2026, 4, 4, 13, 0, tzinfo=UTC)  # midnight there, +11:00
    with time_machine.travel(start + timedelta(days=3), tick=False):
        for quarter in range(98):  # a day of 24.5 hours
            accepted(shop, start + timedelta(minutes=15 * quarter))
        fold()
        only = parse(
            {"from": "2026-04-05", "to": "2026-04-05", "tz": "Australia/Lord_Howe"}, start + 72 * HOUR
        )
        assert sum(point.figures.accepted for point in trend(only, "hour")) == 98
        assert [point.figures.accepted for point in trend(only, "day")] == [98]


def test_a_clock_ahead_of_ours_is_not_lost(shop: Provider) -> None:
    accepted(shop, NOW + 2 * HOUR)
    accepted(shop, NOW - HOUR)
    fold()
    points = trend(asked(range="today"), "hour")
    assert [point.figures.accepted for point in points[-2:]] == [1, 1]
    assert breakdowns.totals(asked(range="today")).accepted == 2


def test_steps_that_fit() -> None:
    assert series.fitting(asked(**{"from": "2026-03-18T10:00"})) == "minute"
    assert series.fitting(asked(range="24h")) == "hour"
    assert series.fitting(asked(range="7d")) == "day"
    assert series.fitting(asked(**{"from": "2026-01-18T10:00", "to": "2026-01-18T11:00"})) == "hour"


def test_too_many_steps(db: None) -> None:
    with pytest.raises(Invalid, match="more than 1,500"):
        trend(asked(range="90d"), "hour")
    with pytest.raises(Invalid, match="kept for 14 days"):
        trend(asked(**{"from": "2026-02-01", "to": "2026-02-01"}), "minute")


def test_an_empty_trend_has_its_steps(db: None) -> None:
    assert len(trend(asked(range="7d"))) == 7
    assert len(trend(asked())) >= 1


@settings(max_examples=25)
@given(
    st.lists(st.integers(0, 60 * 24 * 40), max_size=12),
    st.sampled_from(
        ["UTC", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]
    ),
    st.integers(0, 60 * 24 * 40),
    st.sampled_from(["hour", "day"]),
)
def test_a_trend_adds_up(shop: Provider, ages: list[int], zone: str, since: int, step: series.Step) -> None:
    for age in ages:
        accepted(shop, NOW - timedelta(minutes=age))
    fold()
    filters = asked(**{"from": (NOW - timedelta(minutes=since + 1)).isoformat()}, tz=zone)
    points = trend(filters, step)
    assert sum(point.figures.accepted for point in points) == breakdowns.totals(filters).accepted
    assert [point.end for point in points[:-1]] == [point.start for point in points[1:]]
