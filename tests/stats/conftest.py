"""A clock that stands still, and messages whose story is told in a line."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from callbacks import audit
from campaigns import counts, events, ledger
from campaigns.models import Message, Status
from campaigns.stats.filters import Filters, parse
from providers.messages import Outcome, StatusUpdate
from providers.models import Provider
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
    """A provider; in the end every count must agree with the rows."""
    yield make_provider(nickname="Shop")
    assert [finding for finding in audit.run() if finding.problems] == []


_numbers = iter(range(1, 10**9))


def accepted(provider: Provider, at: datetime = NOW, **values: Any) -> Message:
    """A message of campaign c1, variant 0, template welcome, unless told otherwise."""
    number = next(_numbers)
    defaults: dict[str, Any] = {
        "provider_id": provider.pk, "msg_id": f"m{number}", "untracked": False, "to": f"91981{number:07d}",
        "to_raw": "", "kind": 1, "template": "welcome", "language": "en", "campaign": "c1",
        "batch": "20260318", "variant": "0", "payload": "{}", "content": "{}", "custom_props": "{}",
        "notes": "[]", "accepted_at": at, "queued_at": at, "next_attempt_at": at, "answer_ms": 3,
    }  # fmt: skip
    ledger.accept([ledger.Accepted(**defaults | values)])
    return Message.objects.get(msg_id=(defaults | values)["msg_id"])


def freeform(provider: Provider, at: datetime = NOW, **values: Any) -> Message:
    return accepted(
        provider, at, **{"kind": 0, "campaign": "", "variant": "", "batch": "", "template": ""} | values
    )


def submitted(
    message: Message, at: datetime | None = None, outcome: Outcome = Outcome.ACCEPTED, **values: Any
) -> None:
    Message.objects.filter(pk=message.pk).update(status=Status.SENDING, attempt=message.attempt + 1)
    message.refresh_from_db()
    tried = ledger.Tried(message.pk, message.attempt, at or message.accepted_at, outcome, **values)
    ledger.record_attempts(message.provider_id, [tried])


def reported(message: Message, *kinds: str, after: float = 5, **values: Any) -> None:
    """Reports on it, so many seconds after it was accepted."""
    at = int(message.accepted_at.timestamp() + after)
    updates = [StatusUpdate(kind, at, msg_id=message.msg_id, **values) for kind in kinds]  # type: ignore[arg-type]
    ledger.record(message.provider_id, updates)


def replied(message: Message, after: float = 60) -> None:
    at = message.accepted_at + timedelta(seconds=after)
    events.add_replies(message.provider_id, {message.pk: at}, NOW)


def refused(provider: Provider, code: int = 2001, at: datetime = NOW, **values: Any) -> None:
    about = {"campaign": "c1", "variant": "0", "template": "welcome", "untracked": False} | values
    ledger.accept([ledger.Refused(provider.pk, at, code, "why", "m", "9198", payload="{}", **about)])


def fold(folded: bool = True) -> None:
    if folded:
        while counts.squash(limit=50):
            pass


def asked(**parameters: str) -> Filters:
    return parse(parameters, NOW)
