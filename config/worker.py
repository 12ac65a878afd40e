"""The local worker: the same drain functions that Celery wakes, from one process of threads.

It sleeps until it hears of work, or until the moment that the last look named.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import NamedTuple

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, connections

from accounts import tasks as accounts_tasks
from archive import tasks as archive_tasks
from audience import drafts, subscribing, upload
from audience import tasks as audience_tasks
from broadcasts.run import worker as broadcasts
from callbacks import tasks as callbacks_tasks
from callbacks.forwarding import forward
from callbacks.media import downloads
from callbacks.webhooks import ingest
from campaigns import tasks as campaigns_tasks
from campaigns.sending import dispatch, resuming
from config import due
from lib import clock, outages, wakeup
from operations import signs
from operations import tasks as operations_tasks
from operations.acceptance import runs as acceptance
from operations.alarms import deliver
from operations.metrics.reporting import Reporter
from operations.models import Sign
from privacy import erasing
from privacy import tasks as privacy_tasks
from providers import leases
from stats import tasks as stats_tasks
from stats.reconciliation import loading
from templates_app import tasks as templates_tasks
from templates_app.imports import runs

logger = logging.getLogger(__name__)

LINGER = 5.0  # seconds that an empty queue is kept; it costs nothing, and the next message is quicker
LOOK = 2.0  # seconds between looks: a wake-up may be lost
AFTER_ERROR = 0.25  # seconds until the next try when the database does not answer
UPKEEP = 60.0  # seconds


class _Queue(NamedTuple):
    """`work` gets the key first where every key (a provider, a broadcast) has a queue of its own."""

    work: Callable[..., object]
    keyed: bool = False


QUEUES: dict[str, _Queue] = {
    "campaigns.send": _Queue(partial(dispatch.drain, linger=LINGER), keyed=True),
    resuming.TASK: _Queue(resuming.hurry, keyed=True),
    "callbacks.ingest": _Queue(ingest.drain),
    "callbacks.forward": _Queue(partial(forward.drain, linger=LINGER), keyed=True),
    "callbacks.media": _Queue(downloads.drain),
    "templates.import": _Queue(runs.drain),
    drafts.TASK: _Queue(drafts.drain),
    "audience.upload": _Queue(upload.drain),
    "audience.subscribe": _Queue(subscribing.drain, keyed=True),
    loading.TASK: _Queue(loading.drain),
    "operations.alarms": _Queue(deliver.drain),
    acceptance.TASK: _Queue(acceptance.drain),
    erasing.TASK: _Queue(erasing.drain),
    "broadcasts.run": _Queue(broadcasts.drain, keyed=True),
}


class _QueueThread:
    """One queue being worked by a thread that ends when the queue stays empty."""

    def __init__(self, name: str, work: Callable[..., object], ended: Callable[[], None]) -> None:
        self.woken = leases.Wake()
        self.result: object = None
        self._work = work
        self._ended = ended
        self.thread = threading.Thread(target=self._run, name=name)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.result = self._work(woken=self.woken)
        except Exception:
            logger.exception("%s stopped; it is taken up again", self.thread.name)
        finally:
            connections.close_all()
            self._ended()


class Worker:
    def __init__(self) -> None:
        self.stop = threading.Event()
        self._listener = wakeup.listener()
        self._threads: dict[str, _QueueThread] = {}
        self._vain: dict[str, float] = {}  # queues that had nothing to do for us, and when
        self._next_look = self._next_upkeep = self._next_incidents = monotonic()

    def end(self) -> None:
        """Makes `run` return once everything under way is settled. May be called by a signal's handler."""
        self.stop.set()
        self._listener.poke()

    def run(self) -> None:
        """Works until it is to end, then lets requests under way finish."""
        beat = threading.Thread(target=leases.beat, args=[self.stop], name="leases", daemon=True)
        beat.start()
        reporter = Reporter("worker")
        reporter.start()
        try:
            while not self.stop.is_set():
                moment = min(self._next_look, self._next_upkeep, self._next_incidents)
                self._hear(self._listener.wait(moment - monotonic()))
                if monotonic() >= self._next_look and not self.stop.is_set():
                    self._look()
                if monotonic() >= self._next_upkeep and not self.stop.is_set():
                    self._next_upkeep = monotonic() + UPKEEP
                    self._begin("upkeep", _upkeep)
                if monotonic() >= self._next_incidents and not self.stop.is_set():
                    self._next_incidents = monotonic() + settings.INCIDENT_LOOK_SECONDS
                    self._begin("incidents", _look_for_incidents)
        finally:
            for each in self._threads.values():
                each.woken.set()
            for each in self._threads.values():
                each.thread.join(timeout=dispatch.TIMEOUT + 10)
            beat.join(timeout=1.0)
            self._listener.close()
            reporter.end()
            with suppress(DatabaseError):
                signs.take_away(Sign.What.WORKER)

    def _hear(self, names: set[str]) -> None:
        """Wakes the thread that works a queue, or starts one; needs no query if the name says everything."""
        for name in names:
            task, _, key = name.partition(":")
            queue = QUEUES.get(task)
            if queue is None or queue.keyed != bool(key):
                self._next_look = monotonic()
            else:
                self._call(task, int(key) if key else None)

    def _look(self) -> None:
        """Begins what is due, and notes when to look again."""
        try:
            waiting = due.look()
            connection.close()  # back to the pool
        except DatabaseError as error:
            logger.warning("The database does not answer (%s); looking again", str(error).strip())
            outages.renew_connection()
            self._next_look = monotonic() + AFTER_ERROR
            return
        seconds = LOOK
        for each in waiting:
            keyed = QUEUES[each.task].keyed
            name = each.name if keyed else each.task
            left = each.seconds if name in self._alive() else each.free_in
            if left <= 0 and monotonic() - self._vain.get(name, -LOOK) < LOOK:
                continue
            if left <= 0:
                self._call(each.task, each.key if keyed else None)
            else:
                seconds = min(seconds, left)
        self._next_look = monotonic() + seconds

    def _call(self, task: str, key: int | None) -> None:
        name = task if key is None else f"{task}:{key}"
        queue = QUEUES[task]
        if (running := self._alive().get(name)) is not None:
            running.woken.ask()
        else:
            self._begin(name, queue.work if key is None else partial(queue.work, key))

    def _alive(self) -> dict[str, _QueueThread]:
        for name, each in list(self._threads.items()):
            if not each.thread.is_alive():
                del self._threads[name]
                if each.result == 0:
                    self._vain[name] = monotonic()
        return self._threads

    def _begin(self, name: str, work: Callable[..., object]) -> None:
        if name not in self._alive():
            work = partial(work, stop=self.stop)
            self._threads[name] = _QueueThread(name, work, self._listener.poke)


def _upkeep(woken: threading.Event, stop: threading.Event) -> None:
    clock.warn()
    campaigns_tasks.upkeep()
    callbacks_tasks.upkeep()
    templates_tasks.upkeep()
    audience_tasks.upkeep()
    stats_tasks.upkeep()
    accounts_tasks.upkeep()
    archive_tasks.upkeep()
    privacy_tasks.upkeep()
    operations_tasks.upkeep()


def _look_for_incidents(woken: threading.Event, stop: threading.Event) -> None:
    operations_tasks.look()
