"""Answers of the database kept for a moment: who looks them up, and who goes on without."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import sleep

import pytest

from lib import remember
from lib.remember import Remembered

THREADS = 32


class Slow:
    """A look-up that ends when it is let go."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.count = 0
        self.begun, self.let_go = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.count += 1
        self.begun.set()
        assert self.let_go.wait(5)
        return self.answer


def in_threads(work: Callable[[], str]) -> list[str | BaseException | None]:
    with ThreadPoolExecutor(THREADS) as pool:
        done = [pool.submit(work) for _ in range(THREADS)]
        return [one.exception() or one.result() for one in done]


def test_a_herd_looks_up_once() -> None:
    known: Remembered[str, str] = Remembered()
    looks = []

    def load() -> str:
        looks.append(1)
        sleep(0.05)
        return "found"

    assert in_threads(lambda: known.get("key", load, 60)) == ["found"] * THREADS
    assert len(looks) == 1


def test_a_herd_fails_together_and_the_next_one_looks_again() -> None:
    known: Remembered[str, str] = Remembered()
    looks = []

    def load() -> str:
        looks.append(1)
        sleep(0.05)
        raise OSError("the database is away")

    assert {str(one) for one in in_threads(lambda: known.get("key", load, 60))} == {"the database is away"}
    assert len(looks) < THREADS / 2, "waiting for one failure after the other would take minutes"
    assert known.get("key", lambda: "found", 60) == "found"


def test_while_one_looks_anew_the_others_go_on_with_what_is_known() -> None:
    known: Remembered[str, str] = Remembered()
    known.get("key", lambda: "old", 0)
    slow = Slow("new")
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(known.get, "key", slow, 60)
        assert slow.begun.wait(5)
        assert known.get("key", lambda: "never asked", 60) == "old"
        slow.let_go.set()
        assert looking.result() == "new"
    assert known.get("key", lambda: "never asked", 60) == "new"


def test_a_slow_look_up_keeps_no_other_key_waiting_or_stale() -> None:
    """Somebody who guesses keys must not keep what is known from being renewed."""
    known: Remembered[str, str] = Remembered()
    known.get("expired", lambda: "old", 0)
    slow = Slow("guessed")
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(known.get, "guess", slow, 60)
        assert slow.begun.wait(5)
        try:
            other = pool_free(lambda: known.get("other", lambda: "found", 60))
            assert other == "found"
            assert known.get("expired", lambda: "new", 60) == "new"
        finally:
            slow.let_go.set()
        assert looking.result() == "guessed"


def pool_free(work: Callable[[], str]) -> str:
    """In a thread of its own, so that a wait without end fails the test and does not hang it."""
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(work()), daemon=True)
    thread.start()
    thread.join(2)
    return found[0] if found else "still waiting"


def test_guessed_keys_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remember, "MOST", 10)
    known: Remembered[int, int] = Remembered()
    for number in range(100):
        known.get(number, lambda number=number: number, 60)  # type: ignore[misc]
    assert len(known._known) <= 10
