"""The wake-ups for a callback, and for the work that follows: the worker would find them without, but
later."""

from typing import Any

import pytest
from django.utils import timezone

from callbacks.forwarding import forward
from callbacks.models import Media, Outlet, Reply, Webhook
from callbacks.webhooks import ingest
from campaigns.models import Event, Forward
from config import tasks
from providers.models import Provider
from tests.callbacks.conftest import AT, report, sent_message
from tests.conftest import Woken
from tests.factories import make_provider
from tests.gateway import call_back

HELLO = {"from": "15550100777", "type": "text", "text": {"body": "Hello?"}, "timestamp": str(AT)}


@pytest.fixture
def shop(db: None) -> Provider:
    urls = {"delivery_url": "http://127.0.0.1:9/delivery", "inbound_url": "http://127.0.0.1:9/inbound"}
    return make_provider(**urls, auto_reply=True, auto_reply_text="Thanks for writing.")


def parked(shop: Provider) -> Event:
    report(sent_message(shop), "delivered")
    Event.objects.update(forward=Forward.PARKED)
    return Event.objects.get()


def written(shop: Provider) -> Reply:
    """An inbound message that was read."""
    call_back(shop, "inbound", HELLO)
    ingest.drain()
    return Reply.objects.get()


def test_a_callback_wakes_the_reader(shop: Provider, woken: Woken) -> None:
    assert call_back(shop, "delivery", {"statuses": []}).status == 200
    assert woken() == {"callbacks.ingest"}


def test_a_report_wakes_the_forwarding(shop: Provider, other_shop: Provider, woken: Woken) -> None:
    row = sent_message(shop)
    entry = {"msgId": row.msg_id, "status": "delivered", "timestamp": str(AT)}
    call_back(shop, "delivery", {"statuses": [entry]})
    woken()
    ingest.drain()
    assert woken() == {f"callbacks.forward:{shop.pk}"}


def test_so_does_an_inbound_message_and_its_answer_the_sending(
    shop: Provider, other_shop: Provider, woken: Woken, django_capture_on_commit_callbacks: Any
) -> None:
    call_back(shop, "inbound", HELLO)
    woken()
    with django_capture_on_commit_callbacks(execute=True):
        ingest.drain()
    assert woken() == {f"callbacks.forward:{shop.pk}", f"campaigns.send:{shop.pk}"}


def test_media_wake_who_fetches_them(db: None, woken: Woken, monkeypatch: pytest.MonkeyPatch) -> None:
    named = ("phone_number_id", "app_secret", "verify_token", "access_token")
    meta = make_provider(connector_slug="meta", credentials=dict.fromkeys(named, "x"))
    monkeypatch.setattr(type(meta.connector), "verify", lambda *args: True)
    image = {"from": "919812300001", "id": "wamid.1", "type": "image", "image": {"id": "88001"}}
    value = {"messaging_product": "whatsapp", "messages": [image]}
    call_back(meta, "webhook", {"entry": [{"changes": [{"field": "messages", "value": value}]}]})
    woken()
    ingest.drain()
    assert Media.objects.count() == 1
    assert woken() == {f"callbacks.forward:{meta.pk}", "callbacks.media"}


def test_what_holds_nothing_wakes_nobody(shop: Provider, woken: Woken) -> None:
    call_back(shop, "delivery", {"statuses": []})
    woken()
    assert ingest.drain() == 1
    assert woken() == set()


def test_webhooks_that_are_read_again(shop: Provider, woken: Woken) -> None:
    call_back(shop, "delivery", b"<html>")
    ingest.drain()
    woken()
    assert ingest.replay(list(Webhook.objects.values_list("pk", flat=True))) == 1
    assert woken() == {"callbacks.ingest"}


def test_reports_that_are_tried_again(shop: Provider, other_shop: Provider, woken: Woken) -> None:
    event = parked(shop)
    woken()
    assert forward.retry(events=[event.pk]) == 1
    assert woken() == {f"callbacks.forward:{shop.pk}"}


@pytest.mark.parametrize("kind", list(Outlet.Kind))
def test_a_url_that_is_tried_at_once(
    shop: Provider, other_shop: Provider, woken: Woken, kind: Outlet.Kind
) -> None:
    """With nothing parked for it, too."""
    outlet = Outlet.objects.create(provider=shop, kind=kind, failures=3)
    assert forward.retry_outlet(outlet) == 0
    assert woken() == {f"callbacks.forward:{shop.pk}"}


# The look


def test_the_look_finds_callbacks(shop: Provider, woken: Woken) -> None:
    call_back(shop, "delivery", {"statuses": []})
    woken()
    tasks.look()
    assert woken() == {"callbacks.ingest:0"}, "one reader is enough"


def test_the_look_finds_media(shop: Provider, woken: Woken) -> None:
    reply = written(shop)
    Reply.objects.update(forward=Forward.DONE)
    Media.objects.create(reply=reply, next_attempt_at=timezone.now())
    woken()
    tasks.look()
    assert woken() == {"callbacks.media", f"campaigns.send:{shop.pk}"}


def test_the_look_finds_what_need_wait_for_no_number(shop: Provider, woken: Woken) -> None:
    reply = written(shop)
    Reply.objects.update(forward=Forward.NO_NUMBER, sender="", user_id="US.1")
    woken()
    tasks.look()
    sends = {f"campaigns.send:{reply.provider_id}"}
    assert woken() == sends
    shop.stored_quirks = {"from_user_id": True}
    shop.save()
    tasks.look()
    assert woken() == {f"callbacks.forward:{shop.pk}", *sends}


def test_the_look_finds_what_is_owed(shop: Provider, other_shop: Provider, woken: Woken) -> None:
    written(shop)
    woken()
    tasks.look()
    assert woken() == {f"callbacks.forward:{shop.pk}", f"campaigns.send:{shop.pk}"}, "and the auto-reply"
