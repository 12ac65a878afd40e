"""Locks between two kinds of writers: those that store contacts, and those that store a "stop" of a number.

While a contact is being created, its writer does not see a "stop" that is being stored, and the writer of the
"stop" does not see the contact. So one waits until the other has committed. SQLite has one writer anyway.
"""

from django.db import connection

_LOCK = 1_907_031  # of PostgreSQL's advisory locks, used for nothing else


def heeding() -> None:
    """Until the end of the transaction nobody stores a choice. Many may hold this at once."""
    _take("pg_advisory_xact_lock_shared")


def choosing() -> None:
    """Until the end of the transaction nobody stores contacts."""
    _take("pg_advisory_xact_lock")


def _take(function: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [_LOCK])
