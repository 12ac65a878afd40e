"""Opting out and in by reply: a word somebody writes, or a button they tap.

It holds for the number, however it is spelt, as in CleverTap's subscribe API: every contact that has it
now or gets it later. "Stop" sets MSG-dndWhatsApp and leaves MSG-whatsapp alone, so that a list uploaded
again disturbs nobody; "start" clears the one and sets the other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from audience.choices import choosing
from audience.models import Contact, OptChange, OptSetting, PhoneChoice, Subscription
from lib import phone, sql
from lib.remember import Remembered
from lib.wake import wake
from providers.messages import Reply
from providers.models import Provider

_TAPPED = ("button", "interactive")
To, Why = OptChange.To, OptChange.Why


@dataclass(frozen=True, slots=True)
class Words:
    """What a provider's people opt out and in with, in the form `plain` gives."""

    stop: tuple[str, ...]
    start: tuple[str, ...]
    tells: bool  # whether CleverTap is told


@dataclass(slots=True)
class _Wish:
    """What one reply asked for."""

    phone: str
    stops: bool
    why: OptChange.Why
    proof: str
    reply_id: int
    at: datetime


def plain(text: str) -> str:
    """A message without what does not matter: case, spaces and marks around it."""
    return " ".join(text.casefold().split()).strip(" .,;:!?¡¿…。！？।\"'“”‘’")


def words_of(text: str) -> tuple[str, ...]:
    """The words of a setting, one a line."""
    return tuple(dict.fromkeys(word for line in text.splitlines() if (word := plain(line))))


def wish(reply: Reply, words: Words) -> tuple[bool, OptChange.Why, str] | None:
    """(whether it stops, keyword or button, what was written or tapped) when the reply asks for either."""
    tapped = reply.kind in _TAPPED
    said = [reply.text, reply.payload] if tapped else [reply.text] if reply.kind == "text" else []
    for stops, known in ((True, words.stop), (False, words.start)):
        for each in said:
            if each and _is_one(plain(each), known):
                proof = f"{reply.text} [{reply.payload}]" if tapped and reply.payload else reply.text
                return stops, Why.BUTTON if tapped else Why.KEYWORD, proof
    return None


def _is_one(said: str, words: Iterable[str]) -> bool:
    return any(
        said.startswith(word[:-1]) if word.endswith("*") and len(word) > 1 else said == word for word in words
    )


_settings: Remembered[int, Words | None] = Remembered()


def settings_of(provider_id: int) -> Words | None:
    """The provider's words, kept in memory for a moment; None without any."""

    def load() -> Words | None:
        row = OptSetting.objects.filter(provider_id=provider_id).first()
        if row is None:
            return None
        words = Words(words_of(row.stop_words), words_of(row.start_words), bool(row.subscribe_url))
        return words if words.stop or words.start else None

    return _settings.get(provider_id, load, settings.PROVIDER_CACHE_SECONDS)


def heed(provider: Provider, replies: Sequence[tuple[int, Reply]], now: datetime) -> int:
    """Does what new replies, with the ids of their rows, ask for. Returns how many asked for anything.

    Part of the transaction that stores the replies, so that each is heeded once.
    """
    words = settings_of(provider.pk)
    if words is None:
        return 0
    wishes = [found for pk, reply in replies if (found := _wish(pk, reply, words, now))]
    heeded = _record(provider, wishes, now) if wishes else []
    if heeded and words.tells:
        _tell(provider, heeded, now)
    return len(wishes)


def _wish(pk: int, reply: Reply, words: Words, now: datetime) -> _Wish | None:
    found = wish(reply, words)
    number = phone.digits(reply.sender)
    if found is None or not number:
        return None
    stops, why, proof = found
    at = datetime.fromtimestamp(reply.timestamp, UTC) if reply.timestamp else now
    return _Wish(number, stops, why, proof.replace("\0", "")[:1000], pk, min(at, now))


