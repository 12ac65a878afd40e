"""Who gets it: a row for each recipient, before anything is sent, some thousand at a time.

Everything here runs inside the transaction of a step (broadcasts.run.worker), which holds the
broadcast's row; counters are set on the object and stored with it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import QuerySet, Value

from audience.models import Contact
from broadcasts.message import assignment
from broadcasts.models import Broadcast, Listed, Recipient
from broadcasts.people import selecting
from campaigns.counting import deltas
from campaigns.counting.keys import Key, Metric, minute
from lib import phone, sql

CHUNK = {"postgresql": 2000, "sqlite": 250}  # SQLite has one writer at a time: the others wait

State = Recipient.State
Reason = Recipient.Reason


class Person(NamedTuple):
    """A contact as planning looks at it; the names are the columns."""

    id: int
    identity: str
    phone: str
    opted_in: bool
    dnd: bool
    stopped: bool


class _Recipient(NamedTuple):
    """A row of Recipient; the names are its columns."""

    broadcast_id: int
    contact_id: int
    trigger: str
    event_id: int | None
    phone: str
    variant: str
    state: int
    reason: str
    since: datetime
    due_at: datetime
    planned_at: datetime
    decided_at: datetime | None
    detail: str = ""


class Wanted(NamedTuple):
    """A person to message: the trigger (empty for one time), and the earliest time."""

    person: Person
    trigger: str
    event_id: int | None
    since: datetime
    due_at: datetime


def audience(broadcast: Broadcast, now: datetime) -> QuerySet[Contact]:
    """The broadcast's audience, including people who may not be messaged."""
    if broadcast.who == Broadcast.Who.LIST:
        return Contact.objects.filter(listed__broadcast=broadcast)
    return selecting.contacts(broadcast.meant, now)


def chunk() -> int:
    return CHUNK[connection.vendor]


def gather(broadcast: Broadcast, now: datetime) -> None:
    """Fixes the audience, in one statement. Later changes of contacts have no effect."""
    if broadcast.who != Broadcast.Who.LIST:
        forget_gathered(broadcast)  # a list that was uploaded before another choice was made
        meant = audience(broadcast, now).order_by().values_list(Value(broadcast.pk), "pk")
        select, parameters = meant.query.sql_with_params()
        table = Listed._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {table} (broadcast_id, contact_id) {select}", parameters)
    broadcast.gathered = True


def plan(broadcast: Broadcast, now: datetime) -> None:
    """Makes the rows of the next contacts of those who were gathered."""
    listed = Listed.objects.filter(broadcast=broadcast, contact__gt=broadcast.planned_to)
    rows = listed.order_by("contact").values_list(*(f"contact__{name}" for name in Person._fields))
    people = [Person(*row) for row in rows[: chunk()]]
    add(broadcast, [Wanted(person, "", None, now, now) for person in people], now)
    if people:
        broadcast.planned_to = people[-1].id
        return
    broadcast.planned = True
    if broadcast.who != Broadcast.Who.LIST:
        forget_gathered(broadcast)


def forget_gathered(broadcast: Broadcast) -> None:
    rows = Listed.objects.filter(broadcast=broadcast)
    rows._raw_delete(rows.db)  # nothing refers to them


def why_not(person: Person) -> str:
    """Why the person may not be messaged at all; empty when they may."""
    if not person.phone:
        return Reason.NO_PHONE.value
    if not person.opted_in:
        return Reason.NOT_OPTED_IN.value
    if person.dnd:
        return Reason.DND.value
    return Reason.WHATSAPP.value if person.stopped else ""


def add(broadcast: Broadcast, wanted: Sequence[Wanted], now: datetime) -> int:
    """Makes their rows: waiting, in the control group, or excluded. People who have a row keep it.

    Returns how many are new.
    """
    taken = _taken(broadcast, wanted)
    variants = broadcast.messages
    percents = [variant.percent for variant in variants]
    rows = []
    for one in wanted:
        person = one.person
        reason = why_not(person)
        if not reason and phone.person(person.phone) in taken[one.trigger]:
            reason = Reason.SAME_NUMBER.value
        state, name = State.EXCLUDED, ""
        if not reason:
            taken[one.trigger].add(phone.person(person.phone))
            state = State.WAITING
            # For inaction the control group has only people who would be reminded. That is known when the
            # reminder is due.
            if broadcast.kind != Broadcast.Kind.INACTION and is_control(broadcast, person.identity):
                state = State.CONTROL
            else:
                name = variants[assignment.variant(person.identity, broadcast.pk, percents)].name
        rows.append(
            _Recipient(
                broadcast.pk,
                person.id,
                one.trigger,
                one.event_id,
                person.phone,
                variant=name,
                state=state.value,
                reason=reason,
                since=one.since,
                due_at=one.due_at,
                planned_at=now,
                decided_at=now if state == State.CONTROL else None,
            )
        )
    made = sql.insert(
        Recipient, _Recipient._fields, rows, ignore_conflicts=True, returning=("state", "reason")
    )
    count(broadcast, made)
    count_control(broadcast, sum(state == State.CONTROL for state, _ in made), now)
    return len(made)


def is_control(broadcast: Broadcast, identity: str) -> bool:
    return assignment.is_control(identity, broadcast.pk, broadcast.control_percent)


def count_control(broadcast: Broadcast, number: int, now: datetime) -> None:
    """Adds new rows of the control group to the stats."""
    key = Key(broadcast.provider_id, minute(now), broadcast.code, "", "", Metric.CONTROL_GROUP)
    deltas.add(Counter({key: number}))


def count(broadcast: Broadcast, made: Iterable[tuple[int, str]]) -> None:
    """Adds new rows, each as state and reason, to the broadcast's counters."""
    for state, reason in made:
        broadcast.recipients += 1
        if state == State.WAITING:
            broadcast.waiting += 1
        elif state == State.CONTROL:
            broadcast.control += 1
        else:
            exclude(broadcast, reason)


def exclude(broadcast: Broadcast, reason: str, number: int = 1) -> None:
    broadcast.excluded += number
    broadcast.excluded_for[reason] = broadcast.excluded_for.get(reason, 0) + number


def _taken(broadcast: Broadcast, wanted: Sequence[Wanted]) -> defaultdict[str, set[str]]:
    """The people who are recipients already, by trigger. Each is `phone.person` of a number."""
    taken: defaultdict[str, set[str]] = defaultdict(set)
    people = {phone.person(one.person.phone) for one in wanted if one.person.phone}
    rows = Recipient.objects.filter(
        broadcast=broadcast, person__in=people, trigger__in={one.trigger for one in wanted}
    )
    for trigger, person in rows.exclude(state=State.EXCLUDED).values_list("trigger", "person"):
        taken[trigger].add(person)
    return taken
