"""Statements over many rows at once, on PostgreSQL and SQLite.

PostgreSQL gets the rows as one JSON parameter: a statement with thousands of placeholders
costs its driver more time than the database needs for the rows. SQLite gets plain VALUES.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from django.db import connection, models

from lib.postgres import parts

Row = Sequence[Any]
CHUNK = 500
PAUSE = 0.1  # seconds between long writes: on SQLite a waiting writer tries again this often


@contextmanager
def borrowed() -> Iterator[None]:
    """Gives the thread's connection back to the pool after a query or two outside a transaction.

    For views that run without Django's per-request upkeep, and then wait for other threads'
    work, which needs a connection of the same pool.
    """
    try:
        yield
    finally:
        if not connection.in_atomic_block:
            connection.close()


def at_once() -> int:
    """How many rows to delete in a step. On SQLite all others who write wait for it, and that for less than
    50 ms."""
    return 100 if connection.vendor == "sqlite" else 5000


def insert(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    returning: Sequence[str] = (),
    ignore_conflicts: bool = False,
    conflict: str = "",
) -> list[tuple[Any, ...]]:
    """Inserts rows in few statements. With `ignore_conflicts`, returns only what was inserted.

    `conflict` is what else follows ON CONFLICT: the columns, and what to DO.
    """
    names = ", ".join(_quoted(name) for name in columns)
    conflict = "DO NOTHING" if ignore_conflicts else conflict
    tail = f" ON CONFLICT {conflict}" if conflict else ""
    if returning and ignore_conflicts and connection.vendor == "sqlite" and connection.in_atomic_block:
        return _inserted(model, columns, rows, returning)
    if returning:
        tail += " RETURNING " + ", ".join(_quoted(name) for name in returning)
    result: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        for chunk in _chunks(rows):
            source, parameters = _source(model, columns, chunk)
            # "WHERE true" keeps SQLite from reading ON CONFLICT as a join condition.
            cursor.execute(
                f"INSERT INTO {model._meta.db_table} ({names}) SELECT {names} FROM {source} WHERE true{tail}",
                parameters,
            )
            if returning:
                result += cursor.fetchall()
    return result


def _inserted(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Row], returning: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Inserts what is new and reads it as one row of JSON: what has an id above all before, since a
    transaction has the database to itself.

    SQLite's driver gives up Python's lock for each row of RETURNING, and beside a busy event loop it waits
    milliseconds to have it again.
    """
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        before = (cursor.fetchone() or (0,))[0]
        insert(model, columns, rows, ignore_conflicts=True)
        names = ", ".join(_quoted(name) for name in returning)
        cursor.execute(f"SELECT json_group_array(json_array({names})) FROM {table} WHERE id > %s", [before])
        return [tuple(row) for row in msgspec.json.decode(cursor.fetchone()[0])]


def update(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Row], assign: str, where: str
) -> None:
    """UPDATE … AS m SET `assign` FROM rows AS v(columns) WHERE `where`. Columns are the model's."""
    table = model._meta.db_table
    by = parts.BY.get(table, "")
    with connection.cursor() as cursor:
        for chunk in _chunks(rows):
            source, parameters = _source(model, columns, chunk)
            keys = [row[columns.index(by)] for row in chunk] if by in columns else []
            bounds = f" AND {within(f'm.{by}', keys)}" if keys else ""
            cursor.execute(
                f"UPDATE {table} AS m SET {assign} FROM {source} WHERE {where}{bounds}", parameters
            )


def locked(
    model: type[models.Model],
    columns: Sequence[str],
    values: Sequence[int] | Sequence[str],
    by: str = "id",
    of: int | None = None,
) -> list[tuple[Any, ...]]:
    """The rows whose column `by` has one of the values, locked in the order of their ids so that no two
    workers block each other. Rows that refer to them may still be added."""
    return found(model, columns, values, by, " FOR NO KEY UPDATE", of)


