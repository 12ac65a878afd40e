"""The tables of the stats on pages: headings that sort, and cells that lead to what they count."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import TypeVar

from campaigns.counting.buckets import BOUNDS, Timing
from providers.connectors import CONNECTORS
from providers.features import Feature
from stats.pages import links
from stats.pages.links import Files
from stats.query import breakdowns, figures, series
from stats.query.breakdowns import Dimension, Group
from stats.query.details import ErrorCount, UrlCount
from stats.query.figures import LABELS, NAMES, Change, Figures
from stats.query.filters import Filters
from stats.query.messages_behind import ALL, Only
from stats.tables import contents, formatting
from stats.tables.contents import Column, Row, Table

# Rows of a trend's table. For earlier ones there are shorter ranges and files.
TREND_ROWS = 400
# What pages clicked can be sorted by. None is in `error_tables.ORDERS`, so an address sorts only one table.
URL_ORDERS = ("url", "total", "unique")
Counted = TypeVar("Counted", ErrorCount, UrlCount)
_NUMBERS = ("count", "rate", "seconds")


FITTING = 12  # columns, at 1440 pixels
# Columns of a wide table that are hidden at first: counts that its rates show, and when something began.
ASIDE = {
    "submitted", "sent", "viewed", "clicked_total", "clicked_unique", "replied", "control_group", "refused",
    "not_sent", "undelivered", "first_seen_at",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Head:
    """A column's heading. `sorted` is as ARIA calls it, `url` sorts by it. `aside` is a column that is not
    shown until somebody chooses it."""

    label: str
    title: str = ""
    number: bool = False
    url: str = ""
    sorted: str = ""
    name: str = ""
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """`note` is a second line: what it was before, or more about it."""

    text: str
    url: str = ""
    note: str = ""
    title: str = ""
    number: bool = False
    nested: bool = False  # a part of the row above


Cells = Mapping[str, Cell]  # of a row, by the name of their column


@dataclass(frozen=True, slots=True)
class HtmlTable:
    """`empty` is the text for a table without rows. `key` is its id in the page."""

    key: str
    heads: Sequence[Head]
    rows: Sequence[Sequence[Cell]]
    empty: str
    files: Files | None = None
    note: str = ""

    @property
    def wide(self) -> bool:
        """Whether there is more than fits, so that people choose."""
        return len(self.heads) > FITTING


@dataclass(frozen=True, slots=True)
class Sorting:
    """How a list is sorted, and the URLs that sort it in another way; `anchor` is its place in the page. It
    can be sorted by the columns in `names`, or by every column where `names` is empty."""

    order: str = ""
    page: str = ""
    filters: Filters | None = None
    more: Mapping[str, str] = field(default_factory=dict)
    anchor: str = ""
    names: Sequence[str] = ()

    def of_table(self, names: Sequence[str], usual: str, anchor: str) -> "Sorting":
        """For one table of several on a page: `usual` unless one of its own columns is asked for."""
        order = self.order if self.order.removeprefix("-") in names else usual
        return replace(self, order=order, anchor=anchor, names=names)

    def rows(self, found: Sequence[Counted]) -> list[Counted]:
        """Sorts the rows. Equal rows stay in their order, the most frequent first."""
        return sorted(found, key=attrgetter(self.order.removeprefix("-")), reverse=self.order.startswith("-"))

    def head(self, column: Column) -> Head:
        number = column.kind in _NUMBERS
        plain = Head(column.label, column.text, number, name=column.name, aside=column.name in ASIDE)
        if not self.page or (self.names and column.name not in self.names):
            return plain
        current = self.order.removeprefix("-") == column.name
        falling = self.order.startswith("-") if current else not number
        order = column.name if falling else f"-{column.name}"
        how = ("descending" if falling else "ascending") if current else ""
        url = links.page(self.page, self.filters, order=order, **self.more)
        place = f"#{self.anchor}" if self.anchor else ""
        return replace(plain, url=url + place, sorted=how)


UNSORTED = Sorting()


def render(
    table: Table,
    rows: Iterable[Cells],
    names: Sequence[str] = (),
    *,
    sorting: Sorting = UNSORTED,
    empty: str,
    files: Files | None = None,
    note: str = "",
    labels: Mapping[str, str] | None = None,
) -> HtmlTable:
    """The table with the named columns, in this order; with all where none is named. `rows` are the cells.
    `labels` has the heading of each column that holds more here than in other tables."""
    columns = {column.name: column for column in table.columns}
    for name, label in (labels or {}).items():
        columns[name] = replace(columns[name], label=label)
    shown = [columns[name] for name in names or columns]
    return HtmlTable(
        table.name,
        [sorting.head(column) for column in shown],
        [[cells[column.name] for column in shown] for cells in rows],
        empty,
        files,
        note,
    )


def number(value: float | None, url: str = "", note: str = "", title: str = "") -> Cell:
    return Cell(formatting.count(value), url if value else "", note, title, number=True)


def changed(now: float, before: float | None, url: str) -> Cell:
    """A count, and its change since the range before."""
    change = Change(now, before)
    return number(now, url, note=formatting.change(change), title=formatting.before(change))


# Figures


def groups(
    dimension: Dimension,
    found: Sequence[Group],
    before: Mapping[breakdowns.Key, Figures] | None,
    filters: Filters,
    sorting: Sorting = UNSORTED,
    *,
    files: Files | None = None,
    empty: str = "Nothing was counted in this range.",
) -> HtmlTable:
    """Figures by campaign, template, provider or variant, each beside its range before."""
    table = contents.groups(dimension, found)
    rows = []
    for group, row in zip(found, table.rows, strict=True):
        own = links.within(filters, dimension, group)
        was = None if before is None else before.get(breakdowns.key(group, dimension), Figures())
        cells = _figures(group.figures, was, own) | _untold(group)
        rows.append(about(row, dimension, own) | cells)
    return render(table, rows, sorting=sorting, empty=empty, files=files)


def about(row: Row, dimension: Dimension, own: Filters) -> dict[str, Cell]:
    """The name of the group, with a link to its page. A variant links to its campaign."""
    page = links.page("campaign" if dimension == "variant" else dimension, own)
    cells: dict[str, Cell] = {dimension: Cell(row[dimension], page)}
    if dimension == "campaign":
        cells["campaign_name"] = Cell(row["campaign_name"] or formatting.NOTHING, page)
        for name in {"first_seen_at", "last_seen_at"} & row.keys():
            cells[name] = Cell(formatting.clock(row[name], own))
    if dimension in ("campaign", "template"):
        alone = {"campaign": "", "template": "", "variant": ""}
        cells["provider"] = Cell(row["provider"], links.page("provider", own, **alone))
    return cells


# The reports behind a figure, which a BSP may send or not.
_REPORTED = {
    "sent": Feature.SENT,
    "delivered": Feature.DELIVERED,
    "delivery_rate": Feature.DELIVERED,
    "viewed": Feature.READ,
    "view_rate": Feature.READ,
    "undelivered": Feature.FAILED,
}


def _untold(group: Group) -> dict[str, Cell]:
    """A dash, and not 0, for what the provider's BSP cannot report."""
    connector = CONNECTORS.get(group.connector)
    if connector is None:
        return {}
    return {
        name: Cell(formatting.NOTHING, title=f"{connector.label} does not report it.", number=True)
        for name, feature in _REPORTED.items()
        if feature in connector.lacks and not getattr(group.figures, name, 0)
    }


