"""The trend: figures by minute, hour or day of a time zone, its clock changes included."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import count, pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from campaigns.counting.points import MINUTES_FOR, begin
from campaigns.models import Span
from stats.query import breakdowns, count_sql
from stats.query.figures import Figures
from stats.query.filters import Filters, Invalid
from stats.query.span_ranges import Window

Step = Literal["minute", "hour", "day"]
STEPS: tuple[Step, ...] = ("minute", "hour", "day")
SECONDS: dict[Step, int] = {"minute": 60, "hour": 3600, "day": 86400}
MOST = 1500  # points of a trend; a day has 1440 minutes, two months as many hours
# The search for a clock change goes by steps of this length. No zone has had two within one.
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
    """Every step of the range, also those in which nothing happened. Raises Invalid for more than MOST
    steps."""
    return trends([filters], step or fitting(filters))[0]


def trends(ranges: Sequence[Filters], step: Step) -> list[list[Point]]:
    """The trends of ranges that do not overlap, from one statement."""
    return points(
        ranges,
        step,
        lambda windows: (
            (place, Figures(*sums)) for place, *sums in count_sql.figures_within(ranges[0], windows)
        ),
    )


def points(
    ranges: Sequence[Filters],
    step: Step,
    counted: Callable[[Sequence[Window]], Iterable[tuple[int, Figures]]],
) -> list[list[Point]]:
    """Trends of what `counted` finds in these windows: the place of the window, figures that are added."""
    steps = [_steps_of(filters, step) for filters in ranges]
    windows: list[Window] = []
    for filters, own in zip(ranges, steps, strict=True):
        # A BSP's clock may be ahead of ours, so that something happened after the last step.
        cuts = [filters.start, *(filters.kept(start) for start, _ in own[1:]), filters.end]
        windows += pairwise(cuts)
    found: dict[int, Figures] = {}
    for place, figures in counted(windows):
        found[place] = Figures.total(filter(None, (found.get(place), figures)))
    places = count()
    return [[Point(*ends, found.get(next(places), Figures())) for ends in own] for own in steps]


def _steps_of(filters: Filters, step: Step) -> list[tuple[datetime, datetime]]:
    start, end = _ends(filters)
    if step == "minute" and start < filters.now - MINUTES_FOR:
        raise Invalid({"by": f"Minutes are kept for {MINUTES_FOR.days} days."})
    if (end - start) / timedelta(seconds=SECONDS[step]) > MOST:
        raise Invalid(
            {"by": f"The range has more than {MOST:,} of these steps. Take longer ones, or a shorter range."}
        )
    return (
        _days(filters.zone, start, end) if step == "day" else _steps(SECONDS[step], filters.zone, start, end)
    )


def _ends(filters: Filters) -> tuple[datetime, datetime]:
    """The begin and the end of the chart. A range without an end goes to the end of this minute."""
    end = begin(filters.now, Span.MINUTE) + timedelta(minutes=1)
    end = min(filters.end or end, end)
    start = filters.start or breakdowns.first_at() or end - timedelta(days=1)
    return min(start, end - timedelta(minutes=1)), end


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


def _days(zone: ZoneInfo, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    first, last = start.astimezone(zone).date(), (end - timedelta(seconds=1)).astimezone(zone).date()
    days = [first + timedelta(days=n) for n in range((last - first).days + 2)]
    midnights = [datetime.combine(day, time.min, zone).astimezone(UTC) for day in days]
    return list(pairwise(midnights))


def _steps(length: int, zone: ZoneInfo, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    offsets = _offsets(zone, start, end)

    def step(second: int) -> int:
        offset = next((each for since, each in reversed(offsets) if second >= since), offsets[0][1])
        return (second + offset) // length * length - offset

    starts = [step(int(start.timestamp()))]
    while starts[-1] + length < end.timestamp():
        starts.append(max(step(starts[-1] + length), starts[-1] + 1))
    moments = [datetime.fromtimestamp(second, UTC) for second in [*starts, starts[-1] + length]]
    return list(pairwise(moments))
