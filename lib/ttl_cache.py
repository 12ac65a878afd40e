"""Keeps what every request asks the database in memory for a moment."""

import asyncio
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import partial
from time import monotonic
from typing import Generic, TypeVar

from lib import aside, outages, sql

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MOST = 10_000


class Remembered(Generic[K, V]):
    """When a value is older than its time, one thread loads it again. The others use the old value until it
    is twice as old: so after a quiet night nobody gets last evening's value.

    Then, and where there is no value yet, they wait for that thread, and get its value or its error. Keys do
    not wait for each other: neither a slow key nor many guessed ones hold up the rest.

    On an event loop nobody looks or waits: `get` raises `aside.NotAtHand`, and `aside.at_hand` has it done in
    a thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[K, tuple[float, V]] = {}
        self._looking: dict[K, Future[V]] = {}  # a thread is at work on it: to wait for it always ends
        self._fetching: dict[K, Future[V]] = {}  # asked for on a loop; a thread may still have to become free

    def get(self, key: K, load: Callable[[], V], seconds: float) -> V:
        """The value, loaded when none younger than `seconds` is at hand. Raises what `load` raises."""
        entry = self._known.get(key)
        asked = key in self._looking or key in self._fetching
        if entry is not None and entry[0] + (seconds if asked else 0.0) > monotonic():
            return entry[1]
        if asyncio._get_running_loop() is not None:
            raise aside.NotAtHand(key, partial(self._fetch, key, load, seconds))
        mine: Future[V] = Future()
        with self._lock:
            entry = self._known.get(key)
            if entry is not None and entry[0] > monotonic():
                return entry[1]
            first = self._looking.setdefault(key, mine)
        if first is not mine:
            late = entry is None or entry[0] + seconds <= monotonic()
            return first.result() if late or entry is None else entry[1]
        return self._look(key, load, seconds, mine)

    async def _fetch(self, key: K, load: Callable[[], V], seconds: float) -> None:
        """Has the value loaded in a thread, once for all who ask on a loop. Raises what `load` raises."""
        mine: Future[V] = Future()
        first = self._fetching.setdefault(key, mine)

        def fetch() -> None:
            try:
                mine.set_result(self.get(key, load, seconds))
            except BaseException as error:
                mine.set_exception(error)
            finally:
                del self._fetching[key]

        if first is mine:
            await aside.run(fetch)
        await asyncio.shield(asyncio.wrap_future(first))

    def _look(self, key: K, load: Callable[[], V], seconds: float, mine: Future[V]) -> V:
        try:
            with sql.borrowed():
                value = outages.once_more(load)
            if len(self._known) >= MOST:  # guessed keys must not fill the memory
                self._known.clear()
            self._known[key] = (monotonic() + seconds, value)
            mine.set_result(value)
            return value
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._looking[key]

    def forget(self) -> None:
        """Drops everything, so that the next question goes to the database."""
        self._known.clear()
