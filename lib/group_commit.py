"""Group commit: many threads' rows written in one statement and one commit.

Each caller hands over an item and waits until the group that holds it is committed. One
writer thread a process writes whatever has gathered meanwhile, so a busy server commits once
for dozens of messages and an idle one at once for one.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from time import monotonic, sleep
from typing import Generic, TypeVar

from django.conf import settings
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, close_old_connections

Item = TypeVar("Item")

logger = logging.getLogger(__name__)

GATHER = 0.004
MOST_GROUPS = 50  # that wait while nobody waits for them


class Overloaded(Exception):
    """The writer is behind; nothing was written."""


class _Group(Generic[Item]):
    __slots__ = ("awaited", "done", "errors", "failure", "items", "started")

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.awaited = True
        self.done = threading.Event()
        self.errors: dict[int, Exception] = {}
        self.failure: Exception | None = None
        self.started = monotonic()


class GroupCommit(Generic[Item]):
    """`write` gets a group and must commit it before it returns. `gather` is how many seconds a
    busy writer waits for a group to grow.

    When one item is bad (the database refuses its data) every item of its group is written
    alone, so that only the bad one fails. While the writer is more than INTAKE_MAX_WAIT seconds
    behind, new items are turned away.
    """

    def __init__(
        self, write: Callable[[Sequence[Item]], None], max_group: int = 400, gather: float = GATHER
    ) -> None:
        self._write = write
        self._max_group = max_group
        self._gather = gather
        self._lock = threading.Lock()
        self._waiting = threading.Condition(self._lock)
        self._groups: list[_Group[Item]] = []
        self._writing_since: float | None = None
        self._thread: threading.Thread | None = None

    def submit(self, item: Item) -> None:
        """Returns once the item is committed. Raises Overloaded, or what `write` raised."""
        if not settings.INTAKE_GROUP_COMMIT:  # in tests, inside their transaction
            self._write([item])
            return
        with self._lock:
            if self._behind() > settings.INTAKE_MAX_WAIT:
                raise Overloaded
            group, position = self._add(item)
        group.done.wait()
        error = group.failure or group.errors.get(position)
        if error is not None:
            raise error

    def hand_over(self, item: Item) -> None:
        """Returns at once; the item is committed a moment later. A failure then is logged, and the
        item lost. Raises Overloaded when very many wait already."""
        if not settings.INTAKE_GROUP_COMMIT:
            self._write([item])
            return
        with self._lock:
            if len(self._groups) > MOST_GROUPS:
                raise Overloaded
            self._add(item)[0].awaited = False

    def _add(self, item: Item) -> tuple[_Group[Item], int]:
        """Puts the item into the group to be written next, with the lock held."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
            self._thread.start()
        if not self._groups or len(self._groups[-1].items) >= self._max_group:
            self._groups.append(_Group())
        group = self._groups[-1]
        group.items.append(item)
        self._waiting.notify()
        return group, len(group.items) - 1

    def _behind(self) -> float:
        """Seconds that the oldest item not yet committed has waited."""
        times = [self._writing_since] if self._writing_since else []
        times += [group.started for group in self._groups[:1]]
        return monotonic() - min(times) if times else 0.0

    def _run(self) -> None:
        busy = False  # whether a few milliseconds will gather more items
        while True:
            with self._lock:
                while not self._groups:
                    self._waiting.wait()
            if busy:
                sleep(self._gather)
            with self._lock:
                group = self._groups.pop(0)
                busy = len(group.items) > 1
                self._writing_since = group.started
            try:
                self._write(group.items)
            except Exception as error:
                self._salvage(group, error)
            with self._lock:
                self._writing_since = None
            group.done.set()
            if not group.awaited and (group.failure or group.errors):
                errors = [group.failure] if group.failure else list(group.errors.values())
                lost = len(group.items) if group.failure else len(errors)
                logger.error("%d items could not be committed and are lost: %s", lost, errors[0])

    def _salvage(self, group: _Group[Item], error: Exception) -> None:
        if isinstance(error, OperationalError | InterfaceError):
            close_old_connections()  # a lost connection must not fail the next group too
        if len(group.items) == 1 or not isinstance(error, DataError | IntegrityError | ValueError):
            group.failure = error
            return
        for position, item in enumerate(group.items):
            try:
                self._write([item])
            except Exception as one:
                group.errors[position] = one
