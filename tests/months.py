"""For tests of tables in parts: ids that have gone on to other parts come back at a test's end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from lib.postgres import parts


@contextmanager
def ids_kept() -> Iterator[None]:
    """A rollback takes rows and parts away, and leaves sequences where they are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sequencename, coalesce(last_value, 1) FROM pg_sequences")
        moved = {f"{table}_id_seq" for table in parts.SEQUENCES}
        kept = [(name, last) for name, last in cursor.fetchall() if name in moved]
        yield
        for name, last in kept:
            cursor.execute("SELECT setval(%s, %s)", [name, last])


def part_of(row: Any) -> int:
    """The number of the part in which the row lies."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT tableoid::regclass::text FROM {row._meta.db_table} WHERE id = %s",
            [row.pk],
        )
        return int(cursor.fetchone()[0].rpartition("_m")[2])


def plan(rows: QuerySet[Any]) -> str:
    """How the database finds the rows, with the indexes of tables for those of their parts."""
    how = rows.explain()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT part.relname, whole.relname FROM pg_inherits AS i"
                " JOIN pg_class AS part ON part.oid = i.inhrelid AND part.relkind = 'i'"
                " JOIN pg_class AS whole ON whole.oid = i.inhparent ORDER BY length(part.relname) DESC"
            )
            for part, whole in cursor.fetchall():
                how = how.replace(part, whole)
    return how
