"""Recounting broadcasts from their recipients' rows."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Count, F, Q

from broadcasts.models import CODE, Broadcast, Recipient
from campaigns.models import Horizon
from stats.query.recount import Fact

State = Recipient.State
_COUNTERS = {
    State.WAITING: "waiting",
    State.QUEUED: "queued",
    State.CONTROL: "control",
    State.EXCLUDED: "excluded",
    State.CANCELLED: "cancelled",
}


def control_group() -> Counter[Fact]:
    """How many are in the control group, by campaign and day."""
    found: Counter[Fact] = Counter()
    rows = Recipient.objects.filter(state=State.CONTROL).order_by()
    columns = ("broadcast__provider", "broadcast", "decided_at")
    for provider, pk, at, number in rows.values_list(*columns).annotate(n=Count("pk")):
        day = int(at.timestamp()) // 86400
        found[Fact(provider, day, campaign=f"{CODE}{pk}", variant="", template="", code=0)] += number
    return found


def disagreements() -> Iterator[str]:
    """Broadcasts whose counters are not those of their rows. Whoever ended before the horizon may have lost
    rows, and is not recounted."""
    gone_to = dict(Horizon.objects.values_list("provider", "gone_to"))
    counted: dict[int, Counter[str]] = defaultdict(Counter)
    reasons: dict[int, Counter[str]] = defaultdict(Counter)
    rows = Recipient.objects.values_list("broadcast", "state", "reason").annotate(n=Count("pk")).order_by()
    for pk, state, reason, number in rows:
        counted[pk][_COUNTERS[State(state)]] += number
        if state == State.EXCLUDED:
            reasons[pk][reason] += number
    for broadcast in Broadcast.objects.all():
        horizon = gone_to.get(broadcast.provider_id)
        if horizon is not None and broadcast.finished_at is not None and broadcast.finished_at <= horizon:
            continue
        for name in _COUNTERS.values():
            if getattr(broadcast, name) != counted[broadcast.pk][name]:
                real = counted[broadcast.pk][name]
                yield f"broadcast {broadcast.pk}: {name} {getattr(broadcast, name)}, rows say {real}"
        if broadcast.excluded_for != reasons[broadcast.pk]:
            yield f"broadcast {broadcast.pk}: excluded for {broadcast.excluded_for}, rows say otherwise"


def strays() -> Iterator[str]:
    """Recipients whose state and message contradict each other."""
    lost = Q(state=State.QUEUED) & (Q(message=None) | ~Q(message__to=F("phone")))
    # Retention deleted the message because of its age. Rows that old are not checked.
    for provider, gone_to in Horizon.objects.values_list("provider", "gone_to"):
        lost &= ~Q(broadcast__provider=provider, message=None, decided_at__lte=gone_to + timedelta(days=1))
    early = ~Q(state=State.QUEUED) & Q(message__isnull=False)
    for row in Recipient.objects.filter(lost | early).order_by("pk").iterator():
        about = f"recipient {row.pk} of broadcast {row.broadcast_id}"
        yield f"{about}: {row.get_state_display()}, message {row.message_id}"
