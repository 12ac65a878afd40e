"""Workers killed or stopped in the middle of sending: another goes on, and nobody is sent a message twice."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import OperationalError, connection, transaction

from campaigns.models import Status
from lib import wakeup
from lib.postgres import base as postgres
from providers.models import Provider
from tests.faults.conftest import Installation
from tests.gateway import template, until
from tests.processes import running, wait_until
from tests.waiting import PATIENCE

WORKERS = ("manage.py worker", "celery")


def posted(installation: Installation, count: int) -> set[str]:
    payloads = [template() for _ in range(count)]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(installation.post, payloads))
    return {payload["msgId"] for payload in payloads}


def workers(installation: Installation) -> list[int]:
    family = installation.family().items()
    return [pid for pid, command in family if any(words in command for words in WORKERS)]


@pytest.mark.processes
def test_the_queue_of_a_killed_worker_is_taken_over_without_help(installation: Installation) -> None:
    """What was on the wire may be unknown. What was only claimed, or waited, is sent."""
    installation.simulator.behaviour.answer_delay = PATIENCE  # nothing that is under way ends before the kill
    names = posted(installation, 150)  # more than go at once
    wait_until(lambda: len(installation.simulator.requests) > 20)
    installation.kill(*WORKERS)
    installation.simulator.behaviour.answer_delay = 0.0
    wait_until(installation.idle)
    statuses = {name: status for name, status in installation.statuses().items() if name in names}
    assert set(statuses.values()) <= {Status.ACCEPTED, Status.UNKNOWN}
    for name, status in statuses.items():
        assert installation.sends(name) == 1 or (status == Status.UNKNOWN and not installation.sends(name))
    installation.sound()


@pytest.mark.processes
def test_a_worker_that_is_stopped_past_its_lease_and_goes_on_repeats_nothing(
    installation: Installation,
) -> None:
    installation.simulator.behaviour.answer_delay = 0.3
    stopped = workers(installation)
    assert stopped
    names = posted(installation, 150)
    wait_until(lambda: len(installation.simulator.requests) > 20)
    installation.stand_still(stopped)
    try:
        with running(["manage.py", "worker"], installation.env, "second"):
            wait_until(installation.idle)
            installation.go_on(stopped)
            late = posted(installation, 20)
            wait_until(installation.idle)
    finally:
        installation.go_on(stopped)
    installation.simulator.behaviour.answer_delay = 0.0
    assert max(installation.sends(name) for name in names | late) == 1
    installation.sound()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer, and ends no connection")
def test_whoever_stands_still_in_a_transaction_loses_its_locks(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopped worker kept the rows that it was about to change, and the next one waited for ever."""

    mine = Provider.objects.filter(pk=provider.pk)

    def take_over() -> None:
        mine.update(nickname="taken over")
        connection.close()

    def stand_still() -> None:
        with transaction.atomic():
            mine.update(nickname="stood still")
            with ThreadPoolExecutor(1) as another:
                another.submit(take_over).result(PATIENCE)
            mine.get()

    monkeypatch.setattr(postgres, "STILL", 1)
    fresh_connections()
    with pytest.raises(OperationalError, match="idle-in-transaction"):
        stand_still()
    assert mine.get().nickname == "taken over"
    monkeypatch.undo()
    fresh_connections()


def fresh_connections() -> None:
    connection.close()
    connection.close_pool()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no LISTEN")
def test_a_listening_connection_that_is_lost_is_made_anew_and_the_worker_looks_once() -> None:
    listener = wakeup.DatabaseListener()
    try:
        assert listener.wait(0) == {wakeup.LOOK}, "what was told before is unknown"
        wakeup._notify(["campaigns.send:7", "callbacks.ingest"])
        assert listener.wait(60) == {"campaigns.send:7", "callbacks.ingest"}
        with psycopg.connect(**connection.get_connection_params(), autocommit=True) as server:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' "
                "AND datname = current_database()"
            )
        until(lambda: listener.wait(1) == {wakeup.LOOK})
        wakeup._notify(["campaigns.send:8"])
        assert listener.wait(60) == {"campaigns.send:8"}
        listener.poke()
        assert listener.wait(60) == {wakeup.LOOK}
    finally:
        listener.close()