def _figures(now: Figures, before: Figures | None, filters: Filters) -> dict[str, Cell]:
    """Every figure and rate, each with its change."""
    lead, changes = links.messages_behind_in(filters), figures.changes(now, before or Figures())
    cells = {}
    for name in (*NAMES, *figures.RATE):
        rate, change = name in figures.RATE, changes[name]
        moved = "" if before is None else formatting.change(change, rate=rate)
        was = "" if before is None else formatting.before(change, rate=rate)
        text = formatting.percent(change.now) if rate else formatting.count(change.now)
        url = lead(name) if change.now else ""
        cells[name] = Cell(text, url, moved if was else "", was, number=True)
    return cells


# Clicks, times


def urls(
    found: Sequence[UrlCount],
    before: Sequence[UrlCount] | None,
    filters: Filters,
    files: Files | None,
    sorting: Sorting,
) -> HtmlTable:
    """Clicks by page."""
    sorting = sorting.of_table(URL_ORDERS, "-total", "urls-title")
    found = sorting.rows(found)
    table = contents.urls(found)
    was = {each.url: each for each in before or ()}
    rows = []
    for each, row in zip(found, table.rows, strict=True):
        old = was.get(each.url, UrlCount(each.url, 0, 0))
        note = "Rare pages, counted together. Open Clicks above to see all." if each.other else ""
        cells = {"url": Cell(row["url"], note=note)}
        for name, figure in (("total", "clicked_total"), ("unique", "clicked_unique")):
            url = "" if each.other else links.messages_behind(filters, figure, Only(url=each.url))
            cells[name] = changed(row[name], None if before is None else getattr(old, name), url)
        rows.append(cells)
    empty = "No tracked link was clicked in this range."
    return render(table, rows, sorting=sorting, empty=empty, files=files)


