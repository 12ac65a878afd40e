"""The parts of a page that are no table: cards, the funnel, charts, variants against each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from campaigns.stats import figures, links, series, words
from campaigns.stats.figures import NAMES, Change, Figures
from campaigns.stats.filters import NONE, Filters
from campaigns.stats.grid import LABEL, TEXT
from campaigns.stats.queries import Group

# What the trend draws; its table has the rest of what can be counted.
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
    """Figures and rates, all unless named, each with the range before."""
    changes = figures.changes(now, before or Figures())
    found = []
    for name in names or (*NAMES, *figures.RATE):
        rate = name in figures.RATE
        change = changes[name] if before is not None else Change(changes[name].now, None)
        value = words.percent(change.now) if rate else words.count(change.now)
        url = links.behind(filters, name) if change.now else ""
        moved = change.absolute or 0
        found.append(
            Card(
                name, LABEL[name], TEXT[name], value, url, words.change(change, rate=rate),
                words.before(change, rate=rate), "up" if moved > 0 else "down" if moved < 0 else "",
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
    lead, stages = links.behind_in(filters), figures.funnel(now)
    most = max((step.count for step in stages), default=0) or 1
    return [
        Stage(
            LABEL[step.name],
            TEXT[step.name],
            words.count(step.count),
            lead(step.name) if step.count else "",
            round(100 * step.count / most, 1),
            words.percent(step.of_first),
            words.percent(step.of_previous),
        )
        for step in stages
    ]


_LABELS: dict[str, str] = {"minute": "%H:%M", "hour": "%m-%d %H:%M", "day": "%Y-%m-%d"}


def chart(
    points: Sequence[series.Point], step: series.Step, names: Sequence[str], filters: Filters, kind: str
) -> dict[str, Any]:
    """What static/stats/charts.js draws: `kind` is lines or stacked bars."""
    return {
        "kind": kind,
        "step": step,
        "labels": [words.local(point.start, filters, _LABELS[step]) for point in points],
        "series": [
            {
                "name": name,
                "label": LABEL[name],
                "data": [getattr(point.figures, name) for point in points],
            }
            for name in names
        ],
    }


@dataclass(frozen=True, slots=True)
class Versus:
    """One rate of a variant against the first one's. `left` and `width` place the interval, and `at` the
    difference, on a scale that is the same for all; in percent of its width."""

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
        words.percent(rate.of(base.figures)),
        words.percent(rate.of(group.figures)),
        "" if found is None else words.signed(100 * found.value, " points", 1),
        words.difference(_name(group), _name(base), found),
        found is not None and found.certain,
        place(low),
        round(place(high) - place(low), 2),
        place(at),
    )


def _name(group: Group) -> str:
    return group.variant or NONE
