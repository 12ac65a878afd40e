"""Bringing reports and inbound messages to CleverTap, in its format, at least once, in order.

Each provider has its own queue, worked apart from sending, so that a CleverTap that is down slows nothing
else. What fails is tried again for days; what CleverTap will never accept is parked for an operator.
"""

import logging
import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from django.utils import timezone

from callbacks.forwarding import calls
from callbacks.forwarding.owed import Owed, Replies, Reports
from callbacks.models import Outlet, Reply
from campaigns.ledger import months
from campaigns.models import Event, Forward
from lib.wakeup import wake
from providers import leases
from providers.models import Provider

GATHER = 0.03  # seconds; a request with many reports costs little more than with one
GIVE_UP = timedelta(days=3)
RETRIED_AT_ONCE = 1000

logger = logging.getLogger(__name__)


def drain(
    provider_id: int,
    *,
    linger: float = 0.0,
    woken: threading.Event | None = None,
    stop: threading.Event | None = None,
) -> int:
    """Forwards everything due for a provider. Returns how many items reached CleverTap."""
    stop = stop or threading.Event()
    with suppress(Provider.DoesNotExist):  # deleted since somebody announced work for it
        return leases.work(
            f"forward:{provider_id}",
            partial(_step, provider_id, stop),
            lambda: due(Provider.objects.get(pk=provider_id)),
            linger=linger,
            gather=GATHER,
            woken=woken,
            stop=stop,
        )
    return 0


def _step(provider_id: int, stop: threading.Event, hold: leases.Hold) -> leases.Progress:
    """One round for each of CleverTap's URLs. `done` is what reached CleverTap."""
    provider = Provider.objects.get(pk=provider_id)
    rounds = [calls.forward(owed, hold, stop) for owed in _owed(provider) if owed.open()]
    return leases.Progress(sum(each.done for each in rounds), sum(each.moved for each in rounds))


def _owed(provider: Provider) -> tuple[Owed, Owed]:
    return Reports(provider), Replies(provider)


def due(provider: Provider) -> bool:
    """Whether anything can be forwarded now."""
    return any(owed.due() for owed in _owed(provider))


def park_old(now: datetime) -> int:
    """Parks what CleverTap has not accepted for days. Returns how many."""
    old = now - GIVE_UP
    text = f"Waypost stopped retrying after {GIVE_UP.days} days."
    events = Event.objects.filter(forward=Forward.PENDING, owed_since__lt=old)
    replies = Reply.objects.filter(forward=Forward.PENDING, owed_since__lt=old)
    parked = sum(rows.update(forward=Forward.PARKED, forward_error=text) for rows in (events, replies))
    if parked:
        logger.warning("%d reports and replies are parked: CleverTap took none for days", parked)
    return parked


# Not settled yet. A message without a number is looked at again, too: the setting may have changed.
OPEN = (Forward.PENDING, Forward.PARKED, Forward.NO_NUMBER)


def retry(events: Iterable[int] = (), replies: Iterable[int] = ()) -> int:
    """Puts parked items back in the queue and tries their URLs at once. Returns how many."""
    now = timezone.now()
    count = 0
    providers: set[int] = set()
    events, replies = list(events), list(replies)
    months.wake([*Event.objects.filter(pk__in=events).values_list("message", flat=True), *replies])
    for model, ids in ((Event, events), (Reply, replies)):
        rows = model.objects.filter(pk__in=ids, forward__in=OPEN)
        providers.update(rows.values_list("provider_id", flat=True))
        count += rows.update(forward=Forward.PENDING, forward_error="", owed_since=now)
    Outlet.objects.filter(provider_id__in=providers).update(hold_until=None)
    for provider_id in providers:
        wake("callbacks.forward", provider_id)
    return count


def retry_outlet(outlet: Outlet) -> int:
    """Tries one of CleverTap's URLs at once, with what was parked for it. Returns how much that was."""
    reports = outlet.kind == Outlet.Kind.DELIVERY
    model: type[Event] | type[Reply] = Event if reports else Reply
    parked = model._default_manager.filter(provider_id=outlet.provider_id, forward=Forward.PARKED)
    count, last = 0, 0
    # By ascending id: items that are parked again meanwhile are not retried twice.
    while ids := list(
        parked.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:RETRIED_AT_ONCE]
    ):
        last = ids[-1]
        count += retry(events=ids) if reports else retry(replies=ids)
    Outlet.objects.filter(pk=outlet.pk).update(hold_until=None)
    wake("callbacks.forward", outlet.provider_id)
    return count
