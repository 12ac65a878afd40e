"""Rows of the comparison as the page shows them: words, and links to the messages behind our numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from campaigns.models import Forward, Status
from lib.admin import list_url
from stats.pages import links
from stats.query import count_sql
from stats.query.figures import LABELS
from stats.query.filters import NONE, Filters, Invalid
from stats.reconciliation import export_tables
from stats.reconciliation.causes import Cause
from stats.reconciliation.comparing import LABELS as CELLS
from stats.reconciliation.comparing import Cell, Row
from stats.reconciliation.matching import Result
from stats.reconciliation.our_figures import COLUMNS, ERRORS, Ours, midnight
from stats.reconciliation.verdicts import Split, Total, split

# What a difference is made of: Split's names, and the headings of the totals.
PARTS = dict(zip(Split._fields, ("With possible causes", "Unexplained", "Too early to tell"), strict=True))
_BEHIND = {"sent": "accepted", "delivered": "delivered", "viewed": "viewed"}


class Part(NamedTuple):
    """What some of the errors are."""

    label: str
    number: int
    url: str


class ShownCell(NamedTuple):
    """A figure with a link, and the parts that errors are made of."""

    cell: Cell
    url: str
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class ShownRow:
    row: Row
    name: str
    provider: str
    url: str
    cells: list[ShownCell]


class Lines:
    def __init__(
        self,
        filters: Filters,
        providers: Mapping[int, str],
        titles: Mapping[str, str],
        zones: Mapping[int, str],
    ) -> None:
        self.filters, self.providers, self.titles, self.zones = filters, providers, titles, zones

    def row(self, row: Row) -> ShownRow:
        about = self._about(row)
        cells = [
            ShownCell(cell, self._messages_behind(row, cell, about), self._parts(row, cell, about))
            for cell in row.cells
        ]
        name = self.titles.get(row.campaign) or row.title
        url = "" if row.unseen else links.page("campaign", about)
        return ShownRow(row, name, export_tables.provider(row, self.providers), url, cells)

    def _about(self, row: Row) -> Filters:
        """The filters that leave in what our side of the row counts."""
        zone = ZoneInfo(self.zones.get(row.report, self.filters.zone.key))
        start, end = midnight(row.day, zone), midnight(row.day + timedelta(days=1), zone)
        return replace(
            self.filters.between(start, end), zone=zone, campaign=row.campaign, variant="", template="",
            traffic="all", provider_id=row.provider_id, provider=self.providers.get(row.provider_id or 0, ""),
        )  # fmt: skip

    def _messages_behind(self, row: Row, cell: Cell, about: Filters) -> str:
        if row.unseen or not cell.ours:
            return ""
        return _list_of(cell.figure, about)

    def _parts(self, row: Row, cell: Cell, about: Filters) -> list[Part]:
        if cell.figure != "errors":
            return []
        counts = ((name, getattr(row.ours, name)) for name in ERRORS)
        return [
            Part(LABELS[name].lower(), count, links.messages_behind(about, name))
            for name, count in counts
            if count
        ]


class ShownTotal(NamedTuple):
    """A total, where our number leads, and where the difference does. `parts` are what the difference is made
    of, each with the rows that have it."""

    total: Total
    url: str
    rows: str
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Only:
    """The rows that have a part of a figure's difference: those that a total counts."""

    figure: str
    part: str

    @classmethod
    def read(cls, text: str) -> "Only | None":
        """As a URL has it. Raises Invalid."""
        figure, _, part = text.partition("-")
        if not text:
            return None
        if figure not in CELLS or part not in PARTS:
            raise Invalid({"only": "Expected a link of the totals. Take the filter away."})
        return cls(figure, part)

    @property
    def words(self) -> str:
        return f"{CELLS[self.figure]}, {PARTS[self.part].lower()}"

    def has(self, row: Row) -> bool:
        return any(getattr(split(row, cell), self.part) for cell in row.cells if cell.figure == self.figure)


def parts(total: Total, filters: Filters, more: Mapping[str, str]) -> list[Part]:
    return [
        Part(
            label,
            getattr(total, name),
            f"?{filters.query(**more, only=f'{total.figure}-{name}')}#differing",
        )
        for name, label in PARTS.items()
    ]


def totals(
    filters: Filters, result: Result, zones: Mapping[int, str], more: Mapping[str, str]
) -> list[ShownTotal]:
    """Our numbers lead to their messages where the list has just as many. It has more where a campaign has no
    line, and less where reports count their days by several zones: then the rows have the messages."""
    rows = "#agreeing-rows" if all(row.agrees for row in result.rows) else "#differing"
    keys = {zones.get(row.report, filters.zone.key) for row in result.rows}
    if len(keys) != 1:
        return [ShownTotal(total, rows, rows, parts(total, filters, more)) for total in result.verdict.totals]
    zone, days = ZoneInfo(keys.pop()), [row.day for row in result.rows]
    between = filters.between(midnight(min(days), zone), midnight(max(days) + timedelta(days=1), zone))
    about = replace(between, zone=zone, traffic="campaigns")
    ((*sums,),) = count_sql.figures(about, columns=COLUMNS)
    counted = Ours(*(each or 0 for each in sums))
    return [
        ShownTotal(
            total,
            _list_of(total.figure, about) if exact else rows,
            rows,
            parts(total, filters, more),
        )
        for total in result.verdict.totals
        for exact in [counted.of(total.figure) == total.ours]
    ]


def _list_of(figure: str, about: Filters) -> str:
    return (
        links.page("errors", about) if figure == "errors" else links.messages_behind(about, _BEHIND[figure])
    )


_WHERE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "no_url": ("Providers", "providers_provider", {}),
    "refused_report": ("Parked reports", "campaigns_event", {"forward": Forward.PARKED.value}),
    "given_up": ("Parked reports", "campaigns_event", {"forward": Forward.PARKED.value}),
    "waiting": ("Reports waiting", "campaigns_event", {"forward": Forward.PENDING.value}),
    "refusals": ("Refused requests", "campaigns_refusal", {}),
    "unknown": ("Unknown messages", "campaigns_message", {"status": Status.UNKNOWN.value}),
    "tests": ("Test messages", "campaigns_message", {"test": "yes"}),
    "broadcast": ("Broadcasts", "broadcasts_broadcast", {}),
}


def where(cause: Cause) -> tuple[str, str] | None:
    """The link, with its words, to the page that shows more about a cause."""
    if cause.name not in _WHERE:
        return None
    words, name, filters = _WHERE[cause.name]
    return words, list_url(name, **filters)


def left(filters: Filters) -> dict[str, str]:
    """The links to what is not compared."""
    return {
        "conversations": links.messages_behind(
            replace(filters, traffic="conversations", campaign=""), "accepted"
        ),
        "nameless": links.messages_behind(replace(filters, campaign=NONE), "accepted"),
        "broadcasts": list_url("broadcasts_broadcast"),
        "tests": list_url("campaigns_message", test="yes"),
    }
