"""Finding messages among millions: every search is a range or an equality that an index serves."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Min, Q, QuerySet

from campaigns.models import Message, Status
from lib import phone
from lib.admin import prefix
from providers.models import Provider

UNTRACKED = "0|0|0|0"
# The words of the index message_trouble, for the states it holds.
TROUBLE = {
    str(status.value): "campaigns_message.status IN (10, 20, 30, 60)"
    for status in (Status.QUEUED, Status.SENDING, Status.UNKNOWN, Status.FAILED)
}
# Messages are stored in about the order they came; by this much it may be off.
DISORDER = timedelta(minutes=10)


def search(messages: QuerySet[Message], term: str) -> QuerySet[Message]:
    """By phone number or its beginning, msgId or its beginning, or the BSP's whole id.

    Each alternative repeats the condition of its partial index; without it the index is of no
    use to SQLite.
    """
    term = term.strip()
    if term == UNTRACKED:
        return messages.filter(untracked=True, msg_id=UNTRACKED)
    providers = list(Provider.objects.values_list("pk", flat=True))
    found = Q(untracked=False) & prefix("msg_id", term)
    found |= ~Q(bsp_id="") & Q(provider_id__in=providers, bsp_id=term)
    if digits := phone.typed(term):
        found |= prefix("to", digits)
    return messages.filter(found)


def accepted_between(
    messages: QuerySet[Message], start: datetime | None, end: datetime | None
) -> QuerySet[Message]:
    """Messages accepted in the time given, found by their ids: accepted_at has no index.

    The ids at both ends come from a binary search, some twenty look-ups by primary key.
    """
    if start is not None:
        messages = messages.filter(accepted_at__gte=start, pk__gte=first_id(start - DISORDER))
    if end is not None:
        messages = messages.filter(accepted_at__lte=end, pk__lte=first_id(end + DISORDER))
    return messages


def first_id(at: datetime) -> int:
    """The lowest id of a message accepted at that time or later; beyond all ids when there is none."""
    ends: dict[str, Any] = Message.objects.aggregate(low=Min("pk"), high=Max("pk"))
    if ends["low"] is None:
        return 0
    low, high = ends["low"], ends["high"] + 1
    while low < high:
        middle = (low + high) // 2
        pk, accepted_at = (
            Message.objects.filter(pk__gte=middle).order_by("pk").values_list("pk", "accepted_at")[0]
        )
        if accepted_at >= at:
            high = middle
        else:
            low = pk + 1
    return int(low)
