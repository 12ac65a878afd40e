"""Opting out and in: by a word somebody writes, a button they tap, or WhatsApp's own control.

It holds for the number, however it is spelt, as in CleverTap's subscribe API: every contact that has it
now or gets it later. "Stop" sets MSG-dndWhatsApp and leaves MSG-whatsapp alone, so that a list uploaded
again disturbs nobody; "start" clears the one and sets the other. WhatsApp's own "stop" is kept apart:
"start" does not end it, and WhatsApp's own "resume" ends nothing else.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from audience.models import Contact, OptChange, OptSetting, PhoneChoice
from audience.wishes import Wish, fulfil, proof_of
from audience.words import Words, is_one, words_of
from identities.pseudonyms import names_of
from lib import phone
from lib.ttl_cache import Remembered
from lib.user_ids import is_user_id
from providers.messages import Preference, Reply
from providers.models import Provider

_TAPPED = ("button", "interactive")
To, Why = OptChange.To, OptChange.Why


def wish(reply: Reply, words: Words) -> tuple[bool, OptChange.Why, str] | None:
    """(whether it stops, keyword or button, what was written or tapped) when the reply asks for either."""
    tapped = reply.kind in _TAPPED
    written = reply.kind in ("text", "edit")
    said = [reply.text, reply.payload] if tapped else [reply.text] if written else []
    for stops, known in ((True, words.stop), (False, words.start)):
        for each in said:
            if each and is_one(each, known):
                proof = f"{reply.text} [{reply.payload}]" if tapped and reply.payload else reply.text
                return stops, Why.BUTTON if tapped else Why.KEYWORD, proof
    return None


_settings: Remembered[int, Words | None] = Remembered()


def settings_of(provider_id: int) -> Words | None:
    """The provider's words, kept in memory for a moment; None without any."""

    def load() -> Words | None:
        row = OptSetting.objects.filter(provider_id=provider_id).first()
        if row is None:
            return None
        words = Words(words_of(row.stop_words), words_of(row.start_words))
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
    _wait_for_numbers(provider, wishes)
    fulfil(provider, [wish for wish in wishes if wish.phone], now)
    return len(wishes)


def _wait_for_numbers(provider: Provider, wishes: Sequence[Wish]) -> None:
    OptChange.objects.bulk_create(proof_of(provider, wish, None) for wish in wishes if not wish.phone)


def adopt(numbers: Mapping[str, str], now: datetime) -> None:
    """Does what people asked for before the number of their user id was known."""
    people = {name: user_id for user_id in filter(None, numbers) for name in names_of(user_id)}
    waiting = OptChange.objects.filter(phone="", user_id__in=list(people))
    by_provider: dict[Provider | None, list[OptChange]] = defaultdict(list)
    for change in waiting.select_related("provider").order_by("at", "pk"):
        by_provider[change.provider].append(change)
    for provider, changes in by_provider.items():
        wishes = [_kept_wish(change, numbers[people[change.user_id]]) for change in changes]
        fulfil(provider, wishes, now, keep=False)
        for change, wish in zip(changes, wishes, strict=True):
            change.phone = wish.phone
            contacts = Contact.objects.filter(phone__in=phone.spellings(wish.phone))
            change.contact = contacts.order_by("pk").first()
        OptChange.objects.bulk_update(changes, ["phone", "contact"])


def _kept_wish(change: OptChange, number: str) -> Wish:
    kind, stops = _kind_of(change), change.to == To.STOP
    return Wish(
        number, stops, Why(change.why), change.proof, change.reply_id, change.at, change.user_id, kind
    )


def _kind_of(change: OptChange) -> PhoneChoice.Kind:
    return PhoneChoice.Kind.WHATSAPP if change.why == Why.WHATSAPP else PhoneChoice.Kind.TYPED


def follow(moved: Mapping[str, str], provider: Provider | None, now: datetime) -> None:
    """Carries opt-outs over to the new number of those whose number changed."""
    former = {name: new for old, new in moved.items() for name in names_of(old)}
    stopped = PhoneChoice.objects.filter(phone__in=list(former), stopped=True)
    people = {name: phone.person(new) for new in moved.values() for name in names_of(new)}
    at_new = PhoneChoice.objects.filter(phone__in=list(people))
    held = {(people[choice.phone], choice.kind): choice.at for choice in at_new}
    wishes = []
    for choice in stopped.order_by("at"):
        new = former[choice.phone]
        key = (phone.person(new), choice.kind)
        if key not in held or held[key] < choice.at:
            proof = f"+{choice.phone} stopped, and WhatsApp reports that the number changed to +{new}."
            kind = PhoneChoice.Kind(choice.kind)
            wishes.append(Wish(new, True, Why.NUMBER, proof, None, choice.at, kind=kind))
    fulfil(provider, wishes, now)


