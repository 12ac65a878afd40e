"""The whole gateway in this process: its web over real sockets, its worker in a thread.

The server is another than the one of `manage.py serve`: any ASGI server must do.
"""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import uvicorn
from django.db import connections

from callbacks.models import Webhook
from callbacks.webhooks import recording
from campaigns.models import Event, Forward, Message, Status
from config import asgi, worker, wsgi
from config.pages import Pages
from config.worker import Worker
from lib import aside
from simulator.server import Simulator
from tests.gateway import until, writers_let_go
from tests.waiting import PATIENCE


@pytest.fixture
def housekeeping() -> None:
    """The gateway's worker does its upkeep and looks for incidents, too, both when it starts. That takes
    longer than most journeys, so most go without."""


@pytest.fixture
def gateway(
    request: pytest.FixtureRequest,
    transactional_db: None,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """The address of a gateway that serves, sends, reads and forwards."""
    if "housekeeping" not in request.fixturenames:
        for name in ("_upkeep", "_look_for_incidents"):
            monkeypatch.setattr(worker, name, lambda **_: None)
    settings.INTAKE_GROUP_COMMIT = True
    settings.INTAKE_MAX_WAIT = 120  # a busy machine turns nobody away
    settings.CELERY_BROKER_URL = ""  # this worker hears wake-ups without a broker
    monkeypatch.setattr(worker, "LOOK", 0.05)
    monkeypatch.setattr(recording, "WAITS", [timedelta(seconds=0.1)] * 20 + recording.WAITS)
    monkeypatch.setattr(aside, "in_callers_thread", False)
    monkeypatch.setattr(asgi, "_settle", lambda: None)  # whatever the tests have made is no server's
    monkeypatch.setattr(asgi, "people", Pages(wsgi.application))
    server = uvicorn.Server(
        uvicorn.Config(asgi.application, port=0, log_level="error", lifespan="on", access_log=False)
    )
    running = Worker()

    def work() -> None:
        try:
            running.run()
        finally:
            connections.close_all()  # a thread takes its connection with it, out of the pool

    threads = [
        threading.Thread(target=server.run, daemon=True),
        threading.Thread(target=work, daemon=True),
    ]
    threads[0].start()
    until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    settings.PUBLIC_BASE_URL = f"http://127.0.0.1:{port}"
    threads[1].start()
    yield settings.PUBLIC_BASE_URL
    running.end()
    server.should_exit = True
    for thread in threads:
        thread.join(PATIENCE)
    writers_let_go(monkeypatch)


def settled(simulator: Simulator) -> bool:
    """Whether nothing is left to send, to read or to forward, anywhere."""
    return not (
        simulator.pending
        or Message.objects.filter(status__in=(Status.QUEUED, Status.SENDING)).exists()
        or Webhook.objects.filter(state__in=Webhook.OPEN).exclude(state=Webhook.State.WAITING).exists()
        or Event.objects.filter(forward=Forward.PENDING).exists()
        or simulator.pending
    )
