"""The wake-ups for messages to send: the worker would find them without, but later."""

import threading
from pathlib import Path
from time import monotonic
from typing import Any
from unittest.mock import Mock

import pytest
from celery import current_app
from django.contrib.auth.models import User
from django.utils import timezone

from callbacks.forwarding import forward
from campaigns.models import Message, Status
from campaigns.sending import dispatch, resend, resuming, sample_sends
from config import tasks
from config.worker import Worker
from lib import wakeup
from lib.wakeup import wake
from operations import signs
from providers import leases, lifecycle
from providers.models import Provider
from templates_app.models import Template
from tests.conftest import Woken
from tests.factories import MessageFactory
from tests.gateway import SUCCESS, post, template, until
from tests.waiting import PATIENCE


@pytest.mark.parametrize("drain", [dispatch.drain, forward.drain])
def test_a_wakeup_for_a_provider_that_was_deleted_meanwhile(provider: Provider, drain: Any) -> None:
    pk = provider.pk
    provider.delete()
    assert drain(pk) == 0


def test_an_accepted_message(provider: Provider, other_shop: Provider, woken: Woken) -> None:
    assert post(provider, template()).body == SUCCESS
    assert woken() == {f"campaigns.send:{provider.pk}"}


def test_a_refused_one_wakes_nobody(provider: Provider, woken: Woken) -> None:
    assert post(provider, template(to="")).body != SUCCESS
    assert woken() == set()


def test_a_test_from_a_templates_page(provider: Provider, other_shop: Provider, woken: Woken) -> None:
    body = [{"type": "BODY", "text": "Your order is ready."}]
    ready = Template.objects.create(provider=provider, name="ready", language="en", components=body)
    user = User.objects.create_superuser("mira")
    assert len(sample_sends.send(ready, ["15550100001"], {}, user.pk)) == 1
    assert woken() == {f"campaigns.send:{provider.pk}"}


def test_messages_that_are_sent_again(provider: Provider, other_shop: Provider, woken: Woken) -> None:
    for shop, status in ((provider, Status.FAILED), (other_shop, Status.READ)):
        MessageFactory(provider=shop, status=status)
    user = User.objects.create_superuser("mira")
    assert resend.run(Message.objects.all(), user.pk) == 1
    assert woken() == {f"campaigns.send:{provider.pk}"}


def test_a_provider_that_is_resumed(provider: Provider, other_shop: Provider, woken: Woken) -> None:
    lifecycle.pause(provider, "for the weekend")
    lifecycle.resume(provider)
    assert woken() == {f"campaigns.resumed:{provider.pk}"}
    resuming.hurry(provider.pk)
    assert woken() == {f"campaigns.send:{provider.pk}"}


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SENDING])
def test_the_look_finds_who_has_something_due_or_left_behind(
    provider: Provider, other_shop: Provider, woken: Woken, status: Status
) -> None:
    MessageFactory(provider=provider, status=status, claimed_at=timezone.now())
    MessageFactory(provider=other_shop, status=Status.ACCEPTED)
    tasks.look()
    assert woken() == {f"campaigns.send:{provider.pk}"}


# How it is told


def test_the_worker_wakes_who_is_at_work(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeup, "local", lambda: True)
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(leases, "beat", lambda stop: None)  # this test's worker has no database
    monkeypatch.setattr("config.worker.Reporter", Mock())
    monkeypatch.setattr(signs, "take_away", lambda what: None)
    worker, heard = Worker(), threading.Event()
    monkeypatch.setattr(worker, "_look", lambda: setattr(worker, "_next_look", monotonic() + 600))
    worker._begin("campaigns.send:7", lambda woken, stop: woken.wait(300) and heard.set())
    running = threading.Thread(target=worker.run, daemon=True)
    running.start()
    try:
        until(heard.is_set, lambda: wake("campaigns.send", 7))
    finally:
        worker.end()
        running.join(PATIENCE)


def test_a_broker_gets_one_task_for_many_calls(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after it failed for a while, which disturbs nobody who calls."""
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:9/0"
    asked, answered = threading.Event(), threading.Event()
    sent: list[tuple[str, list[int]]] = []

    def send_task(name: str, args: list[int], retry: bool) -> None:
        sent.append((name, args))
        asked.set()
        assert answered.wait(300)
        if name == "callbacks.ingest":
            raise OSError("no broker")

    monkeypatch.setattr(current_app, "send_task", send_task)
    wake("callbacks.ingest")
    assert asked.wait(300)
    for _ in range(100):
        wake("campaigns.send", 7)
    answered.set()
    until(lambda: len(sent) > 1)
    assert sent == [("callbacks.ingest", []), ("campaigns.send", [7])]
