"""Figures as the pages write them: counts, rates, changes, times, differences. Pure."""

from datetime import datetime, timedelta

from campaigns.counting.buckets import LONGEST
from lib import display
from stats.query.figures import Change, Difference
from stats.query.filters import Filters

NOTHING = "–"


def count(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f}"


def percent(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.1f} %"


def took(seconds: float | None) -> str:
    """How long messages took, as exactly as the bucket tells."""
    if seconds is None:
        return NOTHING
    if seconds >= LONGEST:
        return "more than 7 days"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return display.length(timedelta(seconds=round(seconds))).replace(".0 s", " s")


def local(at: datetime, filters: Filters, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A moment in the filters' zone; in the hour that a clock change repeats, with its offset."""
    moment = at.astimezone(filters.zone)
    certain = moment.utcoffset() == moment.replace(fold=1 - moment.fold).utcoffset()
    return f"{moment:{form}}" + ("" if certain else f"{moment:%z}")


def clock(at: datetime | None, filters: Filters) -> str:
    """A minute in the filters' zone."""
    return NOTHING if at is None else local(at, filters, "%Y-%m-%d %H:%M")


def change(of: Change, *, rate: bool = False) -> str:
    """How a figure changed since the range before; with `rate`, a share."""
    if of.absolute is None:
        return ""
    if rate:
        return "same" if round(1000 * of.absolute) == 0 else signed(100 * of.absolute, " points", 1)
    if of.absolute == 0:
        return "same"
    if of.relative is None:
        return "new"
    if abs(of.relative) >= 10:
        return f"{of.relative + 1:,.0f} times"
    return signed(100 * of.relative, " %")


def signed(value: float, unit: str = "", digits: int = 0) -> str:
    return f"{value:+.{digits}f}{unit}".replace("-", "−")


def before(of: Change, *, rate: bool = False) -> str:
    """What it was in the range before."""
    if of.before is None:
        return ""
    return f"was {percent(of.before) if rate else count(of.before)}"


def difference(name: str, base: str, found: Difference | None) -> str:
    """Whether variant `name` does better than `base`, in one sentence."""
    if found is None:
        return "Nothing to compare in this range."
    low, high = 100 * found.low, 100 * found.high
    if found.certain:
        near, far = sorted((abs(low), abs(high)))
        way = "higher" if found.value > 0 else "lower"
        return f"{name} is {way} than {base} by {near:.1f} to {far:.1f} points; unlikely to be chance."
    return f"Not significant: {name} could be {_side(low)} to {_side(high)} than {base}."


def _side(points: float) -> str:
    return f"{abs(points):.1f} points {'lower' if points < 0 else 'higher'}"


def time_range(start: datetime | None, end: datetime | None, filters: Filters) -> str:
    """A range as people read it: whole days as such."""

    def written(moment: datetime, last: bool = False) -> str:
        local = moment.astimezone(filters.zone)
        if local.hour == local.minute == 0:
            return f"{local - timedelta(days=last):%Y-%m-%d}"
        return f"{local:%Y-%m-%d %H:%M}"

    if start is None:
        return "everything" if end is None else f"everything until {written(end, True)}"
    if end is None:
        return f"{written(start)} until now"
    first, last = written(start), written(end, True)
    return first if first == last else f"{first} to {last}"
