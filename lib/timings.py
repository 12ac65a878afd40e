"""How long things take, counted in memory: in buckets, for each provider.

Every few seconds a process adds what it has counted to the rows that all processes share
(`operations/metrics/reporting.py`). So the histograms are those of every process on every machine, and no
answer to CleverTap waits for them.
"""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

# Seconds. A bucket holds what took up to its bound; the last one, without a bound, all that took longer.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)


class What(StrEnum):
    """What is timed."""

    ANSWER = "answer"  # a request of CleverTap's, until it is answered
    SUBMIT = "submit"  # a message, from its acceptance until its BSP took it
    FORWARD = "forward"  # a report or an inbound message, from its webhook until CleverTap took it


class Key(NamedTuple):
    """Which bucket of which histogram."""

    what: What
    provider_id: int
    bucket: int


class Total(NamedTuple):
    """How many were in a bucket, and how many seconds they took together."""

    number: int
    seconds: float


_lock = threading.Lock()
_counted: dict[Key, Total] = {}


def note(what: What, provider_id: int, seconds: Iterable[float]) -> None:
    """Counts durations. Two clocks may differ: a negative one counts as 0."""
    with _lock:
        for each in seconds:
            took = max(0.0, each)
            _add(Key(what, provider_id, bisect_left(BOUNDS, took)), Total(1, took))


def take() -> dict[Key, Total]:
    """What was counted since the last time. The caller stores it, or puts it back."""
    with _lock:
        taken = dict(_counted)
        _counted.clear()
    return taken


def put_back(taken: Mapping[Key, Total]) -> None:
    with _lock:
        for key, total in taken.items():
            _add(key, total)


def _add(key: Key, more: Total) -> None:
    known = _counted.get(key, Total(0, 0.0))
    _counted[key] = Total(known.number + more.number, known.seconds + more.seconds)
