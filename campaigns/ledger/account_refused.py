"""Messages that the BSP accepted and then reported as failed because of the account: they go back to the
queue.

They are treated as if the BSP had refused or slowed them at once. The messages are fine, so each waits until
the account may send again, or its validity ends.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from campaigns.ledger.entries import Reported, not_arrived
from campaigns.models import Message
from providers.messages import MARKETING_HOLD, StatusUpdate

FIRST_WAIT = timedelta(minutes=1)  # doubled with each attempt
LONGEST_WAIT = timedelta(hours=1)


def reported(reports: Sequence[Reported], now: datetime) -> dict[int, datetime]:
    """The messages whose failed reports are about the account, with the time of the next try."""
    met = {
        report.message.id: _asked(report.update)
        for report in not_arrived(reports)
        if report.update.for_account
    }
    if not met:
        return {}
    rows = Message.objects.filter(pk__in=met)
    return {
        pk: now + max(_wait(attempt), timedelta(seconds=met[pk]))
        for pk, attempt, queued_at, validity in rows.values_list(
            "pk", "attempt", "queued_at", "provider__validity"
        )
        if queued_at > now - validity
    }


def _asked(update: StatusUpdate) -> float:
    """How many seconds the report asks us to wait."""
    return MARKETING_HOLD if update.marketing_is_off else update.wait or 0.0


def _wait(attempt: int) -> timedelta:
    doubled: int = 2 ** min(max(attempt - 1, 0), 10)
    return min(FIRST_WAIT * doubled, LONGEST_WAIT)
