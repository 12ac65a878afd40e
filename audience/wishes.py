"""The choices of people, applied to their numbers: contacts, proofs, and what is sent to CleverTap."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from audience.consent_locks import choosing
from audience.models import Contact, OptChange, OptSetting, PhoneChoice, Subscription
from identities.pseudonyms import names_of
from lib import phone, sql
from lib.wakeup import wake
from providers.models import Provider

To = OptChange.To


@dataclass(slots=True)
class Wish:
    """What one person asked for."""

    phone: str
    stops: bool
    why: OptChange.Why
    proof: str
    reply_id: int | None
    at: datetime
    user_id: str = ""  # where the number is not known yet
    kind: PhoneChoice.Kind = PhoneChoice.Kind.TYPED


class _Subscription(NamedTuple):
    """A row of Subscription; the names are its columns."""

    provider_id: int
    phone: str
    status: str
    state: int
    created_at: datetime
    next_attempt_at: datetime
    attempts: int = 0
    error: str = ""


def fulfil(provider: Provider | None, wishes: Sequence[Wish], now: datetime, *, keep: bool = True) -> int:
    """Applies the wishes of people whose numbers are known, and queues them for CleverTap if the provider
    wants that.

    With `keep` each wish is kept as a proof, too. Returns how many changed anything.
    """
    heeded = _record(provider, wishes, now, keep=keep) if wishes else []
    tells = OptSetting.objects.filter(provider=provider).exclude(subscribe_url="")
    if provider and heeded and tells.exists():
        _tell(provider, heeded, now)
    return len(heeded)


def _record(provider: Provider | None, wishes: Sequence[Wish], now: datetime, *, keep: bool) -> list[Wish]:
    """Keeps the proof of every wish, and applies the last one of each number. Returns those that counted.

    Wishes may arrive in any order. A wish that is older than one that was applied changes nothing. WhatsApp
    repeats a stop with every refusal; only the first is kept."""
    spellings = {wish.phone: phone.spellings(wish.phone) for wish in wishes}
    contacts: dict[str, list[Contact]] = {phone.person(number): [] for number in spellings}
    choosing()
    people = {name: number for number in contacts for name in names_of(number)}
    kept = PhoneChoice.objects.filter(phone__in=list(people))
    known = {(people[row.phone], row.kind): row for row in kept}
    named = Contact.objects.filter(phone__in={each for all_ in spellings.values() for each in all_})
    for contact in named.select_for_update().order_by("pk"):
        contacts[phone.person(contact.phone)].append(contact)
    changes, heeded = [], []
    for wish in sorted(wishes, key=lambda wish: (wish.at, wish.reply_id or 0)):
        number = phone.person(wish.phone)
        choice = known.get((number, wish.kind))
        again = choice is not None and choice.stopped == wish.stops and choice.at <= wish.at
        if choice is None:
            choice = PhoneChoice(phone=number, kind=wish.kind, at=wish.at)
            known[number, wish.kind.value] = choice
        choice.phone = number  # a person who was erased is back
        if choice.at <= wish.at:
            choice.at = wish.at
            if not again:
                choice.stopped, choice.since, choice.proof = wish.stops, wish.at, wish.proof
        if again and wish.kind == PhoneChoice.Kind.WHATSAPP:
            continue
        if choice.at == wish.at:
            heeded.append(wish)
        whose: list[int | None] = [contact.pk for contact in contacts[number]]
        changes += [proof_of(provider, wish, contact_id) for contact_id in whose or [None]]
    if keep:
        OptChange.objects.bulk_create(changes)
    fields = ["phone", "stopped", "since", "at", "proof"]
    PhoneChoice.objects.bulk_update([choice for choice in known.values() if choice.pk], fields)
    PhoneChoice.objects.bulk_create([choice for choice in known.values() if not choice.pk])
    for number, kind in {(phone.person(wish.phone), wish.kind) for wish in heeded}:
        _apply(contacts[number], kind, known[number, kind].stopped, now)
    return heeded


def proof_of(provider: Provider | None, wish: Wish, contact_id: int | None) -> OptChange:
    """The row that keeps the wish, with its proof, for good. It is not saved yet."""
    return OptChange(
        contact_id=contact_id,
        phone=wish.phone,
        user_id=wish.user_id,
        to=To.STOP if wish.stops else To.RESUME if wish.kind == PhoneChoice.Kind.WHATSAPP else To.IN,
        why=wish.why,
        proof=wish.proof,
        reply_id=wish.reply_id,
        provider=provider,
        at=wish.at,
    )


def _apply(contacts: Sequence[Contact], kind: str, stopped: bool, now: datetime) -> None:
    for contact in contacts:
        contact.updated_at = now
        if kind == PhoneChoice.Kind.WHATSAPP:
            contact.stopped = stopped
        else:
            contact.dnd = stopped
            contact.opted_in = contact.opted_in or not stopped
    Contact.objects.bulk_update(contacts, ["dnd", "opted_in", "stopped", "updated_at"])


def _tell(provider: Provider, wishes: Sequence[Wish], now: datetime) -> None:
    """Queues the changes for CleverTap, in the order in which people wrote them. CleverTap may spell the
    number otherwise than WhatsApp, so every spelling is sent. A person who has also stopped in the other way
    is not subscribed again."""
    Status = Subscription.Status
    people = {name: phone.person(wish.phone) for wish in wishes for name in names_of(wish.phone)}
    stopped = PhoneChoice.objects.filter(phone__in=list(people), stopped=True)
    still = {people[name] for name in stopped.values_list("phone", flat=True)}
    wishes = [wish for wish in wishes if wish.stops or phone.person(wish.phone) not in still]
    status = {True: Status.UNSUBSCRIBE.value, False: Status.RESUBSCRIBE.value}
    pending = Subscription.State.PENDING.value
    rows = [
        _Subscription(provider.pk, number, status[wish.stops], pending, now, next_attempt_at=now)
        for wish in wishes
        for number in phone.spellings(wish.phone)
    ]
    sql.insert(Subscription, _Subscription._fields, rows)
    transaction.on_commit(lambda: wake("audience.subscribe"))
