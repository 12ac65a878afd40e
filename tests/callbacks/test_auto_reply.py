"""The answer to people CleverTap does not track."""

import pytest

from callbacks.webhooks import ingest
from campaigns.models import Event, Message, StatCount
from providers.models import Provider
from tests.factories import MessageFactory, make_provider
from tests.gateway import call_back

TEXT = "Thanks for writing. Register at https://shop.example.org to hear from us."


@pytest.fixture
def answering(db: None) -> Provider:
    return make_provider(auto_reply=True, auto_reply_text=TEXT)


def write(provider: Provider, sender: str = "15550100777", said: str = "Hello?") -> None:
    """Somebody writes to the provider's number."""
    inbound = {"from": sender, "type": "text", "text": {"body": said}, "timestamp": "1767604100"}
    assert call_back(provider, "inbound", inbound).status == 200
    ingest.drain()


def test_a_stranger_gets_the_text(answering: Provider) -> None:
    write(answering)
    message = Message.objects.get()
    assert (message.to, message.kind) == ("15550100777", Message.Kind.FREEFORM)
    assert TEXT in message.content


def test_nobody_gets_it_twice(answering: Provider) -> None:
    write(answering, said="Hello?")
    write(answering, said="Anybody there?")
    assert Message.objects.count() == 1


def test_a_person_clevertap_has_messaged_gets_none(answering: Provider) -> None:
    MessageFactory(provider=answering, to="15550100777")
    write(answering)
    assert Message.objects.count() == 1


def test_who_knows_another_provider_is_a_stranger_here(answering: Provider, other_shop: Provider) -> None:
    MessageFactory(provider=other_shop, to="15550100777")
    write(answering)
    assert Message.objects.filter(provider=answering).count() == 1


def test_one_whom_a_test_was_sent_to_is_none(answering: Provider) -> None:
    MessageFactory(provider=answering, to="15550100777", untracked=True, msg_id="0|0|0|0")
    write(answering)
    assert Message.objects.count() == 1


def test_it_is_off_by_default(provider: Provider) -> None:
    write(provider)
    assert not Message.objects.exists()


def test_clevertap_hears_nothing_of_it(answering: Provider) -> None:
    write(answering)
    assert Message.objects.get().untracked
    assert not Event.objects.exists()
    assert not StatCount.objects.exists()
