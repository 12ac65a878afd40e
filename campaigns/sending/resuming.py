"""What a provider owes when an operator resumes it: whatever waits for a next try goes out at once."""

import threading

from campaigns.ledger import claims
from lib.wakeup import wake
from providers.models import Provider

TASK = "campaigns.resumed"


def hurry(
    provider_id: int, *, woken: threading.Event | None = None, stop: threading.Event | None = None
) -> None:
    """Lets no message wait any longer, but for those that wait for the sake of the person, and has them sent.

    Where the wake-up for it is lost, each waits until its next try.
    """
    provider = Provider.in_use().filter(pk=provider_id, state=Provider.State.ACTIVE).first()
    if provider is not None:
        claims.hurry(provider.pk, provider.connector.capped_codes)
        wake("campaigns.send", provider.pk)
