"""Which stops a file or a call of the upload API may lift: one rule, for the import and its preview.

| who stopped | ended by |
| --- | --- |
| the person, in WhatsApp itself | WhatsApp's own "resume"; never by a file or a call |
| the person, by a word or a button | a start word, an operator, or a newer consent |
| an operator | an operator, a start word, or a newer consent |
| a file or a call: MSG-dndWhatsApp TRUE | a start word, an operator, or MSG-dndWhatsApp FALSE |

A newer consent is a row that makes a person reachable in CleverTap's words, MSG-whatsapp TRUE with
MSG-dndWhatsApp FALSE, in a file that was chosen, or a call that was made, after the stop. Source: CleverTap,
WhatsApp, on opting in by profile properties.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from audience.models import OptChange, PhoneChoice
from identities.pseudonyms import names_of
from lib import sql
from lib.phone import person

Why = OptChange.Why


class Kind(StrEnum):
    WHATSAPP = "whatsapp"
    TYPED = "typed"
    OPERATOR = "operator"
    UPLOAD = "upload"


_CONSENT = "MSG-whatsapp TRUE with MSG-dndWhatsApp FALSE in a newer file"
WORDS = {
    Kind.WHATSAPP: "stopped in WhatsApp: only the person can cancel it, in WhatsApp",
    Kind.TYPED: f"wrote or tapped a stop: a start word cancels it, or {_CONSENT}",
    Kind.OPERATOR: f"stopped by an operator: an operator or a start word cancels it, or {_CONSENT}",
    Kind.UPLOAD: "stopped by a file or the upload API: MSG-dndWhatsApp FALSE cancels it",
}
# Whose stops a file or a call may end.
LIFTED = {
    Kind.TYPED: "that they wrote or tapped",
    Kind.OPERATOR: "by an operator",
    Kind.UPLOAD: "by a file or the upload API",
}
_KINDS = {Why.ADMIN: Kind.OPERATOR, Why.CSV: Kind.UPLOAD, Why.API: Kind.UPLOAD}
_EVER = datetime.min.replace(tzinfo=UTC)


class Stop(NamedTuple):
    """A stop that MSG-dndWhatsApp stands for."""

    kind: Kind
    at: datetime


class Choice(NamedTuple):
    """The last choice of the person with a number, in words or in WhatsApp itself."""

    stopped: bool
    at: datetime
    proof: str = ""


def may_lift(stop: Stop, said: Mapping[str, Any], at: datetime) -> bool:
    """Whether a profile that says MSG-dndWhatsApp FALSE, told at that moment, ends the stop."""
    return stop.kind == Kind.UPLOAD or (said.get("opted_in") is True and at >= stop.at)


def wishes_to_write(said: Mapping[str, Any]) -> bool:
    """Whether a profile asks for something that a stop may forbid."""
    return said.get("dnd") is not True and (said.get("opted_in") is True or said.get("dnd") is False)


class Known:
    """The known stops of some numbers and contacts."""

    def __init__(self) -> None:
        self._typed: dict[str, Choice] = {}
        self._in_whatsapp: set[str] = set()
        self._last: dict[int, Stop] = {}
        self.lifted: dict[str, Choice] = {}  # numbers whose typed stop a profile has ended

    def look_up(self, numbers: Iterable[str], stopped: Sequence[int]) -> None:
        """Asks the database about numbers, and about contacts that are not to be disturbed."""
        # A person who was erased is known by the pseudonym of the number.
        people = {name: person(number) for number in numbers if number for name in names_of(number)}
        columns = ("phone", "kind", "stopped", "at", "proof")
        self._typed, self._in_whatsapp, self._last = {}, set(), {}
        found = sql.found(PhoneChoice, columns, list(people), by="phone")
        for name, kind, stops, at, proof in found:
            number = people[name]
            if kind == PhoneChoice.Kind.TYPED:
                self._typed[number] = Choice(bool(stops), sql.datetimes(at), proof)
            elif stops:
                self._in_whatsapp.add(number)
        self._typed |= self.lifted
        if stopped:
            stops = OptChange.objects.filter(contact__in=stopped, to=OptChange.To.STOP).exclude(
                why=Why.WHATSAPP
            )
            for pk, why, at in stops.order_by("at", "id").values_list("contact", "why", "at"):
                kind = _KINDS.get(Why(why), Kind.TYPED)
                self._last[pk] = Stop(kind, _EVER if kind == Kind.UPLOAD else at)

    def typed(self, number: str) -> Choice | None:
        return self._typed.get(person(number)) if number else None

    def in_whatsapp(self, number: str) -> bool:
        return bool(number) and person(number) in self._in_whatsapp

    def stop(self, pk: int, number: str, dnd: bool) -> Stop | None:
        """The stop of a contact, or of the number it has or gets, that is hardest to lift."""
        found = [self._last.get(pk, Stop(Kind.UPLOAD, _EVER))] if dnd else []
        if (choice := self.typed(number)) and choice.stopped:
            found.append(Stop(Kind.TYPED, choice.at))
        return max(found, key=lambda stop: stop.at, default=None)

    def lift(self, number: str, at: datetime, proof: str) -> None:
        """Notes that the person with the number agreed again."""
        if (choice := self.typed(number)) and choice.stopped:
            self.lifted[person(number)] = self._typed[person(number)] = Choice(False, at, proof)

    def store_lifted(self) -> None:
        sql.update(
            PhoneChoice,
            ("phone", "kind", "stopped", "since", "proof"),
            [
                (name, PhoneChoice.Kind.TYPED.value, choice.stopped, choice.at, choice.proof[:1000])
                for number, choice in sorted(self.lifted.items())
                for name in names_of(number)
            ],
            "stopped = v.stopped, since = v.since, at = v.since, proof = v.proof",
            "m.phone = v.phone AND m.kind = v.kind",
        )
