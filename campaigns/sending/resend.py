"""Sending again what failed or is unknown: one message, or all that an operator picked."""

from dataclasses import dataclass

from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import Count, QuerySet

from campaigns.ledger import ledger
from campaigns.models import Message, Status
from lib.wakeup import wake

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of the messages picked failed, are unknown, or are in a state that needs no resend."""

    failed: int
    unknown: int
    others: int


def tally(messages: QuerySet[Message]) -> Tally:
    by_status = dict(messages.order_by().values_list("status").annotate(Count("pk")))
    failed, unknown = by_status.pop(Status.FAILED, 0), by_status.pop(Status.UNKNOWN, 0)
    return Tally(failed, unknown, sum(by_status.values()))


def run(messages: QuerySet[Message], user_id: int) -> int:
    """Queues the failed and unknown ones among the messages again, in chunks. Returns how many.

    It goes by ascending id, so that a message that fails again meanwhile is not queued twice.
    """
    wanted = messages.filter(status__in=(Status.FAILED, Status.UNKNOWN)).order_by("pk")
    wanted = wanted.select_related(None).only("pk", "msg_id", "to", "provider_id")
    sent, last = 0, 0
    providers: set[int] = set()
    while chunk := list(wanted.filter(pk__gt=last)[:CHUNK]):
        last = chunk[-1].pk
        sent += ledger.resend([message.pk for message in chunk])
        LogEntry.objects.log_actions(user_id, chunk, CHANGE, "Sent again.")
        providers |= {message.provider_id for message in chunk}
    for provider_id in providers:
        wake("campaigns.send", provider_id)
    return sent
