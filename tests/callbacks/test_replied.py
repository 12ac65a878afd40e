"""Which message an inbound message counts as an answer to."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from callbacks import audit
from callbacks.models import Reply, Webhook
from callbacks.replies import record
from callbacks.webhooks import ingest
from campaigns.ledger import matching
from campaigns.models import Event, Message
from providers.messages import Reply as Inbound
from providers.models import Provider
from stats.query import breakdowns
from stats.query.filters import parse
from tests.factories import MessageFactory
from tests.gateway import call_back

SENDER = "919812345678"


@pytest.fixture(autouse=True)
def _beside(provider: Provider, other_shop: Provider) -> None:
    """What is not a message of CleverTap's that she got here, and later than the one that is."""
    lately = timezone.now() - timedelta(minutes=10)
    MessageFactory(provider=provider, to=SENDER, untracked=True, msg_id="0|0|0|0", accepted_at=lately)
    MessageFactory(provider=other_shop, to=SENDER, msg_id="shared", bsp_id="bsp-7", accepted_at=lately)


@pytest.fixture
def asha(provider: Provider) -> Message:
    """The last message she got."""
    an_hour_ago = timezone.now() - timedelta(hours=1)
    return MessageFactory(provider=provider, to=SENDER, accepted_at=an_hour_ago)


def says(provider: Provider, text: str = "Yes", **changes: Any) -> None:
    payload = {
        "payloadVersion": "0.1", "from": SENDER, "wabaNumber": provider.waba_number,
        "timestamp": str(int(timezone.now().timestamp())), "type": "text", "text": {"body": text},
    }  # fmt: skip
    call_back(provider, "inbound", payload | changes)
    ingest.drain()


def credited() -> list[int]:
    found = Event.objects.filter(kind=Event.Kind.REPLIED).order_by("id")
    tracked = found.filter(message__untracked=False)
    assert breakdowns.totals(parse({}, timezone.now())).replied == len(tracked)
    return list(found.values_list("message", flat=True))


def test_an_answer_counts_for_the_last_message(provider: Provider, asha: Message) -> None:
    MessageFactory(provider=provider, to=SENDER, accepted_at=timezone.now() - timedelta(hours=2))
    MessageFactory(provider=provider, to="919800000000")
    says(provider)
    assert credited() == [asha.pk]
    says(provider, "And thanks")
    assert credited() == [asha.pk], "a message is answered once"


def named(message: Message) -> list[dict[str, str]]:
    """The ways in which BSPs name the message that an inbound one answers."""
    return [
        {"context_msg_id": message.msg_id},
        {"context_bsp_id": message.bsp_id},
        {"context_reference": matching.reference(message.pk, 1)},
    ]


def arrives(provider: Provider, **context: str) -> Reply:
    """An inbound message as a connector reads it."""
    webhook = Webhook(provider=provider, received_at=timezone.now())
    content = Inbound("text", SENDER, bsp_id="in-1", text="Yes", **context)
    record.store(provider, [(webhook, content)])
    return Reply.objects.get()


@pytest.mark.parametrize("way", range(3), ids=["msgId", "BSP's id", "our reference"])
def test_an_answer_counts_for_the_message_it_refers_to(provider: Provider, asha: Message, way: int) -> None:
    long_ago = timezone.now() - timedelta(days=30)
    twin = Message.objects.get(bsp_id="bsp-7")
    older = MessageFactory(
        provider=provider, to=SENDER, msg_id=twin.msg_id, bsp_id=twin.bsp_id, accepted_at=long_ago
    )
    assert arrives(provider, **named(older)[way]).answers == older
    assert credited() == [older.pk]


@pytest.mark.parametrize("way", range(3), ids=["msgId", "BSP's id", "our reference"])
def test_a_message_of_another_provider_was_not_answered(provider: Provider, asha: Message, way: int) -> None:
    twin = Message.objects.get(bsp_id="bsp-7")
    assert arrives(provider, **named(twin)[way]).answers is None
    assert credited() == [asha.pk]


def test_no_test_is_answered_by_the_id_that_all_tests_have(provider: Provider, asha: Message) -> None:
    assert arrives(provider, context_msg_id="0|0|0|0").answers is None
    assert credited() == [asha.pk]


def test_an_answer_to_a_test_is_not_counted(provider: Provider, asha: Message) -> None:
    of_a_test = Message.objects.get(untracked=True)
    assert arrives(provider, **named(of_a_test)[2]).answers == of_a_test
    assert credited() == [of_a_test.pk]
    assert breakdowns.totals(parse({}, timezone.now())).replied == 0


def test_nothing_recent_was_answered(provider: Provider) -> None:
    MessageFactory(provider=provider, to=SENDER, accepted_at=timezone.now() - timedelta(days=4))
    says(provider)
    assert credited() == []


@pytest.mark.parametrize(("seconds", "counts"), [(-1, True), (0, False), (1, False)])
def test_an_answer_counts_for_three_days(provider: Provider, seconds: int, counts: bool) -> None:
    at = timezone.now().replace(microsecond=0)
    got_at = at - record.CREDIT_FOR - timedelta(seconds=seconds)
    old = MessageFactory(provider=provider, to=SENDER, accepted_at=got_at)
    says(provider, timestamp=str(int(at.timestamp())))
    assert credited() == ([old.pk] if counts else [])


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_an_answer_counts_for_what_came_before_it(provider: Provider, asha: Message, seconds: int) -> None:
    """Received and answered in the same second, too."""
    at = timezone.now().replace(microsecond=0) - timedelta(minutes=5)
    latest = MessageFactory(provider=provider, to=SENDER, accepted_at=at + timedelta(seconds=seconds))
    says(provider, timestamp=str(int(at.timestamp())))
    assert credited() == [asha.pk if seconds > 0 else latest.pk]


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
