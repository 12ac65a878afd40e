"""What an operator does with a broadcast: launch, pause, resume, cancel. Each takes effect at once."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from broadcasts import figures
from broadcasts.models import Broadcast
from campaigns.models import Campaign
from lib.wake import wake

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
    """Sends nothing on any more. What went to the BSP's queue before, still goes out."""
    with transaction.atomic():
        stored = _locked(broadcast, (State.RUNNING,))
        if stored is None:
            return False
        stored.state, stored.reason, stored.next_step_at = State.PAUSED, reason[:500], None
        stored.save()
    return True


def resume(broadcast: Broadcast) -> bool:
    """Goes on. What failed before is not held against it again; what is still under way may be."""
    with transaction.atomic():
        stored = _locked(broadcast, (State.PAUSED,))
        if stored is None:
            return False
        # One that a fault of ours kept from beginning still has to begin.
        stored.state = State.RUNNING if stored.started_at else State.SCHEDULED
        stored.reason, stored.next_step_at = "", timezone.now()
        totals = figures.totals(stored)
        stored.errors_before = totals.errors
        stored.queued_before = min(stored.queued, totals.delivered + totals.errors)
        stored.save()
    wake(TASK)
    return True


def cancel(broadcast: Broadcast, reason: str) -> bool:
    """Ends it for good. Who still waits is not messaged."""
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
    """Lets nothing more set a triggered one's messages off; who waits already is still messaged."""
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


def copy(broadcast: Broadcast, by: str, now: datetime) -> Broadcast:
    """A new draft like it. A list is not copied: until one is uploaded, nothing can be launched."""
    names = (
        "kind", "provider_id", "who", "event_name", "event_where", "without", "wait_minutes", "date_name",
        "offset", "offset_unit", "at_time", "segment_id", "filter", "variants", "control_percent", "zone",
        "quiet_from", "quiet_to", "throttle", "cap_count", "cap_days", "error_percent", "reported",
    )  # fmt: skip
    values = {name: getattr(broadcast, name) for name in names}
    return Broadcast.objects.create(name=f"{broadcast.name[:110]} (copy)", by=by, **values)
