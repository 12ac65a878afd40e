"""The parts of a page that are not tables: cards, the funnel, charts, and the comparison of variants."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stats.pages import links
from stats.query import figures, series
from stats.query.breakdowns import Group
from stats.query.figures import LABELS, NAMES, TEXTS, Change, Figures
from stats.query.filters import NONE, Filters
from stats.tables import formatting

# The lines of the trend. Its table has the other figures.
DRAWN = ("accepted", "delivered", "viewed", "clicked_unique", "replied")
STEPS = (
    "accepted", "submitted", "sent", "delivered", "viewed", "clicked_total", "clicked_unique", "replied",
    "refused", "not_sent", "undelivered",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Card:
    name: str
    label: str
    text: str
    value: str
    url: str
    change: str
    before: str
    direction: str


def cards(now: Figures, before: Figures | None, filters: Filters, names: Sequence[str] = ()) -> list[Card]:
    """A card for each figure and rate, or only for the named ones, with its value in the range before."""
    changes = figures.changes(now, before or Figures())
    found = []
    for name in names or (*NAMES, *figures.RATE):
        rate = name in figures.RATE
        change = changes[name] if before is not None else Change(changes[name].now, None)
        value = formatting.percent(change.now) if rate else formatting.count(change.now)
        url = links.messages_behind(filters, name) if change.now else ""
        moved = change.absolute or 0
        found.append(
            Card(
                name, LABELS[name], TEXTS[name], value, url, formatting.change(change, rate=rate),
                formatting.before(change, rate=rate), "up" if moved > 0 else "down" if moved < 0 else "",
            )
        )  # fmt: skip
    return found


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the funnel; `width` is its share of the first in percent, for the bar."""

    label: str
    text: str
    count: str
    url: str
    width: float
    of_first: str
    of_previous: str


def funnel(now: Figures, filters: Filters) -> list[Stage]:
    lead, stages = links.messages_behind_in(filters), figures.funnel(now)
    most = max((step.count for step in stages), default=0) or 1
    return [
        Stage(
            LABELS[step.name],
            TEXTS[step.name],
            formatting.count(step.count),
            lead(step.name) if step.count else "",
            round(100 * step.count / most, 1),
            formatting.percent(step.of_first),
            formatting.percent(step.of_previous),
        )
        for step in stages
    ]


_LABELS: dict[str, str] = {"minute": "%H:%M", "hour": "%m-%d %H:%M", "day": "%Y-%m-%d"}


BEFORE = "accepted"  # what is drawn of the range before, too


def chart(
    points: Sequence[series.Point],
    step: series.Step,
    names: Sequence[str],
    filters: Filters,
    kind: str,
    past: Sequence[series.Point] = (),
) -> dict[str, Any]:
    """What static/stats/charts.js draws: `kind` is lines or stacked bars. `past` is the range before, drawn
    step by step beneath this one's lines."""
    earlier = [getattr(point.figures, BEFORE) for point in past[: len(points)]]
    before = [{"name": "before", "label": f"{LABELS[BEFORE]} before", "data": earlier}] if earlier else []
    return {
        "kind": kind,
        "step": step,
        "labels": [formatting.local(point.start, filters, _LABELS[step]) for point in points],
        "series": [
            {
                "name": name,
                "label": LABELS[name],
                "data": [getattr(point.figures, name) for point in points],
            }
            for name in names
        ]
        + before,
    }


@dataclass(frozen=True, slots=True)
class Versus:
    """One rate of a variant, compared with that of the first variant. `left` and `width` place the interval,
    and `at` the difference, on a scale that is the same for all; in percent of its width."""

    label: str
    base: str
    own: str
    difference: str
    said: str
    certain: bool
    left: float
    width: float
    at: float


@dataclass(frozen=True, slots=True)
class Comparison:
    variant: str
    base: str
    rows: list[Versus]


def comparisons(found: Sequence[Group]) -> list[Comparison]:
    """Each variant against the first."""
    if len(found) < 2:
        return []
    base, others = found[0], found[1:]
    compared = [(group, figures.compared(base.figures, group.figures)) for group in others]
    ends = [end for _, each in compared for one in each.values() if one for end in (one.low, one.high)]
    most = max((abs(end) for end in ends), default=0) or 1
    return [
        Comparison(
            _name(group),
            _name(base),
            [_versus(base, group, name, each, most) for name, each in rates.items()],
        )
        for group, rates in compared
    ]


def _versus(base: Group, group: Group, name: str, found: figures.Difference | None, most: float) -> Versus:
    rate = figures.RATE[name]

    def place(share: float) -> float:
        return round(50 + 50 * share / most, 2)

    low, high, at = (found.low, found.high, found.value) if found else (0.0, 0.0, 0.0)
    return Versus(
        rate.label,
        formatting.percent(rate.of(base.figures)),
        formatting.percent(rate.of(group.figures)),
        "" if found is None else formatting.signed(100 * found.value, " points", 1),
        formatting.difference(_name(group), _name(base), found),
        found is not None and found.certain,
        place(low),
        round(place(high) - place(low), 2),
        place(at),
    )


def _name(group: Group) -> str:
    return group.variant or NONE
