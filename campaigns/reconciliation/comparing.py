"""Both sides of every day and campaign, their differences, and the verdict over all of them. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from campaigns.reconciliation.causes import CAUSE, Cause, Explained, explain
from campaigns.reconciliation.columns import FIGURES
from campaigns.reconciliation.ours import Key, Ours

LABELS = {"sent": "Sent", "delivered": "Delivered", "viewed": "Viewed", "errors": "Errors"}

# How often each cause happened, by figure and cause, for a campaign of a provider on a day.
Facts = Mapping[Key, Mapping[str, Mapping[str, int]]]


@dataclass(frozen=True, slots=True)
class Theirs:
    """A line of the report. Without a `provider_id` it is about all providers together."""

    day: date
    campaign: str
    provider_id: int | None = None
    title: str = ""
    named: bool = False
    figures: Mapping[str, int | None] = field(default_factory=dict)
    internal: int = 0
    report: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """One figure on both sides; `theirs` is None where the report does not have it."""

    figure: str
    ours: int
    theirs: int | None
    explained: tuple[Explained, ...] = ()
    unexplained: int = 0

    @property
    def label(self) -> str:
        return LABELS[self.figure]

    @property
    def difference(self) -> int:
        return 0 if self.theirs is None else self.ours - self.theirs


@dataclass(frozen=True, slots=True)
class Row:
    """A campaign on a day, with the keys of ours that it sums up.

    `missing`: the report does not have it. `unseen`: it goes by a name that no campaign here has.
    """

    day: date
    campaign: str
    provider_id: int | None
    title: str
    ours: Ours
    cells: tuple[Cell, ...]
    keys: tuple[Key, ...] = ()
    missing: bool = False
    unseen: bool = False
    internal: int = 0
    report: int = 0

    @property
    def agrees(self) -> bool:
        return not any(cell.difference for cell in self.cells)

    @property
    def differing(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.difference]

    @property
    def own(self) -> bool:
        """Whether it is a campaign of Waypost's own and nothing else: the report lacks it rightly."""
        causes = {each.cause.name for cell in self.cells for each in cell.explained}
        return self.missing and causes == {"own"} and not any(cell.unexplained for cell in self.cells)


def compare(
    theirs: Sequence[Theirs],
    ours: Mapping[Key, Ours],
    *,
    named: Mapping[str, str],
    seen: Mapping[str, Collection[int]],
    expected: Callable[[Key], int | None],
) -> list[Row]:
    """A row for each line, the newest day first, and for each campaign of ours that a report should have
    had: `expected` tells which one. `named` are campaign ids by lower-case name, `seen` the providers that
    sent for a campaign."""
    left: defaultdict[tuple[date, str], dict[Key, Ours]] = defaultdict(dict)
    for key, figures in ours.items():
        left[key.day, key.campaign][key] = figures
    rows = []
    taken: set[Key] = set()
    # Lines of one provider first: those of all providers have what is left.
    for line in sorted(theirs, key=lambda line: line.provider_id is None):
        code = named.get(line.campaign.lower(), "") if line.named else line.campaign
        group = left[line.day, code]
        providers = seen.get(code, ()) if line.provider_id is None else (line.provider_id,)
        keys = {Key(line.day, provider, code) for provider in providers} - taken
        if line.provider_id is None:
            keys |= group.keys()
        taken |= keys
        sums = Ours.total(group.pop(key) for key in sorted(keys & group.keys()))
        cells = tuple(Cell(figure, sums.of(figure), line.figures.get(figure)) for figure in FIGURES)
        rows.append(
            Row(
                line.day, code or line.campaign, line.provider_id, line.title, sums, cells,
                tuple(sorted(keys)), unseen=not code, internal=line.internal, report=line.report,
            )
        )  # fmt: skip
    told = {figure for line in theirs for figure in FIGURES if line.figures.get(figure) is not None}
    for group in left.values():
        for key, sums in group.items():
            report = expected(key)
            if report is None:
                continue
            cells = tuple(Cell(figure, sums.of(figure), 0 if figure in told else None) for figure in FIGURES)
            rows.append(
                Row(
                    key.day,
                    key.campaign,
                    key.provider_id,
                    "",
                    sums,
                    cells,
                    (key,),
                    missing=True,
                    report=report,
                )
            )
    return sorted(rows, key=lambda row: (-row.day.toordinal(), row.campaign, row.provider_id or 0))


