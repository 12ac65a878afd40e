"""What triggers the messages of a triggered broadcast: events that come in, and dates that approach.

`Broadcast.looked` says how far the events or dates were seen. For events:

    {"id": 912, "again": 871, "mark": 905, "at": 1767225600.5}

Events up to `id` were seen. A row gets its id before its transaction commits, so a slow transaction may
bring a lower id later. Therefore each minute the events above `again` are looked at once more. Then `again`
becomes `mark`, which is the `id` of the minute before. For dates:

    {"until": "2026-01-05T10:00:00+00:00", "to": …, "after": [at, id]}

What was due up to `until` is planned. `to` and `after` are there while one look takes several steps.
`"over": true` says that everything before the broadcast's end was seen. Everything here runs inside the
transaction of a step.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Max, Q, QuerySet

from audience.models import ContactDate, ContactEvent
from broadcasts.models import Broadcast
from broadcasts.people import selecting
from broadcasts.run import clock, planning
from broadcasts.run.planning import Person, Wanted
from broadcasts.run.releasing import LATE

AGAIN = timedelta(seconds=60)
SETTLED = timedelta(seconds=10)  # after that time a date that has just come in is committed
LOOK_EVENTS = timedelta(seconds=1)
LOOK_DATES = timedelta(seconds=5)


def begin(broadcast: Broadcast, now: datetime) -> None:
    """Starts with now: earlier events and dates trigger nothing."""
    if broadcast.kind == Broadcast.Kind.DATE:
        broadcast.looked = {"until": now.isoformat()}
    else:
        last = _last_event()
        broadcast.looked = {"id": last, "again": last, "mark": last, "at": now.timestamp()}


def look(broadcast: Broadcast, now: datetime) -> bool:
    """Plans what was triggered since the last look. Returns whether there may be more at once."""
    dates = broadcast.kind == Broadcast.Kind.DATE
    more = _look_dates(broadcast, now) if dates else _look_events(broadcast, now)
    # The last look comes after the end: it finds what happened between the look before it and the end.
    seen_to = now - SETTLED if dates else now
    if not more and _ended(broadcast, seen_to):
        broadcast.looked["over"] = True
    return more


def over(broadcast: Broadcast) -> bool:
    """Whether nothing can trigger messages any more."""
    return bool(broadcast.looked.get("over"))


def _ended(broadcast: Broadcast, by: datetime) -> bool:
    return broadcast.ends_at is not None and broadcast.ends_at <= by


def every(broadcast: Broadcast) -> timedelta:
    return LOOK_DATES if broadcast.kind == Broadcast.Kind.DATE else LOOK_EVENTS


# Events


def _last_event() -> int:
    return ContactEvent.objects.aggregate(last=Max("id"))["last"] or 0


def _look_events(broadcast: Broadcast, now: datetime) -> bool:
    looked = broadcast.looked
    last, chunk = _last_event(), planning.chunk()
    events = _events(broadcast, looked["id"], last, now)
    _plan_events(broadcast, events, now)
    if len(events) == chunk:
        looked["id"] = events[-1].pk
        return True
    looked["id"] = max(last, looked["id"])
    again = not 0 <= now.timestamp() - looked["at"] < AGAIN.total_seconds()  # or the clock was set back
    if again or _ended(broadcast, now):  # after which there is no later look
        _look_again(broadcast, now)
        looked |= {"again": looked["mark"], "mark": looked["id"], "at": now.timestamp()}
    return False


def _look_again(broadcast: Broadcast, now: datetime) -> None:
    after, last = broadcast.looked["again"], broadcast.looked["id"]
    while events := _events(broadcast, after, last, now):
        _plan_events(broadcast, events, now)
        after = events[-1].pk


def _events(broadcast: Broadcast, after: int, last: int, now: datetime) -> list[ContactEvent]:
    """The next events with these ids. Events that come in much too late are left out, and events that
    happened after the broadcast's end."""
    assert broadcast.started_at is not None
    since = max(broadcast.started_at.replace(microsecond=0), now - LATE)
    where = selecting.comparisons(broadcast.conditions, now)
    events = ContactEvent.objects.filter(*where, id__gt=after, id__lte=last, name=broadcast.event_name)
    if broadcast.ends_at is not None and broadcast.ends_at <= now:
        events = events.filter(at__lt=broadcast.ends_at.replace(microsecond=0))  # events have whole seconds
    return list(events.filter(at__gte=since).order_by("id")[: planning.chunk()])


def _plan_events(broadcast: Broadcast, events: Sequence[ContactEvent], now: datetime) -> None:
    people = _people(broadcast, {event.contact_id for event in events}, now)
    wait = timedelta(minutes=broadcast.wait_minutes)
    # An event that comes in has happened. A time in the future comes from a wrong clock, and counts as now.
    wanted = [
        Wanted(people[event.contact_id], f"e{event.pk}", event.pk, at, at + wait)
        for event in events
        for at in (min(event.at, now),)
        if event.contact_id in people
    ]
    planning.add(broadcast, wanted, now)


