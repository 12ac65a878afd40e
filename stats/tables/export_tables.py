"""Every table of the stats under its filters, rendered for JSON and for files."""

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from lib import sheets
from stats.query import breakdowns, details, error_codes, series
from stats.query.breakdowns import Dimension
from stats.query.error_codes import Reason
from stats.query.filters import Filters
from stats.tables import contents, formatting
from stats.tables.contents import Table


def summary(filters: Filters) -> Table:
    previous = filters.previous()
    before = None if previous is None else breakdowns.totals(previous)
    return contents.summary(breakdowns.totals(filters), before)


def errors(filters: Filters) -> Table:
    return contents.errors(details.errors(filters))


def codes(filters: Filters) -> Table:
    return contents.error_codes(error_codes.codes(filters))


def concerned(filters: Filters, reason: Reason, dimension: Dimension) -> Table:
    found = error_codes.concerned(filters, reason, dimension)
    return contents.concerned(
        dimension, found, sum(each.count for each in error_codes.codes(filters, reason))
    )


def urls(filters: Filters) -> Table:
    return contents.urls(details.urls(filters))


def pricing(filters: Filters) -> Table:
    return contents.pricing(details.pricing(filters))


def times(filters: Filters) -> Table:
    return contents.times(details.times(filters))


# Those that need nothing but the filters.
PLAIN: dict[str, Callable[[Filters], Table]] = {
    "summary": summary,
    "errors": errors,
    "error_codes": codes,
    "urls": urls,
    "times": times,
    "pricing": pricing,
}


def groups(
    filters: Filters,
    dimension: Dimension,
    order: str = "-accepted",
    limit: int | None = None,
    offset: int = 0,
    search: str = "",
) -> Table:
    found = breakdowns.groups(filters, dimension, order=order, limit=limit, offset=offset, search=search)
    return contents.groups(dimension, found)


def trend(filters: Filters, step: series.Step | None = None, reason: Reason | None = None) -> Table:
    """Of everything, or of one error."""
    if reason is None:
        return contents.trend(series.trend(filters, step))
    return contents.trend(error_codes.trend(filters, reason, step or series.fitting(filters)))


def records(table: Table) -> list[dict[str, Any]]:
    """The rows for JSON."""
    return [dict(row) for row in table.rows]


def cells(table: Table, filters: Filters) -> Iterator[sheets.Row]:
    """The heading and the rows for a spreadsheet, times in the filters' zone."""
    zone = f" ({filters.zone.key})"
    yield [column.label + (zone if column.kind == "time" else "") for column in table.columns]
    for row in table.rows:
        yield [_cell(row[column.name], filters) for column in table.columns]


def _cell(value: Any, filters: Filters) -> sheets.Cell:
    if isinstance(value, datetime):
        return formatting.local(value, filters)
    if isinstance(value, float | Decimal):
        return round(float(value), 4)
    return value if isinstance(value, str | int) or value is None else str(value)
