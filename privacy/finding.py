"""Everything that is kept about one person: their own rows, by indexes, however large the tables are."""

from collections.abc import Iterator
from typing import Any, NamedTuple, cast

from django.db import models
from django.db.models import Q, QuerySet

from audience.models import Contact, ContactDate, ContactEvent, OptChange, PhoneChoice, Subscription
from broadcasts.models import Listed, Recipient
from callbacks.models import ForwardCall, Media, Referral, Reply
from campaigns.models import Attempt, Click, Event, Link, Message, Pricing
from identities import known, pseudonyms
from identities.models import Alias
from identities.models import Person as Known
from lib import phone
from lib.user_ids import is_user_id
from privacy import mentions, register
from privacy.models import Erasure
from privacy.needles import Needles, needles
from providers.models import Provider

AT_ONCE = 500


class Unknown(ValueError):
    """The typed text names nobody. The message says why."""


class Person(NamedTuple):
    """Whom it is about: numbers in their first spelling and user ids; e-mail addresses, usernames of WhatsApp
    and identities of CleverTap."""

    names: tuple[str, ...]
    identities: tuple[str, ...] = ()

    @property
    def spelt(self) -> list[str]:
        """The names with each number in every spelling."""
        return sorted(known.spelt(self.names))

    @property
    def stands_for(self) -> str:
        """The person's pseudonym: see `pseudonyms`."""
        return pseudonyms.of(self.names[0])

    @property
    def needles(self) -> Needles:
        return needles(self.spelt, self.identities)


def named(typed: str) -> str:
    """The number, in its first spelling, or the user id that somebody typed. Raises Unknown.

    A number that is invalid in its country is accepted if rows have it: BSPs and CleverTap are less strict.
    """
    term = typed.strip()
    if is_user_id(term):
        country, _, rest = term.partition(".")
        return term if _is_kept(term) else f"{country.upper()}.{rest}"
    digits = phone.typed(term)
    try:
        return phone.person(phone.parse(f"+{digits.removeprefix('00')}" if digits else term).digits)
    except phone.Invalid as error:
        first = phone.person(digits.removeprefix("00"))
        if first and _is_kept(first):
            return first
        raise Unknown(
            f"This cannot be a phone number with its country code: {error}. Write one such as "
            "+919812345601, or a "
            "WhatsApp user id."
        ) from error


def _is_kept(name: str) -> bool:
    """Whether rows are of this number or user id, or were until it was erased."""
    erased = Erasure.of(pseudonyms.names_of(name))
    return erased.exists() or any(each.exists() for each in rows(Person((name,))).values())


def person(typed: str) -> Person:
    """Whoever has the number, in any spelling, the user id or the username. Raises Unknown."""
    name = _by_username(typed.strip()) or named(typed)
    ours = Provider.objects.values_list("waba_number", flat=True)
    if name in {phone.person(number.removeprefix("+")) for number in ours}:
        raise Unknown("This is the number of a provider, not of a person.")
    others = sorted(known.all_names([name])[name] - {name})
    found = Person((name, *others))
    contacts = _contacts(found).values_list("identity", "email")
    identities = {each for row in contacts for each in row if each} | known.usernames(found.names)
    return found._replace(identities=tuple(sorted(identities)))


def _by_username(term: str) -> str:
    """The number or user id of whoever has this username; empty if nobody has. Raises Unknown."""
    if is_user_id(term):
        return ""
    people = list(known.by_username(term)[:2])
    if len(people) > 1:
        raise Unknown("Several people have, or had, this username. Name a phone number or a user id.")
    aliases = Alias.objects.filter(person__in=people).order_by("pk")
    return aliases.values_list("name", flat=True).first() or ""


def _contacts(who: Person) -> QuerySet[Contact]:
    numbers = [f"+{each}" for each in who.spelt if not is_user_id(each)]
    return Contact.objects.filter(Q(phone__in=who.spelt) | Q(identity__in=[*who.spelt, *numbers]))


def messages(who: Person) -> QuerySet[Message]:
    return Message.objects.filter(person__in=who.names)


def replies(who: Person) -> QuerySet[Reply]:
    return Reply.objects.filter(Q(sender__in=who.spelt) | Q(user_id__in=who.spelt))


def recipients(who: Person) -> QuerySet[Recipient]:
    """By the contact, by the message, and where there is no message by the number."""
    contacts, written = _contacts(who), messages(who)
    nameless = Q(message=None, person__in=who.names)
    return Recipient.objects.filter(Q(contact__in=contacts) | Q(message__in=written) | nameless)


def rows(who: Person) -> dict[type[models.Model], QuerySet[Any]]:
    """The rows of each table that are the person's."""
    contacts, written, came = _contacts(who), messages(who), replies(who)
    carried = Q(pk__in=Event.objects.filter(message__in=written).values("forward_log"))
    carried |= Q(pk__in=came.values("forward_log"))
    known_as = Known.objects.filter(aliases__name__in=who.names)
    changes = OptChange.objects.filter(
        Q(contact__in=contacts) | Q(phone__in=who.spelt) | Q(user_id__in=who.spelt)
    )
    found: tuple[QuerySet[Any], ...] = (
        contacts,
        ContactEvent.objects.filter(contact__in=contacts),
        ContactDate.objects.filter(contact__in=contacts),
        Listed.objects.filter(contact__in=contacts),
        changes,
        PhoneChoice.objects.filter(phone__in=who.names),
        Subscription.objects.filter(phone__in=who.spelt),
        known_as.distinct(),
        Alias.objects.filter(person__in=known_as),
        written,
        Attempt.objects.filter(message__in=written),
        Event.objects.filter(message__in=written),
        Pricing.objects.filter(message__in=written),
        Link.objects.filter(message__in=written),
        Click.objects.filter(link__message__in=written),
        recipients(who),
        came,
        Referral.objects.filter(reply__in=came),
        Media.objects.filter(reply__in=came),
        ForwardCall.objects.filter(carried),
    )
    return {each.model: each for each in found}


def counts(who: Person) -> dict[str, int]:
    """How many rows of which table are the person's."""
    numbers = {model._meta.label: found.count() for model, found in rows(who).items()}
    return {label: number for label, number in numbers.items() if number}


def elsewhere(who: Person) -> Iterator[tuple[type[models.Model], list[int]]]:
    """The other rows that name the person, such as raw webhooks and the trail: a stretch of a table at a
    time. It reads every table that may hold one."""
    mine = rows(who)
    for model in register.tables():
        if model._meta.label not in register.LOOKED_THROUGH:
            continue
        steps, after = mentions.Steps(), cast("int | None", 0)
        while after is not None:
            with steps.timed() as rows_at_once:
                stretch = mentions.look(model, who.needles, after, rows_at_once)
            found = [*stretch.found, *stretch.left]
            if found and model in mine:
                found = sorted(
                    set(found) - set(mine[model].filter(pk__in=found).values_list("pk", flat=True))
                )
            if found:
                yield model, found
            after = stretch.last
