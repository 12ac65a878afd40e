"""Group commit: many writers share a commit, a bad item fails alone, and a queue too long says so."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from celery import current_app
from django.db import DataError, InterfaceError, OperationalError

from campaigns.intake import receive
from campaigns.models import Message
from lib import group_commit
from lib.group_commit import GroupCommit, Overloaded
from providers.models import Provider
from tests.gateway import SUCCESS, post, template, until, writers_let_go
from tests.waiting import PATIENCE


@pytest.fixture(autouse=True)
def _grouped(settings: Any) -> None:
    settings.INTAKE_GROUP_COMMIT = True


class Writer:
    """Writes groups of numbers, one group after the other, each as soon as it may."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.may_write = threading.Semaphore(0)
        self.bad: dict[int, Exception] = {}
        self.commit: GroupCommit[int] = GroupCommit(self.write, max_group=4)

    def write(self, items: Sequence[int]) -> None:
        assert self.may_write.acquire(timeout=PATIENCE)
        self.groups.append(list(items))
        for item in items:
            if item in self.bad:
                raise self.bad[item]


@pytest.fixture
def writer(settings: Any) -> Any:
    settings.INTAKE_MAX_WAIT = 60
    writer = Writer()
    yield writer
    writer.may_write.release(1000)


def beside(work: Callable[[], None]) -> Future[None]:
    """Has it done by a thread that nobody waits for: unlike a pool's, it may hang and the tests still end."""
    future: Future[None] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def submit(writer: Writer, number: int) -> Future[None]:
    return beside(lambda: async_to_sync(writer.commit.submit)(number))


def submitted(writer: Writer, count: int) -> list[Future[None]]:
    """`count` threads, each waiting for its number to be written: 0 by itself, the others behind it."""
    futures = [submit(writer, 0)]
    until(lambda: writer.commit._writing_since)
    for number in range(1, count):
        futures.append(submit(writer, number))
        until(lambda: len(writer.commit._queue) == number)  # noqa: B023
    return futures


def test_what_gathers_while_one_is_written_shares_the_next_commit(writer: Writer) -> None:
    futures = submitted(writer, 6)
    assert not any(future.done() for future in futures)
    writer.may_write.release(10)
    assert [future.result(PATIENCE) for future in futures] == [None] * 6
    assert writer.groups == [[0], [1, 2, 3, 4], [5]]


def test_nobody_is_told_before_the_commit(writer: Writer) -> None:
    (future,) = submitted(writer, 1)
    assert not future.done()
    writer.may_write.release()
    assert future.result(PATIENCE) is None


@pytest.mark.parametrize("error", [DataError("bad data"), ValueError("NUL")])
def test_a_bad_item_fails_alone(writer: Writer, error: Exception) -> None:
    writer.bad[2] = error
    futures = submitted(writer, 4)
    writer.may_write.release(10)
    assert [future.exception(PATIENCE) for future in futures] == [None, None, error, None]


@pytest.mark.parametrize(
    ("error", "dropped"),
    [(OperationalError("gone"), 1), (InterfaceError("closed"), 1), (ValueError("NUL"), 0)],
)
def test_an_outage_fails_the_group_and_not_the_next(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, error: Exception, dropped: int
) -> None:
    """The connection that was lost is dropped, or every later group would fail with it."""
    drops: list[int] = []
    monkeypatch.setattr(group_commit, "close_old_connections", lambda: drops.append(1))
    writer.bad[0] = error
    (future,) = submitted(writer, 1)
    writer.may_write.release(10)
    assert future.exception(PATIENCE) is error
    assert len(drops) == dropped
    assert submit(writer, 1).result(PATIENCE) is None


def test_items_are_turned_away_while_the_writer_is_behind(writer: Writer, settings: Any) -> None:
    settings.INTAKE_MAX_WAIT = 0.02
    (future,) = submitted(writer, 1)
    until(lambda: writer.commit.behind() > 0.02)
    with pytest.raises(Overloaded):
        submit(writer, 1).result(PATIENCE)
    writer.may_write.release(10)
    future.result(PATIENCE)
    assert submit(writer, 2).result(PATIENCE) is None, "taken again once it has caught up"
    assert writer.groups == [[0], [2]]


def test_overload_is_answered_early_with_429(
    provider: Provider, writer: Writer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INTAKE_MAX_WAIT = 0.02
    monkeypatch.setattr(receive, "_writer", writer.commit)
    (future,) = submitted(writer, 1)
    until(lambda: writer.commit.behind() > 0.02)
    answer = post(provider, template())
    assert not future.done(), "nobody waited for the one before"
    writer.may_write.release(10)
    future.result(PATIENCE)
    assert (answer.status, answer.json) == (429, {"message": "Too many requests to process"})
    assert writer.groups == [[0]]


def test_a_broker_that_hangs_keeps_no_message_waiting(
    provider: Provider, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INTAKE_GROUP_COMMIT, settings.CELERY_BROKER_URL = False, "redis://broker.example.test"
    hanging, let_go = threading.Event(), threading.Event()

    def hang(*args: Any, **options: Any) -> None:
        hanging.set()
        let_go.wait(PATIENCE)

    monkeypatch.setattr(current_app, "send_task", hang)
    assert post(provider, template()).body == SUCCESS
    assert hanging.wait(PATIENCE)
    assert post(provider, template()).body == SUCCESS
    assert not let_go.is_set()
    let_go.set()


@pytest.mark.django_db(transaction=True)
def test_many_requests_at_once_are_all_committed(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [template(msgId=f"m{n % 20}", to="15550100001") for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert {answer.body for answer in pool.map(lambda message: post(provider, message), messages)} == {
            SUCCESS
        }
    assert Message.objects.count() == 20
    writers_let_go(monkeypatch)


def test_what_is_handed_over_is_written_without_anybody_waiting(writer: Writer) -> None:
    for number in range(4):
        writer.commit.hand_over(number)
    assert writer.groups == []
    writer.may_write.release(2)
    until(lambda: sum(map(len, writer.groups)) == 4)


def test_what_is_handed_over_in_vain_is_logged(writer: Writer, caplog: pytest.LogCaptureFixture) -> None:
    writer.bad = {0: OperationalError("gone")}
    writer.may_write.release(2)
    writer.commit.hand_over(0)
    until(lambda: "1 items could not be committed and are lost: gone" in caplog.text)
    assert submit(writer, 1).result(PATIENCE) is None, "it goes on"


def test_no_more_is_handed_over_than_memory_bears(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MOST_UNAWAITED", 5)
    writer.commit.hand_over(0)
    until(lambda: writer.commit._writing_since)
    for number in range(5):
        writer.commit.hand_over(number)
    with pytest.raises(Overloaded):
        writer.commit.hand_over(5)
