"""Answers of the database kept for a moment: who looks them up, and who goes on without."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic

import pytest

from lib import aside, ttl_cache
from lib.ttl_cache import Remembered
from tests.gateway import until
from tests.waiting import PATIENCE

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
        assert self.let_go.wait(PATIENCE)
        return self.answer


def in_threads(work: Callable[[], str]) -> list[str | BaseException | None]:
    with ThreadPoolExecutor(THREADS) as pool:
        done = [pool.submit(work) for _ in range(THREADS)]
        return [one.exception() or one.result() for one in done]


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Those who wait for what another finds."""
    found: list[object] = []

    class Awaited(Future[str]):
        def result(self, timeout: float | None = None) -> str:
            found.append(self)
            return super().result(timeout)

    monkeypatch.setattr(ttl_cache, "Future", Awaited)
    return found


def test_a_herd_looks_up_once(waiting: list[object]) -> None:
    known: Remembered[str, str] = Remembered()
    looks = []

    def load() -> str:
        looks.append(1)
        until(lambda: len(waiting) == THREADS - 1)
        return "found"

    assert in_threads(lambda: known.get("key", load, 60)) == ["found"] * THREADS
    assert len(looks) == 1


def test_a_herd_fails_together_and_the_next_one_looks_again(waiting: list[object]) -> None:
    """Waiting for one failure after the other would take minutes."""
    known: Remembered[str, str] = Remembered()
    looks = []

    def load() -> str:
        looks.append(1)
        until(lambda: len(waiting) == THREADS - 1)
        raise OSError("the database is away")

    assert {str(one) for one in in_threads(lambda: known.get("key", load, 60))} == {"the database is away"}
    assert len(looks) == 1
    assert known.get("key", lambda: "found", 60) == "found"


def test_while_one_looks_anew_the_others_go_on_with_what_is_known() -> None:
    known: Remembered[str, str] = Remembered()
    known.get("key", lambda: "old", 0)
    slow = Slow("new")
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(known.get, "key", slow, 60)
        assert slow.begun.wait(PATIENCE)
        assert known.get("key", lambda: "never asked", 60) == "old"
        slow.let_go.set()
        assert looking.result() == "new"
    assert known.get("key", lambda: "never asked", 60) == "new"


def test_what_is_long_out_of_date_goes_to_nobody(
    waiting: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a quiet night a burst would be judged by the logins of last evening."""
    known: Remembered[str, str] = Remembered()
    known.get("key", lambda: "of last evening", 1)
    monkeypatch.setattr(ttl_cache, "monotonic", lambda: monotonic() + 3600)
    slow = Slow("new")
    with ThreadPoolExecutor(2) as pool:
        looking = pool.submit(known.get, "key", slow, 1)
        assert slow.begun.wait(PATIENCE)
        other = pool.submit(known.get, "key", lambda: "never asked", 1)
        until(lambda: waiting or other.done())
        slow.let_go.set()
        assert [looking.result(), other.result()] == ["new", "new"]


def test_a_slow_look_up_keeps_no_other_key_waiting_or_stale() -> None:
    """Somebody who guesses keys must not keep what is known from being renewed."""
    known: Remembered[str, str] = Remembered()
    known.get("expired", lambda: "old", 0)
    slow = Slow("guessed")
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(known.get, "guess", slow, 60)
        assert slow.begun.wait(PATIENCE)
        try:
            other = pool_free(lambda: known.get("other", lambda: "found", 60))
            assert other == "found"
            assert known.get("expired", lambda: "new", 60) == "new"
        finally:
            slow.let_go.set()
        assert looking.result() == "guessed"


def test_no_thread_waits_for_a_look_up_that_has_no_thread_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large bodies look in a thread at once, small ones by way of the loop. All threads once waited for ever
    for a look-up that was behind them in the queue for a thread."""
    monkeypatch.setattr(aside, "run", aside.Threads("one", 1).run)
    monkeypatch.setattr(aside, "in_callers_thread", False)
    known: Remembered[str, str] = Remembered()
    busy = threading.Event()

    async def burst() -> list[object]:
        first = asyncio.create_task(aside.run(busy.wait, PATIENCE))
        large = asyncio.create_task(aside.run(known.get, "key", lambda: "found", 60))
        small = asyncio.create_task(aside.at_hand(known.get, "key", lambda: "found", 60))
        await asyncio.sleep(0)  # each is asked for, and none has begun
        busy.set()
        _, waiting = await asyncio.wait((first, large, small), timeout=PATIENCE)
        for future in known._looking.values():
            future.cancel()  # so that this fails and does not hang
        assert not waiting
        return [task.result() for task in (large, small)]

    assert asyncio.run(burst()) == ["found", "found"]


def pool_free(work: Callable[[], str]) -> str:
    """In a thread of its own, so that a wait without end fails the test and does not hang it."""
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(work()), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return found[0] if found else "still waiting"


def test_guessed_keys_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ttl_cache, "MOST", 10)
    known: Remembered[int, int] = Remembered()
    for number in range(100):
        known.get(number, lambda number=number: number, 60)  # type: ignore[misc]
    assert len(known._known) <= 10


def test_each_key_is_kept_until_all_are_forgotten() -> None:
    known: Remembered[str, str] = Remembered()
    for key in ("one", "other"):
        known.get(key, lambda key=key: key, 60)  # type: ignore[misc]
    assert [known.get(key, lambda: "looked up again", 60) for key in ("one", "other")] == ["one", "other"]
    known.forget()
    assert known.get("one", lambda: "looked up again", 60) == "looked up again"


def test_what_another_has_found_meanwhile_is_taken() -> None:
    """Between a look at what is known and the lock, another look-up may end."""
    known: Remembered[str, str] = Remembered()
    with pytest.MonkeyPatch.context() as patch:

        def meanwhile() -> None:
            patch.undo()
            known.get("key", lambda: "found", 60)

        patch.setattr(asyncio, "_get_running_loop", meanwhile)
        assert known.get("key", lambda: "looked up again", 60) == "found"


def test_who_begins_to_look_meanwhile_keeps_nobody_waiting() -> None:
    known: Remembered[str, str] = Remembered()
    known.get("key", lambda: "old", 0)
    slow = Slow("new")
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as pool:

        def meanwhile() -> None:
            patch.undo()
            pool.submit(known.get, "key", slow, 60)
            assert slow.begun.wait(PATIENCE)

        patch.setattr(asyncio, "_get_running_loop", meanwhile)
        try:
            assert known.get("key", lambda: "never asked", 60) == "old"
        finally:
            slow.let_go.set()
