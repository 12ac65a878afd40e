"""The database's clock, which all machines share, and how far this machine's is from it."""

import logging
from datetime import UTC, datetime, timedelta

from django.db import connection

from lib import sql

logger = logging.getLogger(__name__)

TOLERATED = timedelta(seconds=2)


def now(seconds: float = 0.0) -> str:
    """The database's time, or some seconds later, as SQL in a statement that has parameters."""
    if connection.vendor == "postgresql":
        return f"(clock_timestamp() + interval '{seconds:g} seconds')"
    return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '{seconds:+g} seconds')"


def seconds_until(column: str) -> str:
    """How many seconds, by the database's clock, are left until a datetime column, as SQL."""
    if connection.vendor == "postgresql":
        return f"EXTRACT(EPOCH FROM {column} - clock_timestamp())::float8"
    return f"(julianday({column}) - julianday('now')) * 86400.0"


def ahead() -> timedelta:
    """How far this machine's clock is ahead of the database's; negative when it is behind."""
    asked = datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {now()} WHERE %s = 1", [1])
        (theirs,) = cursor.fetchone()
    return asked + (datetime.now(UTC) - asked) / 2 - sql.datetimes(theirs)


def warn() -> None:
    """Logs it when this machine's clock is wrong. Leases do not care, but rows carry its times."""
    if abs(difference := ahead()) > TOLERATED:
        words = "ahead of" if difference > timedelta(0) else "behind"
        logger.warning(
            "This machine's clock is %.1f s %s the database's", abs(difference.total_seconds()), words
        )