def with_causes(rows: Iterable[Row], facts: Facts) -> list[Row]:
    """The rows with each difference explained as far as the facts go."""
    return [row if row.agrees else replace(row, cells=_explained(row, facts)) for row in rows]


def _explained(row: Row, facts: Facts) -> tuple[Cell, ...]:
    cells = []
    for cell in row.cells:
        if not cell.difference:
            cells.append(cell)
            continue
        counts: Counter[str] = Counter()
        for key in row.keys:
            counts.update(facts.get(key, {}).get(cell.figure, {}))
        if cell.figure == "errors":
            counts["internal"] += row.internal
            counts["refusals"] += row.ours.refused
        found, rest = explain(cell.figure, cell.difference, counts)
        cells.append(replace(cell, explained=found, unexplained=rest))
    return tuple(cells)


@dataclass(frozen=True, slots=True)
class Total:
    """A figure over all rows. The differences are summed by their size, so that two do not cancel out."""

    figure: str
    ours: int
    theirs: int | None
    apart: int
    explained: int

    @property
    def label(self) -> str:
        return LABELS[self.figure]

    @property
    def difference(self) -> int:
        return 0 if self.theirs is None else self.ours - self.theirs

    @property
    def unexplained(self) -> int:
        return self.apart - self.explained


@dataclass(frozen=True, slots=True)
class Verdict:
    """Over all compared figures: `differences` of them differ, `explained` of these are explained whole."""

    compared: int
    differences: int
    explained: int
    totals: tuple[Total, ...]
    causes: tuple[tuple[Cause, int], ...]
    looked: bool = True

    @property
    def unexplained(self) -> int:
        return self.differences - self.explained

    @property
    def state(self) -> str:
        """nothing, agrees, explained or differs; open where the causes were not looked for."""
        if not self.compared:
            return "nothing"
        if not self.differences:
            return "agrees"
        if not self.looked:
            return "open"
        return "differs" if self.unexplained else "explained"

    @property
    def words(self) -> str:
        if self.state == "nothing":
            return "There is nothing to compare."
        if self.state == "agrees":
            return f"Agrees: all {self.compared:,} figures are the same on both sides."
        plural = "s" if self.differences > 1 else ""
        told = f"{self.differences:,} difference{plural} in {self.compared:,} figures"
        if self.state == "open":
            return f"{told}, not explained yet."
        told += f", {self.explained:,} explained"
        if self.state == "explained":
            return f"Agrees within {told}."
        return f"Does not agree: {told}, {self.unexplained:,} not."


def verdict(rows: Sequence[Row], looked: bool = True) -> Verdict:
    cells = [cell for row in rows for cell in row.cells if cell.theirs is not None]
    differing = [cell for cell in cells if cell.difference]
    causes: Counter[str] = Counter()
    for cell in differing:
        for each in cell.explained:
            causes[each.cause.name] += abs(each.explains)
    totals = tuple(
        _total(figure, [cell for cell in cells if cell.figure == figure], rows) for figure in FIGURES
    )
    whole = sum(1 for cell in differing if not cell.unexplained)
    ordered = tuple((CAUSE[name], count) for name, count in causes.most_common())
    return Verdict(len(cells), len(differing), whole, totals, ordered, looked)


def _total(figure: str, cells: Sequence[Cell], rows: Sequence[Row]) -> Total:
    if not cells:
        ours = sum(cell.ours for row in rows for cell in row.cells if cell.figure == figure)
        return Total(figure, ours, None, 0, 0)
    apart = sum(abs(cell.difference) for cell in cells)
    return Total(
        figure,
        sum(cell.ours for cell in cells),
        sum(cell.theirs or 0 for cell in cells),
        apart,
        apart - sum(abs(cell.unexplained) for cell in cells),
    )
