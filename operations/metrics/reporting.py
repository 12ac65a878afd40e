"""What only a process itself knows, written into rows every few seconds: how long things took, how much of
its pool of connections is used, and how late its event loop ran.

So any process can answer for all. If a process is killed, only the histograms lose its last seconds.
"""

import asyncio
import logging
import os
import socket
import threading
from datetime import datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple

from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.utils import timezone

from lib import sql, timings, tracing
from operations.models import Process, TimingCount
from providers.models import Provider

logger = logging.getLogger(__name__)

EVERY = 5.0  # seconds between two reports
FRESH = timedelta(seconds=30)  # a process that is silent for longer has ended
LAST = 5.0  # seconds that a process which ends waits for its last report
_LOOK = 1.0  # seconds between two looks at the event loop


class _Row(NamedTuple):
    """The columns of a TimingCount."""

    what: str
    provider_id: int
    bucket: int
    number: int
    seconds: float


class Reporter:
    """Reports for one process in a thread, from `start` to `end`. `loop` is the event loop that answers
    requests, where there is one."""

    def __init__(self, role: str, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.name = f"{role} {os.getpid()} on {socket.gethostname()}"[:200]
        self._loop = loop
        self._lag: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Reports once more, and takes the process's row away."""
        self._stop.set()
        self._thread.join(LAST)

    def _run(self) -> None:
        due = monotonic() + EVERY
        while not self._stop.wait(_LOOK):
            if self._loop is not None:
                self._lag = max(self._lag or 0.0, lag(self._loop))
            if monotonic() >= due:
                self.report()
                due = monotonic() + EVERY
        self.report(ends=True)

    def report(self, ends: bool = False) -> None:
        """Writes the current values."""
        try:
            if ends:
                Process.objects.filter(name=self.name).delete()
            else:
                seen = {"seen_at": timezone.now(), "loop_lag": self._lag, **_pool()}
                Process.objects.update_or_create(name=self.name, defaults=seen)
            flush()
            self._lag = None
        except DatabaseError as error:
            logger.warning("The database does not take this process's figures: %s", str(error).strip())
        finally:
            connection.close()
        if ends:
            tracing.flush()


def flush() -> None:
    """Adds what this process has timed to the rows. Raises a database error, and then nothing is lost."""
    taken = timings.take()
    table = TimingCount._meta.db_table
    try:
        with transaction.atomic():
            providers = {key.provider_id for key in taken}
            there = set(Provider.objects.filter(pk__in=providers).values_list("pk", flat=True))
            # In one order, so that no two processes wait for each other.
            rows = [_Row(*key, *total) for key, total in sorted(taken.items()) if key.provider_id in there]
            sql.insert(
                TimingCount,
                _Row._fields,
                rows,
                conflict="(what, provider_id, bucket) DO UPDATE SET"
                f" number = {table}.number + excluded.number,"
                f" seconds = {table}.seconds + excluded.seconds",
            )
    except DatabaseError:
        timings.put_back(taken)
        raise


def lag(loop: asyncio.AbstractEventLoop) -> float:
    """Seconds until the loop comes to what it is asked now, up to EVERY."""
    ran, began = threading.Event(), monotonic()
    try:
        loop.call_soon_threadsafe(ran.set)
    except RuntimeError:  # it has ended
        return 0.0
    ran.wait(EVERY)
    return monotonic() - began


def _pool() -> dict[str, int]:
    """How far the pool of this process is used. SQLite has none."""
    pool: Any = getattr(connection, "pool", None)
    if pool is None:
        return {}
    found = pool.get_stats()
    size, idle = found.get("pool_size", 0), found.get("pool_available", 0)
    return {
        "pool_used": size - idle,
        "pool_most": found.get("pool_max", 0),
        "pool_waiting": found.get("requests_waiting", 0),
    }


def forget(now: datetime) -> None:
    """Deletes the rows of processes that were killed."""
    Process.objects.filter(seen_at__lt=now - FRESH).delete()
