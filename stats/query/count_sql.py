"""SQL on the points and on the deltas that are not folded yet. One statement reads both, so that nothing is
counted twice."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.db import connection

from campaigns.counting.points import COLUMN, COLUMNS
from campaigns.models import Span, StatCount, StatDetail, StatPoint, StatScope
from lib import sql
from stats.query.filters import NONE, Filters
from stats.query.span_ranges import EARLY, SPANS, Window, values

Level = StatScope.Level
METRIC = {name: metric.value for metric, name in COLUMN.items()}
DIMENSIONS = ("provider_id", "campaign", "variant", "template")


class Clause(NamedTuple):
    """A statement, or a part of one, with the parameters it needs."""

    text: str = ""
    parameters: Sequence[Any] = ()


class _Columns(NamedTuple):
    """Expressions of a SELECT, and further conditions for its WHERE."""

    select: str
    condition: str = ""


EVERYWHERE = Clause()


def level(filters: Filters, by: Sequence[str] = ()) -> StatScope.Level:
    """The coarsest level that knows what is filtered and grouped by."""
    if filters.campaign or filters.variant or {"campaign", "variant"} & set(by):
        return Level.CAMPAIGN
    if filters.template or "template" in by:
        return Level.TEMPLATE
    return Level.PROVIDER if filters.provider_id is not None or "provider_id" in by else Level.TOTAL


def figures(
    filters: Filters,
    by: Sequence[str] = (),
    *,
    bucket: str = "",
    spans: Sequence[Span] = SPANS,
    columns: Sequence[str] = COLUMNS,
    among: Sequence[str] = (),
    where: Clause = EVERYWHERE,
    order: str = "",
    limit: int | None = None,
    offset: int = 0,
) -> list[tuple[Any, ...]]:
    """Sums of these columns, grouped by dimensions, or by `bucket`, an expression of `at`.

    `among` are the only values wanted of the last dimension, `where` is a condition on the dimensions of
    `t`, with its parameters.
    """
    source, parameters = _points(filters, by, [(filters.start, filters.end)], spans, columns, among)
    keys = [*by, *([bucket] if bucket else [])]
    sums = ", ".join(f"SUM({name}) AS {name}" for name in columns)
    statement = f"{source} SELECT {', '.join([*keys, sums])} FROM counted AS t"
    statement, parameters = statement + _where(where), [*parameters, *where.parameters]
    if keys:
        statement += f" GROUP BY {', '.join(keys)}"
        # A scope remains even if nothing happened in this range: leave out rows without counts.
        statement += f" HAVING {' OR '.join(f'SUM({name}) <> 0' for name in columns)}"
    if order:
        statement += f" ORDER BY {order}"
    if limit is not None:
        statement += " LIMIT %s OFFSET %s"
        parameters = [*parameters, limit, offset]
    return _rows(statement, parameters)


def figures_within(
    filters: Filters,
    windows: Sequence[Window],
    by: Sequence[str] = (),
    columns: Sequence[str] = COLUMNS,
) -> Iterator[tuple[Any, ...]]:
    """Sums of these columns for each of many ranges that do not overlap. A row has the position of its range,
    the dimensions and the sums. A range may have several rows. The range of the filters is not used."""
    source, parameters = _points(filters, by, windows, SPANS, columns)
    sums = ", ".join(f"SUM({name})" for name in columns)
    return _placed(source, parameters, windows, by, sums)


def last_accepted(filters: Filters, by: Sequence[str]) -> list[tuple[Any, ...]]:
    """The last minute each accepted a message in, within a range that minutes are kept for."""
    window = (filters.start, filters.end)
    source, parameters = _points(filters, by, [window], (Span.MINUTE,), ["accepted"])
    names = ", ".join(by)
    return _rows(
        f"{source} SELECT {names}, MAX(at) FROM counted AS t WHERE accepted > 0 GROUP BY {names}", parameters
    )


def details(
    filters: Filters,
    metrics: Sequence[StatCount.Metric],
    by: Sequence[str],
    *,
    spans: Sequence[Span] = SPANS,
    windows: Sequence[Window] = (),
    where: Clause = EVERYWHERE,
) -> list[tuple[Any, ...]]:
    """Counts of these metrics, grouped by any of metric, code, url, the dimensions, or an expression of
    `at`. `windows` are parts of the filters' range that are looked at instead of all of it; `where` is a
    condition on the code and the url."""
    ranges = windows or [(filters.start, filters.end)]
    source, parameters = _details(filters, by, ranges, spans, metrics)
    names = ", ".join(by)
    return _rows(
        f"{source} SELECT {names}, SUM(count) FROM counted AS t{_where(where)} GROUP BY {names} "
        "HAVING SUM(count) <> 0",
        [*parameters, *where.parameters],
    )


def details_within(
    filters: Filters,
    windows: Sequence[Window],
    metrics: Sequence[StatCount.Metric],
    by: Sequence[str],
    where: Clause = EVERYWHERE,
) -> Iterator[tuple[Any, ...]]:
    """The same for each of many ranges, as `figures_within` has them."""
    source, parameters = _details(filters, by, windows, SPANS, metrics)
    return _placed(source, [*parameters, *where.parameters], windows, by, "SUM(count)", where)


def _where(where: Clause) -> str:
    return f" WHERE {where.text}" if where.text else ""


def _points(
    filters: Filters,
    by: Sequence[str],
    windows: Sequence[Window],
    spans: Sequence[Span],
    columns: Sequence[str],
    among: Sequence[str] = (),
) -> Clause:
    values = ", ".join(f"p.{name}" for name in columns)
    pending = ", ".join(f"CASE metric WHEN {METRIC[name]} THEN count ELSE 0 END" for name in columns)
    names = ", ".join(columns)
    return _counted(filters, by, windows, spans, StatPoint, names, _Columns(values), _Columns(pending), among)


def _details(
    filters: Filters,
    by: Sequence[str],
    windows: Sequence[Window],
    spans: Sequence[Span],
    metrics: Sequence[StatCount.Metric],
) -> Clause:
    names = "metric, code, url, count"
    among = f" AND {{}}metric IN ({', '.join(str(metric.value) for metric in metrics)})"
    points = _Columns("p.metric, p.code, p.url, p.count", among.format("p."))
    pending = _Columns(names, among.format(""))
    return _counted(filters, by, windows, spans, StatDetail, names, points, pending)


def _counted(
    filters: Filters,
    by: Sequence[str],
    windows: Sequence[Window],
    spans: Sequence[Span],
    model: type[StatPoint] | type[StatDetail],
    names: str,
    points: _Columns,
    pending: _Columns,
    among: Sequence[str] = (),
) -> Clause:
    """WITH `counted`, what is counted in these ranges: the dimensions, `place`, `at`, columns of these names.

    `place` is the range's, or null for a delta that is not folded yet. `points` are the columns of points of
    the level that fits, `pending` those of these deltas.
    """
    where, parameters = _scope_conditions(filters, level(filters, by))
    only, wanted = _among(by, among)
    within = f"p.span = w.span AND p.at >= w.since AND p.at < w.until{points.condition}"
    scopes, table = f"{StatScope._meta.db_table} AS s", model._meta.db_table
    if among or filters.campaign or filters.template or not {"campaign", "template"} & set(by):
        each, rest = _each(table, f"p.scope_id = s.id AND {within}")
        source = f"{scopes} CROSS JOIN span_ranges AS w CROSS JOIN {each}"
    else:
        # A list has nearly all scopes, so the points of the time are read first and lead to them.
        each, rest = _each(table, within)
        source, rest = (
            f"span_ranges AS w CROSS JOIN {each} CROSS JOIN {scopes}",
            f"s.id = p.scope_id AND {rest}",
        )
    dimensions = ", ".join(f"s.{name}" for name in DIMENSIONS)
    deltas, more = _pending_conditions(filters)
    between, ends = _between(windows)
    statement = (
        f"WITH span_ranges(place, span, since, until) AS ({values(windows, spans)}), "
        f"counted({', '.join(DIMENSIONS)}, place, at, {names}) AS ("
        f"SELECT {dimensions}, w.place, p.at, {points.select} FROM {source} "
        f"WHERE {where}{only.format('s.')} AND {rest} "
        f"UNION ALL SELECT {', '.join(DIMENSIONS)}, NULL, minute, {pending.select} "
        f"FROM {StatCount._meta.db_table} WHERE {deltas}{between}{only.format('')}{pending.condition})"
    )
    return Clause(statement, [*parameters, *wanted, *more, *ends, *wanted])


def _each(table: str, condition: str) -> tuple[str, str]:
    """Joins the table to each row before it. Also returns the conditions for WHERE. The database must read
    the rows before first. On SQLite CROSS JOIN forces this. PostgreSQL's planner would otherwise read all
    points of a span.
    """
    if connection.vendor == "postgresql":
        return f"LATERAL (SELECT * FROM {table} AS p WHERE {condition} OFFSET 0) AS p", "true"
    return f"{table} AS p", condition


def _placed(
    source: str,
    parameters: Sequence[Any],
    windows: Sequence[Window],
    by: Sequence[str],
    sums: str,
    where: Clause = EVERYWHERE,
) -> Iterator[tuple[Any, ...]]:
    """The sums of each range. There are few deltas, of few minutes, so Python finds the range of each."""
    keys = ", ".join(["place", "CASE WHEN place IS NULL THEN at END", *by])
    numbers = ", ".join(str(n) for n in range(1, len(by) + 3))
    begins = sorted((start or EARLY, place) for place, (start, _) in enumerate(windows))
    rows = _rows(
        f"{source} SELECT {keys}, {sums} FROM counted AS t{_where(where)} GROUP BY {numbers}", parameters
    )
    for place, at, *found in rows:
        if place is None:
            moment = sql.datetimes(at)
            before = bisect_right(begins, (moment, len(windows))) - 1
            place = begins[before][1]
            end = windows[place][1]
            if before < 0 or (end is not None and moment >= end):
                continue
        yield (place, *found)


def _among(by: Sequence[str], among: Sequence[str]) -> Clause:
    if not among:
        return Clause()
    return Clause(f" AND {{}}{by[-1]} IN ({', '.join(['%s'] * len(among))})", list(among))


def _between(windows: Sequence[Window]) -> Clause:
    """The time from the begin of the first range to the end of the last."""
    starts, ends = zip(*windows, strict=True)
    condition, parameters = "", []
    if None not in starts:
        condition, parameters = " AND minute >= %s", [sql.adapted(min(starts))]
    if None not in ends:
        condition, parameters = f"{condition} AND minute < %s", [*parameters, sql.adapted(max(ends))]
    return Clause(condition, parameters)


def _scope_conditions(filters: Filters, of: StatScope.Level) -> Clause:
    condition, parameters = _common(filters, "s.")
    if filters.traffic != "all":
        condition += (
            " AND s.conversation" if filters.traffic == "conversations" else " AND NOT s.conversation"
        )
    return Clause(f"s.level = {of.value}{condition}", parameters)


def _pending_conditions(filters: Filters) -> Clause:
    condition, parameters = _common(filters, "")
    if filters.traffic != "all":
        conversation = "(campaign = '' AND template = '')"
        condition += f" AND {'' if filters.traffic == 'conversations' else 'NOT '}{conversation}"
    return Clause(f"true{condition}", parameters)


def _common(filters: Filters, alias: str) -> Clause:
    condition, parameters = "", []
    if filters.provider_id is not None:
        condition, parameters = f" AND {alias}provider_id = %s", [filters.provider_id]
    for name in ("campaign", "variant", "template"):
        value = getattr(filters, name)
        if value == NONE:
            condition += f" AND {alias}{name} = '' AND NOT {_conversation(alias)}"
        elif value:
            condition += f" AND {alias}{name} = %s"
            parameters.append(value)
    return Clause(condition, parameters)


def _conversation(alias: str) -> str:
    return f"{alias}conversation" if alias else "(campaign = '' AND template = '')"


def _rows(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(parameters))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
