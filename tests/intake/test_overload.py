"""Group commit: many writers share a commit, a bad item fails alone, and a queue too long says so."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DataError, OperationalError

from campaigns import intake
from campaigns.models import Message
from lib import group_commit
from lib.group_commit import GroupCommit, Overloaded
from providers.models import Provider
from tests.gateway import SUCCESS, post, template, until, writers_let_go


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
        self.may_write.acquire()
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


def submitted(writer: Writer, count: int) -> tuple[ThreadPoolExecutor, list[Any]]:
    """`count` threads, each waiting for its number to be written: 0 by itself, the others behind it."""
    pool = ThreadPoolExecutor(count)
    futures = [pool.submit(writer.commit.submit, 0)]
    until(lambda: writer.commit._writing_since)
    for number in range(1, count):
        futures.append(pool.submit(writer.commit.submit, number))
        until(lambda: sum(len(group.items) for group in writer.commit._groups) == number)  # noqa: B023
    return pool, futures


def test_what_gathers_while_one_is_written_shares_the_next_commit(writer: Writer) -> None:
    pool, futures = submitted(writer, 6)
    with pool:
        assert not any(future.done() for future in futures)
        writer.may_write.release(10)
        assert [future.result(10) for future in futures] == [None] * 6
    assert writer.groups == [[0], [1, 2, 3, 4], [5]]


def test_nobody_is_told_before_the_commit(writer: Writer) -> None:
    pool, (future,) = submitted(writer, 1)
    with pool:
        assert not future.done()
        writer.may_write.release()
        assert future.result(10) is None


@pytest.mark.parametrize("error", [DataError("bad data"), ValueError("NUL")])
def test_a_bad_item_fails_alone(writer: Writer, error: Exception) -> None:
    writer.bad[2] = error
    pool, futures = submitted(writer, 4)
    with pool:
        writer.may_write.release(10)
        outcomes = [future.exception(10) for future in futures]
    assert outcomes == [None, None, error, None]


def test_an_outage_fails_the_group_and_not_the_next(writer: Writer) -> None:
    writer.bad[0] = OperationalError("gone away")
    pool, (future,) = submitted(writer, 1)
    with pool:
        writer.may_write.release(10)
        assert isinstance(future.exception(10), OperationalError)
    assert writer.commit.submit(1) is None


def test_items_are_turned_away_while_the_writer_is_behind(writer: Writer, settings: Any) -> None:
    settings.INTAKE_MAX_WAIT = 0.02
    pool, (future,) = submitted(writer, 1)
    with pool:
        until(lambda: writer.commit._behind() > 0.02)
        with pytest.raises(Overloaded):
            writer.commit.submit(1)
        writer.may_write.release(10)
        future.result(10)
    assert writer.commit.submit(2) is None, "taken again once it has caught up"
    assert writer.groups == [[0], [2]]


def test_overload_is_answered_early_with_429(
    provider: Provider, writer: Writer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INTAKE_MAX_WAIT = 0.02
    monkeypatch.setattr(intake, "_writer", writer.commit)
    pool, _ = submitted(writer, 1)
    with pool:
        until(lambda: writer.commit._behind() > 0.02)
        began = time.monotonic()
        answer = post(provider, template())
        assert time.monotonic() - began < 0.5
        writer.may_write.release(10)
    assert (answer.status, answer.json) == (429, {"message": "Too many requests to process"})
    assert writer.groups == [[0]]


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
    writer.commit.submit(1)


def test_no_more_is_handed_over_than_memory_bears(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MOST_GROUPS", 1)
    writer.commit.hand_over(0)
    until(lambda: writer.commit._writing_since)
    for number in range(5):  # a full group, and one begun
        writer.commit.hand_over(number)
    with pytest.raises(Overloaded):
        writer.commit.hand_over(5)
