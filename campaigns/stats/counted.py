"""SQL over points and the deltas not folded yet: one statement, so that nothing is counted twice."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from campaigns import rollups
from campaigns.rollups import COLUMN
from campaigns.stat_models import Span, StatCount, StatDetail, StatPoint, StatScope
from campaigns.stats.filters import NONE, Filters
from campaigns.stats.stretches import EARLY, SPANS, Window, values
from lib import sql

Level = StatScope.Level
METRIC = {name: metric.value for metric, name in COLUMN.items()}
DIMENSIONS = ("provider_id", "campaign", "variant", "template")
_Source = tuple[str, list[Any]]  # a statement and its parameters


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
    columns: Sequence[str] = rollups.COLUMNS,
    among: Sequence[str] = (),
    where: tuple[str, Sequence[Any]] = ("", ()),
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


def figures_within(
    filters: Filters,
    windows: Sequence[Window],
    by: Sequence[str] = (),
    columns: Sequence[str] = rollups.COLUMNS,
) -> Iterator[tuple[Any, ...]]:
    """Sums of these columns for each of many ranges that do not overlap: the range's place among them,
    the dimensions, the sums. A range may come more than once. That of the filters does not matter."""
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
    code: int | None = None,
) -> list[tuple[Any, ...]]:
    """Counts of these metrics, grouped by any of metric, code, url, the dimensions, or an expression of
    `at`."""
    source, parameters = _details(filters, by, [(filters.start, filters.end)], spans, metrics)
    names = ", ".join(by)
    only = "" if code is None else f" WHERE code = {int(code)}"
    return _rows(
        f"{source} SELECT {names}, SUM(count) FROM counted AS t{only} GROUP BY {names} "
        "HAVING SUM(count) <> 0",
        parameters,
    )


def details_within(
    filters: Filters, windows: Sequence[Window], metrics: Sequence[StatCount.Metric], by: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """The same for each of many ranges, as `figures_within` has them."""
    source, parameters = _details(filters, by, windows, SPANS, metrics)
    return _placed(source, parameters, windows, by, "SUM(count)")


def _points(
    filters: Filters,
    by: Sequence[str],
    windows: Sequence[Window],
    spans: Sequence[Span],
    columns: Sequence[str],
    among: Sequence[str] = (),
) -> _Source:
    values = ", ".join(f"p.{name}" for name in columns)
    pending = ", ".join(f"CASE metric WHEN {METRIC[name]} THEN count ELSE 0 END" for name in columns)
    names = ", ".join(columns)
    return _counted(filters, by, windows, spans, StatPoint, names, (values, ""), (pending, ""), among)


def _details(
    filters: Filters,
    by: Sequence[str],
    windows: Sequence[Window],
    spans: Sequence[Span],
    metrics: Sequence[StatCount.Metric],
) -> _Source:
    names = "metric, code, url, count"
    among = f" AND {{}}metric IN ({', '.join(str(metric.value) for metric in metrics)})"
    return _counted(
        filters, by, windows, spans, StatDetail, names,
        ("p.metric, p.code, p.url, p.count", among.format("p.")), (names, among.format("")),
    )  # fmt: skip


def _counted(
    filters: Filters,
    by: Sequence[str],
    windows: Sequence[Window],
    spans: Sequence[Span],
    model: type[StatPoint] | type[StatDetail],
    names: str,
    points: tuple[str, str],
    pending: tuple[str, str],
    among: Sequence[str] = (),
) -> _Source:
    """WITH `counted`, what is counted in these ranges: the dimensions, `place`, `at`, columns of these names.

    `place` is the range's, or null for a delta that is not folded yet. `points` and `pending` are the
    expressions and a condition for points of the level that fits, and for these deltas.
    """
    where, given = _scope_conditions(filters, level(filters, by))
    only, wanted = _among(by, among)
    within = f"p.span = w.span AND p.at >= w.since AND p.at < w.until{points[1]}"
    scopes, table = f"{StatScope._meta.db_table} AS s", model._meta.db_table
    if among or filters.campaign or filters.template or not {"campaign", "template"} & set(by):
        each, rest = _each(table, f"p.scope_id = s.id AND {within}")
        source = f"{scopes} CROSS JOIN stretches AS w CROSS JOIN {each}"
    else:
        # Of the many scopes of a list hardly one is left out: what happened in the time leads to them.
        each, rest = _each(table, within)
        source, rest = (
            f"stretches AS w CROSS JOIN {each} CROSS JOIN {scopes}",
            f"s.id = p.scope_id AND {rest}",
        )
    dimensions = ", ".join(f"s.{name}" for name in DIMENSIONS)
    deltas, more = _pending_conditions(filters)
    between, ends = _between(windows)
    statement = (
        f"WITH stretches(place, span, since, until) AS ({values(windows, spans)}), "
        f"counted({', '.join(DIMENSIONS)}, place, at, {names}) AS ("
        f"SELECT {dimensions}, w.place, p.at, {points[0]} FROM {source} "
        f"WHERE {where}{only.format('s.')} AND {rest} "
        f"UNION ALL SELECT {', '.join(DIMENSIONS)}, NULL, minute, {pending[0]} "
        f"FROM {StatCount._meta.db_table} WHERE {deltas}{between}{only.format('')}{pending[1]})"
    )
    return statement, [*given, *wanted, *more, *ends, *wanted]


def _each(table: str, condition: str) -> tuple[str, str]:
    """The rows of the table that go with each row before it, and what WHERE has to say of them.

    Rows before come first: on SQLite by CROSS JOIN. PostgreSQL's planner would read all points of a span.
    """
    if connection.vendor == "postgresql":
        return f"LATERAL (SELECT * FROM {table} AS p WHERE {condition} OFFSET 0) AS p", "true"
    return f"{table} AS p", condition


def _placed(
    source: str, parameters: Sequence[Any], windows: Sequence[Window], by: Sequence[str], sums: str
) -> Iterator[tuple[Any, ...]]:
    """The sums of each range. Deltas are few, and of few minutes: they are told apart here."""
    keys = ", ".join(["place", "CASE WHEN place IS NULL THEN at END", *by])
    numbers = ", ".join(str(n) for n in range(1, len(by) + 3))
    begins = sorted((start or EARLY, place) for place, (start, _) in enumerate(windows))
    rows = _rows(f"{source} SELECT {keys}, {sums} FROM counted AS t GROUP BY {numbers}", parameters)
    for place, at, *found in rows:
        if place is None:
            moment = sql.datetimes(at)
            before = bisect_right(begins, (moment, len(windows))) - 1
            place = begins[before][1]
            end = windows[place][1]
            if before < 0 or (end is not None and moment >= end):
                continue
        yield (place, *found)


def _among(by: Sequence[str], among: Sequence[str]) -> tuple[str, list[Any]]:
    if not among:
        return "", []
    return f" AND {{}}{by[-1]} IN ({', '.join(['%s'] * len(among))})", list(among)


def _between(windows: Sequence[Window]) -> tuple[str, list[Any]]:
    """All the time from the first of them to the last."""
    starts, ends = zip(*windows, strict=True)
    words, given = "", []
    if None not in starts:
        words, given = " AND minute >= %s", [sql.adapted(min(starts))]
    if None not in ends:
        words, given = f"{words} AND minute < %s", [*given, sql.adapted(max(ends))]
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
