"""Answers of the database kept in memory for a moment, for what every request asks anew."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from time import monotonic
from typing import Generic, TypeVar

from lib import sql

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MOST = 10_000


class Remembered(Generic[K, V]):
    """One thread looks a key up anew when its time is up; the others go on with what is known.

    Where nothing is known yet they wait for what that one finds, or fail with it. Each key is
    looked up for itself: a slow one, or many guessed ones, keep no other from being renewed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[K, tuple[float, V]] = {}
        self._looking: dict[K, Future[V]] = {}

    def get(self, key: K, load: Callable[[], V], seconds: float) -> V:
        """The value, loaded when none younger than `seconds` is at hand. Raises what `load` raises."""
        entry = self._known.get(key)
        if entry is not None and entry[0] > monotonic():
            return entry[1]
        mine: Future[V] = Future()
        with self._lock:
            entry = self._known.get(key)
            if entry is not None and entry[0] > monotonic():
                return entry[1]
            first = self._looking.setdefault(key, mine)
        if first is not mine:
            return first.result() if entry is None else entry[1]
        try:
            with sql.borrowed():
                value = load()
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
