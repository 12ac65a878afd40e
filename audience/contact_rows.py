"""Contacts while profiles are merged into them. Asks the database only about stops.

`audience.writing` stores the result. `audience.consent_preview` counts it without storing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from audience import kept_values, stops
from audience.merging import differ, merge
from audience.models import OptChange
from audience.profiles import Invalid, Profile
from audience.stops import Kind, Known

COLUMNS = ("name", "email", "phone", "gender", "opted_in", "dnd", "stopped")
BLANK = {
    "name": "", "email": "", "phone": "", "gender": "", "opted_in": False, "dnd": False, "stopped": False,
}  # fmt: skip
_TO = {
    ("opted_in", True): OptChange.To.IN,
    ("opted_in", False): OptChange.To.OUT,
    ("dnd", True): OptChange.To.STOP,
    ("dnd", False): OptChange.To.RESUME,
}


@dataclass(slots=True)
class Row:
    """A contact. `stays` are the stops that stand against what was last said of its consent, `lifted` is the
    kind of the stop that was ended."""

    pk: int
    values: dict[str, Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    proofs: dict[str, str] = field(default_factory=dict)  # of each column that was changed
    stays: list[Kind] = field(default_factory=list)
    lifted: Kind | None = None
    changed: bool = False
    dates: bool = False
    new: bool = False


def merge_all(
    profiles: Sequence[Profile], rows: dict[str, Row], known: Known, at: datetime
) -> list[str | Invalid]:
    """Merges profiles of that moment into the rows, one after the other. Returns the result of each: created,
    updated, unchanged, or why it was refused."""
    _look_up(profiles, rows, known)
    outcomes: list[str | Invalid] = []
    for profile in profiles:
        row = rows.get(profile.identity) or Row(0, dict(BLANK))
        try:
            changed = _apply(profile, row, known, at)
        except Invalid as error:
            outcomes.append(error)
            continue
        new = profile.identity not in rows
        rows[profile.identity] = row
        outcomes.append("created" if new else "updated" if changed else "unchanged")
    return outcomes


def _look_up(profiles: Sequence[Profile], rows: Mapping[str, Row], known: Known) -> None:
    numbers: set[str] = set()
    stopped: list[int] = []
    for profile in profiles:
        row = rows.get(profile.identity)
        held = row.values["phone"] if row else ""
        if (number := profile.fields.get("phone", held)) != held:
            numbers |= {number, held}
        if row and row.values["dnd"] and stops.wishes_to_write(profile.fields):
            numbers.add(held)
            stopped.append(row.pk)
    known.look_up(numbers, stopped)


def _apply(profile: Profile, row: Row, known: Known, at: datetime) -> bool:
    """Merges the profile into the row. Returns whether that changed anything. Raises Invalid."""
    attributes = merge(row.attributes, profile.attributes) if profile.attributes else row.attributes
    fields = _allowed(profile, row, known, at)
    proof = profile.proof
    if "phone" in fields and fields["phone"] != row.values["phone"]:
        fields, proof = _with_choices(fields, row, known, proof)
    changes = {name: value for name, value in fields.items() if row.values[name] != value}
    altered = [name for name in profile.attributes if differ(row.attributes.get(name), attributes.get(name))]
    row.dates |= any(
        any(kept_values.dates({name: values.get(name)}))
        for name in altered
        for values in (row.attributes, attributes)
    )
    for name in changes:
        row.before.setdefault(name, row.values[name])
        row.proofs[name] = proof if name == "opted_in" else profile.proof
    row.attributes = attributes
    row.values |= changes
    row.changed |= bool(changes or altered)
    if profile.fields.keys() & {"opted_in", "dnd"}:
        row.stays = list(_stops_that_stay(profile, row, known))
    return bool(changes or altered)


def _allowed(profile: Profile, row: Row, known: Known, at: datetime) -> dict[str, Any]:
    """The profile's fields, without a MSG-dndWhatsApp FALSE that may not lift the stop that stands."""
    if profile.fields.get("dnd") is not False:
        return profile.fields
    number = profile.fields.get("phone", row.values["phone"])
    stop = known.stop(row.pk, number, row.values["dnd"])
    if stop is None:
        return profile.fields
    if stops.may_lift(stop, profile.fields, at):
        known.lift(number, at, profile.proof)
        row.lifted, row.proofs["dnd"] = stop.kind, profile.proof
        return profile.fields
    return {name: value for name, value in profile.fields.items() if name != "dnd"}


def _with_choices(fields: dict[str, Any], row: Row, known: Known, proof: str) -> tuple[dict[str, Any], str]:
    """The fields of a profile with a new number, with what the person behind it last chose, unless the
    profile itself says otherwise; and the proof of an opt-in.

    STOP holds for every contact that gets the number. START opts in a contact that is new or had no number.
    WhatsApp's own stop belongs to the number, whatever the profile says.
    """
    number = fields["phone"]
    fields = fields | {"stopped": known.in_whatsapp(number)}
    choice = known.typed(number)
    if choice and choice.stopped:
        return {"dnd": True} | fields, proof
    if choice and not row.values["phone"] and "opted_in" not in fields and not row.values["opted_in"]:
        said = f": {choice.proof}" if choice.proof else ""
        proof = f"the owner of this number agreed on {choice.at:%Y-%m-%d %H:%M} UTC{said}"
        return fields | {"opted_in": True}, proof
    return fields, proof


def consent_changes(row: Row) -> list[tuple[str, OptChange.To]]:
    """Each column of consent that differs now, with what that means. A new contact may end a stop that its
    number has from before."""
    changes = [
        (name, _TO[name, row.values[name]])
        for name in ("opted_in", "dnd")
        if row.before.get(name, row.values[name]) != row.values[name]
    ]
    back = ("dnd", OptChange.To.RESUME)
    if row.lifted == Kind.TYPED and not row.values["dnd"] and back not in changes:
        changes.append(back)
    return changes


def _stops_that_stay(profile: Profile, row: Row, known: Known) -> Iterator[Kind]:
    """The stops that stand against what the profile says."""
    if not stops.wishes_to_write(profile.fields):
        return
    if row.values["stopped"]:
        yield Kind.WHATSAPP
    if row.values["dnd"] and (stop := known.stop(row.pk, row.values["phone"], dnd=True)):
        yield stop.kind


def consent_counts(rows: Iterable[Row]) -> Iterator[str]:
    """OptChange.To for each change of consent, "lifted_" with its kind for each stop that ends, and "stays_"
    for each that stays."""
    for row in rows:
        for _, to in consent_changes(row):
            yield to.value
            if to == OptChange.To.RESUME:
                yield f"lifted_{row.lifted}"
        yield from (f"stays_{kind}" for kind in row.stays)
