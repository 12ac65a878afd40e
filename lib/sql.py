"""Statements over many rows at once, in SQL that PostgreSQL and SQLite both speak."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, models

Row = Sequence[Any]
CHUNK = 500


def insert(
    model: type[models.Model],
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    returning: Sequence[str] = (),
    ignore_conflicts: bool = False,
) -> list[tuple[Any, ...]]:
    """Inserts rows in few statements. With `ignore_conflicts`, returns only what was inserted.

    Measured against `bulk_create`, which spends most of its time preparing field values.
    """
    names = ", ".join(connection.ops.quote_name(name) for name in columns)
    row_sql = "(" + ", ".join(["%s"] * len(columns)) + ")"
    tail = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    if returning:
        tail += " RETURNING " + ", ".join(connection.ops.quote_name(name) for name in returning)
    result: list[tuple[Any, ...]] = []
    with connection.cursor() as cursor:
        for chunk in _chunks(rows):
            values = ", ".join([row_sql] * len(chunk))
            cursor.execute(f"INSERT INTO {model._meta.db_table} ({names}) VALUES {values}{tail}", flat(chunk))
            if returning:
                result += cursor.fetchall()
    return result


def update(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Row], assign: str, where: str
) -> None:
    """UPDATE … AS m SET `assign` FROM rows AS v(columns) WHERE `where`."""
    names = ", ".join(columns)
    row_sql = "(" + ", ".join(["%s"] * len(columns)) + ")"
    with connection.cursor() as cursor:
        for chunk in _chunks(rows):
            values = ", ".join([row_sql] * len(chunk))
            cursor.execute(
                f"WITH v({names}) AS (VALUES {values}) "
                f"UPDATE {model._meta.db_table} AS m SET {assign} FROM v WHERE {where}",
                flat(chunk),
            )


def flat(rows: Sequence[Row]) -> list[Any]:
    return [adapted(value) for row in rows for value in row]


def adapted(value: Any) -> Any:
    return connection.ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def datetimes(value: Any) -> datetime | None:
    """A datetime column of a raw SELECT or RETURNING, aware on both databases."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        from datetime import UTC

        return value.replace(tzinfo=UTC)
    return value  # type: ignore[no-any-return]


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]
