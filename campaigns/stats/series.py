"""The trend: figures by minute, hour or day of a time zone, its clock changes included."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from django.db import connection

from campaigns.rollups import MINUTES_FOR, begin
from campaigns.stat_models import Span
from campaigns.stats import counted, queries
from campaigns.stats.figures import Figures
from campaigns.stats.filters import Filters, Invalid
from lib import sql

Step = Literal["minute", "hour", "day"]
STEPS: tuple[Step, ...] = ("minute", "hour", "day")
SECONDS: dict[Step, int] = {"minute": 60, "hour": 3600, "day": 86400}
MOST = 1500  # points of a trend; a day has 1440 minutes, two months as many hours
EPOCH = date(1970, 1, 1)
# A clock change is looked for at this distance; no zone has had two within it.
STRIDE = 7 * 86400


@dataclass(frozen=True, slots=True)
class Point:
    """The figures from `start` to `end`; `errors_by_code` is left out."""

    start: datetime
    end: datetime
    figures: Figures


def fitting(filters: Filters) -> Step:
    """The step that makes a readable chart of the range."""
    start, end = _ends(filters)
    if end - start <= timedelta(hours=4) and start >= filters.now - MINUTES_FOR:
        return "minute"
    return "hour" if end - start <= timedelta(days=4) else "day"


def trend(filters: Filters, step: Step | None = None) -> list[Point]:
    """Every step of the range, those without anything too. Raises Invalid for more than MOST of them."""
    step = step or fitting(filters)
    start, end = _ends(filters)
    if step == "minute" and start < filters.now - MINUTES_FOR:
        raise Invalid({"by": f"Minutes are kept for {MINUTES_FOR.days} days."})
    if (end - start) / timedelta(seconds=SECONDS[step]) > MOST:
        raise Invalid({"by": f"The range has more than {MOST:,} of these steps. Take longer ones."})
    offsets = _offsets(filters.zone, start, end)
    steps = _days(filters.zone, start, end) if step == "day" else _steps(SECONDS[step], offsets, start, end)
    keys = [key for key, _, _ in steps]
    found: dict[int, Figures] = {}
    for first, *sums in counted.figures(filters, bucket=_bucket(step, offsets), spans=_spans(step, offsets)):
        key = _key(first, step, filters.zone)
        # By a BSP's clock that is ahead of ours, something may have happened after the last step.
        key = min(key, keys[-1])
        found[key] = Figures.total(filter(None, (found.get(key), Figures(*sums))))
    return [Point(first, after, found.get(key, Figures())) for key, first, after in steps]


def daily(zone: ZoneInfo, start: datetime, end: datetime) -> tuple[str, tuple[Span, ...]]:
    """SQL for the day of a zone that `at` lies in, as `day` reads it, and the spans that no day divides."""
    offsets = _offsets(zone, start, end)
    return _bucket("day", offsets), _spans("day", offsets)


def day(found: int | datetime, zone: ZoneInfo) -> date:
    """What `daily` found. The day of a clock change may be found more than once."""
    return EPOCH + timedelta(days=_key(found, "day", zone))


def _ends(filters: Filters) -> tuple[datetime, datetime]:
    """The range as a chart shows it: to the end of this very minute when it is open."""
    end = begin(filters.now, Span.MINUTE) + timedelta(minutes=1)
    end = min(filters.end or end, end)
    start = filters.start or queries.first_at() or end - timedelta(days=1)
    return min(start, end - timedelta(minutes=1)), end


def _spans(step: Step, offsets: list[tuple[int, int]]) -> tuple[Span, ...]:
    """The spans of points that no step divides."""
    if step == "minute":
        return (Span.MINUTE,)
    in_utc = step == "day" and all(offset == 0 for _, offset in offsets)
    return (Span.MINUTE, Span.QUARTER, Span.DAY) if in_utc else (Span.MINUTE, Span.QUARTER)


def _offsets(zone: ZoneInfo, start: datetime, end: datetime) -> list[tuple[int, int]]:
    """The zone's offsets from UTC in the range, in seconds, each with the second it begins at."""

    def offset(second: int) -> int:
        found = datetime.fromtimestamp(second, zone).utcoffset()
        return int(found.total_seconds()) if found else 0

    second, last = int(start.timestamp()), int(end.timestamp())
    offsets = [(second, offset(second))]
    while second < last:
        ahead = min(second + STRIDE, last)
        if offset(ahead) != offset(second):
            before, after = second, ahead
            while after - before > 1:
                middle = (before + after) // 2
                before, after = (middle, after) if offset(middle) == offset(second) else (before, middle)
            offsets.append((after, offset(after)))
        second = ahead
    return offsets


def _bucket(step: Step, offsets: list[tuple[int, int]]) -> str:
    """SQL for the step that `at` lies in, as `_key` reads it."""
    if connection.vendor == "postgresql":
        # Far less work a row than with seconds, which are decimals there.
        def begin_(offset: int) -> str:
            origin = f"(TIMESTAMPTZ '1970-01-01T00:00Z' - INTERVAL '{offset} seconds')"
            return f"date_bin('{SECONDS[step]} seconds', at, {origin})"

        return _by_offset(offsets, begin_, lambda since: f"at >= to_timestamp({since})")
    second = sql.epoch("at")
    offset_ = _by_offset(offsets, str, lambda since: f"{second} >= {since}")
    number = f"(({second} + ({offset_})) / {SECONDS[step]})"
    return number if step == "day" else f"({number} * {SECONDS[step]} - ({offset_}))"


def _by_offset(
    offsets: list[tuple[int, int]], then: Callable[[int], str], since: Callable[[int], str]
) -> str:
    (_, first), *later = offsets
    if not later:
        return then(first)
    cases = " ".join(f"WHEN {since(second)} THEN {then(each)}" for second, each in reversed(later))
    return f"CASE {cases} ELSE {then(first)} END"


def _key(found: int | datetime, step: Step, zone: ZoneInfo) -> int:
    """A day as days since 1970, another step as the second it begins at."""
    if isinstance(found, int):
        return found
    if step != "day":
        return int(found.timestamp())
    # On the day of a clock change its later hours begin it an hour too early or too late.
    return ((found + timedelta(hours=12)).astimezone(zone).date() - EPOCH).days


def _days(zone: ZoneInfo, start: datetime, end: datetime) -> list[tuple[int, datetime, datetime]]:
    first, last = start.astimezone(zone).date(), (end - timedelta(seconds=1)).astimezone(zone).date()
    days = [first + timedelta(days=n) for n in range((last - first).days + 2)]
    midnights = [datetime.combine(day, time.min, zone).astimezone(UTC) for day in days]
    return [
        ((day - EPOCH).days, first, after)
        for day, first, after in zip(days, midnights, midnights[1:], strict=False)
    ]


def _steps(
    length: int, offsets: list[tuple[int, int]], start: datetime, end: datetime
) -> list[tuple[int, datetime, datetime]]:
    def step(second: int) -> int:
        offset = next((each for since, each in reversed(offsets) if second >= since), offsets[0][1])
        return (second + offset) // length * length - offset

    starts = [step(int(start.timestamp()))]
    while starts[-1] + length < end.timestamp():
        starts.append(max(step(starts[-1] + length), starts[-1] + 1))
    moments = [datetime.fromtimestamp(second, UTC) for second in [*starts, starts[-1] + length]]
    return list(zip(starts, moments, moments[1:], strict=False))
