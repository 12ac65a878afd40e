"""The queue of broadcasts, each worked by one worker at a time: planning, looking for triggers, releasing.

Everything is done in steps. Each ends in a commit that says, in `next_step_at`, when there is more to
do, so whoever comes next goes on where the last one was killed.
"""

import logging
import threading
from datetime import datetime, timedelta

from django.db import Error as DatabaseError
from django.db import transaction
from django.db.models import Min, Q, QuerySet
from django.utils import timezone

from broadcasts.models import Broadcast, Recipient
from broadcasts.run import enrolment, planning, releasing
from providers import leases

logger = logging.getLogger(__name__)

RETRY = timedelta(seconds=10)
CANCELLED_AT_ONCE = 2000
CLOCKS_DIFFER = timedelta(seconds=30)  # between machines that work properly

State = Broadcast.State


def lease(broadcast: Broadcast) -> str:
    """Who works the broadcast. Those with a frequency cap go one after the other: each counts what the
    others send to the same person."""
    return "broadcast:capped" if broadcast.cap_count and broadcast.cap_days else f"broadcast:{broadcast.pk}"


def _due() -> QuerySet[Broadcast]:
    """Broadcasts whose time has come; and broadcasts that were changed in the future, because a clock was set
    back: their next step may be hours away for no reason."""
    now = timezone.now()
    waiting = Broadcast.objects.filter(next_step_at__isnull=False)
    return waiting.filter(Q(next_step_at__lte=now) | Q(updated_at__gt=now + CLOCKS_DIFFER))


def due() -> bool:
    return _due().exists()


def drain(
    pk: int | None = None,
    *,
    soon: float = 0.0,
    woken: threading.Event | None = None,
    stop: threading.Event | None = None,
) -> int:
    """Takes every step that is due, of one broadcast or of all in turn. Returns how many. Skips a broadcast
    that another worker works on. Waits for steps that are due within `soon` seconds."""
    stop, done, left = stop or threading.Event(), 0, set[int]()
    mine = Broadcast.objects.filter(next_step_at__isnull=False)
    if pk is not None:
        mine = mine.filter(pk=pk)
    while not stop.is_set():
        found = list((_due() & mine).exclude(pk__in=left).order_by("next_step_at", "pk"))
        for broadcast in found:
            hold = None if stop.is_set() else leases.take(lease(broadcast))
            if hold is None:
                left.add(broadcast.pk)
                continue
            with hold:
                _step_or_pause(broadcast.pk)
            done += 1
        if found:
            continue
        first = mine.exclude(pk__in=left).aggregate(at=Min("next_step_at"))["at"] if soon else None
        if first is None or (wait := (first - timezone.now()).total_seconds()) > soon:
            break
        stop.wait(wait)
    return done


def _step_or_pause(pk: int) -> None:
    """Takes a step. An error in Waypost pauses that broadcast, and the others go on."""
    try:
        step(pk, timezone.now())
    except leases.Lost:
        raise
    except DatabaseError:
        # When the database itself fails, this fails, too. Otherwise the next try may succeed: two
        # transactions may have blocked each other.
        logger.exception("Broadcast %s could not go on", pk)
        rows = Broadcast.objects.filter(pk=pk, next_step_at__isnull=False)
        rows.update(next_step_at=timezone.now() + RETRY)
    except Exception as error:
        logger.exception("Broadcast %s could not go on", pk)
        words = f"An error in Waypost: {type(error).__name__}: {error}"
        rows = Broadcast.objects.filter(pk=pk, state__in=(State.SCHEDULED, State.RUNNING))
        rows.update(state=State.PAUSED, reason=words[:500], next_step_at=None)


def step(pk: int, now: datetime) -> None:
    """The next piece of a broadcast's work."""
    broadcast = _prepare(pk, now)
    if broadcast is None:
        return
    stored = releasing.release(broadcast, now)
    if stored is not None and stored.state == State.RUNNING:
        _conclude(stored.pk, now)


def _prepare(pk: int, now: datetime) -> Broadcast | None:
    """Begins, plans, looks for triggers, or cancels. Returns the broadcast if messages may be sent on."""
    with transaction.atomic():
        broadcast = Broadcast.objects.select_for_update().filter(pk=pk).first()
        if broadcast is None:
            return None
        ready = False
        if broadcast.state == State.SCHEDULED and (not broadcast.starts_at or broadcast.starts_at <= now):
            _begin(broadcast, now)
        if broadcast.state == State.RUNNING:
            ready = _recruit(broadcast, now)
        elif broadcast.state == State.CANCELLED:
            _cancel(broadcast)
        elif broadcast.state == State.SCHEDULED:
            broadcast.next_step_at = broadcast.starts_at
        else:
            broadcast.next_step_at = None
        broadcast.save()
    return broadcast if ready else None


def _begin(broadcast: Broadcast, now: datetime) -> None:
    broadcast.state, broadcast.started_at, broadcast.reason = State.RUNNING, now, ""
    broadcast.next_step_at = now
    if broadcast.triggered:
        enrolment.begin(broadcast, now)


def _recruit(broadcast: Broadcast, now: datetime) -> bool:
    """Makes the next recipients. Returns whether messages may be released."""
    if not broadcast.triggered:
        if not broadcast.gathered:
            planning.gather(broadcast, broadcast.started_at or now)
        elif not broadcast.planned:
            planning.plan(broadcast, now)
        return broadcast.planned
    return enrolment.over(broadcast) or not enrolment.look(broadcast, now)


def _conclude(pk: int, now: datetime) -> None:
    """Ends a broadcast that has nothing left to do, or plans the next look for triggers."""
    with transaction.atomic():
        broadcast = Broadcast.objects.select_for_update().get(pk=pk)
        if broadcast.state != State.RUNNING:
            return
        if broadcast.triggered and not enrolment.over(broadcast):
            soon = now + enrolment.every(broadcast)
            broadcast.next_step_at = min(broadcast.next_step_at or soon, soon)
        elif not broadcast.waiting:
            broadcast.state, broadcast.finished_at, broadcast.next_step_at = State.DONE, now, None
            if not broadcast.recipients:
                broadcast.reason = (
                    "Nothing triggered a message." if broadcast.triggered else "Nobody was in the audience."
                )
        broadcast.save()


def _cancel(broadcast: Broadcast) -> None:
    """Cancels the next of those who wait. Gathered contacts that were not planned are dropped."""
    if broadcast.gathered and not broadcast.planned and broadcast.who != Broadcast.Who.LIST:
        planning.forget_gathered(broadcast)
    waiting = Recipient.objects.filter(broadcast=broadcast, state=Recipient.State.WAITING)
    ids = list(waiting.order_by("due_at", "id").values_list("pk", flat=True)[:CANCELLED_AT_ONCE])
    moved = waiting.filter(pk__in=ids).update(
        state=Recipient.State.CANCELLED, reason=Recipient.Reason.STOPPED
    )
    broadcast.waiting -= moved
    broadcast.cancelled += moved
    if not broadcast.waiting:
        broadcast.next_step_at = None
