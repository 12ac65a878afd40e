"""Work that waits for a database, or takes long, done in threads beside the event loop that asks for it."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation

from lib import outages, sql

P = ParamSpec("P")
T = TypeVar("T")

LARGE = 64_000  # bytes; what is made of more takes too long for a loop
# Set by tests, whose transaction is their own thread's.
in_callers_thread = False
_background: set[asyncio.Task[None]] = set()  # a loop forgets a task that nobody else holds


class Threads:
    """A few threads for work of one kind. Each gives its database connection back after each work."""

    def __init__(self, name: str, most: int) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the work returns or raises. Once asked for it is done, also when its caller is cancelled."""

        def borrowing() -> T:
            with sql.borrowed():
                return work(*args, **kwargs)

        if in_callers_thread:
            return await sync_to_async(borrowing)()
        context = copy_context()
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._pool, context.run, borrowing))


_threads = Threads("aside", 8)
run = _threads.run


class NotAtHand(SynchronousOnlyOperation):
    """Raised on a loop for something that is not in memory. `fetch` loads it."""

    def __init__(self, what: Hashable, fetch: Callable[[], Awaitable[None]]) -> None:
        super().__init__("This is not at hand: see lib.aside")
        self.what = what
        self.fetch = fetch


async def at_hand(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Does the work on the loop, where memory holds all that it asks for (`lib.ttl_cache`) or can get it.

    Work that comes to the database itself is begun anew in a thread, and once more if the database ends the
    connection meanwhile. So it must be safe to repeat.
    """
    fetched: Hashable = None
    while True:
        try:
            return work(*args, **kwargs)
        except NotAtHand as missing:
            if missing.what == fetched:  # memory keeps nothing
                break
            fetched = missing.what
            await missing.fetch()
        except SynchronousOnlyOperation:
            break
    return await run(outages.once_more, partial(work, *args, **kwargs))


async def by_size(size: int, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for work on so many bytes; where they are many it is done in a thread anyway."""
    if size > LARGE:
        return await run(outages.once_more, partial(work, *args, **kwargs))
    return await at_hand(work, *args, **kwargs)


def later(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Starts the work without waiting for it; without a loop, does it here."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        work(*args, **kwargs)
        return

    async def in_a_thread() -> None:
        await run(work, *args, **kwargs)

    task = loop.create_task(in_a_thread())
    _background.add(task)
    task.add_done_callback(_background.discard)
