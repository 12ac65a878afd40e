"""The loop of every queue: who works it, when it is left, and that nothing queued is left behind."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.utils import timezone

from providers import leases
from providers.leases import Hold, Lost, Progress
from providers.models import Lease

pytestmark = pytest.mark.django_db

NAME = "queue"
MINUTES = 600.0  # so long that a test which waited for it would be noticed


class Queue:
    """Rows that are worked one a step. `then` happens in the step that finds none."""

    def __init__(
        self, rows: int, then: Callable[[], object] = lambda: None, pause: float | None = None
    ) -> None:
        self.rows = rows
        self.then = then
        self.pause = pause
        self.steps = 0

    def step(self, hold: Hold) -> Progress:
        self.steps += 1
        if not self.rows:
            self.then()
            return Progress(0, moved=0, pause=self.pause)
        self.rows -= 1
        return Progress(1, moved=1)

    def due(self) -> bool:
        return self.rows > 0


def test_a_queue_is_worked_until_a_step_finds_nothing() -> None:
    queue = Queue(3)
    assert leases.work(NAME, queue.step, queue.due) == 3
    assert (queue.steps, leases.held(NAME)) == (4, False)


def test_nothing_happens_while_another_worker_has_the_queue() -> None:
    queue = Queue(3)
    with leases.take(NAME):  # type: ignore[union-attr]
        assert leases.work(NAME, queue.step, queue.due) == 0
    assert queue.steps == 0


def test_the_sum_is_of_what_was_done_not_of_what_moved() -> None:
    rounds = iter([Progress(2, moved=5), Progress(0, moved=3), Progress(0, moved=0)])
    assert leases.work(NAME, lambda hold: next(rounds), lambda: False) == 2


# Lingering


def test_who_lingers_works_what_comes_meanwhile() -> None:
    woken, stop = threading.Event(), threading.Event()

    def one_more_comes() -> None:
        queue.rows, queue.then = 1, stop.set
        woken.set()

    queue = Queue(1, then=one_more_comes)
    assert leases.work(NAME, queue.step, lambda: False, linger=MINUTES, woken=woken, stop=stop) == 2


def test_who_does_not_linger_leaves_at_the_first_empty_look() -> None:
    queue = Queue(1)
    queue.then = lambda: setattr(queue, "rows", 1)
    assert leases.work(NAME, queue.step, lambda: False) == 1


def test_who_lingers_asks_nothing_until_he_is_woken_and_leaves_in_the_end() -> None:
    queue = Queue(1)
    assert leases.work(NAME, queue.step, queue.due, linger=0.3) == 1
    assert queue.steps == 2


def test_a_limit_that_ends_soon_is_waited_for() -> None:
    rounds = iter([Progress(0, 0, pause=0.01), Progress(1, 1), Progress(0, 0)])
    assert leases.work(NAME, lambda hold: next(rounds), lambda: False) == 1


def test_one_that_lasts_lets_the_queue_rest() -> None:
    """Nobody need look, and whoever is called for another reason finds it free."""
    assert leases.work(NAME, lambda hold: Progress(0, 0, pause=30.0), lambda: False) == 0
    lease = Lease.objects.get(name=NAME)
    assert (lease.holder, leases.held(NAME)) == ("", False)
    assert 25 < (lease.expires_at - timezone.now()).total_seconds() <= 30
    assert leases.take(NAME)


def test_requests_under_way_keep_a_worker_that_finds_nothing() -> None:
    rounds = iter([Progress(1, 1, under_way=True), Progress(0, 0, under_way=True), Progress(0, 1)])
    woken = threading.Event()

    def step(hold: Hold) -> Progress:
        woken.set()  # as a request does that ends
        return next(rounds, Progress(0, 0))

    assert leases.work(NAME, step, lambda: False, woken=woken) == 1
    assert next(rounds, None) is None, "all of them were taken"


def test_a_wake_up_ends_the_pause() -> None:
    woken, stop = threading.Event(), threading.Event()

    def one_more_comes() -> None:
        queue.rows, queue.then = 1, lambda: (woken.set(), stop.set())
        woken.set()

    queue = Queue(1, then=one_more_comes, pause=MINUTES)
    assert leases.work(NAME, queue.step, queue.due, linger=MINUTES, woken=woken, stop=stop) == 2


@pytest.mark.parametrize(("moved", "gathered"), [(0, []), (1, []), (2, [0.25])])
def test_rows_gather_after_a_step_that_moved_several(
    monkeypatch: pytest.MonkeyPatch, moved: int, gathered: list[float]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(leases, "sleep", slept.append)
    rounds = iter([Progress(moved, moved), Progress(0, 0)])
    leases.work(NAME, lambda hold: next(rounds), lambda: False, gather=0.25)
    assert slept == gathered


# Stopping


def test_a_stop_before_the_first_step_leaves_everything() -> None:
    queue, stop = Queue(3), threading.Event()
    stop.set()
    assert leases.work(NAME, queue.step, queue.due, stop=stop) == 0
    assert (queue.steps, leases.held(NAME)) == (0, False)


def test_a_stop_ends_the_work_though_more_is_due() -> None:
    queue, stop = Queue(3), threading.Event()

    def step(hold: Hold) -> Progress:
        stop.set()
        return queue.step(hold)

    assert leases.work(NAME, step, queue.due, linger=MINUTES, stop=stop) == 1
    assert queue.rows == 2


def test_a_stop_waits_for_what_is_under_way() -> None:
    stop = threading.Event()
    stop_after: list[Progress] = []
    rounds = iter([Progress(1, 1, under_way=True), Progress(0, 1, under_way=True), Progress(0, 1)])

    def step(hold: Hold) -> Progress:
        stop.set()
        stop_after.append(next(rounds))
        return stop_after[-1]

    leases.work(NAME, step, lambda: True, stop=stop)
    assert len(stop_after) == 3


# Losing the lease


def test_a_lost_lease_ends_the_work_and_stays_with_its_new_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEWAL", 0.0)
    steps = []

    def step(hold: Hold) -> Progress:
        steps.append(hold)
        Lease.objects.filter(name=NAME).update(holder="another")
        return Progress(1, moved=1)

    with pytest.raises(Lost):
        leases.work(NAME, step, lambda: True)
    assert len(steps) == 1
    assert (leases.held(NAME), Lease.objects.get(name=NAME).holder) == (True, "another")


def test_a_step_that_fails_gives_the_lease_back() -> None:
    def step(hold: Hold) -> Progress:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        leases.work(NAME, step, lambda: True)
    assert not leases.held(NAME)


def test_a_queue_that_is_let_go_rests_only_when_it_is_told_to() -> None:
    for rest, rests in ((60.0, True), (0.0, False)):
        hold = leases.take(NAME)
        assert hold is not None
        hold.release(rest) if rest else hold.release()
        assert (Lease.objects.get(name=NAME).expires_at > timezone.now()) == rests


def test_a_wake_up_is_heard_once() -> None:
    """Else the worker would look again and again until it leaves."""
    woken, queue = threading.Event(), Queue(0)
    woken.set()
    leases.work(NAME, queue.step, queue.due, linger=0.05, woken=woken)
    assert queue.steps == 1


def test_who_waits_hears_that_the_lease_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEWAL", 0.01)
    hold = leases.take(NAME)
    assert hold is not None
    Lease.objects.update(holder="another")
    with pytest.raises(Lost):
        leases._wait(hold, leases.STAY)


def test_who_renews_leases_gives_the_connection_back(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bool] = []
    monkeypatch.setattr(leases, "give_back", lambda: given.append(True))
    leases._renew_or_say()
    assert given == [True]


# Between the last step and the release


def test_what_is_queued_between_the_last_step_and_the_release_is_worked() -> None:
    queue = Queue(1)
    late = iter([1])

    @contextmanager
    def while_held(hold: Hold) -> Iterator[None]:
        yield
        assert leases.held(NAME), "it is left before the release"
        queue.rows += next(late, 0)

    assert leases.work(NAME, queue.step, queue.due, while_held=while_held) == 2
    assert queue.rows == 0


def test_what_is_queued_after_the_release_of_another_is_left_to_that_one() -> None:
    """Between release and look another worker may have taken the queue over."""
    queue = Queue(1)

    def due() -> bool:
        queue.rows = 1
        assert leases.take(NAME) is not None
        return True

    assert leases.work(NAME, queue.step, due) == 1
    assert (queue.rows, leases.held(NAME)) == (1, True)


def test_after_a_stop_nobody_looks_again() -> None:
    queue, stop = Queue(0), threading.Event()

    def then() -> None:
        queue.rows = 1
        stop.set()

    queue.then = then
    assert leases.work(NAME, queue.step, queue.due, stop=stop) == 0
    assert (queue.steps, queue.rows) == (1, 1)


def test_each_holder_reads_the_note_of_the_last_one() -> None:
    notes = []

    def step(hold: Hold) -> Progress:
        notes.append(hold.state)
        hold.save({"seen": len(notes)})
        return Progress(0, moved=0)

    looks = iter([True, False])
    leases.work(NAME, step, lambda: next(looks))
    assert notes == [None, {"seen": 1}]
