"""Time zone arithmetic, clock changes included."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcasts.run import clock

BERLIN, NEW_YORK, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Kolkata")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # its clocks change by half an hour
ZONES = st.sampled_from([BERLIN, NEW_YORK, KOLKATA, LORD_HOWE, ZoneInfo("UTC"), ZoneInfo("America/Santiago")])
MOMENTS = st.integers(1_735_689_600, 1_830_297_600).map(lambda second: datetime.fromtimestamp(second, UTC))
MINUTE = timedelta(minutes=1)


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    """A moment by its ISO text; without an offset by the zone's clock."""
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


@pytest.mark.parametrize(
    ("wall", "zone", "expected"),
    [
        ("2026-01-10 09:00", BERLIN, "2026-01-10T08:00+00:00"),
        ("2026-07-10 09:00", BERLIN, "2026-07-10T07:00+00:00"),
        ("2026-03-29 02:30", BERLIN, "2026-03-29T01:00+00:00"),  # skipped: when the clocks go forward
        ("2026-10-25 02:30", BERLIN, "2026-10-25T00:30+00:00"),  # comes twice: the first
        ("2026-03-08 02:15", NEW_YORK, "2026-03-08T07:00+00:00"),
        ("2026-10-04 02:10", LORD_HOWE, "2026-10-03T15:30+00:00"),
        ("2026-06-01 09:00", KOLKATA, "2026-06-01T03:30+00:00"),
    ],
)
def test_the_moment_of_a_wall_time(wall: str, zone: ZoneInfo, expected: str) -> None:
    assert clock.moment(datetime.fromisoformat(wall), zone) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(
    ("now", "begin", "end", "until"),
    [
        ("2026-01-10 12:00", "21:00", "09:00", None),
        ("2026-01-10 20:59", "21:00", "09:00", None),
        ("2026-01-10 21:00", "21:00", "09:00", "2026-01-11 09:00"),
        ("2026-01-11 08:59", "21:00", "09:00", "2026-01-11 09:00"),
        ("2026-01-11 09:00", "21:00", "09:00", None),
        ("2026-01-10 13:00", "12:00", "14:00", "2026-01-10 14:00"),
        ("2026-03-28 22:00", "21:00", "02:30", "2026-03-29T03:00+02:00"),  # ends in the hour that is skipped
        ("2026-03-28 22:00", "21:00", "09:00", "2026-03-29 09:00"),  # an hour sooner than on other days
        ("2026-10-24 22:00", "21:00", "02:30", "2026-10-25T02:30+02:00"),
        ("2026-10-25T02:10+01:00", "21:00", "02:30", "2026-10-25T02:30+01:00"),  # quiet once more
        ("2026-10-24 22:00", "21:00", "09:00", "2026-10-25 09:00"),
    ],
)
def test_quiet_hours(now: str, begin: str, end: str, until: str | None) -> None:
    expected = until and at(until)
    found = clock.quiet_until(at(now), time.fromisoformat(begin), time.fromisoformat(end), BERLIN)
    assert found == expected


@settings(max_examples=150)
@given(now=MOMENTS, begin=st.times(), end=st.times(), zone=ZONES)
def test_quiet_hours_end_when_they_are_over(now: datetime, begin: time, end: time, zone: ZoneInfo) -> None:
    until = clock.quiet_until(now, begin, end, zone)
    assert (until is not None) == clock.is_quiet(now, begin, end, zone)
    if until is None:
        return
    assert now < until <= now + timedelta(hours=26)
    assert not clock.is_quiet(until, begin, end, zone)
    minutes = int((until - now) / MINUTE)
    assert all(clock.is_quiet(now + minute * MINUTE, begin, end, zone) for minute in range(0, minutes, 7))


@pytest.mark.parametrize(
    ("departure", "days", "hours", "wall", "expected"),
    [
        ("2026-01-10 14:00", -1, 0, None, "2026-01-09 14:00"),
        ("2026-03-29 14:00", -1, 0, None, "2026-03-28 14:00"),  # 23 hours before, on the same clock
        ("2026-03-29 14:00", 0, -24, None, "2026-03-28 13:00"),  # 24 hours before
        ("2026-10-25 14:00", -1, 0, None, "2026-10-24 14:00"),  # 25 hours
        ("2026-03-30 02:30", -1, 0, None, "2026-03-29 03:00"),  # on a clock that skips it
        ("2026-03-29 14:00", -1, 0, "10:00", "2026-03-28 10:00"),
        ("2026-03-29 00:30", -1, 0, "23:00", "2026-03-28 23:00"),
        ("2026-03-28 20:00", 1, 0, "02:30", "2026-03-29T03:00+02:00"),
        ("2026-01-10 14:00", 7, 0, "08:00", "2026-01-17 08:00"),
        ("2026-01-10 14:00", 0, 0, None, "2026-01-10 14:00"),
        ("2026-01-10 14:00", 0, 0, "09:00", "2026-01-10 09:00"),
    ],
)
def test_days_keep_the_clock_and_hours_are_hours(
    departure: str, days: int, hours: int, wall: str | None, expected: str
) -> None:
    clock_time = time.fromisoformat(wall) if wall else None
    assert clock.shifted(at(departure), days, hours, clock_time, BERLIN) == at(expected)


@given(
    date_at=MOMENTS,
    zone=ZONES,
    days=st.integers(-40, 40),
    hours=st.integers(-50, 50),
    wall=st.none() | st.times().map(lambda one: one.replace(microsecond=0)),
    cut=st.integers(0, 100_000),
)
def test_whatever_is_due_is_looked_for(
    date_at: datetime, zone: ZoneInfo, days: int, hours: int, wall: time | None, cut: int
) -> None:
    """Cutting time into looks, wherever the cuts are, finds each date in exactly one of them."""
    due = clock.shifted(date_at, days, hours, wall, zone)
    edge = due - timedelta(seconds=cut)
    looks = [(edge - timedelta(days=2), edge), (edge, due), (due, due + timedelta(hours=1))]
    hits = []
    for after, until in looks:
        ranges = clock.sources(after, until, days, hours, wall, zone) if until > after else []
        found = any(first <= date_at <= last for first, last in ranges)
        hits.append(found and after < due <= until)
    assert hits == [not cut, bool(cut), False]


def test_a_day_has_23_hours_in_spring_and_25_in_autumn() -> None:
    begin, end = clock.day_bounds(date(2026, 3, 29), BERLIN)
    assert end - begin == timedelta(hours=23)
    begin, end = clock.day_bounds(date(2026, 10, 25), BERLIN)
    assert end - begin == timedelta(hours=25)


def test_zones_are_those_people_know() -> None:
    assert {"UTC", "Asia/Kolkata", "Europe/Berlin"} <= set(clock.zones())
