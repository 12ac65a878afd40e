"""The wake-ups for an upload, and for opt-outs to send to CleverTap: the worker would find them without, but
later."""

from typing import Any

import pytest
from django.utils import timezone

from audience import drafts, opting, subscribing, upload
from audience.models import OptSetting, Subscription
from callbacks.webhooks import ingest
from config import tasks
from providers.models import Provider
from tests.audience.conftest import csv_file
from tests.conftest import Woken
from tests.gateway import call_back

FILE = "Identity,Phone\nasha,+919812345678\n"


@pytest.fixture
def told_later(provider: Provider) -> Subscription:
    """What waits to be told."""
    now = timezone.now()
    return Subscription.objects.create(
        provider=provider, phone="919812345678", status="Unsubscribe", created_at=now, next_attempt_at=now
    )


def test_an_upload_that_starts(db: None, woken: Woken) -> None:
    assert upload.start(drafts.draft("users.csv", csv_file(FILE), by="mira"))
    assert woken() == {"audience.upload"}


def test_a_stop_that_clevertap_is_told(
    provider: Provider, woken: Woken, django_capture_on_commit_callbacks: Any
) -> None:
    OptSetting.objects.create(provider=provider, stop_words="STOP", subscribe_url="http://127.0.0.1:9/")
    opting.forget()
    said = {"from": "919812345678", "type": "text", "text": {"body": "STOP"}, "timestamp": "1767604100"}
    call_back(provider, "inbound", said)
    with django_capture_on_commit_callbacks(execute=True):
        ingest.drain()
    assert "audience.subscribe" in woken()


def test_what_is_told_again(told_later: Subscription, woken: Woken) -> None:
    assert subscribing.retry([told_later.pk], timezone.now()) == 1
    assert woken() == {"audience.subscribe"}


def test_the_look_finds_uploads(db: None, woken: Woken) -> None:
    assert upload.start(drafts.draft("users.csv", csv_file(FILE), by="mira"))
    woken()
    tasks.look()
    assert woken() == {"audience.upload"}


def test_the_look_finds_files_to_look_through(
    db: None, woken: Woken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "AT_ONCE", 0)
    draft = drafts.draft("users.csv", csv_file(FILE), by="mira")
    woken()
    tasks.look()
    assert woken() == {drafts.TASK}
    draft.worker, draft.seen_at = "another", timezone.now()
    draft.save()
    tasks.look()
    assert woken() == set(), "somebody is at it"


def test_the_look_finds_what_is_to_be_told(told_later: Subscription, woken: Woken) -> None:
    OptSetting.objects.create(provider=told_later.provider, subscribe_url="http://127.0.0.1:9/")
    tasks.look()
    assert woken() == {f"audience.subscribe:{told_later.provider_id}"}