def found(
    model: type[models.Model],
    columns: Sequence[str],
    values: Sequence[int] | Sequence[str],
    by: str,
    tail: str = "",
    of: int | None = None,
) -> list[tuple[Any, ...]]:
    """The rows whose column `by` has one of the values, in the order of their ids. `of`: what they all have
    in the column that their table is parted by."""
    if not values:
        return []
    names = ", ".join(_quoted(name) for name in columns)
    parameter: Any
    if connection.vendor == "postgresql":
        if isinstance(values[0], int):  # as text, which is quicker for the driver than a list
            where, parameter = f"{_quoted(by)} = ANY(%s::bigint[])", "{" + ",".join(map(str, values)) + "}"
        else:
            where, parameter = f"{_quoted(by)} = ANY(%s::text[])", list(values)
    else:
        where, parameter = f"{_quoted(by)} IN (SELECT value FROM json_each(%s))", json.dumps(list(values))
        tail = ""
    if by == parts.BY.get(model._meta.db_table):
        where += f" AND {within(_quoted(by), [int(value) for value in values])}"
    if of is not None:
        where += f" AND {_quoted(parts.BY[model._meta.db_table])} = {int(of)}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {names} FROM {model._meta.db_table} WHERE {where} ORDER BY id{tail}", [parameter]
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def within(column: str, values: Sequence[int]) -> str:
    """Leaves a table in parts those that matter, before the database plans for all of them."""
    return f"{column} BETWEEN {int(min(values))} AND {int(max(values))}"


def _source(model: type[models.Model], columns: Sequence[str], rows: Sequence[Row]) -> tuple[str, list[Any]]:
    """The rows as a table `v` with the given columns, and the parameters it needs."""
    if connection.vendor != "postgresql":
        row_sql = "(" + ", ".join(["%s"] * len(columns)) + ")"
        selected = ", ".join(f"column{n} AS {_quoted(name)}" for n, name in enumerate(columns, 1))
        values = ", ".join([row_sql] * len(rows))
        adapt = connection.ops.adapt_datetimefield_value
        flat = [adapt(x) if isinstance(x, datetime) else x for row in rows for x in row]
        return f"(SELECT {selected} FROM (VALUES {values})) AS v", flat
    table, binary = _recordset(model, tuple(columns))
    objects = [dict(zip(columns, _hex(row, binary), strict=True)) for row in rows]
    return table, [msgspec.json.encode(objects).decode()]


@cache
def _recordset(model: type[models.Model], columns: tuple[str, ...]) -> tuple[str, Sequence[int]]:
    """PostgreSQL's table `v` over one parameter of JSON, and at which places its rows have bytes."""
    fields = {field.column: field for field in model._meta.concrete_fields}
    types = {name: fields[name].rel_db_type(connection) for name in columns}
    declared = ", ".join(
        f"{_quoted(name)} {'text' if kind == 'jsonb' else kind}" for name, kind in types.items()
    )
    if "jsonb" in types.values():  # given as JSON text, which must not become a JSON string
        selected = ", ".join(
            f"{_quoted(name)}::jsonb AS {_quoted(name)}" if kind == "jsonb" else _quoted(name)
            for name, kind in types.items()
        )
        table = f"(SELECT {selected} FROM json_to_recordset(%s::json) AS r({declared})) AS v"
    else:
        table = f"json_to_recordset(%s::json) AS v({declared})"
    return table, [position for position, kind in enumerate(types.values()) if kind == "bytea"]


def _hex(row: Row, binary: Sequence[int]) -> Row:
    """The row with bytes as PostgreSQL writes them in text."""
    if not binary:
        return row
    return [f"\\x{value.hex()}" if position in binary else value for position, value in enumerate(row)]


def _quoted(name: str) -> str:
    return f'"{name}"'


def adapted(value: Any) -> Any:
    """A parameter for a raw statement: datetimes as the database stores them."""
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def epoch(column: str) -> str:
    """A datetime column as whole seconds since 1970, rounded down."""
    if connection.vendor == "postgresql":
        return f"FLOOR(EXTRACT(EPOCH FROM {column}))::bigint"
    # Without the fraction, which SQLite would round.
    return f"CAST(strftime('%%s', substr({column}, 1, 19)) AS INTEGER)"


def is_true(column: str, name: str) -> str:
    """SQL for whether a JSON column's object has `true` under that name."""
    if connection.vendor == "postgresql":
        return f"{column} -> '{name}' = 'true'"
    return f"json_extract({column}, '$.{name}') = 1"


def datetimes(value: Any) -> datetime:
    """A datetime column of a raw SELECT or RETURNING, aware on both databases."""
    moment: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]
