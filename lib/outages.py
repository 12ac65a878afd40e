"""Work that survives a short outage of the database, and connections that are given back while unused."""

import logging
from collections.abc import Callable
from time import monotonic, sleep
from typing import TypeVar

import psycopg
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection
from psycopg_pool import PoolTimeout

logger = logging.getLogger(__name__)

OUTAGE = 4.0  # seconds that work is tried again while the database does not answer
AGAIN = 0.2  # seconds between these tries
# SQLSTATEs of a server that shuts down, of a connection that failed, of a transaction that stood still
_ENDS = ("57P", "08", "25P03")

T = TypeVar("T")


def give_back() -> None:
    """The connection goes back to the pool: many queues wait with few connections."""
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        connection.close()


def patiently(work: Callable[[], T]) -> T:
    """Does the work, and tries it again on a fresh connection when the database has gone away.

    Raises its error if the database stays away. The work must be safe to repeat.
    """
    end = monotonic() + OUTAGE
    while True:
        try:
            return work()
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block or monotonic() > end:
                raise
            logger.warning("The database does not answer (%s); trying again", str(error).strip())
            renew_connection()
            sleep(AGAIN)


def once_more(work: Callable[[], T]) -> T:
    """Does the work, and does it once again where the database ended the connection meanwhile, as it does
    when it restarts. The work must be safe to repeat. If the database accepts no connection, this fails at
    once.
    """
    try:
        return work()
    except (OperationalError, InterfaceError) as error:
        if not _lost_by(error):
            raise
        logger.warning("A connection to the database was lost (%s); trying once more", str(error).strip())
        renew_connection()
        pool = getattr(connection, "pool", None)
        if pool is not None:  # a server that shuts down ends the others too, one after the other
            pool.drain()
        return work()


def _lost_by(error: Exception) -> bool:
    """By what the server said, or that it said nothing: Django may have another connection already."""
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error) or isinstance(cause, PoolTimeout) or connection.in_atomic_block:
        return False
    return cause.sqlstate is None or cause.sqlstate.startswith(_ENDS)


def renew_connection() -> None:
    """Gives up what may be a broken connection, and others of the pool that broke with it."""
    try:
        connection.close()
    except DatabaseError:  # it is broken indeed
        logger.debug("A broken connection could not be closed", exc_info=True)
