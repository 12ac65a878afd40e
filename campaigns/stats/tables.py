"""Every table of the stats as columns and rows: the same for pages, the JSON API, CSV and XLSX."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from campaigns.models import Status
from campaigns.stats import behind, figures, queries, series, words
from campaigns.stats.errors import advice
from campaigns.stats.figures import DEFINITIONS, LABELS, RATES, Figures
from campaigns.stats.filters import NONE, Filters
from campaigns.stats.queries import Dimension, Group
from lib import sheets
from lib.shown import Eyes

Kind = Literal["text", "count", "rate", "seconds", "time"]


@dataclass(frozen=True, slots=True)
class Column:
    """`name` is what JSON calls it, `label` what people read."""

    name: str
    label: str
    kind: Kind = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows are made while they are read, once."""

    name: str
    columns: tuple[Column, ...]
    rows: Iterable[Sequence[Any]]

    def records(self) -> list[dict[str, Any]]:
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]

    def cells(self, filters: Filters) -> Iterator[sheets.Row]:
        """The heading and the rows for a spreadsheet, times in the filters' zone."""
        zone = f" ({filters.zone.key})"
        yield [column.label + (zone if column.kind == "time" else "") for column in self.columns]
        for row in self.rows:
            yield [_cell(value, filters) for value in row]


def _cell(value: Any, filters: Filters) -> sheets.Cell:
    if isinstance(value, datetime):
        return words.local(value, filters)
    if isinstance(value, float | Decimal):
        return round(float(value), 4)
    return value if isinstance(value, str | int) or value is None else str(value)


FIGURE_COLUMNS = (
    *(Column(definition.name, definition.label, "count") for definition in DEFINITIONS),
    *(Column(rate.name, rate.label, "rate") for rate in RATES),
)


def _figures(found: Figures) -> list[Any]:
    return [
        *(getattr(found, name) for name in figures.NAMES),
        *(rate.of(found) for rate in RATES),
    ]


def summary(filters: Filters) -> Table:
    """Each figure and rate, beside that of the range before."""
    previous = filters.previous()
    before = Figures() if previous is None else queries.totals(previous)
    labels = LABELS | {rate.name: rate.label for rate in RATES}
    rows = (
        (
            name,
            labels[name],
            change.now,
            *((None, None) if previous is None else (change.before, change.relative)),
        )
        for name, change in figures.changes(queries.totals(filters), before).items()
    )
    columns = (
        Column("name", "Name"),
        Column("label", "Figure"),
        Column("value", "Value", "rate"),
        Column("before", "Range before", "rate"),
        Column("change", "Change", "rate"),
    )
    return Table("summary", columns, rows)


_ABOUT: dict[Dimension, tuple[Column, ...]] = {
    "campaign": (
        Column("campaign", "Campaign"),
        Column("campaign_name", "Name"),
        Column("provider", "Provider"),
        Column("first_seen_at", "First seen", "time"),
        Column("last_seen_at", "Last seen", "time"),
    ),
    "template": (Column("template", "Template"), Column("provider", "Provider")),
    "provider": (Column("provider", "Provider"),),
    "variant": (Column("variant", "Variant"),),
}


def by(
    filters: Filters,
    dimension: Dimension,
    order: str = "-accepted",
    limit: int | None = None,
    offset: int = 0,
    search: str = "",
) -> Table:
    """Figures by campaign, template, provider or variant."""
    groups = queries.groups(filters, dimension, order=order, limit=limit, offset=offset, search=search)
    return of_groups(dimension, groups)


def of_groups(dimension: Dimension, groups: Iterable[Group]) -> Table:
    about = _ABOUT[dimension]
    rows = (
        [_about(group, column.name, dimension) for column in about] + _figures(group.figures)
        for group in groups
    )
    return Table(f"{dimension}s", (*about, *FIGURE_COLUMNS), rows)


def _about(group: Group, name: str, dimension: Dimension) -> Any:
    value = getattr(group, name)
    return value or NONE if name == dimension else value


def errors(filters: Filters) -> Table:
    columns = (
        Column("kind", "Kind"),
        Column("code", "Code", "count"),
        Column("title", "Error"),
        Column("count", "Count", "count"),
        Column("share", "Share of errors", "rate"),
        Column("meaning", "What it means"),
        Column("advice", "What to do"),
    )
    found = queries.errors(filters)
    total = sum(error.count for error in found)
    told = [(error, advice(error.code)) for error in found]
    rows = (
        (error.kind, error.code, each.title, error.count, error.count / total, each.meaning, each.advice)
        for error, each in told
    )
    return Table("errors", columns, rows)


def urls(filters: Filters) -> Table:
    columns = (
        Column("url", "Page"),
        Column("total", "Clicks", "count"),
        Column("unique", "Clicked", "count"),
    )
    return Table("urls", columns, ((each.url, each.total, each.unique) for each in queries.urls(filters)))


def times(filters: Filters) -> Table:
    columns = (
        Column("until", "From accepted to"),
        Column("count", "Messages", "count"),
        Column("p50", "Half of them within", "seconds"),
        Column("p95", "95 % of them within", "seconds"),
    )
    found = queries.times(filters)
    return Table("times", columns, ((name, each.count, each.p50, each.p95) for name, each in found.items()))


# Those that need nothing but the filters.
PLAIN: dict[str, Callable[[Filters], Table]] = {
    "summary": summary,
    "errors": errors,
    "urls": urls,
    "times": times,
}


def trend(filters: Filters, step: series.Step | None = None) -> Table:
    points = series.trend(filters, step)
    columns = (Column("start", "From", "time"), Column("end", "To", "time"), *FIGURE_COLUMNS)
    rows = ((point.start, point.end, *_figures(point.figures)) for point in points)
    return Table("trend", columns, rows)


MESSAGE_COLUMNS = (
    Column("id", "Id", "count"),
    Column("at", "At", "time"),
    Column("provider", "Provider"),
    Column("msg_id", "msgId"),
    Column("to", "To"),
    Column("campaign", "Campaign"),
    Column("variant", "Variant"),
    Column("template", "Template"),
    Column("status", "Status"),
    Column("code", "Error code", "count"),
    Column("text", "Reason"),
)


def messages(rows: Iterable[behind.Row], providers: dict[int, str], eyes: Eyes) -> Table:
    """The messages behind a figure, phone numbers as these eyes may see them."""
    table = (
        (
            row.pk,
            row.at,
            providers.get(row.provider_id, ""),
            row.msg_id,
            eyes.number(row.to),
            row.campaign,
            row.variant,
            row.template,
            "refused" if row.status is None else Status(row.status).label.lower(),
            row.code,
            eyes.text(row.text),
        )
        for row in rows
    )
    return Table("messages", MESSAGE_COLUMNS, table)
