"""Keeping two apart that would miss each other: who stores contacts, and who stores that a number stopped.

A contact that is being created does not yet see the "stop" that is being stored, and the other
way round. So the one waits until the other has committed. SQLite has one writer anyway.
"""

from django.db import connection

_LOCK = 1_907_031  # of PostgreSQL's advisory locks, used for nothing else


def heeding() -> None:
    """To the end of the transaction nobody stores a choice. Many may hold this at once."""
    _take("pg_advisory_xact_lock_shared")


def choosing() -> None:
    """To the end of the transaction nobody stores contacts."""
    _take("pg_advisory_xact_lock")


def _take(function: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [_LOCK])
