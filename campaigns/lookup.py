"""Finding messages among millions: every search is a range or an equality that an index serves."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from campaigns.models import Message
from lib import listing, phone, shown
from lib.admin import prefix
from lib.listing import Grouping
from providers.models import Provider

UNTRACKED = "0|0|0|0"
# The indexes of the message log.
BY_CODE = Grouping(
    "message_by_code",
    ("error_code", "status", "provider", "untracked", "kind"),
    among="campaigns_message.error_code IS NOT NULL",
)
GROUPINGS = (
    BY_CODE,
    Grouping("message_by_status", ("status", "provider", "untracked", "kind")),
    Grouping("message_by_provider", ("provider", "untracked", "kind")),
)
# Messages are stored in about the order they came; by this much it may be off.
DISORDER = timedelta(minutes=10)


def search(messages: QuerySet[Message], term: str) -> QuerySet[Message]:
    """By phone number or its beginning, msgId or its beginning, or the BSP's whole id."""
    if term.strip() == UNTRACKED:
        return messages.filter(untracked=True, msg_id=UNTRACKED)
    found = Q()
    for condition, _ in _alternatives(term):
        found |= condition
    return messages.filter(found)


def searched(messages: QuerySet[Message], term: str) -> tuple[QuerySet[Message], bool]:
    """The same for a list: where few messages match, they are found first. Of many that match it has those
    among as many of the newest that pass the filters, for all of them may be old. Whether some may be
    missing is told, too."""
    if term.strip() == UNTRACKED:
        return search(messages, term), False
    alternatives = (
        Message.objects.filter(condition).order_by(*order) for condition, order in _alternatives(term)
    )
    found = listing.found_first(messages, *alternatives)
    if found is not None:
        return found, False
    ids = listing.newest(messages, GROUPINGS, listing.FEW)
    if ids is None:
        ids = list(messages.order_by("-pk").values_list("pk", flat=True)[: listing.FEW])
    if len(ids) < listing.FEW:
        return search(messages, term), False
    return search(messages.filter(pk__gte=ids[-1]), term), True


def _alternatives(term: str) -> Iterator[tuple[Q, tuple[str, ...]]]:
    """Each with the order of its index. It repeats the condition of a partial index; without it the index
    is of no use to SQLite."""
    term = term.strip()
    providers = list(Provider.objects.values_list("pk", flat=True))
    yield ~Q(bsp_id="") & Q(provider_id__in=providers, bsp_id=term), ()
    yield Q(untracked=False) & prefix("msg_id", term), ("msg_id", "to", "provider_id")
    if digits := phone.typed(term):
        yield shown.found("to", digits), ("to", "pk")


def accepted_between(
    messages: QuerySet[Message], start: datetime | None, end: datetime | None
) -> QuerySet[Message]:
    """Messages accepted in the time given, found by their ids, which are in the order of the list.

    The ids at both ends come from the first message after each, of which there is an index.
    """
    # Not the bare column, by whose index the planner might read all of the range to sort it.
    messages = messages.alias(moment=Coalesce("accepted_at", "accepted_at"))
    if start is not None:
        messages = messages.filter(moment__gte=start, pk__gte=first_id(start - DISORDER))
    if end is not None:
        messages = messages.filter(moment__lte=end, pk__lte=first_id(end + DISORDER))
    return messages


def first_id(at: datetime) -> int:
    """The lowest id of a message accepted at that time or later; beyond all ids when there is none."""
    after = Message.objects.filter(accepted_at__gte=at).order_by("accepted_at", "pk")
    found = after.values_list("pk", flat=True).first()
    if found is None:
        found = 1 + (Message.objects.order_by("-pk").values_list("pk", flat=True).first() or 0)
    return found
