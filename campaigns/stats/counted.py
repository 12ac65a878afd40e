"""SQL over points and the deltas not folded yet: one statement, so that nothing is counted twice."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from campaigns import rollups
from campaigns.rollups import COLUMN, begin
from campaigns.stat_models import Span, StatCount, StatDetail, StatPoint, StatScope
from campaigns.stats.filters import NONE, Filters
from lib import sql

Level = StatScope.Level
METRIC = {name: metric.value for metric, name in COLUMN.items()}
DIMENSIONS = ("provider_id", "campaign", "variant", "template")
# Longest last, so that a range is filled with the longest spans that fit.
SPANS = (Span.MINUTE, Span.QUARTER, Span.DAY)

Segment = tuple[Span, datetime | None, datetime | None]


def segments(
    start: datetime | None, end: datetime | None, spans: Sequence[Span] = SPANS
) -> Iterator[Segment]:
    """The range as stretches of spans, the longest that fit: few points, and each moment once.

    None is without end on that side.
    """
    span, shorter = spans[-1], spans[:-1]
    first = None if start is None else _up(start, span)
    last = None if end is None else begin(end, span)
    if first is not None and last is not None and first >= last:
        if shorter and start != end:
            yield from segments(start, end, shorter)
        return
    if shorter and start != first:
        yield from segments(start, first, shorter)
    yield span, first, last
    if shorter and end != last:
        yield from segments(last, end, shorter)


def _up(moment: datetime, span: Span) -> datetime:
    down = begin(moment, span)
    return moment if down == moment else down + timedelta(minutes=span.value)


def level(filters: Filters, by: Sequence[str] = ()) -> StatScope.Level:
    """The coarsest level that knows what is filtered and grouped by."""
    if filters.campaign or filters.variant or {"campaign", "variant"} & set(by):
        return Level.CAMPAIGN
    return Level.TEMPLATE if filters.template or "template" in by else Level.PROVIDER


def figures(
    filters: Filters,
    by: Sequence[str] = (),
    *,
    bucket: str = "",
    spans: Sequence[Span] = SPANS,
    columns: Sequence[str] = rollups.COLUMNS,
    where: tuple[str, Sequence[Any]] = ("", ()),
    order: str = "",
    limit: int | None = None,
    offset: int = 0,
) -> list[tuple[Any, ...]]:
    """Sums of these columns, grouped by dimensions, or by `bucket`, an expression of `at`.

    `where` is a condition on the dimensions of `t`, with its parameters.
    """
    values = ", ".join(f"p.{name}" for name in columns)
    pending = ", ".join(f"CASE metric WHEN {METRIC[name]} THEN count ELSE 0 END" for name in columns)
    source, parameters = _source(
        filters, by, spans, StatPoint, ", ".join(columns), (values, ""), (pending, "")
    )
    keys = [*by, *([bucket] if bucket else [])]
    sums = ", ".join(f"SUM({name}) AS {name}" for name in columns)
    statement = f"SELECT {', '.join([*keys, sums])} FROM ({source}) AS t"
    if where[0]:
        statement += f" WHERE {where[0]}"
        parameters += where[1]
    if keys:
        statement += f" GROUP BY {', '.join(keys)}"
        # A scope stays: what did not happen in this range has no row.
        statement += f" HAVING {' OR '.join(f'SUM({name}) <> 0' for name in columns)}"
    if order:
        statement += f" ORDER BY {order}"
    if limit is not None:
        statement += " LIMIT %s OFFSET %s"
        parameters += [limit, offset]
    return _rows(statement, parameters)


def last_accepted(filters: Filters, by: Sequence[str]) -> list[tuple[Any, ...]]:
    """The last minute each accepted a message in, within a range that minutes are kept for."""
    source, parameters = _source(
        filters, by, (Span.MINUTE,), StatPoint, "accepted", ("p.accepted", " AND p.accepted > 0"),
        ("count", f" AND metric = {StatCount.Metric.ACCEPTED.value}"),
    )  # fmt: skip
    names = ", ".join(by)
    return _rows(f"SELECT {names}, MAX(at) FROM ({source}) AS t GROUP BY {names}", parameters)


def details(
    filters: Filters,
    metrics: Sequence[StatCount.Metric],
    by: Sequence[str],
    *,
    spans: Sequence[Span] = SPANS,
    code: int | None = None,
) -> list[tuple[Any, ...]]:
    """Counts of these metrics, grouped by any of metric, code, url, the dimensions, or an expression of
    `at`."""
    among = f"metric IN ({', '.join(str(metric.value) for metric in metrics)})"
    source, parameters = _source(
        filters, by, spans, StatDetail, "metric, code, url, count",
        ("p.metric, p.code, p.url, p.count", f" AND p.{among}"),
        ("metric, code, url, count", f" AND {among}"),
    )  # fmt: skip
    names = ", ".join(by)
    only = "" if code is None else f" WHERE code = {int(code)}"
    return _rows(
        f"SELECT {names}, SUM(count) FROM ({source}) AS t{only} GROUP BY {names} HAVING SUM(count) <> 0",
        parameters,
    )


def _source(
    filters: Filters,
    by: Sequence[str],
    spans: Sequence[Span],
    model: type[StatPoint] | type[StatDetail],
    names: str,
    points: tuple[str, str],
    pending: tuple[str, str],
) -> tuple[str, list[Any]]:
    """What is counted in the range: the dimensions, `at`, and columns of these names.

    `points` and `pending` are the expressions and a condition for points of the level that fits, and for
    the deltas that are not folded yet.
    """
    parameters: list[Any] = []
    parts = []
    for span, start, end in segments(filters.start, filters.end, spans):
        where, given = _scope_conditions(filters, level(filters, by))
        between, range_ = _between("p.at", start, end)
        dimensions = ", ".join(f"s.{name}" for name in DIMENSIONS)
        parts.append(
            f"SELECT {dimensions}, p.at, {points[0]} FROM {StatScope._meta.db_table} AS s "
            f"JOIN {model._meta.db_table} AS p ON p.scope_id = s.id "
            f"WHERE {where} AND p.span = {span.value}{between}{points[1]}"
        )
        parameters += given + range_
    where, given = _pending_conditions(filters)
    between, range_ = _between("minute", filters.start, filters.end)
    parts.append(
        f"SELECT {', '.join(DIMENSIONS)}, minute, {pending[0]} FROM {StatCount._meta.db_table} "
        f"WHERE {where}{between}{pending[1]}"
    )
    parameters += given + range_
    columns = f"{', '.join(DIMENSIONS)}, at, {names}"
    return f"WITH counted({columns}) AS ({' UNION ALL '.join(parts)}) SELECT * FROM counted", parameters


def _between(column: str, start: datetime | None, end: datetime | None) -> tuple[str, list[Any]]:
    words, given = "", []
    if start is not None:
        words, given = f" AND {column} >= %s", [sql.adapted(start)]
    if end is not None:
        words, given = f"{words} AND {column} < %s", [*given, sql.adapted(end)]
    return words, given


def _scope_conditions(filters: Filters, of: StatScope.Level) -> tuple[str, list[Any]]:
    words, given = _common(filters, "s.")
    if filters.traffic != "all":
        words += " AND s.conversation" if filters.traffic == "conversations" else " AND NOT s.conversation"
    return f"s.level = {of.value}{words}", given


def _pending_conditions(filters: Filters) -> tuple[str, list[Any]]:
    words, given = _common(filters, "")
    if filters.traffic != "all":
        conversation = "(campaign = '' AND template = '')"
        words += f" AND {'' if filters.traffic == 'conversations' else 'NOT '}{conversation}"
    return f"true{words}", given


def _common(filters: Filters, alias: str) -> tuple[str, list[Any]]:
    words, given = "", []
    if filters.provider_id is not None:
        words, given = f" AND {alias}provider_id = %s", [filters.provider_id]
    for name in ("campaign", "variant", "template"):
        value = getattr(filters, name)
        if value == NONE:
            words += f" AND {alias}{name} = '' AND NOT {_conversation(alias)}"
        elif value:
            words += f" AND {alias}{name} = %s"
            given.append(value)
    return words, given


def _conversation(alias: str) -> str:
    return f"{alias}conversation" if alias else "(campaign = '' AND template = '')"


def _rows(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(parameters))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
