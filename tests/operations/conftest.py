"""A message on its whole way, as metrics and traces see it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from callbacks.forwarding import forward
from callbacks.models import Webhook
from callbacks.webhooks import ingest
from campaigns.models import Message
from campaigns.sending import dispatch
from lib import timings
from tests.endpoints import Endpoint
from tests.factories import make_provider
from tests.gateway import call_back, freeform, post

Way = Callable[[], Message]


@pytest.fixture(autouse=True)
def _nothing_timed_before() -> None:
    timings.take()


@pytest.fixture
def way(db: None, endpoint: Endpoint, django_capture_on_commit_callbacks: Any) -> Way:
    """Takes a message from CleverTap to the BSP, and a report that came two minutes ago back to CleverTap."""

    def go() -> Message:
        provider = make_provider(nickname="Way", endpoint=endpoint.url, delivery_url=endpoint.url)
        with django_capture_on_commit_callbacks(execute=True):
            assert post(provider, freeform()).status == 200
            dispatch.drain(provider.pk)
            message = Message.objects.get(provider=provider)
            status = {"msgId": message.msg_id, "status": "delivered", "timestamp": "1767225600"}
            call_back(provider, "delivery", {"statuses": [status]})
            Webhook.objects.update(received_at=timezone.now() - timedelta(minutes=2))
            ingest.drain()
            assert forward.drain(provider.pk) == 1
        return message

    return go
