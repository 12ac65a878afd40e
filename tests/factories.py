"""Rows for tests, made the way the application makes them."""

import itertools
from typing import Any

import factory
from django.utils import timezone

from campaigns.models import Message
from providers import lifecycle
from providers.models import Provider

_numbers = itertools.count(1)


def make_provider(**values: Any) -> Provider:
    """A saved provider with its callback URLs; `provider.login` is what CleverTap presents."""
    values.setdefault("nickname", f"provider-{next(_numbers)}")
    values.setdefault("connector_slug", "generic")
    values.setdefault("waba_number", "15550001111")
    if values["connector_slug"] == "generic":
        values.setdefault("endpoint", "http://127.0.0.1:9/messages")
    provider = Provider(**values)
    provider.login = lifecycle.create(provider)  # type: ignore[attr-defined]
    return provider


class MessageFactory(factory.django.DjangoModelFactory[Message]):
    """An accepted template message waiting to be sent."""

    class Meta:
        model = Message

    provider = factory.LazyFunction(make_provider)
    msg_id = factory.Sequence(lambda n: f"{n}|1767225600|20260105|{n}|0")
    to = factory.Sequence(lambda n: f"1555{n:07d}")
    to_raw = factory.SelfAttribute("to")
    kind = Message.Kind.TEMPLATE
    template = "order_ready"
    language = "en"
    campaign = "1767225600"
    batch = "20260105"
    variant = "0"
    payload = "{}"
    content = '{"type":"template","name":"order_ready","language":"en","body":[{"text":"Mira"}]}'
    answer_ms = 3
    accepted_at = factory.LazyFunction(timezone.now)
    queued_at = factory.SelfAttribute("accepted_at")
    next_attempt_at = factory.SelfAttribute("queued_at")
