"""CleverTap's figures and ours for every day and campaign, the differences, and possible causes. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from stats.reconciliation.causes import Explained, explain
from stats.reconciliation.columns import FIGURES
from stats.reconciliation.our_figures import Key, Ours

LABELS = {"sent": "Sent", "delivered": "Delivered", "viewed": "Viewed", "errors": "Errors"}

# The verdicts of a comparison. Pages, files, the command and JSON all use these words.
VERDICTS = {
    "agrees": "Agrees",
    "causes": "Differs, with possible causes",
    "unexplained": "Differs, unexplained",
    "early": "Too early to tell",
    "open": "Differs, causes not looked for",
    "nothing": "Nothing to compare",
}

# How often each cause happened, by figure and cause, for a campaign of a provider on a day.
Facts = Mapping[Key, Mapping[str, Mapping[str, int]]]


class Theirs(NamedTuple):
    """A line of the report. Without a `provider_id` it is about all providers together."""

    day: date
    campaign: str
    provider_id: int | None = None
    title: str = ""
    named: bool = False
    figures: Mapping[str, int | None] = {}
    internal: int = 0
    report: int = 0


class Cell(NamedTuple):
    """One figure on both sides; `theirs` is None where the report does not have it. `explained` are its
    possible causes, each with how much of the difference it can account for."""

    figure: str
    ours: int
    theirs: int | None
    difference: int
    explained: tuple[Explained, ...] = ()

    @classmethod
    def of(cls, figure: str, ours: int, theirs: int | None) -> "Cell":
        return cls(figure, ours, theirs, 0 if theirs is None else ours - theirs)

    @property
    def label(self) -> str:
        return LABELS[self.figure]

    @property
    def unexplained(self) -> int:
        return self.difference - sum(each.explains for each in self.explained)


class Row(NamedTuple):
    """A campaign on a day, with the keys of ours that it sums up.

    `missing`: the report does not have it. `unseen`: no campaign here has its name. `early`: the report was
    exported when CleverTap may not have had all of the day.
    """

    day: date
    campaign: str
    provider_id: int | None
    title: str
    ours: Ours
    cells: tuple[Cell, ...]
    agrees: bool
    keys: tuple[Key, ...] = ()
    missing: bool = False
    unseen: bool = False
    internal: int = 0
    report: int = 0
    early: bool = False

    @property
    def differing(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.difference]

    @property
    def state(self) -> str:
        """One of VERDICTS. Where causes were not looked for, every difference is unexplained."""
        if self.agrees:
            return "agrees"
        if self.early:
            return "early"
        return "unexplained" if any(cell.unexplained for cell in self.cells) else "causes"

    @property
    def verdict(self) -> str:
        return VERDICTS[self.state]

    @property
    def broadcast(self) -> bool:
        """Whether all of it is a broadcast that was not reported to CleverTap, so that the report is
        right."""
        causes = {each.cause.name for cell in self.cells for each in cell.explained}
        return self.missing and causes == {"broadcast"} and not any(cell.unexplained for cell in self.cells)


def compare(
    theirs: Sequence[Theirs],
    ours: Mapping[Key, Ours],
    *,
    named: Mapping[str, str],
    seen: Mapping[str, Collection[int]],
    expected: Callable[[Key], int | None],
    early: Collection[tuple[int, date]] = (),
) -> list[Row]:
    """A row for each line of the reports, and for each campaign of ours that a report should have had:
    `expected` tells which report. `named` are campaign ids by lower-case name, `seen` the providers that
    sent for a campaign, `early` the days of reports that are too early to tell."""
    left: defaultdict[tuple[date, str], dict[Key, Ours]] = defaultdict(dict)
    for key, figures in ours.items():
        left[key.day, key.campaign][key] = figures
    rows = []
    taken: set[Key] = set()
    # Lines of one provider come first. A line about all providers has what these leave.
    for line in sorted(theirs, key=lambda line: line.provider_id is None):
        code = named.get(line.campaign.lower(), "") if line.named else line.campaign
        group = left.get((line.day, code), {})
        providers = seen.get(code, ()) if line.provider_id is None else (line.provider_id,)
        keys = {Key(line.day, provider, code) for provider in providers} - taken
        if line.provider_id is None:
            keys |= group.keys()
        taken |= keys
        sums = Ours.total([group.pop(key) for key in sorted(keys & group.keys())])
        cells = tuple([Cell.of(figure, sums.of(figure), line.figures.get(figure)) for figure in FIGURES])
        rows.append(
            Row(
                line.day, code or line.campaign, line.provider_id, line.title, sums, cells, _agree(cells),
                tuple(sorted(keys)), unseen=not code, internal=line.internal, report=line.report,
                early=(line.report, line.day) in early,
            )
        )  # fmt: skip
    told = {figure for line in theirs for figure, count in line.figures.items() if count is not None}
    for group in left.values():
        for key, sums in group.items():
            report = expected(key)
            if report is None:
                continue
            cells = tuple(
                Cell.of(figure, sums.of(figure), 0 if figure in told else None) for figure in FIGURES
            )
            rows.append(
                Row(
                    key.day, key.campaign, key.provider_id, "", sums, cells, _agree(cells), (key,),
                    missing=True, report=report, early=(report, key.day) in early,
                )
            )  # fmt: skip
    return rows


def _agree(cells: Iterable[Cell]) -> bool:
    return not any(cell.difference for cell in cells)


def with_causes(rows: Iterable[Row], facts: Facts) -> list[Row]:
    """The rows with the possible causes of each difference, as far as the facts go."""
    return [row if row.agrees else row._replace(cells=_explained(row, facts)) for row in rows]


def _explained(row: Row, facts: Facts) -> tuple[Cell, ...]:
    counted = [facts[key] for key in row.keys if key in facts]
    if not counted and not row.internal and not row.ours.refused:
        return row.cells
    cells = []
    for cell in row.cells:
        if not cell.difference:
            cells.append(cell)
            continue
        counts: Counter[str] = Counter()
        for by_figure in counted:
            counts.update(by_figure.get(cell.figure, {}))
        if cell.figure == "errors":
            counts["internal"] += row.internal
            counts["refusals"] += row.ours.refused
        found, _ = explain(cell.figure, cell.difference, counts)
        cells.append(cell._replace(explained=found))
    return tuple(cells)
