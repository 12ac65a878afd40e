"""Which message an inbound message counts as an answer to."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from callbacks import audit, ingest
from campaigns.models import Event, Message
from campaigns.stats import queries
from campaigns.stats.filters import parse
from providers.models import Provider
from tests.factories import MessageFactory
from tests.gateway import call_back

SENDER = "919812345678"


@pytest.fixture
def asha(provider: Provider) -> Message:
    """The last message she got."""
    return MessageFactory(provider=provider, to=SENDER, accepted_at=timezone.now() - timedelta(hours=1))


def says(provider: Provider, text: str = "Yes", **changes: Any) -> None:
    payload = {
        "payloadVersion": "0.1", "from": SENDER, "wabaNumber": provider.waba_number,
        "timestamp": str(int(timezone.now().timestamp())), "type": "text", "text": {"body": text},
    }  # fmt: skip
    call_back(provider, "inbound", payload | changes)
    ingest.drain()


def credited() -> list[int]:
    found = Event.objects.filter(kind=Event.Kind.REPLIED).order_by("id").values_list("message", flat=True)
    assert queries.totals(parse({}, timezone.now())).replied == len(found)
    return list(found)


def test_an_answer_counts_for_the_last_message(provider: Provider, asha: Message) -> None:
    MessageFactory(provider=provider, to=SENDER, accepted_at=timezone.now() - timedelta(hours=2))
    MessageFactory(provider=provider, to="919800000000")
    says(provider)
    assert credited() == [asha.pk]
    says(provider, "And thanks")
    assert credited() == [asha.pk], "a message is answered once"


def test_an_answer_counts_for_the_message_it_refers_to(provider: Provider, asha: Message) -> None:
    older = MessageFactory(provider=provider, to=SENDER, accepted_at=timezone.now() - timedelta(days=30))
    says(provider, context={"id": older.msg_id})
    assert credited() == [older.pk]


def test_nothing_recent_was_answered(provider: Provider) -> None:
    MessageFactory(provider=provider, to=SENDER, accepted_at=timezone.now() - timedelta(days=4))
    MessageFactory(provider=provider, to=SENDER, untracked=True, msg_id="0|0|0|0")
    says(provider)
    assert credited() == []


def test_an_answer_from_before_the_message(provider: Provider, asha: Message) -> None:
    """It came late: it cannot be about what was sent after it."""
    says(provider, timestamp=str(int((asha.accepted_at - timedelta(minutes=5)).timestamp())))
    assert credited() == []


def test_the_same_answer_twice(provider: Provider, asha: Message) -> None:
    at = str(int(timezone.now().timestamp()))
    for _ in range(2):
        says(provider, timestamp=at, id="in-1")
    assert credited() == [asha.pk]
    assert audit.CHECKS["every report is forwarded, pending or parked"]().count() == 0  # type: ignore[union-attr]
