"""What an operator does with a broadcast: launch, pause, resume, cancel. Each takes effect at once."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from broadcasts.models import Broadcast
from broadcasts.run import results
from campaigns.models import Campaign
from lib.wakeup import wake

TASK = "broadcasts.run"
State = Broadcast.State


def launch(broadcast: Broadcast) -> bool:
    """Starts it, or schedules it for its time. Returns whether it still was a draft."""
    now = timezone.now()
    with transaction.atomic():
        stored = _locked(broadcast, (State.DRAFT,))
        if stored is None:
            return False
        stored.state, stored.reason = State.SCHEDULED, ""
        stored.next_step_at = max(stored.starts_at or now, now)
        stored.save()
        Campaign.objects.update_or_create(
            provider=stored.provider,
            code=stored.code,
            defaults={"name": stored.name},
            create_defaults={"name": stored.name, "first_seen_at": now, "last_seen_at": now},
        )
    wake(TASK)
    return True


def withdraw(broadcast: Broadcast) -> bool:
    """Makes a scheduled one a draft again. Returns whether it had not begun."""
    with transaction.atomic():
        stored = _locked(broadcast, (State.SCHEDULED,))
        if stored is None:
            return False
        stored.state, stored.next_step_at = State.DRAFT, None
        stored.save()
    return True


def pause(broadcast: Broadcast, reason: str) -> bool:
    """Queues no more messages. Messages that are queued for sending still go out."""
    with transaction.atomic():
        stored = _locked(broadcast, (State.RUNNING,))
        if stored is None:
            return False
        stored.state, stored.reason, stored.next_step_at = State.PAUSED, reason[:500], None
        stored.save()
    return True


def resume(broadcast: Broadcast) -> bool:
    """Goes on. Messages that failed before do not count against the error threshold again."""
    with transaction.atomic():
        stored = _locked(broadcast, (State.PAUSED,))
        if stored is None:
            return False
        # A broadcast that could not begin because of an error in Waypost still has to begin.
        stored.state = State.RUNNING if stored.started_at else State.SCHEDULED
        stored.reason, stored.next_step_at = "", timezone.now()
        totals = results.totals(stored)
        stored.errors_before = totals.errors
        stored.queued_before = min(stored.queued, totals.delivered + totals.errors)
        stored.save()
    wake(TASK)
    return True


def cancel(broadcast: Broadcast, reason: str) -> bool:
    """Ends it for good. People who still wait get no message."""
    now = timezone.now()
    with transaction.atomic():
        stored = _locked(broadcast, (State.SCHEDULED, State.RUNNING, State.PAUSED))
        if stored is None:
            return False
        stored.state, stored.reason, stored.finished_at = State.CANCELLED, reason[:500], now
        stored.next_step_at = now  # for those who wait
        stored.save()
    wake(TASK)
    return True


def end(broadcast: Broadcast) -> bool:
    """Ends a triggered broadcast: nothing triggers a message any more. People who wait still get theirs."""
    now = timezone.now()
    with transaction.atomic():
        stored = _locked(broadcast, (State.RUNNING,))
        if stored is None or not stored.triggered:
            return False
        stored.ends_at, stored.next_step_at = now, now
        stored.save()
    wake(TASK)
    return True


def _locked(broadcast: Broadcast, states: Iterable[str]) -> Broadcast | None:
    """The row, locked, if it is in one of the states."""
    return Broadcast.objects.select_for_update().filter(pk=broadcast.pk, state__in=list(states)).first()


# The copy has a name of its own, and no times: those of the first one are most often over.
NOT_COPIED = ("id", "name", "starts_at", "ends_at")


def copy(broadcast: Broadcast, by: str) -> Broadcast:
    """A new draft like it. A list is not copied: until one is uploaded, nothing can be launched."""
    chosen = (field.attname for field in Broadcast._meta.concrete_fields if field.editable)
    values = {name: getattr(broadcast, name) for name in chosen if name not in NOT_COPIED}
    return Broadcast.objects.create(name=f"{broadcast.name[:110]} (copy)", by=by, **values)
