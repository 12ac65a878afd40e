"""The whole gateway in this process: its web over real sockets, its worker in a thread."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer
from django.db import connections
from django.test.testcases import QuietWSGIRequestHandler

from callbacks.models import Webhook
from campaigns.models import Event, Forward, Message, Status
from config import worker
from config.worker import Worker
from config.wsgi import application
from simulator.server import Simulator
from tests.gateway import writers_let_go


@pytest.fixture
def gateway(transactional_db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a gateway that serves, sends, reads and forwards."""
    settings.INTAKE_GROUP_COMMIT = True
    settings.CELERY_BROKER_URL = ""  # this worker hears wake-ups without a broker
    monkeypatch.setattr(worker, "LOOK", 0.05)
    server = ThreadedWSGIServer(("127.0.0.1", 0), QuietWSGIRequestHandler)
    server.daemon_threads = True
    server.set_app(application)
    settings.PUBLIC_BASE_URL = f"http://127.0.0.1:{server.server_port}"
    running = Worker()

    def work() -> None:
        try:
            running.run()
        finally:
            connections.close_all()  # a thread takes its connection with it, out of the pool

    threads = [
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True),
        threading.Thread(target=work, daemon=True),
    ]
    for thread in threads:
        thread.start()
    yield settings.PUBLIC_BASE_URL
    running.stop.set()
    server.shutdown()
    for thread in threads:
        thread.join(30)
    server.server_close()
    writers_let_go(monkeypatch)


def settled(simulator: Simulator) -> bool:
    """Whether nothing is left to send, to read or to forward, anywhere."""
    return not (
        simulator.pending
        or Message.objects.filter(status__in=(Status.QUEUED, Status.SENDING)).exists()
        or Webhook.objects.filter(state=Webhook.State.PENDING).exists()
        or Event.objects.filter(forward=Forward.PENDING).exists()
        or simulator.pending
    )
