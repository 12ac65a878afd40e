"""Answers of the database kept in memory for a moment, for what every request asks anew."""

import threading
from collections.abc import Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

from lib import sql

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MOST = 10_000


class Remembered(Generic[K, V]):
    """One thread looks anew when the time is up; the others go on with what is known."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[K, tuple[float, V]] = {}

    def get(self, key: K, load: Callable[[], V], seconds: float) -> V:
        """The value, loaded when none younger than `seconds` is at hand."""
        entry = self._known.get(key)
        if entry is not None and entry[0] > monotonic():
            return entry[1]
        if not self._lock.acquire(blocking=entry is None):
            assert entry is not None
            return entry[1]
        try:
            entry = self._known.get(key)
            if entry is not None and entry[0] > monotonic():
                return entry[1]
            with sql.borrowed():
                value = load()
            if len(self._known) >= MOST:  # guessed keys must not fill the memory
                self._known.clear()
            self._known[key] = (monotonic() + seconds, value)
            return value
        finally:
            self._lock.release()

    def forget(self) -> None:
        """Drops everything, so that the next question goes to the database."""
        self._known.clear()
