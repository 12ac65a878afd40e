"""Bringing reports and inbound messages to CleverTap, in its format, at least once, in order.

Each provider has its own queue, worked apart from sending, so that a CleverTap that is down
slows nothing else. What fails is tried again for days; what CleverTap will never take is
parked for an operator.
"""

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta
from time import sleep, time

from django.utils import timezone

from callbacks.models import Outlet, Reply
from callbacks.outbox import Replies, Reports
from campaigns.models import Event, Forward
from lib.wake import wake
from providers import leases
from providers.models import Provider

GATHER = 0.03  # seconds; a request with many reports costs little more than with one
GIVE_UP = timedelta(days=3)
RETRIED_AT_ONCE = 1000


def drain(
    provider_id: int,
    *,
    linger: float = 0.0,
    stirred: threading.Event | None = None,
    stop: threading.Event | None = None,
) -> int:
    """Forwards everything due for a provider. Returns how many items reached CleverTap."""
    stirred = stirred or threading.Event()
    hold = leases.take(f"forward:{provider_id}")
    if hold is None:
        return 0
    done = 0
    idle_since = time()
    with hold:
        while not (stop and stop.is_set()):
            stirred.clear()
            hold.renew()
            provider = Provider.objects.get(pk=provider_id)
            count, moved = 0, 0
            for queue in (Reports(provider, hold, stop), Replies(provider, hold, stop)):
                if queue.open():
                    sent, seen = queue.run()
                    count, moved = count + sent, moved + seen
            done += count
            if moved:
                idle_since = time()
                if moved > 1:
                    sleep(GATHER)
            elif time() - idle_since >= linger:
                break
            else:
                stirred.wait(0.05)
    return done


def due(provider: Provider) -> bool:
    """Whether anything can be forwarded now."""
    return any(queue.open() and queue.pending().exists() for queue in (Reports(provider), Replies(provider)))


def park_old(now: datetime) -> int:
    """Parks what CleverTap has not taken for days. Returns how many."""
    old = now - GIVE_UP
    text = f"Given up after {GIVE_UP.days} days."
    events = Event.objects.filter(forward=Forward.PENDING, owed_since__lt=old)
    replies = Reply.objects.filter(forward=Forward.PENDING, owed_since__lt=old)
    return sum(rows.update(forward=Forward.PARKED, forward_error=text) for rows in (events, replies))


def retry(events: Iterable[int] = (), replies: Iterable[int] = ()) -> int:
    """Puts parked items back in the queue and tries their URLs at once. Returns how many."""
    now = timezone.now()
    count = 0
    providers: set[int] = set()
    for model, ids in ((Event, list(events)), (Reply, list(replies))):
        rows = model.objects.filter(pk__in=ids, forward__in=(Forward.PARKED, Forward.PENDING))
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
    # By ascending id: what is parked anew meanwhile is not taken up again.
    while ids := list(
        parked.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:RETRIED_AT_ONCE]
    ):
        last = ids[-1]
        count += retry(events=ids) if reports else retry(replies=ids)
    Outlet.objects.filter(pk=outlet.pk).update(hold_until=None)
    wake("callbacks.forward", outlet.provider_id)
    return count
