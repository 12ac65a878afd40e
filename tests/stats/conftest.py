"""A clock that stands still, and messages with a history, each made in a line."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from callbacks import audit
from campaigns.counting import deltas
from campaigns.ledger import events, ledger, matching
from campaigns.ledger.entries import Accepted, Refused, Tried
from campaigns.models import Message, Status
from providers.messages import Outcome, Pricing, StatusUpdate
from providers.models import Provider
from stats.query.filters import Filters, parse
from tests.factories import make_provider

NOW = datetime(2026, 3, 18, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _standing_clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture(params=["folded", "pending"])
def folded(request: pytest.FixtureRequest) -> bool:
    """Every figure is the same whether the deltas behind it are folded yet or not."""
    return bool(request.param == "folded")


@pytest.fixture
def shop(db: None) -> Iterator[Provider]:
    """A provider with a test message that has every kind of report. At the end every count must agree with
    the rows."""
    shop = make_provider(nickname="Shop")
    tested(shop)
    yield shop
    assert [finding for finding in audit.run() if finding.problems] == []


_numbers = iter(range(1, 10**9))


def accepted(provider: Provider, at: datetime = NOW, **values: Any) -> Message:
    """A message of campaign c1, variant 0, template welcome, unless `values` say otherwise."""
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "provider_id": provider.pk, "msg_id": f"m{number}", "untracked": False, "to": f"91981{number:07d}",
        "to_raw": "", "kind": 1, "template": "welcome", "language": "en", "campaign": "c1",
        "batch": "20260318", "variant": "0", "payload": "{}", "content": "{}", "custom_props": "{}",
        "notes": "[]", "accepted_at": at, "queued_at": at, "next_attempt_at": at, "answer_ms": 3,
    }  # fmt: skip
    ledger.accept([Accepted(**defaults | values)])
    return Message.objects.filter(msg_id=(defaults | values)["msg_id"]).latest("pk")


def freeform(provider: Provider, at: datetime = NOW, **values: Any) -> Message:
    return accepted(
        provider, at, **{"kind": 0, "campaign": "", "variant": "", "batch": "", "template": ""} | values
    )


def submitted(
    message: Message, at: datetime | None = None, outcome: Outcome = Outcome.ACCEPTED, **values: Any
) -> None:
    Message.objects.filter(pk=message.pk).update(status=Status.SENDING, attempt=message.attempt + 1)
    message.refresh_from_db()
    tried = Tried(message.pk, message.attempt, at or message.accepted_at, outcome, **values)
    ledger.record_attempts(message.provider_id, [tried])


def reported(message: Message, *kinds: str, after: float = 5, **values: Any) -> None:
    """Reports on it, so many seconds after it was accepted."""
    at = int(message.accepted_at.timestamp() + after)
    pricing = Pricing("regular", "marketing", billable=True)
    told = {"msg_id": message.msg_id, "pricing": pricing, **values}
    updates = [StatusUpdate(kind, at, **told) for kind in kinds]  # type: ignore[arg-type]
    ledger.record(message.provider_id, updates)


def tested(provider: Provider) -> None:
    """A recent test message with the same template. No figure counts it, and no list shows it."""
    for at in (NOW - timedelta(hours=1), NOW):
        test = accepted(provider, at, msg_id="0|0|0|0", untracked=True)
        submitted(test)
        named = {"reference": matching.reference(test.pk, 1), "timestamp": int(at.timestamp())}
        click = StatusUpdate("clicked", url="https://s.example/a", **named)
        rest = [StatusUpdate(kind, **named) for kind in ("sent", "delivered", "read", "failed")]  # type: ignore[arg-type]
        ledger.record(provider.pk, [click, *rest])
        events.add_replies(provider.pk, {test.pk: at}, NOW)
        refused(provider, at=at, untracked=True)


def replied(message: Message, after: float = 60) -> None:
    at = message.accepted_at + timedelta(seconds=after)
    events.add_replies(message.provider_id, {message.pk: at}, NOW)


def refused(provider: Provider, code: int = 2001, at: datetime = NOW, **values: Any) -> None:
    about = {"campaign": "c1", "variant": "0", "template": "welcome", "untracked": False} | values
    ledger.accept([Refused(provider.pk, at, code, "why", "m", "9198", payload="{}", **about)])


def fold(folded: bool = True) -> None:
    if folded:
        while deltas.squash(limit=50):
            pass


def asked(**parameters: str) -> Filters:
    return parse(parameters, NOW)
