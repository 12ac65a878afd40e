"""The limits of a broadcast: throttle, the provider's queue, frequency cap, error threshold."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Count, QuerySet

from broadcasts.models import Broadcast, Recipient
from broadcasts.run import results
from campaigns.models import Message, Status
from lib.throttle import Window

# Messages of the provider that are due and not sent, which a pause cannot hold back: few seconds' worth.
LEAST_AHEAD, MOST_AHEAD = 10, 2000
SECONDS_AHEAD = 5
PERIOD = 300.0  # seconds of the throttle
LEAST_JUDGED = 20  # so few messages that their errors mean nothing


def throttle(broadcast: Broadcast, now: datetime) -> Window | None:
    """The messages that the throttle still counts; None without a throttle."""
    if not broadcast.throttle:
        return None
    # A time in the future was written before the clock was set back.
    return Window(broadcast.throttle, PERIOD, [[min(at, now.timestamp()), n] for at, n in broadcast.window])


def halt(broadcast: Broadcast) -> str:
    """Why it must pause because of its failed messages; empty if it may go on."""
    if broadcast.error_percent is None or broadcast.queued - broadcast.queued_before < LEAST_JUDGED:
        return ""
    failed = results.failures(broadcast) - broadcast.errors_before
    out_of = broadcast.queued - broadcast.queued_before
    if failed * 100 < broadcast.error_percent * out_of or failed < 1:
        return ""
    return (
        f"{failed:,} of {out_of:,} messages failed ({failed * 100 // out_of} %; the threshold is "
        f"{broadcast.error_percent} %). Most often: {results.most_frequent_error(broadcast)}."
    )


def room_ahead(broadcast: Broadcast, now: datetime) -> int:
    """How many more messages the provider's queue may take now."""
    provider, most = broadcast.provider, MOST_AHEAD
    if provider.rate_count:
        per_second = provider.rate_count / provider.rate_period
        most = min(most, max(LEAST_AHEAD, int(per_second * SECONDS_AHEAD)))
    queued = Message.objects.filter(
        provider=broadcast.provider_id, status=Status.QUEUED, next_attempt_at__lte=now
    )
    return most - queued[:most].count()


def under_cap(broadcast: Broadcast, rows: Sequence[Recipient], now: datetime) -> Counter[str] | None:
    """How many more template messages each person may get; None without a cap."""
    if not broadcast.cap_count or not broadcast.cap_days:
        return None
    people = {row.person for row in rows}
    got = capped(broadcast, now).filter(person__in=people).values_list("person").annotate(n=Count("pk"))
    room = Counter(dict.fromkeys(people, broadcast.cap_count))
    room.subtract(dict(got))
    return room


def capped(broadcast: Broadcast, now: datetime) -> QuerySet[Message]:
    """What the frequency cap counts: CleverTap's messages and those of all broadcasts, failed ones aside."""
    since = now - timedelta(days=broadcast.cap_days or 0)
    messages = Message.objects.filter(kind=Message.Kind.TEMPLATE, untracked=False, accepted_at__gt=since)
    return messages.exclude(status=Status.FAILED)
