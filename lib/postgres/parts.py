"""Tables that grow with traffic, in parts: a month goes by DROP, not by DELETE.

The id tells the part. Ids of part n begin at n * ROOM: when a month begins, `move` sends the sequences there.
What is a message's lies in the part of its message, and recipients in that of their broadcast. So every
primary key and most constraints are what Django knows them as; a constraint that lacks the column would hold
in each part alone, and is a plain index instead (`schema_editor`). The last part of a table is open-ended:
nothing that comes has no place. It is empty unless something went wrong.

SQLite has none of this: there a table is one table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import connection, transaction
from django.db.models import Model, Q, QuerySet

M = TypeVar("M", bound=Model)

ROOM = 10**10  # ids of a part; a month of ten million messages a day has 310 million
ROOM_OF_BROADCASTS = 10**6  # people read their ids, in campaign ids
MONTH = timedelta(days=31)
PATIENCE = "100ms"  # how long all others wait at most while we wait for a table

# The column by whose ranges a table is parted.
BY = {
    "accounts_entry": "id",
    "audience_contactevent": "id",
    "broadcasts_recipient": "broadcast_id",
    "callbacks_forwardcall": "id",
    "callbacks_reply": "id",
    "callbacks_webhook": "id",
    "campaigns_attempt": "message_id",
    "campaigns_click": "message_id",
    "campaigns_event": "message_id",
    "campaigns_link": "message_id",
    "campaigns_message": "id",
    "campaigns_pricing": "message_id",
    "campaigns_refusal": "id",
}
# The tables whose ids go on with the parts, and how many a part has room for.
SEQUENCES = {**dict.fromkeys(BY, ROOM), "broadcasts_broadcast": ROOM_OF_BROADCASTS}
# Rows that wait in a queue, as its index has them.
WAITING = {
    "callbacks_reply": "forward = 1",
    "callbacks_webhook": "state IN (0, 1, 6, 7)",
    "campaigns_event": "forward = 1",
    "campaigns_message": "status IN (10, 20)",
}
REST = "rest"


def parted() -> bool:
    """Whether this database has tables in parts."""
    return connection.vendor == "postgresql"


def named(table: str, number: int) -> str:
    return f"{table}_m{number}"


def room(table: str) -> int:
    """How many values of its column a part has."""
    return ROOM_OF_BROADCASTS if BY[table] == "broadcast_id" else ROOM


def bounds(table: str, number: int) -> tuple[int, int]:
    """The first value of a part, and the first of the next part."""
    return number * room(table), (number + 1) * room(table)


def made(table: str, first: int) -> Iterator[str]:
    """Statements that give a table the part `first`, and the rest after it. Part 0 has all that is below."""
    low, high = bounds(table, first)
    values = f"FROM ({low if first else 'MINVALUE'}) TO ({high})"
    yield f'CREATE TABLE "{named(table, first)}" PARTITION OF "{table}" FOR VALUES {values}'
    yield f'CREATE TABLE "{table}_{REST}" PARTITION OF "{table}" FOR VALUES FROM ({high}) TO (MAXVALUE)'


def numbers(table: str) -> list[int]:
    """The parts that it has, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT substring(c.relname FROM '_m([0-9]+)$')::int AS number FROM pg_inherits AS i"
            " JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = %s::regclass"
            " AND c.relname ~ '_m[0-9]+$' ORDER BY number",
            [table],
        )
        return [number for (number,) in cursor.fetchall()]


def make(table: str, number: int) -> bool:
    """Makes the parts up to this one where they are missing. Returns whether it has them all: it gets none
    while rows lie in the rest. Raises OperationalError while somebody reads the table for long."""
    for missing in range(max(numbers(table), default=-1) + 1, number + 1):
        with alone(table), connection.cursor() as cursor:
            cursor.execute(f'LOCK TABLE "{table}_{REST}"')
            if has_rows(f"{table}_{REST}"):
                return False
            cursor.execute(f'DROP TABLE "{table}_{REST}"')
            for statement in made(table, missing):
                cursor.execute(statement)
    return True


def drop(tables: list[str], number: int, *, keep: bool = False) -> None:
    """Drops this part of several tables at once, in the caller's transaction if there is one. `keep`: only
    its rows go. Raises OperationalError while somebody reads one of them for long."""
    how = "TRUNCATE TABLE" if keep else "DROP TABLE IF EXISTS"
    with alone(*tables), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f'{how} "{named(table, number)}"')


def at_rest(number: int) -> bool:
    """Whether no row of this part waits in a queue."""
    return not any(
        has_rows(named(table, number), condition)
        for table, condition in WAITING.items()
        if number in numbers(table)
    )


def has_rows(part: str, condition: str = "true") -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT EXISTS (SELECT FROM "{part}" WHERE {condition})')
        found: bool = cursor.fetchone()[0]
        return found


def too_old(rows: QuerySet[M], before: datetime) -> QuerySet[M]:
    """The rows whose `at` is before this, without those that wait for the drop of their part: in tables in
    parts that is all but those of the part that still grows, for a month."""
    if not parted():
        return rows.filter(at__lt=before)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [rows.model._meta.db_table])
        cursor.execute(f"SELECT last_value FROM {cursor.fetchone()[0]}")
        growing = cursor.fetchone()[0] // ROOM * ROOM
    return rows.filter(Q(pk__gte=growing) | Q(at__lt=before - MONTH), at__lt=before)


def analyze() -> None:
    """What the planner knows of whole tables. Autovacuum looks at each part, and never at them all."""
    with connection.cursor() as cursor:
        for table in BY:
            cursor.execute(f'ANALYZE "{table}"')


def move(number: int) -> None:
    """From now on new rows of every table get ids of this part. Only forward, whoever else does it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('waypost.parts'))")
        for table, room in SEQUENCES.items():
            cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
            (sequence,) = cursor.fetchone()
            cursor.execute(
                f"SELECT setval(%s, %s, false) FROM {sequence} WHERE last_value < %s",
                [sequence, max(number * room, 1), number * room],
            )


@contextmanager
def alone(*tables: str) -> Iterator[None]:
    """A transaction in which nobody else uses these tables. Whoever comes meanwhile waits for a moment."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
        cursor.execute(f"LOCK TABLE {', '.join(sorted(tables))}")
        yield
        cursor.execute("SET LOCAL lock_timeout = 0")