def times(
    found: Mapping[str, Timing], before: Mapping[str, Timing] | None, filters: Filters, files: Files | None
) -> HtmlTable:
    """From accepted to sent, delivered and viewed."""
    table = contents.times(found)
    rows = []
    for row in table.rows:
        name = row["until"]
        cells = {
            "until": Cell(LABELS[name]),
            "count": number(row["count"], links.messages_behind(filters, name)),
        }
        for share in ("p50", "p95"):
            old = getattr(before[name], share) if before else None
            note = "" if old is None else f"was {formatting.took(old)}"
            url = "" if row[share] is None else _slower(filters, name, row[share])
            cells[share] = Cell(formatting.took(row[share]), url, note=note, number=True)
        rows.append(cells)
    shown = rows if any(timing.count for timing in found.values()) else []
    return render(table, shown, empty="No report came in this range.", files=files)


def _slower(filters: Filters, name: str, seconds: float) -> str:
    """The messages that took as long as that, or longer: from the bound before it, as times are counted."""
    bound = max((each for each in BOUNDS if each <= seconds), default=0)
    return links.messages_behind(filters, name, Only(took=bound))


# The trend


def trend(
    points: Sequence[series.Point],
    names: Iterable[str],
    filters: Filters,
    files: Files | None,
    only: Only = ALL,
) -> HtmlTable:
    """The figures of the chart as a table, newest first, without the steps in which nothing happened."""
    names, last = list(names), points[-1] if points else None
    full = [point for point in reversed(points) if any(getattr(point.figures, name) for name in names)]
    table = contents.trend(full[:TREND_ROWS])
    rows = []
    for point, row in zip(full, table.rows, strict=False):
        start = max(point.start, filters.start or point.start)
        # Where a BSP's clock is ahead of ours, the last step has what happens after it.
        end = filters.end if point is last else point.end
        lead = links.messages_behind_in(filters.between(start, end), only)
        cells = {name: number(row[name], lead(name)) for name in names}
        rows.append(cells | {"start": Cell(formatting.clock(row["start"], filters))})
    note = "Steps in which nothing happened are left out."
    if len(full) > TREND_ROWS:
        note += (
            f" These are the newest {TREND_ROWS} of {len(full):,}; a shorter range or a file shows the rest."
        )
    empty = "Nothing was counted in this range."
    return render(table, rows, ("start", *names), empty=empty, files=files, note=note if rows else "")
