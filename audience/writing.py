"""Profiles and events into the database: many in few statements, the same however often they come."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from django.db import transaction

from audience.choices import heeding
from audience.merging import differ, merge
from audience.models import Contact, ContactDate, ContactEvent, KnownProperty, OptChange, PhoneChoice
from audience.profiles import Event, Invalid, Profile, date_of, type_of
from lib import sql
from lib.phone import spellings

COLUMNS = ("name", "email", "phone", "gender", "opted_in", "dnd")
_BLANK = {"name": "", "email": "", "phone": "", "gender": "", "opted_in": False, "dnd": False}
_TO = {
    ("opted_in", True): OptChange.To.IN,
    ("opted_in", False): OptChange.To.OUT,
    ("dnd", True): OptChange.To.STOP,
    ("dnd", False): OptChange.To.RESUME,
}


@dataclass(slots=True)
class Source:
    """Where profiles come from: what OptChange keeps of it."""

    why: OptChange.Why
    by: str = ""


@dataclass(slots=True)
class Written:
    """What became of each profile, in their order: created, updated, unchanged, or why it was refused."""

    outcomes: list[str | Invalid] = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Row:
    """A contact while profiles are merged into it."""

    pk: int
    values: dict[str, Any]
    attributes: dict[str, Any]
    before: dict[str, Any] = field(default_factory=dict)
    proofs: dict[str, str] = field(default_factory=dict)  # of each column that was changed
    told: set[str] = field(default_factory=set)
    changed: bool = False
    dates: bool = False
    new: bool = False


class _Raced(Exception):
    """Another writer created one of the contacts meanwhile."""


def write(profiles: Sequence[Profile], source: Source, now: datetime) -> Written:
    """Creates and updates contacts, one after the other as they stand; who comes twice is one.

    In one transaction; every change of consent is kept with the profile's `proof`.
    """
    while True:
        try:
            with transaction.atomic():
                return _write(profiles, source, now)
        except _Raced:
            continue


def _write(profiles: Sequence[Profile], source: Source, now: datetime) -> Written:
    heeding()
    rows = _locked(list({profile.identity for profile in profiles}))
    written = Written()
    for profile in profiles:
        row = rows.get(profile.identity) or _Row(0, dict(_BLANK), {})
        try:
            changed = _apply(profile, row)
        except Invalid as error:
            written.outcomes.append(error)
            continue
        if profile.identity not in rows:
            rows[profile.identity] = row
            written.outcomes.append("created")
        else:
            written.outcomes.append("updated" if changed else "unchanged")
    _heed_choices(rows.values())
    _create({identity: row for identity, row in rows.items() if not row.pk}, now)
    _update([row for row in rows.values() if row.changed and not row.new], now)
    changed_rows = sorted((row for row in rows.values() if row.changed), key=lambda row: row.pk)
    _store_dates([row for row in changed_rows if row.dates])
    _store_consent(changed_rows, source, now)
    _note_names(("", row.attributes) for row in changed_rows)
    written.ids = {identity: row.pk for identity, row in rows.items()}
    return written


def write_all(profiles: Sequence[Profile], events: Sequence[Event], source: Source, now: datetime) -> Written:
    """The profiles as `write` does, then what they did, in one transaction. Who only did something
    becomes a contact too."""
    named = {profile.identity for profile in profiles}
    others = sorted({event.identity for event in events} - named)
    with transaction.atomic():
        written = write([*profiles, *(Profile(identity) for identity in others)], source, now)
        del written.outcomes[len(profiles) :]
        _store_events(events, written.ids)
    return written


def _store_events(events: Sequence[Event], ids: dict[str, int]) -> None:
    """An event that is there already stays one."""
    stored = sql.insert(
        ContactEvent,
        ("contact_id", "name", "at", "properties", "digest"),
        [
            (ids[event.identity], event.name, event.at, _json(event.properties), event.digest)
            for event in events
        ],
        ignore_conflicts=True,
        returning=("id", "contact_id", "at", "digest"),
    )
    new = {(contact, sql.datetimes(at), digest): pk for pk, contact, at, digest in stored}
    dates = []
    for event in events:
        pk = new.pop((ids[event.identity], event.at, event.digest), None)
        for name, value in event.properties.items() if pk else ():
            if at := date_of(value):
                dates.append((ids[event.identity], pk, event.name, name, at))
    sql.insert(ContactDate, ("contact_id", "event_id", "event_name", "name", "at"), dates)
    _note_names((event.name, event.properties) for event in events)


def _create(rows: dict[str, _Row], now: datetime) -> None:
    """Inserts new contacts. Raises _Raced."""
    # Sorted, so that two writers of the same contacts do not block each other.
    values = [
        (identity, *(row.values[name] for name in COLUMNS), _json(row.attributes), now, now)
        for identity, row in sorted(rows.items())
    ]
    columns = ("identity", *COLUMNS, "attributes", "created_at", "updated_at")
    made = sql.insert(Contact, columns, values, ignore_conflicts=True, returning=("id", "identity"))
    if len(made) < len(rows):
        raise _Raced
    for pk, identity in made:
        rows[identity].pk, rows[identity].new = pk, True


def _update(rows: Sequence[_Row], now: datetime) -> None:
    columns = (*COLUMNS, "attributes", "updated_at")
    sql.update(
        Contact,
        ("id", *columns),
        [(row.pk, *(row.values[name] for name in COLUMNS), _json(row.attributes), now) for row in rows],
        ", ".join(f"{name} = v.{name}" for name in columns),
        "m.id = v.id",
    )


def _locked(identities: Sequence[str]) -> dict[str, _Row]:
    columns = ("id", "identity", *COLUMNS, "attributes")
    found = sql.locked(Contact, columns, identities, by="identity")
    return {
        row[1]: _Row(
            row[0],
            {
                name: bool(value) if name in ("opted_in", "dnd") else value
                for name, value in zip(COLUMNS, row[2:-1], strict=True)
            },
            msgspec.json.decode(row[-1]),
        )
        for row in found
    }


def _apply(profile: Profile, row: _Row) -> bool:
    """Merges the profile into the row. Returns whether that changed anything. Raises Invalid."""
    attributes = merge(row.attributes, profile.attributes) if profile.attributes else row.attributes
    changes = {name: value for name, value in profile.fields.items() if row.values[name] != value}
    altered = [name for name in profile.attributes if differ(row.attributes.get(name), attributes.get(name))]
    row.told |= profile.fields.keys()
    if not changes and not altered:
        return False
    for name in changes:
        row.before.setdefault(name, row.values[name])
        row.proofs[name] = profile.proof
    row.dates |= any(
        date_of(values.get(name)) is not None for name in altered for values in (row.attributes, attributes)
    )
    row.attributes = attributes
    row.values |= changes
    row.changed = True
    return True


def _heed_choices(rows: Iterable[_Row]) -> None:
    """Who has written "stop" stays undisturbed, also as a contact that is new or has a new number,
    unless the profile itself says otherwise."""
    fresh = [row for row in rows if "phone" in row.before and row.values["phone"] and "dnd" not in row.told]
    if not fresh:
        return
    numbers = list({spellings(row.values["phone"])[0] for row in fresh})
    stopped = {
        phone
        for phone, is_stopped in sql.found(PhoneChoice, ("phone", "stopped"), numbers, by="phone")
        if is_stopped
    }
    for row in fresh:
        if spellings(row.values["phone"])[0] in stopped and not row.values["dnd"]:
            row.before["dnd"] = False
            row.values["dnd"] = True


def _store_consent(rows: Iterable[_Row], source: Source, now: datetime) -> None:
    consent = [
        (
            row.pk,
            row.values["phone"],
            _TO[name, row.values[name]].value,
            source.why.value,
            # A number that had written "stop" brings that with it.
            row.proofs.get(name, row.proofs.get("phone", ""))[:1000],
            source.by[:150],
            now,
        )
        for row in rows
        for name in ("opted_in", "dnd")
        if row.before.get(name, row.values[name]) != row.values[name]
    ]
    sql.insert(OptChange, ("contact_id", "phone", "to", "why", "proof", "by", "at"), consent)


def _store_dates(rows: Sequence[_Row]) -> None:
    if known := [row.pk for row in rows if not row.new]:
        ContactDate.objects.filter(contact_id__in=known, event=None).delete()
    dates = [
        (row.pk, "", name, at)
        for row in rows
        for name, value in row.attributes.items()
        if (at := date_of(value)) is not None
    ]
    sql.insert(ContactDate, ("contact_id", "event_name", "name", "at"), dates)


_noted: set[tuple[str, str, str]] = set()
_MOST_NOTED = 50_000


def _note_names(named: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Adds to the known properties what this process has not seen yet."""
    found: set[tuple[str, str, str]] = set()
    for event, values in named:
        if event:
            found.add((event, "", ""))
        found.update((event, name, type_of(value)) for name, value in values.items())
    fresh = sorted(found - _noted)
    if not fresh:
        return
    sql.insert(KnownProperty, ("event", "name", "type"), fresh, ignore_conflicts=True)
    if len(_noted) > _MOST_NOTED:
        _noted.clear()
    # Only once it is committed: rolled back, they must be written again.
    transaction.on_commit(lambda: _noted.update(fresh))


def forget_names() -> None:
    """Has known properties written anew, after their rows were deleted."""
    _noted.clear()


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
