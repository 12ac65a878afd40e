"""Messages with a history, as callbacks are about them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from campaigns.ledger import ledger, matching
from campaigns.ledger.entries import Tried
from campaigns.models import Message, Status
from providers.messages import StatusUpdate
from providers.models import Provider
from simulator.server import Simulator
from tests.bsps import customer
from tests.factories import MessageFactory

AT = 1767603900
Reported = Callable[..., Message]


def sent_message(provider: Provider, **values: Any) -> Message:
    """A message whose first attempt the BSP has accepted."""
    row: Message = MessageFactory(provider=provider, **({"status": Status.SENDING, "attempt": 1} | values))
    tried = Tried(row.pk, 1, timezone.now(), ledger.Outcome.ACCEPTED, bsp_id=f"bsp-{row.pk}")
    ledger.record_attempts(provider.pk, [tried])
    row.refresh_from_db()
    return row


def report(row: Message, *kinds: str, **values: Any) -> None:
    """Reports on the message, waiting to be forwarded."""
    values = {"timestamp": AT} | values
    reference = matching.reference(row.pk, row.attempt)
    updates = [StatusUpdate(kind, reference=reference, **values) for kind in kinds]  # type: ignore[arg-type]
    ledger.record(row.provider_id, updates)


@pytest.fixture
def owed(db: None, simulator: Simulator) -> Provider:
    """A provider whose reports go to the simulator's CleverTap."""
    return customer(simulator, gateway="http://127.0.0.1:9")
