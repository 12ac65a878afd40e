"""What happens when an operator resumes a provider: messages that wait for a retry are sent at once."""

import threading

from campaigns.ledger import claims
from lib.wakeup import wake
from providers.models import Provider

TASK = "campaigns.resumed"


def hurry(
    provider_id: int, *, woken: threading.Event | None = None, stop: threading.Event | None = None
) -> None:
    """Makes all waiting messages due, except those that wait to spare the person, and wakes the sender.

    If the wake-up is lost, each waits until its next try.
    """
    provider = Provider.in_use().filter(pk=provider_id, state=Provider.State.ACTIVE).first()
    if provider is not None:
        claims.hurry(provider.pk, provider.connector.capped_codes)
        wake("campaigns.send", provider.pk)