def _people(broadcast: Broadcast, ids: set[int], now: datetime) -> dict[int, Person]:
    """The contacts that are in the broadcast's audience."""
    rows = planning.audience(broadcast, now).filter(pk__in=ids).values_list(*Person._fields)
    return {person.id: person for person in map(Person._make, rows)}


# Dates


def shift(broadcast: Broadcast) -> dict[str, Any]:
    """How far from the date the message goes out, as `clock` takes it."""
    days = broadcast.offset if broadcast.offset_unit == Broadcast.Unit.DAYS else 0
    hours = broadcast.offset if broadcast.offset_unit == Broadcast.Unit.HOURS else 0
    wall = broadcast.at_time if broadcast.offset_unit == Broadcast.Unit.DAYS else None
    return {"days": days, "hours": hours, "wall": wall, "zone": broadcast.tz}


def _look_dates(broadcast: Broadcast, now: datetime) -> bool:
    looked = broadcast.looked
    after = datetime.fromisoformat(looked["until"])
    until = datetime.fromisoformat(looked["to"]) if "to" in looked else now - SETTLED
    if broadcast.ends_at is not None:
        until = min(until, broadcast.ends_at - timedelta(microseconds=1))
    if until <= after:
        return False
    dates = _dates(broadcast, after, until, looked.get("after"), now)
    rows = list(dates.order_by("at", "pk")[: planning.chunk()])
    due = [(row, _due(broadcast, row)) for row in rows]
    _plan_dates(broadcast, [(row, at) for row, at in due if after < at <= until], now)
    if len(rows) == planning.chunk():
        cursor = [rows[-1].at.isoformat(), rows[-1].pk]
        broadcast.looked = {"until": looked["until"], "to": until.isoformat(), "after": cursor}
        return True
    broadcast.looked = {"until": until.isoformat()}
    return False


def _due(broadcast: Broadcast, row: ContactDate) -> datetime:
    if row.whole_day:  # the day that is written, in whichever zone
        return clock.day_due(row.at.astimezone(UTC).date(), **shift(broadcast))
    return clock.shifted(row.at, **shift(broadcast))


def _dates(
    broadcast: Broadcast, after: datetime, until: datetime, cursor: Any, now: datetime
) -> QuerySet[ContactDate]:
    """The dates whose messages are due in (after, until], and perhaps a few more near a change of the
    clocks. `cursor` is the time and the id of the last one that was seen."""
    conditions = [
        Q(whole_day=False, at__gte=first, at__lte=last)
        for first, last in clock.sources(after, until, **shift(broadcast))
    ]
    days = clock.days_due(after, until, **shift(broadcast))
    if days:
        conditions.append(Q(whole_day=True, at__in=[datetime.combine(day, time(), UTC) for day in days]))
    if not conditions:
        return ContactDate.objects.none()
    rows = ContactDate.objects.filter(
        reduce(or_, conditions), event_name=broadcast.event_name, name=broadcast.date_name
    )
    if cursor:
        at, pk = datetime.fromisoformat(cursor[0]), cursor[1]
        rows = rows.filter(Q(at__gt=at) | Q(at=at, pk__gt=pk))
    if broadcast.event_name and broadcast.event_where:
        fitting = ContactEvent.objects.filter(*selecting.comparisons(broadcast.conditions, now))
        rows = rows.filter(event__in=fitting)
    return rows


def _plan_dates(broadcast: Broadcast, due: Sequence[tuple[ContactDate, datetime]], now: datetime) -> None:
    people = _people(broadcast, {row.contact_id for row, _ in due}, now)
    wanted = [
        Wanted(people[row.contact_id], _trigger(row), row.event_id, row.at, at)
        for row, at in due
        if row.contact_id in people
    ]
    planning.add(broadcast, wanted, now)


def _trigger(row: ContactDate) -> str:
    """The name of the trigger of a message. An attribute's rows are written anew with each profile, so the
    date is its name, and not the row's id."""
    return f"e{row.event_id}" if row.event_id else f"d{row.at:%Y%m%dT%H%M%S}"


def expected(broadcast: Broadcast, days: int, now: datetime) -> int:
    """For an estimate: how many events there were in the last days, or dates are due in the next days."""
    if broadcast.kind == Broadcast.Kind.DATE:
        rows: QuerySet[Any] = _dates(broadcast, now, now + timedelta(days=days), None, now)
    else:
        rows = ContactEvent.objects.filter(
            *selecting.comparisons(broadcast.conditions, now),
            name=broadcast.event_name,
            at__gt=now - timedelta(days=days),
            at__lte=now,
        )
    if broadcast.who != Broadcast.Who.EVERYBODY:
        rows = rows.filter(contact__in=planning.audience(broadcast, now).values("pk"))
    return int(rows.count())
