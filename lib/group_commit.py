"""Group commit: the items of many callers are written in one statement and one commit.

Callers on an event loop await the commit of their own item. Each kind of row has one writer thread, which
writes all items that came in during the last commit. So a busy server commits hundreds of messages together,
and an idle one commits each message at once. A writer holds a database connection only while it writes:
several kinds share the connections of programs.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from time import monotonic, sleep
from typing import Generic, NamedTuple, TypeVar

from django.conf import settings
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, close_old_connections
from django.db import Error as DatabaseError

from lib import aside, outages

Item = TypeVar("Item")

logger = logging.getLogger(__name__)

GATHER = 0.01
MOST_UNAWAITED = 20_000  # items that may wait without a caller that waits for them


class Overloaded(Exception):
    """The writer is behind; nothing was written."""


class _Waiting(NamedTuple, Generic[Item]):
    """An item on its way to the writer, and who awaits its commit."""

    item: Item
    since: float
    committed: asyncio.Future[None] | None


class GroupCommit(Generic[Item]):
    """`write` gets a group and must commit it before it returns. If the database was lost meanwhile it gets
    the group again. It must be safe to repeat, because the first commit may have succeeded. `gather` is how
    many seconds a busy writer waits for a group to grow.

    When one item is bad (the database refuses its data) every item of its group is written
    alone, so that only the bad one fails. While the writer is more than INTAKE_MAX_WAIT seconds
    behind, new items are turned away.
    """

    def __init__(
        self, write: Callable[[Sequence[Item]], None], max_group: int = 500, gather: float = GATHER
    ) -> None:
        self._write = write
        self._max_group = max_group
        self._gather = gather
        self._queue: deque[_Waiting[Item]] = deque()  # its ends are safe to use from several threads
        self._more = threading.Event()
        self._writing_since: float | None = None
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    async def submit(self, item: Item) -> None:
        """Returns once the item is committed. Raises Overloaded, or what `write` raised.

        A caller that is cancelled meanwhile knows nothing: the item may be committed all the same.
        """
        if not settings.INTAKE_GROUP_COMMIT:
            await aside.run(self._write, [item])
            return
        if self.behind() > settings.INTAKE_MAX_WAIT:
            raise Overloaded
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._add(item, committed)
        await committed

    def hand_over(self, item: Item) -> None:
        """Returns at once; the item is committed a moment later. A failure then is logged, and the
        item lost. Raises Overloaded when very many wait already."""
        if not settings.INTAKE_GROUP_COMMIT:
            aside.later(self._write, [item])
            return
        if len(self._queue) >= MOST_UNAWAITED:
            raise Overloaded
        self._add(item, None)

    def behind(self) -> float:
        """Seconds that the oldest item not yet committed has waited."""
        oldest = self._writing_since
        if oldest is None:
            try:
                oldest = self._queue[0].since
            except IndexError:
                return 0.0
        return monotonic() - oldest

    def _add(self, item: Item, committed: asyncio.Future[None] | None) -> None:
        if self._thread is None:
            self._start()
        self._queue.append(_Waiting(item, monotonic(), committed))
        if not self._more.is_set():
            self._more.set()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        busy = False  # whether a few milliseconds will gather more items
        while True:
            self._more.wait()
            self._more.clear()
            while self._queue:
                if busy:
                    sleep(self._gather)
                group = [self._queue.popleft() for _ in range(min(len(self._queue), self._max_group))]
                busy = len(group) > 1
                self._writing_since = group[0].since
                errors = self._commit([waiting.item for waiting in group])
                self._writing_since = None
                _answer(group, errors)
                with suppress(DatabaseError):  # the connection is broken; it is given back all the same
                    outages.give_back()

    def _commit(self, items: Sequence[Item]) -> list[Exception | None]:
        """Writes the items. Returns for each what went wrong."""
        try:
            outages.once_more(partial(self._write, items))
        except Exception as error:
            if isinstance(error, OperationalError | InterfaceError):
                close_old_connections()  # a lost connection must not fail the next group too
            if len(items) == 1 or not isinstance(error, DataError | IntegrityError | ValueError):
                return [error] * len(items)
            return [self._commit([item])[0] for item in items]
        return [None] * len(items)


_Outcome = tuple[asyncio.Future[None], Exception | None]


def _answer(group: Sequence[_Waiting[Item]], errors: Sequence[Exception | None]) -> None:
    """Answers those who wait, all of a loop at once, and logs what is lost because nobody waits for it."""
    outcomes: dict[asyncio.AbstractEventLoop, list[_Outcome]] = {}
    lost: list[Exception] = []
    for waiting, error in zip(group, errors, strict=True):
        if waiting.committed is not None:
            outcomes.setdefault(waiting.committed.get_loop(), []).append((waiting.committed, error))
        elif error is not None:
            lost.append(error)
    for loop, mine in outcomes.items():
        try:
            loop.call_soon_threadsafe(_resolve, mine)
        except RuntimeError:  # the loop has ended, and with it all who waited
            logger.debug("Nobody waits any more for %d commits", len(mine))
    if lost:
        logger.error("%d items could not be committed and are lost: %s", len(lost), lost[0])


def _resolve(outcomes: Sequence[_Outcome]) -> None:
    for committed, error in outcomes:
        if committed.done():  # cancelled
            continue
        if error is None:
            committed.set_result(None)
        else:
            committed.set_exception(error)
