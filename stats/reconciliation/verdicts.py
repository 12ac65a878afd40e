"""The totals of a comparison, and the verdict on it. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from stats.reconciliation.causes import CAUSE, Cause
from stats.reconciliation.columns import FIGURES
from stats.reconciliation.comparing import LABELS, VERDICTS, Cell, Row


class Split(NamedTuple):
    """How much of a difference has possible causes, has none, and is too early to tell."""

    explained: int
    unexplained: int
    early: int


def split(row: Row, cell: Cell) -> Split:
    apart, rest = abs(cell.difference), abs(cell.unexplained)
    return Split(0, 0, apart) if row.early else Split(apart - rest, rest, 0)


@dataclass(slots=True)
class Total:
    """A figure over all rows. The differences are summed by their size, so that two do not cancel out.
    `explained` of them have possible causes, `early` are too early to tell."""

    figure: str
    ours: int = 0
    theirs: int | None = None
    apart: int = 0
    explained: int = 0
    early: int = 0

    @property
    def label(self) -> str:
        return LABELS[self.figure]

    @property
    def difference(self) -> int:
        return 0 if self.theirs is None else self.ours - self.theirs

    @property
    def unexplained(self) -> int:
        return self.apart - self.explained - self.early


@dataclass(frozen=True, slots=True)
class Verdict:
    """Over all compared figures: possible causes explain `explained` of the `differences` completely, and
    `early` are too early to tell."""

    compared: int
    differences: int
    explained: int
    early: int
    totals: tuple[Total, ...]
    causes: tuple[tuple[Cause, int], ...]
    looked: bool = True

    @property
    def unexplained(self) -> int:
        return self.differences - self.explained - self.early

    @property
    def state(self) -> str:
        """One of VERDICTS. “Too early to tell” is the verdict only where nothing else differs."""
        if not self.compared:
            return "nothing"
        if not self.differences:
            return "agrees"
        if self.differences == self.early:
            return "early"
        if not self.looked:
            return "open"
        return "unexplained" if self.unexplained else "causes"

    @property
    def words(self) -> str:
        label = VERDICTS[self.state]
        if self.state == "nothing":
            return f"{label}."
        if self.state == "agrees":
            return f"{label}: all {self.compared:,} figures are the same on both sides."
        told = f"{self.differences:,} of {self.compared:,} figures differ{'s' * (self.differences == 1)}"
        parts = (
            (self.explained, "with possible causes"),
            (self.unexplained, "unexplained"),
            (self.early, "too early to tell"),
        )
        shown = [f"{count:,} {words}" for count, words in parts if count]
        split = f" ({', '.join(shown)})" if len(shown) > 1 and self.looked else ""
        return f"{label}: {told}{split}."


def verdict(rows: Iterable[Row], looked: bool = True) -> Verdict:
    totals = {figure: Total(figure) for figure in FIGURES}
    causes: Counter[str] = Counter()
    compared = differences = whole = early = 0
    uncompared: Counter[str] = Counter()
    for row in rows:
        for cell in row.cells:
            total = totals[cell.figure]
            if cell.theirs is None:
                uncompared[cell.figure] += cell.ours
                continue
            compared += 1
            total.ours += cell.ours
            total.theirs = (total.theirs or 0) + cell.theirs
            if not cell.difference:
                continue
            differences += 1
            total.apart += abs(cell.difference)
            part = split(row, cell)
            early += row.early
            whole += not row.early and not part.unexplained
            total.explained += part.explained
            total.early += part.early
            for each in cell.explained:
                causes[each.cause.name] += abs(each.explains)
    for figure, total in totals.items():
        if total.theirs is None:
            total.ours = uncompared[figure]
    ordered = tuple((CAUSE[name], count) for name, count in causes.most_common())
    return Verdict(compared, differences, whole, early, tuple(totals.values()), ordered, looked)
