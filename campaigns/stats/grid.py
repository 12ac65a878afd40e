"""The tables of the pages: headings that sort, and cells that lead to what they count."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import TypeVar

from campaigns.stats import figures, links, queries, series, words
from campaigns.stats.errors import advice
from campaigns.stats.figures import DEFINITIONS, NAMES, RATES, Change, Figures
from campaigns.stats.filters import NONE, Filters
from campaigns.stats.links import Files
from campaigns.stats.queries import Dimension, ErrorCount, Group, UrlCount
from campaigns.stats.timing import Timing

LABEL = {each.name: each.label for each in (*DEFINITIONS, *RATES)}
TEXT = {each.name: each.text for each in (*DEFINITIONS, *RATES)}
KIND = {"refused": "Refused", "not_sent": "Not sent", "undelivered": "Undelivered"}
# Rows of a trend's table; what is earlier is for a shorter range or a file.
TREND_ROWS = 400
# What errors and pages clicked are sorted by. No name is in both: an address sorts one of the two.
ERROR_ORDERS = ("kind", "code", "count")
URL_ORDERS = ("url", "total", "unique")
Counted = TypeVar("Counted", ErrorCount, UrlCount)


@dataclass(frozen=True, slots=True)
class Head:
    """A column's heading. `sorted` is as ARIA calls it, `url` sorts by it."""

    label: str
    title: str = ""
    number: bool = False
    url: str = ""
    sorted: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """`note` is a second line: what it was before, or more about it."""

    text: str
    url: str = ""
    note: str = ""
    title: str = ""
    number: bool = False


@dataclass(frozen=True, slots=True)
class Grid:
    """`empty` is said instead of no rows. `key` names it in the page."""

    key: str
    heads: Sequence[Head]
    rows: Sequence[Sequence[Cell]]
    empty: str
    files: Files | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Sorting:
    """How a list is sorted, and the address that sorts it otherwise: at `anchor` in the page."""

    order: str = ""
    page: str = ""
    filters: Filters | None = None
    more: Mapping[str, str] = field(default_factory=dict)
    anchor: str = ""

    def of_table(self, names: Sequence[str], usual: str, anchor: str) -> "Sorting":
        """For one table of several on a page: `usual` unless one of its own columns is asked for."""
        order = self.order if self.order.removeprefix("-") in names else usual
        return replace(self, order=order, anchor=anchor)

    def rows(self, found: Sequence[Counted]) -> list[Counted]:
        """Sorted; those that are alike stay as they were, the most frequent first."""
        return sorted(found, key=attrgetter(self.order.removeprefix("-")), reverse=self.order.startswith("-"))

    def head(self, name: str, label: str, title: str = "", number: bool = False) -> Head:
        if not self.page:
            return Head(label, title, number)
        current = self.order.removeprefix("-") == name
        falling = self.order.startswith("-") if current else not number
        order = name if falling else f"-{name}"
        how = ("descending" if falling else "ascending") if current else ""
        url = links.page(self.page, self.filters, order=order, **self.more)
        return Head(label, title, number, url + (f"#{self.anchor}" if self.anchor else ""), how)


def number(value: float | None, url: str = "", **more: str) -> Cell:
    return Cell(words.count(value), url if value else "", number=True, **more)


def figure_cells(now: Figures, before: Figures | None, filters: Filters) -> list[Cell]:
    """Every figure and rate, each with its change."""
    lead, changes = links.behind_in(filters), figures.changes(now, before or Figures())
    cells = []
    for name in (*NAMES, *figures.RATE):
        rate, change = name in figures.RATE, changes[name]
        moved = "" if before is None else words.change(change, rate=rate)
        was = "" if before is None else words.before(change, rate=rate)
        text = words.percent(change.now) if rate else words.count(change.now)
        cells.append(Cell(text, lead(name) if change.now else "", moved if was else "", was, number=True))
    return cells


def _figure_heads(sorting: Sorting) -> list[Head]:
    return [sorting.head(name, LABEL[name], TEXT[name], True) for name in (*NAMES, *figures.RATE)]


# Lists

_ABOUT: dict[Dimension, list[tuple[str, str]]] = {
    "campaign": [("campaign", "Campaign"), ("provider", "Provider"), ("first_seen_at", "First seen"),
                 ("last_seen_at", "Last seen")],
    "template": [("template", "Template"), ("provider", "Provider")],
    "provider": [("provider", "Provider")],
    "variant": [("variant", "Variant")],
}  # fmt: skip


def of_groups(
    dimension: Dimension,
    groups: Sequence[Group],
    before: Mapping[queries.Key, Figures] | None,
    filters: Filters,
    sorting: Sorting | None = None,
    *,
    files: Files | None = None,
    empty: str = "Nothing was counted in this range.",
) -> Grid:
    """Figures by campaign, template, provider or variant, each beside its range before."""
    sorting = sorting or Sorting()
    heads = [sorting.head(*each) for each in _ABOUT[dimension]]
    if dimension == "campaign":
        heads.insert(1, sorting.head("campaign_name", "Name"))
    rows = []
    for group in groups:
        own = links.within(filters, dimension, group)
        was = None if before is None else before.get(queries.key(group, dimension), Figures())
        rows.append([*_about(group, dimension, own), *figure_cells(group.figures, was, own)])
    return Grid(f"{dimension}s", [*heads, *_figure_heads(sorting)], rows, empty, files)


