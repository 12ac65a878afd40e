"""/livez and /readyz: asked by machines, by any name, about this process and what it needs."""

import asyncio
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from config import asgi, health
from lib import aside, migrations
from providers.models import Provider
from tests.factories import MessageFactory
from tests.waiting import PATIENCE

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def probe() -> Client:
    """As a load balancer asks: by address, which is not among ALLOWED_HOSTS."""
    return Client(SERVER_NAME="10.1.2.3")


def test_alive_without_a_database(probe: Client) -> None:
    answer = probe.get("/livez")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


@pytest.mark.django_db
def test_ready(probe: Client, settings: Any) -> None:
    settings.CELERY_BROKER_URL = ""
    answer = probe.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert set(answer.json()["checks"]) == {"database", "migrations", "secrets", "queues"}
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_not_ready_without_a_database(probe: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> dict[str, Any]:
        raise DatabaseError("password=hunter2")

    monkeypatch.setitem(health.CHECKS, "database", gone)
    answer = probe.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
    assert "hunter2" not in answer.content.decode()


@pytest.mark.django_db
def test_the_log_says_why_also_for_an_error_without_words(
    probe: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As of a database that has not answered in time."""

    def late() -> dict[str, Any]:
        raise TimeoutError

    monkeypatch.setitem(health.CHECKS, "database", late)
    assert probe.get("/readyz").status_code == 503
    assert "Not healthy: database: TimeoutError" in caplog.messages


@pytest.mark.django_db
def test_not_ready_before_migrations(probe: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "_applied", False)
    monkeypatch.setattr(migrations.MigrationExecutor, "migration_plan", lambda *_: [("one", False)])
    answer = probe.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"]["unapplied"] == 1


@pytest.mark.django_db
def test_a_broker_that_is_down_takes_nothing_out_of_service(probe: Client, settings: Any) -> None:
    """Messages are still kept, and workers find them later."""
    settings.CELERY_BROKER_URL = NOWHERE
    answer = probe.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["checks"]["broker"]["ok"] is False


def test_the_oldest_waiting_message_is_timed(probe: Client, provider: Provider) -> None:
    MessageFactory(provider=provider)
    MessageFactory(provider=provider, next_attempt_at=timezone.now() - timedelta(seconds=90))
    assert 90 <= probe.get("/readyz").json()["checks"]["queues"]["oldest_message_seconds"] < 120


@pytest.mark.parametrize("why", ["paused", "held", "later"])
def test_what_waits_on_purpose_is_not_late(probe: Client, provider: Provider, why: str) -> None:
    now = timezone.now()
    wait = timedelta(seconds=90)
    MessageFactory(provider=provider, next_attempt_at=now + wait if why == "later" else now - wait)
    changed = {
        "paused": {"state": Provider.State.PAUSED},
        "held": {"hold_until": now + wait},
        "later": {},
    }[why]
    if changed:
        Provider.objects.filter(pk=provider.pk).update(**changed)
    assert probe.get("/readyz").json()["checks"]["queues"]["oldest_message_seconds"] == 0


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """As in a process of the web."""
    monkeypatch.setattr(aside, "in_callers_thread", False)
    settings.CELERY_BROKER_URL = "memory://"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("stuck", "status", "word"),
    [("database", 503, "not ready"), ("migrations", 503, "not ready"), ("secrets", 200, "degraded"),
     ("queues", 200, "degraded"), ("broker", 200, "degraded")],
)  # fmt: skip
def test_no_check_is_waited_for_for_longer_than_the_answer_may_take(
    probe: Client, monkeypatch: pytest.MonkeyPatch, in_threads: None, stuck: str, status: int, word: str
) -> None:
    over, asked = threading.Event(), []

    def never() -> dict[str, Any]:
        asked.append(stuck)
        over.wait(PATIENCE)
        return {}

    monkeypatch.setattr(health, "PATIENCE", 0.2)
    monkeypatch.setitem(health.CHECKS, stuck, never)
    try:
        for _ in range(3):
            answer = probe.get("/readyz")
            assert (answer.status_code, answer.json()["status"]) == (status, word)
            assert answer.json()["checks"][stuck]["problem"] == "TimeoutError"
        assert asked == [stuck], "no thread is added while one waits"
    finally:
        over.set()
    monkeypatch.setattr(health, "PATIENCE", PATIENCE)
    assert probe.get("/readyz").status_code == 200
    assert probe.get("/readyz").json()["status"] == "ready", "and the truth is told again"


@pytest.mark.django_db(transaction=True)
def test_the_loop_answers_without_a_thread_of_the_pages(
    monkeypatch: pytest.MonkeyPatch, in_threads: None
) -> None:
    async def asked() -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/readyz", "headers": []}
        await asgi.application(scope, send, send)  # type: ignore[arg-type]
        return sent

    monkeypatch.setattr(health, "PATIENCE", PATIENCE)
    monkeypatch.setattr(asgi, "people", None)
    start, body = asyncio.run(asked())
    assert start["status"] == 200
    assert json.loads(body["body"])["status"] == "ready"
