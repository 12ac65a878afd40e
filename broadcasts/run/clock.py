"""Time zone arithmetic: quiet hours, and moments some days or hours from another. Pure.

Clocks of a zone change twice a year. A wall time that is skipped is the moment of the change. Of a wall time
that comes twice, the first one is meant. Every moment given and returned is aware.
"""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@cache
def zones() -> tuple[str, ...]:
    """The names of the world's time zones."""
    return tuple(sorted(name for name in available_timezones() if "/" in name or name == "UTC"))


def moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment a wall clock of the zone shows `wall` (naive)."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:  # equal, or the hour comes twice
        return first
    # Skipped: the change lies between the two readings.
    before, after = second, first
    offset = before.astimezone(zone).utcoffset()
    while after - before > SECOND:
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def is_quiet(at: datetime, begin: time, end: time, zone: ZoneInfo) -> bool:
    """Whether a clock of the zone is within the quiet hours, which may go past midnight."""
    wall = at.astimezone(zone).time()
    return begin <= wall < end if begin <= end else wall >= begin or wall < end


def quiet_until(at: datetime, begin: time, end: time, zone: ZoneInfo) -> datetime | None:
    """When the quiet hours that `at` lies in are over; None when it lies in none."""
    if not is_quiet(at, begin, end, zone):
        return None
    at, today = at.astimezone(UTC), at.astimezone(zone).date()
    # Both times at which the clock shows the end: when clocks are put back, quiet hours may come twice.
    ends = [
        reading
        for days in range(3)
        for wall in (datetime.combine(today + days * DAY, end),)
        for reading in (moment(wall, zone), wall.replace(tzinfo=zone, fold=1).astimezone(UTC))
    ]
    return min(one for one in ends if one > at and not is_quiet(one, begin, end, zone))


def shifted(at: datetime, days: int, hours: int, wall: time | None, zone: ZoneInfo) -> datetime:
    """The moment `days` calendar days and `hours` hours after `at` (before it, when negative).

    Days keep the wall clock, or set it to `wall`; hours are hours.
    """
    if days or wall is not None:
        local = at.astimezone(zone).replace(tzinfo=None)
        goal = local.date() + timedelta(days=days)
        at = moment(datetime.combine(goal, local.time() if wall is None else wall), zone)
    return at.astimezone(UTC) + timedelta(hours=hours)  # within a zone Python would add to the wall clock


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When a calendar day of the zone begins and ends."""
    midnight = datetime.combine(day, time())
    return moment(midnight, zone), moment(midnight + DAY, zone)


MORNING = time(9)  # when something is due on a day, and no time was chosen


def day_due(day: date, days: int, hours: int, wall: time | None, zone: ZoneInfo) -> datetime:
    """The moment `days` days and `hours` hours after a calendar day that has no time.

    Hours count from the midnight with which the day begins in the zone. Without hours it is `wall` on the
    zone's clock, or MORNING.
    """
    if hours:
        return moment(datetime.combine(day, time()), zone) + timedelta(hours=hours)
    return moment(datetime.combine(day + days * DAY, wall or MORNING), zone)


def days_due(
    after: datetime, until: datetime, days: int, hours: int, wall: time | None, zone: ZoneInfo
) -> list[date]:
    """The calendar days for which `day_due` lies in (after, until]."""
    span = timedelta(days=days, hours=hours)
    first = (after.astimezone(UTC) - span).astimezone(zone).date() - DAY
    last = (until.astimezone(UTC) - span).astimezone(zone).date() + DAY
    found = (first + number * DAY for number in range((last - first).days + 1))
    return [day for day in found if after < day_due(day, days, hours, wall, zone) <= until]


def sources(
    after: datetime, until: datetime, days: int, hours: int, wall: time | None, zone: ZoneInfo
) -> list[tuple[datetime, datetime]]:
    """Where to look for what `shifted` brings into (after, until]: ranges, both ends included.

    Near a change of the clocks the ranges may have too much, so the caller shifts each value again.
    """
    after, until = after.astimezone(UTC), until.astimezone(UTC)
    if not days and wall is None:
        span = timedelta(hours=hours)
        return [(after - span, until - span)]
    if wall is None:
        ranges = [(one - timedelta(days=days, hours=hours)) for one in (after, until)]
        offsets = {one.astimezone(zone).utcoffset() for one in (*ranges, after, until)}
        slack = timedelta(0) if len(offsets) == 1 else 3 * timedelta(hours=1)
        return [(ranges[0] - slack, ranges[1] + slack)]
    # Everything on one calendar day is due at one moment: there are few days to ask for.
    first = (after - timedelta(hours=hours)).astimezone(zone).date() - DAY
    last = (until - timedelta(hours=hours)).astimezone(zone).date() + DAY
    found = []
    for number in range((last - first).days + 1):
        day = first + number * DAY
        due = moment(datetime.combine(day, wall), zone) + timedelta(hours=hours)
        if after < due <= until:
            found.append(day_bounds(day - timedelta(days=days), zone))
    return found