def _about(group: Group, dimension: Dimension, own: Filters) -> list[Cell]:
    name = getattr(group, dimension) or NONE
    if dimension == "variant":
        return [Cell(name, links.page("campaign", own))]
    cells = [Cell(name, links.page(dimension, own))]
    if dimension == "campaign":
        cells.append(Cell(group.campaign_name or words.NOTHING, links.page("campaign", own)))
    if dimension != "provider":
        alone = {"campaign": "", "template": "", "variant": ""}
        cells.append(Cell(group.provider, links.page("provider", own, **alone)))
    if dimension == "campaign":
        cells += [Cell(words.clock(at, own)) for at in (group.first_seen_at, group.last_seen_at)]
    return cells


# Errors, clicks, times


def of_errors(
    found: Sequence[ErrorCount], before: Sequence[ErrorCount] | None, filters: Filters, files: Files | None,
    sorting: Sorting,
) -> Grid:  # fmt: skip
    """Failures by kind and code, with what to do about them."""
    sorting = sorting.of_table(ERROR_ORDERS, "-count", "errors-title")
    total = sum(error.count for error in found)
    was = {(error.kind, error.code): error.count for error in before or ()}
    rows = []
    for error in sorting.rows(found):
        told = advice(error.code)
        change = Change(error.count, None if before is None else was.get((error.kind, error.code), 0))
        rows.append([
            Cell(KIND[error.kind], title=TEXT[error.kind]),
            Cell(str(error.code), note=told.title),
            number(error.count, links.behind(filters, error.kind, code=error.code),
                   note=words.change(change), title=words.before(change)),
            Cell(words.percent(error.count / total), number=True),
            Cell(told.meaning, note=told.advice),
        ])  # fmt: skip
    heads = [
        sorting.head("kind", "Kind"), sorting.head("code", "Code"),
        sorting.head("count", "Count", number=True), Head("Share of errors", number=True),
        Head("What it means, and what to do"),
    ]  # fmt: skip
    return Grid("errors", heads, rows, "Nothing failed in this range.", files)


def of_urls(
    found: Sequence[UrlCount], before: Sequence[UrlCount] | None, filters: Filters, files: Files | None,
    sorting: Sorting,
) -> Grid:  # fmt: skip
    """Clicks by page."""
    sorting = sorting.of_table(URL_ORDERS, "-total", "urls-title")
    was = {each.url: each for each in before or ()}
    rows = []
    for each in sorting.rows(found):
        old = was.get(each.url, UrlCount(each.url, 0, 0))
        cells = [
            Cell(
                each.url,
                note="Rare pages, counted together; open Clicks above for all." if each.other else "",
            )
        ]
        for figure, now, then in (
            ("clicked_total", each.total, old.total), ("clicked_unique", each.unique, old.unique)
        ):  # fmt: skip
            change = Change(now, None if before is None else then)
            url = "" if each.other else links.behind(filters, figure, url=each.url)
            cells.append(number(now, url, note=words.change(change), title=words.before(change)))
        rows.append(cells)
    heads = [
        sorting.head("url", "Page"),
        sorting.head("total", LABEL["clicked_total"], TEXT["clicked_total"], True),
        sorting.head("unique", LABEL["clicked_unique"], TEXT["clicked_unique"], True),
    ]
    return Grid("urls", heads, rows, "No tracked link was clicked in this range.", files)


def of_times(
    found: Mapping[str, Timing], before: Mapping[str, Timing] | None, filters: Filters, files: Files | None
) -> Grid:
    """From accepted to sent, delivered and viewed."""
    rows = []
    for name, timing in found.items():
        old = before[name] if before else None
        cells = [Cell(LABEL[name]), number(timing.count, links.behind(filters, name))]
        for now, then in (
            (timing.p50, old.p50 if old else None), (timing.p95, old.p95 if old else None)
        ):  # fmt: skip
            note = f"was {words.took(then)}" if then is not None else ""
            cells.append(Cell(words.took(now), note=note, number=True))
        rows.append(cells)
    heads = [
        Head("From accepted to"), Head("Messages", number=True),
        Head("Half (p50)", "Half of them took no longer than this.", True),
        Head("95 % (p95)", "Of twenty, nineteen took no longer than this.", True),
    ]  # fmt: skip
    shown = rows if any(timing.count for timing in found.values()) else []
    return Grid("times", heads, shown, "No report came in this range.", files)


# The trend


def of_trend(
    points: Sequence[series.Point], names: Iterable[str], filters: Filters, files: Files | None
) -> Grid:
    """What the chart draws, newest first, without the steps in which nothing happened."""
    names, last = list(names), points[-1] if points else None
    full = [point for point in reversed(points) if any(getattr(point.figures, name) for name in names)]
    rows = []
    for point in full[:TREND_ROWS]:
        start = max(point.start, filters.start or point.start)
        # What a BSP's fast clock dates ahead of ours is counted in the last step.
        end = filters.end if point is last else point.end
        lead = links.behind_in(filters.between(start, end))
        counts = [(name, getattr(point.figures, name)) for name in names]
        rows.append([
            Cell(words.clock(point.start, filters)),
            *(number(value, lead(name)) for name, value in counts),
        ])  # fmt: skip
    note = "Steps in which nothing happened are left out."
    if len(full) > TREND_ROWS:
        note += (
            f" These are the newest {TREND_ROWS} of {len(full):,}; a shorter range or a file shows the rest."
        )
    heads = [Head("From"), *(Head(LABEL[name], TEXT[name], True) for name in names)]
    return Grid("trend", heads, rows, "Nothing was counted in this range.", files, note if rows else "")
