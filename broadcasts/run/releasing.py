"""Releasing: waiting recipients get messages in the ledger, as fast as the broadcast's limits allow.

The messages are made outside a transaction. The transaction that stores them takes only recipients who still
wait. So a pause, a cancellation or a second worker in between loses no message and sends none twice.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from django.db import connection, transaction
from django.db.models import Min

from audience.models import ContactEvent
from broadcasts.message import composing
from broadcasts.message.composing import Composer
from broadcasts.message.values import Missing
from broadcasts.models import Broadcast, Recipient
from broadcasts.run import clock, planning, release_limits
from campaigns.ledger import ledger
from campaigns.ledger.entries import Accepted
from campaigns.models import Message
from lib import sql
from lib.wakeup import wake
from providers.messages import Refused
from providers.models import Provider

CHUNK = {"postgresql": 500, "sqlite": 100}
LATE = timedelta(hours=24)  # a message that was triggered longer ago is of no use any more
SOON = timedelta(seconds=0.5)
RETRY = timedelta(seconds=5)
LEAST_ALIKE = 5  # so many refusals for one reason are the template's or the provider's fault

State = Recipient.State
Reason = Recipient.Reason


@dataclass(slots=True)
class Round:
    """The result of one look at waiting recipients: messages by recipient, people left out and why, people of
    the control group, people who still wait, and when to look again; or why everything must stop."""

    messages: dict[int, Accepted] = field(default_factory=dict)
    excluded: dict[int, tuple[str, str]] = field(default_factory=dict)
    control: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)  # for the next round
    again: datetime | None = None
    halt: str = ""


def release(broadcast: Broadcast, now: datetime) -> Broadcast | None:
    """Queues the messages that may be sent now. Returns the broadcast as it is then; None if it no longer
    runs."""
    made = prepare(broadcast, now)
    with transaction.atomic():
        stored = Broadcast.objects.select_for_update().get(pk=broadcast.pk)
        if stored.state != Broadcast.State.RUNNING:
            return None
        _store(stored, made, now)
        # A step that was asked for meanwhile, for example after a change, is taken at once.
        if stored.next_step_at == broadcast.next_step_at:
            stored.next_step_at = made.again
        if made.halt:
            stored.state, stored.reason, stored.next_step_at = Broadcast.State.PAUSED, made.halt[:500], None
        stored.save()
    if made.messages:
        wake("campaigns.send", stored.provider_id)
    return stored


def prepare(broadcast: Broadcast, now: datetime) -> Round:
    """Makes the next messages, without storing anything."""
    if halt := release_limits.halt(broadcast):
        return Round(halt=halt)
    if broadcast.quiet_from and broadcast.quiet_to:
        quiet = clock.quiet_until(now, broadcast.quiet_from, broadcast.quiet_to, broadcast.tz)
        if quiet:
            return Round(again=quiet)
    if broadcast.provider.state == Provider.State.PAUSED:
        return Round(again=now + RETRY)
    window = release_limits.throttle(broadcast, now)
    room = min(CHUNK[connection.vendor], release_limits.room_ahead(broadcast, now))
    if window is not None:
        free = window.free(now.timestamp())
        if not free:
            return Round(again=now + timedelta(seconds=window.next_free(now.timestamp())))
        room = min(room, free)
    if room <= 0:
        return Round(again=now + SOON)
    composer = Composer(broadcast)
    if composer.problem:
        return Round(halt=composer.problem)
    waiting = Recipient.objects.filter(broadcast=broadcast, state=State.WAITING)
    # A one-time broadcast does not look at due_at, which may lie ahead after a clock was set back.
    due = waiting.filter(due_at__lte=now) if broadcast.triggered else waiting
    # At least some, however few may be sent now: only several refusals show that all are alike.
    few = max(room, LEAST_ALIKE)
    rows = list(due.order_by("due_at", "id").select_related("contact", "event")[:few])
    if not rows:
        return Round(again=waiting.aggregate(first=Min("due_at"))["first"])
    made = Round(again=now)
    _exclude(broadcast, rows, made, now)
    decided = made.excluded.keys() | made.control | made.left
    _compose(composer, [row for row in rows if row.pk not in decided], made, now)
    made.messages = dict(islice(made.messages.items(), room))
    return made


def _exclude(broadcast: Broadcast, rows: Sequence[Recipient], made: Round, now: datetime) -> None:
    """People who must not be messaged any more, because of something that happened since they were
    planned."""
    acted = _acted(broadcast, rows)
    messaged_before = _messaged(broadcast, rows)
    room = release_limits.under_cap(broadcast, rows, now)
    reminded: set[int | None] = set()
    for row in rows:
        contact = row.contact
        if contact is None:
            reason = Reason.GONE.value
        else:
            person = planning.Person(
                contact.pk, "", contact.phone, contact.opted_in, contact.dnd, contact.stopped
            )
            reason = planning.why_not(person)
            if not reason and contact.phone != row.phone:
                reason = Reason.CHANGED.value
        if reason:
            pass
        elif row.pk in acted:
            reason = Reason.ACTED.value
        elif row.pk in messaged_before:
            reason = Reason.TOLD.value
        elif broadcast.triggered and row.due_at < now - LATE:
            reason = Reason.LATE.value
        elif row.contact_id in reminded:  # one message at most; the next round knows whether it was made
            made.left.add(row.pk)
            continue
        elif room is not None:
            if room[row.person] <= 0:
                reason = Reason.CAPPED.value
            else:
                room[row.person] -= 1
        if reason:
            made.excluded[row.pk] = (reason, "")
        elif broadcast.kind == Broadcast.Kind.INACTION:
            reminded.add(row.contact_id)
            if contact and planning.is_control(broadcast, contact.identity):
                made.control.add(row.pk)


def _acted(broadcast: Broadcast, rows: Sequence[Recipient]) -> set[int]:
    """Inaction: people who have done the other event since."""
    if broadcast.kind != Broadcast.Kind.INACTION:
        return set()
    since = min(row.since for row in rows)
    events = ContactEvent.objects.filter(
        contact__in={row.contact_id for row in rows}, name=broadcast.without, at__gte=since
    )
    last: dict[int, datetime] = {}
    for contact, at in events.values_list("contact", "at"):
        last[contact] = max(at, last.get(contact, at))
    return {row.pk for row in rows if row.contact_id in last and last[row.contact_id] >= row.since}


def _messaged(broadcast: Broadcast, rows: Sequence[Recipient]) -> set[int]:
    """Inaction: people who got a message after this event already, for an earlier event; in the control
    group, people who would have got one."""
    if broadcast.kind != Broadcast.Kind.INACTION:
        return set()
    contacts = {row.contact_id for row in rows}
    earlier = Recipient.objects.filter(
        broadcast=broadcast, contact__in=contacts, state__in=(State.QUEUED, State.CONTROL)
    )
    last: dict[int | None, datetime | None] = {}
    for contact, at in earlier.order_by("decided_at").values_list("contact", "decided_at"):
        last[contact] = at
    found = set()
    for row in rows:
        at = last.get(row.contact_id)
        if at is not None and at >= row.since:
            found.add(row.pk)
    return found


def _compose(composer: Composer, rows: Sequence[Recipient], made: Round, now: datetime) -> None:
    refused: dict[int, str] = {}
    for row in rows:
        assert row.contact is not None
        event = row.event.properties if row.event else {}
        try:
            made.messages[row.pk] = composer.compose(
                row.variant, row.msg_id, row.phone, composing.profile(row.contact), event, now.timestamp()
            )
        except Missing as missing:
            made.excluded[row.pk] = (Reason.VALUE.value, str(missing)[:300])
        except Refused as error:
            refused[row.pk] = error.message[:300]
    # A refusal that everybody gets is the fault of the template or of the provider.
    if len(refused) == len(rows) >= LEAST_ALIKE and len(set(refused.values())) == 1:
        made.halt = f"No message can be sent: {next(iter(refused.values()))}"
        made.excluded.clear()
        return
    made.excluded |= {pk: (Reason.REFUSED.value, words) for pk, words in refused.items()}


def _store(broadcast: Broadcast, made: Round, now: datetime) -> None:
    """Moves those of the round who still wait, with their messages and the counters."""
    ids = sorted(made.messages.keys() | made.excluded.keys() | made.control)
    found = sql.locked(Recipient, ("id", "state"), ids, of=broadcast.pk)
    still = {pk for pk, state in found if state == State.WAITING}
    entries = {pk: entry for pk, entry in made.messages.items() if pk in still}
    out = {pk: why for pk, why in made.excluded.items() if pk in still}
    control = made.control & still
    ledger.accept(list(entries.values()))
    stored = dict(
        sql.found(Message, ("msg_id", "id"), [entry.msg_id for entry in entries.values()], by="msg_id")
    )
    sql.update(
        Recipient,
        ("id", "broadcast_id", "message_id", "decided_at"),
        [(pk, broadcast.pk, stored[entry.msg_id], now) for pk, entry in entries.items()],
        f"message_id = v.message_id, decided_at = v.decided_at, state = {State.QUEUED.value}",
        "m.id = v.id",
    )
    sql.update(
        Recipient,
        ("id", "broadcast_id", "reason", "detail"),
        [(pk, broadcast.pk, reason, detail) for pk, (reason, detail) in out.items()],
        f"reason = v.reason, detail = v.detail, state = {State.EXCLUDED.value}",
        "m.id = v.id",
    )
    sql.update(
        Recipient,
        ("id", "broadcast_id", "decided_at"),
        [(pk, broadcast.pk, now) for pk in sorted(control)],
        f"decided_at = v.decided_at, variant = '', state = {State.CONTROL.value}",
        "m.id = v.id",
    )
    planning.count_control(broadcast, len(control), now)
    broadcast.waiting -= len(entries) + len(out) + len(control)
    broadcast.queued += len(entries)
    broadcast.control += len(control)
    for reason, number in Counter(reason for reason, _ in out.values()).items():
        planning.exclude(broadcast, reason, number)
    window = release_limits.throttle(broadcast, now)
    if window is not None:
        if entries:
            window.start(len(entries))
            window.finish(len(entries), now.timestamp())
        broadcast.window = window.dump(now.timestamp())
