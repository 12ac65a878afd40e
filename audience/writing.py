"""Writes profiles and events into the database, many in few statements. The same again changes nothing."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from audience import contact_rows, kept_values, properties
from audience.consent_locks import heeding
from audience.contact_rows import COLUMNS, Row
from audience.models import Contact, ContactDate, ContactEvent, OptChange
from audience.profiles import Event, Invalid, Profile
from audience.stops import Known
from lib import sql
from lib.postgres import parts


@dataclass(slots=True)
class Source:
    """Where profiles come from. OptChange keeps it. `told_at` is when the file was chosen; None: now."""

    why: OptChange.Why
    by: str = ""
    told_at: datetime | None = None


@dataclass(slots=True)
class Written:
    """What became of each profile, in their order: created, updated, unchanged, or why it was refused.

    `warnings` name the values that were left out, of each profile and of each event. `consent` counts the
    changes of consent by OptChange.To, as "lifted_typed" and so on the stops that end, and as "stays_typed"
    and so on those that may not be lifted.
    """

    outcomes: list[str | Invalid] = field(default_factory=list)
    warnings: list[list[str]] = field(default_factory=list)
    event_warnings: list[list[str]] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)
    consent: Counter[str] = field(default_factory=Counter)


class _OptChange(NamedTuple):
    """A row of OptChange; the names are its columns."""

    contact_id: int
    phone: str
    to: str
    why: str
    proof: str
    by: str
    at: datetime


class _Raced(Exception):
    """Another writer created one of the contacts meanwhile."""


def write(profiles: Sequence[Profile], source: Source, now: datetime) -> Written:
    """Creates and updates contacts in one transaction, one profile after the other.

    Two profiles with one identity change the same contact. Every change of consent is kept with the
    profile's `proof`.
    """
    while True:
        try:
            with transaction.atomic():
                return _write(profiles, source, now)
        except _Raced:
            continue


def _write(profiles: Sequence[Profile], source: Source, now: datetime) -> Written:
    heeding()
    types = properties.note(properties.first_types(("", profile.attributes) for profile in profiles))
    rows = _locked(list({profile.identity for profile in profiles}))
    written, fitting, known = Written(), [], Known()
    for given in profiles:
        attributes, warnings = properties.fit("", given.attributes, types)
        written.warnings.append([*given.warnings, *warnings])
        fitting.append(Profile(given.identity, given.fields, attributes, given.proof))
    written.outcomes = contact_rows.merge_all(fitting, rows, known, source.told_at or now)
    written.consent = Counter(contact_rows.consent_counts(rows.values()))
    _create({identity: row for identity, row in rows.items() if not row.pk}, now)
    _update([row for row in rows.values() if row.changed and not row.new], now)
    changed_rows = sorted((row for row in rows.values() if row.changed), key=lambda row: row.pk)
    _store_dates([row for row in changed_rows if row.dates])
    known.store_lifted()
    _store_consent(changed_rows, source, now)
    written.ids = {identity: row.pk for identity, row in rows.items()}
    return written


def write_all(profiles: Sequence[Profile], events: Sequence[Event], source: Source, now: datetime) -> Written:
    """Writes the profiles as `write` does, and then the events, in one transaction. An event of somebody
    unknown creates the contact."""
    named = {profile.identity for profile in profiles}
    others = sorted({event.identity for event in events} - named)
    with transaction.atomic():
        written = write([*profiles, *(Profile(identity) for identity in others)], source, now)
        del written.outcomes[len(profiles) :]
        del written.warnings[len(profiles) :]
        written.event_warnings = _store_events(events, written.ids)
    return written


def _store_events(given: Sequence[Event], ids: dict[str, int]) -> list[list[str]]:
    """An event that is stored already is not stored again. Returns the warnings of each."""
    types = properties.note(properties.first_types((event.name, event.properties) for event in given))
    events, warnings = [], []
    for event in given:
        values, wrong = properties.fit(event.name, event.properties, types)
        events.append(Event(event.identity, event.name, event.at, values, event.digest))
        warnings.append(wrong)
    stored = sql.insert(
        ContactEvent,
        ("contact_id", "name", "at", "properties", "digest"),
        [
            (ids[event.identity], event.name, event.at, kept_values.encode(event.properties), event.digest)
            for event in _new(events, ids)
        ],
        ignore_conflicts=True,
        returning=("id", "contact_id", "at", "digest"),
    )
    new = {(contact, sql.datetimes(at), digest): pk for pk, contact, at, digest in stored}
    dates = []
    for event in events:
        pk = new.pop((ids[event.identity], event.at, event.digest), None)
        if pk:
            dates += [
                (ids[event.identity], pk, event.name, *found) for found in kept_values.dates(event.properties)
            ]
    sql.insert(ContactDate, ("contact_id", "event_id", "event_name", "name", "at", "whole_day"), dates)
    return warnings


def _new(events: Sequence[Event], ids: dict[str, int]) -> list[Event]:
    """Those that are not stored. A table in parts has no constraint for it, and needs none: who writes events
    of a contact has its row locked."""
    if not parts.parted():
        return list(events)
    of_contacts = ContactEvent.objects.filter(
        contact__in={ids[event.identity] for event in events}, at__in={event.at for event in events}
    )
    stored = set(of_contacts.values_list("contact", "at", "digest"))
    named = {(ids[event.identity], event.at, event.digest): event for event in events}
    return [event for name, event in named.items() if name not in stored]


def _create(rows: dict[str, Row], now: datetime) -> None:
    """Inserts new contacts. Raises _Raced."""
    # Sorted, so that two writers of the same contacts do not block each other.
    values = [
        (identity, *(row.values[name] for name in COLUMNS), kept_values.encode(row.attributes), now, now)
        for identity, row in sorted(rows.items())
    ]
    columns = ("identity", *COLUMNS, "attributes", "created_at", "updated_at")
    made = sql.insert(Contact, columns, values, ignore_conflicts=True, returning=("id", "identity"))
    if len(made) < len(rows):
        raise _Raced
    for pk, identity in made:
        rows[identity].pk, rows[identity].new = pk, True


def _update(rows: Sequence[Row], now: datetime) -> None:
    columns = (*COLUMNS, "attributes", "updated_at")
    sql.update(
        Contact,
        ("id", *columns),
        [
            (row.pk, *(row.values[name] for name in COLUMNS), kept_values.encode(row.attributes), now)
            for row in rows
        ],
        ", ".join(f"{name} = v.{name}" for name in columns),
        "m.id = v.id",
    )


def _locked(identities: Sequence[str]) -> dict[str, Row]:
    columns = ("id", "identity", *COLUMNS, "attributes")
    found = sql.locked(Contact, columns, identities, by="identity")
    return {
        identity: Row(
            pk,
            {
                name: bool(value) if name in ("opted_in", "dnd", "stopped") else value
                for name, value in zip(COLUMNS, values, strict=True)
            },
            kept_values.decode(attributes),
        )
        for pk, identity, *values, attributes in found
    }


def _store_consent(rows: Iterable[Row], source: Source, now: datetime) -> None:
    """Keeps every change of consent."""
    consent = [
        _OptChange(
            row.pk,
            row.values["phone"],
            to.value,
            source.why.value,
            # A number that had written "stop" brings that with it.
            row.proofs.get(name, row.proofs.get("phone", ""))[:1000],
            source.by[:150],
            now,
        )
        for row in rows
        for name, to in contact_rows.consent_changes(row)
    ]
    sql.insert(OptChange, _OptChange._fields, consent)


def _store_dates(rows: Sequence[Row]) -> None:
    if known := [row.pk for row in rows if not row.new]:
        ContactDate.objects.filter(contact_id__in=known, event=None).delete()
    dates = [(row.pk, "", *found) for row in rows for found in kept_values.dates(row.attributes)]
    sql.insert(ContactDate, ("contact_id", "event_name", "name", "at", "whole_day"), dates)