def _record(provider: Provider, wishes: Sequence[_Wish], now: datetime) -> list[_Wish]:
    """Keeps the proof of every wish, and applies the last one of each number. Returns those that counted:
    replies may arrive in any order, and one that a later one was applied before changes nothing."""
    spellings = {wish.phone: phone.spellings(wish.phone) for wish in wishes}
    contacts: dict[str, list[Contact]] = {first: [] for first, *_ in spellings.values()}
    choosing()
    known = {row.phone: row for row in PhoneChoice.objects.filter(phone__in=list(contacts))}
    named = Contact.objects.filter(phone__in={each for all_ in spellings.values() for each in all_})
    for contact in named.select_for_update().order_by("pk"):
        contacts[phone.spellings(contact.phone)[0]].append(contact)
    changes, heeded = [], []
    for wish in sorted(wishes, key=lambda wish: (wish.at, wish.reply_id)):
        number = spellings[wish.phone][0]
        choice = known.setdefault(number, PhoneChoice(phone=number, stopped=wish.stops, at=wish.at))
        if choice.at <= wish.at:
            choice.stopped, choice.at = wish.stops, wish.at
            heeded.append(wish)
        whose: list[int | None] = [contact.pk for contact in contacts[number]]
        changes += [_change(provider, wish, contact_id) for contact_id in whose or [None]]
    OptChange.objects.bulk_create(changes)
    PhoneChoice.objects.bulk_update([choice for choice in known.values() if choice.pk], ["stopped", "at"])
    PhoneChoice.objects.bulk_create([choice for choice in known.values() if not choice.pk])
    for number in {spellings[wish.phone][0] for wish in heeded}:
        _apply(contacts[number], known[number].stopped, now)
    return heeded


def _change(provider: Provider, wish: _Wish, contact_id: int | None) -> OptChange:
    return OptChange(
        contact_id=contact_id,
        phone=wish.phone,
        to=To.STOP if wish.stops else To.IN,
        why=wish.why,
        proof=wish.proof,
        reply_id=wish.reply_id,
        provider=provider,
        at=wish.at,
    )


def _apply(contacts: Sequence[Contact], stopped: bool, now: datetime) -> None:
    for contact in contacts:
        contact.updated_at = now
        contact.dnd = stopped
        contact.opted_in = contact.opted_in or not stopped
    Contact.objects.bulk_update(contacts, ["dnd", "opted_in", "updated_at"])


def _tell(provider: Provider, wishes: Sequence[_Wish], now: datetime) -> None:
    """Queues what CleverTap is to be told, in the order in which it was written. It may have the number
    in another spelling than WhatsApp, so it is told all of them."""
    Status = Subscription.Status
    rows = [
        (
            provider.pk,
            number,
            (Status.UNSUBSCRIBE if wish.stops else Status.RESUBSCRIBE).value,
            Subscription.State.PENDING.value,
            now,
            now,
            0,
            "",
        )
        for wish in wishes
        for number in phone.spellings(wish.phone)
    ]
    columns = (
        "provider_id", "phone", "status", "state", "created_at", "next_attempt_at", "attempts", "error",
    )  # fmt: skip
    sql.insert(Subscription, columns, rows)
    transaction.on_commit(lambda: wake("audience.subscribe"))


def by_operator(contact: Contact, to: OptChange.To, by: str, reason: str, now: datetime) -> bool:
    """What an operator sets for one contact. Returns whether it changed anything."""
    values: dict[OptChange.To, dict[str, Any]] = {
        To.IN: {"opted_in": True},
        To.OUT: {"opted_in": False},
        To.STOP: {"dnd": True},
        To.RESUME: {"dnd": False},
    }
    with transaction.atomic():
        name, value = next(iter(values[to].items()))
        changed = Contact.objects.filter(pk=contact.pk).exclude(**{name: value})
        if not changed.update(**values[to], updated_at=now):
            return False
        OptChange.objects.create(
            contact=contact, phone=contact.phone, to=to, why=Why.ADMIN, proof=reason, by=by, at=now
        )
    return True


def forget() -> None:
    """Drops what is in memory, so that the next reply looks anew."""
    _settings.forget()
