"""People whose number WhatsApp spells in another way than CleverTap does: they are the same people."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from callbacks.forwarding import forward
from callbacks.models import Reply
from callbacks.webhooks import ingest
from campaigns.ledger import ledger
from campaigns.models import Event, Message
from lib import phone
from providers.messages import StatusUpdate
from providers.models import Provider
from tests.endpoints import Endpoint
from tests.factories import MessageFactory, make_provider
from tests.gateway import call_back
from tests.months import plan

FILES = Path(__file__).parent / "files"
TWICE = [
    ("525512345678", "5215512345678"),
    ("541123456789", "5491123456789"),
    ("551187651234", "5511987651234"),
]


@pytest.fixture
def shop(db: None, endpoint: Endpoint) -> Provider:
    return make_provider(inbound_url=endpoint.url, auto_reply=True, auto_reply_text="Who are you?")


def writes(provider: Provider, sender: str, **more: Any) -> Reply:
    said = {"from": sender, "type": "text", "text": {"body": "gracias"}, "timestamp": _now()} | more
    call_back(provider, "inbound", said)
    ingest.drain()
    return Reply.objects.get()


def _now() -> str:
    return str(int(timezone.now().timestamp()))


def sent(provider: Provider, to: str, **values: Any) -> Message:
    return MessageFactory(provider=provider, to=to, accepted_at=timezone.now() - timedelta(hours=1), **values)


def told(endpoint: Endpoint) -> list[str]:
    """Whom CleverTap was told that it has inbound messages from."""
    return [call["from"] for call in endpoint.got]


@pytest.mark.parametrize("turned", [False, True], ids=["WhatsApp's", "as dialled"])
@pytest.mark.parametrize("pair", TWICE, ids=["Mexico", "Argentina", "Brazil"])
def test_a_reply_from_the_other_spelling(
    shop: Provider, endpoint: Endpoint, pair: tuple[str, str], turned: bool
) -> None:
    to, sender = reversed(pair) if turned else pair
    message = sent(shop, to)
    writes(shop, sender)
    assert list(Event.objects.values_list("kind", "message")) == [(Event.Kind.REPLIED, message.pk)]
    assert Message.objects.count() == 1, "no auto-reply to somebody known"
    forward.drain(shop.pk)
    assert told(endpoint) == [to]


def test_mexico_as_meta_writes_it(db: None, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = dict.fromkeys(("access_token", "phone_number_id", "app_secret", "verify_token"), "x")
    meta = make_provider(
        connector_slug="meta", credentials=credentials | {"phone_number_id": "100200"},
        waba_number="15550100001", inbound_url=endpoint.url, auto_reply=True, auto_reply_text="Who are you?",
    )  # fmt: skip
    monkeypatch.setattr(type(meta.connector), "verify", lambda *args: True)
    payload = json.loads((FILES / "inbound_mexico_521.json").read_text())
    message = sent(meta, "525512345678", msg_id="717|1767225600|20260105|717")
    payload["entry"][0]["changes"][0]["value"]["messages"][0]["timestamp"] = _now()
    call_back(meta, "webhook", payload)
    ingest.drain()
    forward.drain(meta.pk)
    assert list(Event.objects.values_list("kind", "message")) == [(Event.Kind.REPLIED, message.pk)]
    assert Message.objects.count() == 1
    assert told(endpoint) == ["525512345678"]


def test_clevertap_gets_the_spelling_that_it_used_last(shop: Provider, endpoint: Endpoint) -> None:
    sent(shop, "525512345678")
    sent(shop, "5215512345678")
    sent(shop, "525512345678", untracked=True, msg_id="0|0|0|0")
    sent(shop, "525512345678", reported=False)  # a broadcast's
    writes(shop, "525512345678")
    forward.drain(shop.pk)
    assert told(endpoint) == ["5215512345678"]


def test_a_stranger_goes_on_as_whatsapp_spells_them(shop: Provider, endpoint: Endpoint) -> None:
    sent(make_provider(), "525512345678")
    writes(shop, "5215512345678")
    forward.drain(shop.pk)
    assert told(endpoint) == ["5215512345678"]
    assert list(Message.objects.filter(provider=shop).values_list("to", flat=True)) == ["5215512345678"]


def test_a_landline_is_not_the_mobile_with_a_nine_before_it(shop: Provider, endpoint: Endpoint) -> None:
    sent(shop, "551131234567")
    writes(shop, "5511931234567")
    assert not Event.objects.exists()


def test_a_reply_that_names_the_message(shop: Provider) -> None:
    message = sent(shop, "525512345678", msg_id="717|1767225600|20260105|717")
    sent(shop, "525587654321", msg_id="717|1767225600|20260105|717")
    reply = writes(shop, "5215512345678", context={"id": message.msg_id})
    assert reply.answers == message


def test_a_report_of_one_of_several_messages_with_one_id(provider: Provider) -> None:
    """CleverTap's batches send one msgId to several people: the number tells which of them."""
    first, twin, other = (
        sent(provider, to, msg_id="m-1") for to in ("525512345678", "5215512345678", "919812300001")
    )
    ledger.record(provider.pk, [StatusUpdate("delivered", timestamp=1, msg_id="m-1", to="5215512345678")])
    assert list(Event.objects.values_list("message", flat=True)) == [twin.pk]
    twin.delete()
    ledger.record(provider.pk, [StatusUpdate("read", timestamp=1, msg_id="m-1", to="5215512345678")])
    assert list(Event.objects.values_list("message", flat=True)) == [first.pk]
    assert other.pk not in Event.objects.values_list("message", flat=True)


@pytest.mark.parametrize("number", [each for pair in TWICE for each in pair])
def test_the_database_compares_people_as_python_does(provider: Provider, number: str) -> None:
    for each in (number, "551131234567", "5511931234567", "52551234567", "54911234567890", "919812300001"):
        message = MessageFactory(provider=provider, to=each)
        message.refresh_from_db()
        assert message.person == phone.person(each)


def test_the_last_message_of_a_person_is_found_by_an_index(provider: Provider) -> None:
    MessageFactory(provider=provider, to="5215512345678")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
    how = plan(Message.objects.filter(person__in=["525512345678"]).order_by())
    assert "message_person" in how