def _wish(pk: int, reply: Reply, words: Words, now: datetime) -> Wish | None:
    found = wish(reply, words)
    number = phone.digits(reply.sender)
    user_id = "" if number else reply.user_id or reply.parent_user_id
    if found is None or not (number or user_id):
        return None
    stops, why, proof = found
    at = _moment(reply.timestamp, now)
    return Wish(number, stops, why, proof.replace("\0", "")[:1000], pk, at, user_id)


def heed_preferences(provider: Provider, preferences: Iterable[Preference], now: datetime) -> int:
    """Does what people chose with WhatsApp's own control. Returns how many choices changed anything.

    Part of the transaction in which they are read. A choice waits until its number is known.
    """
    wishes = [_chosen(one, now) for one in preferences if one.person.names]
    _wait_for_numbers(provider, _unrepeated(wishes))
    return fulfil(provider, [wish for wish in wishes if wish.phone], now)


def _unrepeated(wishes: Sequence[Wish]) -> list[Wish]:
    """Those of people without a number that differ from what the same person chose last."""
    unnamed = [wish for wish in wishes if not wish.phone]
    ids = [wish.user_id for wish in unnamed]
    kept = (
        OptChange.objects.filter(phone="", user_id__in=ids, why=Why.WHATSAPP)
        if ids
        else OptChange.objects.none()
    )
    last = {change.user_id: change.to == To.STOP for change in kept.order_by("at", "pk")}
    found = []
    for wish in sorted(unnamed, key=lambda wish: wish.at):
        if last.get(wish.user_id) != wish.stops:
            found.append(wish)
        last[wish.user_id] = wish.stops
    return found


def _chosen(one: Preference, now: datetime) -> Wish:
    number = phone.digits(one.sender)
    return Wish(
        number,
        one.stops,
        Why.WHATSAPP,
        one.proof.replace("\0", "")[:1000],
        None,
        _moment(one.timestamp, now),
        "" if number else one.user_id or one.parent_user_id,
        PhoneChoice.Kind.WHATSAPP,
    )


def _moment(timestamp: int, now: datetime) -> datetime:
    return min(datetime.fromtimestamp(timestamp, UTC), now) if timestamp else now


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
        if to == To.RESUME:
            _forget_typed_stop(contact.phone)
        OptChange.objects.create(
            contact=contact, phone=contact.phone, to=to, why=Why.ADMIN, proof=reason, by=by, at=now
        )
    return True


def _forget_typed_stop(number: str) -> None:
    """The stop that somebody wrote holds no longer for their number. Nor have they agreed to anything. The
    proof of the stop stays."""
    typed = PhoneChoice.objects.filter(kind=PhoneChoice.Kind.TYPED, stopped=True)
    typed.filter(phone__in=names_of(number)).delete()


_refusing: Remembered[int, bool] = Remembered()


def refused(provider_id: int, number: str) -> bool:
    """Whether a marketing template to that number, or user id, is refused: it stopped in WhatsApp, and the
    provider's setting says so."""

    def load() -> bool:
        return OptSetting.objects.filter(provider_id=provider_id, refuse_stopped=True).exists()

    if not _refusing.get(provider_id, load, settings.PROVIDER_CACHE_SECONDS):
        return False
    if is_user_id(number):
        asked = OptChange.objects.filter(phone="", user_id__in=names_of(number), why=Why.WHATSAPP)
        return asked.order_by("at", "pk").values_list("to", flat=True).last() == To.STOP
    names = names_of(number)
    return PhoneChoice.objects.filter(phone__in=names, kind=PhoneChoice.Kind.WHATSAPP, stopped=True).exists()


def stops(number: str) -> list[dict[str, str]]:
    """The stops that stand for a number, the oldest first: `kind`, `since` and `proof`."""
    standing = PhoneChoice.objects.filter(phone__in=names_of(number), stopped=True).order_by("since")
    return [{"kind": row.kind, "since": row.since.isoformat(), "proof": row.proof} for row in standing]


def waiting_stops(user_id: str) -> list[dict[str, str]]:
    """The same of somebody of whom only a user id is known: kept until a number is."""
    last: dict[PhoneChoice.Kind, OptChange] = {}
    for change in OptChange.objects.filter(phone="", user_id__in=names_of(user_id)).order_by("at", "pk"):
        last[_kind_of(change)] = change
    return [
        {"kind": kind.value, "since": change.at.isoformat(), "proof": change.proof}
        for kind, change in last.items()
        if change.to == To.STOP
    ]


def forget() -> None:
    """Drops what is in memory, so that the next reply looks anew."""
    _settings.forget()
    _refusing.forget()
