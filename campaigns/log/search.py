"""Finding messages among millions: every search is a range or an equality that an index serves."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from campaigns.models import Event, Message, Status
from identities import known
from lib import listing, phone, phone_masking
from lib.listing import Grouping, prefix
from providers.models import Provider

UNTRACKED = "0|0|0|0"
# The indexes of the message log.
BY_CODE = Grouping(
    "message_by_code",
    ("error_code", "status", "provider", "untracked", "kind"),
    among="campaigns_message.error_code IS NOT NULL",
)
BY_BSP_CODE = Grouping(
    "message_by_bsp_code",
    ("bsp_code", "status", "provider", "untracked", "kind"),
    among="NOT (campaigns_message.bsp_code = '')",
)
GROUPINGS = (
    BY_BSP_CODE,
    BY_CODE,
    Grouping("message_by_status", ("status", "provider", "untracked", "kind")),
    Grouping("message_by_provider", ("provider", "untracked", "kind")),
)
# Ids are nearly in the order of acceptance. A message may be out of order by this much.
DISORDER = timedelta(minutes=10)


def search(messages: QuerySet[Message], term: str) -> QuerySet[Message]:
    """Finds a phone number or msgId by its beginning; the BSP's id, a user id or a username only as a
    whole."""
    if term.strip() == UNTRACKED:
        return messages.filter(untracked=True, msg_id=UNTRACKED)
    found = Q()
    for condition, _ in _alternatives(term):
        found |= condition
    return messages.filter(found)


def searched(messages: QuerySet[Message], term: str) -> tuple[QuerySet[Message], bool]:
    """The search for a list, and whether some messages may be missing.

    Up to FEW messages that match are found by the search's own index. Where more match, the search looks
    only at the FEW newest messages that pass the filters.
    """
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
    """Each condition with the order of its index. It repeats the condition of a partial index, which SQLite
    would not use otherwise."""
    term = term.strip()
    providers = list(Provider.objects.values_list("pk", flat=True))
    yield ~Q(bsp_id="") & Q(provider_id__in=providers, bsp_id=term), ()
    yield Q(untracked=False) & prefix("msg_id", term), ("msg_id", "to", "provider_id")
    if digits := phone.typed(term):
        for condition in phone_masking.found("person", digits):
            yield condition, ("person", "pk")
    if names := known.who(term):
        yield Q(person__in=names), ("person", "pk")


def accepted_between(
    messages: QuerySet[Message], start: datetime | None, end: datetime | None
) -> QuerySet[Message]:
    """Messages accepted in the time given, found by their ids, which are in the order of the list.

    The ids at both ends come from the first message after each, of which there is an index.
    """
    # Not the plain column: the planner might use its index, and read the whole range to sort it.
    messages = messages.alias(moment=Coalesce("accepted_at", "accepted_at"))
    if start is not None:
        messages = messages.filter(moment__gte=start, pk__gte=first_id(start - DISORDER))
    if end is not None:
        messages = messages.filter(moment__lte=end, pk__lte=first_id(end + DISORDER))
    return messages


def failed_between(
    messages: QuerySet[Message], start: datetime | None, end: datetime | None
) -> QuerySet[Message]:
    """Messages whose last failure, by its code, was at `start` or later and before `end`."""
    events = Event.objects.filter(kind=Event.Kind.FAILED, message__error_code=F("code"))
    if start is not None:
        events = events.filter(at__gte=start)
    if end is not None:
        events = events.filter(at__lt=end)
    return messages.filter(status=Status.FAILED, pk__in=events.values("message"))


def first_id(at: datetime) -> int:
    """The lowest id of a message accepted at that time or later; beyond all ids when there is none."""
    after = Message.objects.filter(accepted_at__gte=at).order_by("accepted_at", "pk")
    found = after.values_list("pk", flat=True).first()
    if found is None:
        found = 1 + (Message.objects.order_by("-pk").values_list("pk", flat=True).first() or 0)
    return found
