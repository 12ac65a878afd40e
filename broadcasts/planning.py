"""Who gets it: a row for each recipient, before anything is sent, some thousand at a time.

Everything here runs inside the transaction of a step (broadcasts.running), which holds the
broadcast's row; counters are set on the object and stored with it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import QuerySet, Value

from audience.models import Contact
from broadcasts import picking, selecting
from broadcasts.models import Broadcast, Listed, Recipient
from campaigns import counts
from campaigns.counts import Key, Metric
from lib import sql

CHUNK = {"postgresql": 2000, "sqlite": 250}  # SQLite has one writer, whom others wait for

State = Recipient.State
Reason = Recipient.Reason
_COLUMNS = (
    "broadcast_id", "contact_id", "trigger", "event_id", "phone", "variant", "state", "reason", "detail",
    "since", "due_at", "planned_at", "decided_at",
)  # fmt: skip


class Person(NamedTuple):
    """A contact as planning looks at it; the names are the columns."""

    id: int
    identity: str
    phone: str
    opted_in: bool
    dnd: bool


class Wanted(NamedTuple):
    """Somebody to be messaged: why (empty for one time), and not before when."""

    person: Person
    trigger: str
    event_id: int | None
    since: datetime
    due_at: datetime


def audience(broadcast: Broadcast, now: datetime) -> QuerySet[Contact]:
    """Whom the broadcast is for, whether or not they may be messaged."""
    if broadcast.who == Broadcast.Who.LIST:
        return Contact.objects.filter(listed__broadcast=broadcast)
    return selecting.contacts(broadcast.meant, now)


def chunk() -> int:
    return CHUNK[connection.vendor]


def gather(broadcast: Broadcast, now: datetime) -> None:
    """Fixes whom it is for, in one statement: what contacts do from now on changes nothing."""
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
    return Reason.DND.value if person.dnd else ""


def add(broadcast: Broadcast, wanted: Sequence[Wanted], now: datetime) -> int:
    """Makes their rows: waiting, in the control group, or excluded. Who has one already keeps it.

    Returns how many are new.
    """
    taken = _taken(broadcast, wanted)
    variants = broadcast.messages
    percents = [variant.percent for variant in variants]
    rows = []
    for one in wanted:
        person = one.person
        reason = why_not(person)
        if not reason and person.phone in taken[one.trigger]:
            reason = Reason.SAME_NUMBER.value
        state, name = State.EXCLUDED, ""
        if not reason:
            taken[one.trigger].add(person.phone)
            state = State.WAITING
            # With inaction only who would be reminded is to be compared: that shows when it is due.
            if broadcast.kind != Broadcast.Kind.INACTION and is_control(broadcast, person.identity):
                state = State.CONTROL
            else:
                name = variants[picking.variant(person.identity, broadcast.pk, percents)].name
        rows.append((
            broadcast.pk, person.id, one.trigger, one.event_id, person.phone, name, state.value, reason, "",
            one.since, one.due_at, now, now if state == State.CONTROL else None,
        ))  # fmt: skip
    made = sql.insert(Recipient, _COLUMNS, rows, ignore_conflicts=True, returning=("state", "reason"))
    count(broadcast, made)
    count_control(broadcast, sum(state == State.CONTROL for state, _ in made), now)
    return len(made)


def is_control(broadcast: Broadcast, identity: str) -> bool:
    return picking.is_control(identity, broadcast.pk, broadcast.control_percent)


def count_control(broadcast: Broadcast, number: int, now: datetime) -> None:
    """Adds new rows of the control group to the stats."""
    key = Key(broadcast.provider_id, counts.minute(now), broadcast.code, "", "", Metric.CONTROL_GROUP)
    counts.add(Counter({key: number}))


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
    """The numbers that recipients have already, by trigger."""
    taken: defaultdict[str, set[str]] = defaultdict(set)
    numbers = {one.person.phone for one in wanted if one.person.phone}
    rows = Recipient.objects.filter(
        broadcast=broadcast, phone__in=numbers, trigger__in={one.trigger for one in wanted}
    )
    for trigger, phone in rows.exclude(state=State.EXCLUDED).values_list("trigger", "phone"):
        taken[trigger].add(phone)
    return taken
