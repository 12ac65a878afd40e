"""Deletes the rows of a person, some at a time. Messages stay for the figures, without body and number."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from audience.models import Contact, OptChange, PhoneChoice, Subscription
from broadcasts.models import Recipient
from callbacks.models import ForwardCall, Media, Reply
from campaigns.ledger import anonymising, ledger, removing
from campaigns.models import Event, Message, Status
from identities import pseudonyms
from identities.models import Alias
from identities.models import Person as Known
from privacy import finding, mentions, register, stops
from privacy.finding import AT_ONCE, Person


def take_out(who: Person) -> tuple[dict[str, int], bool]:
    """Takes some of the rows that are the person's. Returns their counts, and whether more can be taken now;
    `there` says whether others work on the rest."""
    now, written = timezone.now(), finding.messages(who).order_by("pk")
    queued = list(written.filter(status=Status.QUEUED).values_list("pk", flat=True)[:AT_ONCE])
    if queued:
        return {register.NOT_SENT: ledger.fail_erased(queued, now)}, True
    if ended := list(anonymising.settled(written).values_list("pk", flat=True)[:AT_ONCE]):
        _forget_calls(ForwardCall.objects.filter(pk__in=_carriers(ended)))
        _hide_recipients(Recipient.objects.filter(message__in=ended))
        anonymising.anonymise(ended)
        return {register.altered(Message._meta.label): len(ended)}, True
    if counted := _replies(who) or _texts(who):
        return counted, True
    return _profile(who, now), False


def there(who: Person) -> bool:
    """Whether rows are the person's still, or again."""
    found = finding.rows(who)
    return any(found[model].exists() for model in _THEIRS)


def among(model: type[Model], keys: Sequence[int], who: Person) -> set[int]:
    """Those of the rows that are the person's. They are deleted, instead of only losing the person's
    names."""
    if model not in _THEIRS or not keys:
        return set()
    return set(finding.rows(who)[model].filter(pk__in=keys).values_list("pk", flat=True))


def _texts(who: Person) -> dict[str, int]:
    """What else names the person in rows of messages that are without their number by now. Nobody looks there
    again: see `privacy.gists`."""
    counted = {}
    written = Message.objects.filter(person__in=map(pseudonyms.of, who.names))
    for model in (Message, *removing.OF_MESSAGES):
        rows: QuerySet[Any] = written if model is Message else _of(model, written)
        found = mentions.naming(rows, who.needles)
        if taken := mentions.take_out(model, found, who.needles, who.stands_for):
            counted[register.altered(model._meta.label)] = taken
    return counted


def _of(model: Any, written: QuerySet[Message]) -> QuerySet[Any]:
    rows: QuerySet[Any] = model._base_manager.filter(message__in=written)
    return rows


def _carriers(written: list[int]) -> list[int]:
    reports = Event.objects.filter(message__in=written).exclude(forward_log=None)
    return [log for log in reports.values_list("forward_log", flat=True).distinct() if log]


def _forget_calls(calls: QuerySet[ForwardCall]) -> None:
    """What was posted and answered; that it was, and when, stays."""
    calls.update(body="", answer="", error="")


def _hide_recipients(recipients: QuerySet[Recipient]) -> int:
    """Returns how many were not hidden before."""
    told = Q(contact=None) & (Q(phone="") | Q(phone__startswith=pseudonyms.MARK))
    changed = recipients.exclude(told).count()
    for pk, number in list(recipients.values_list("pk", "phone")):
        hidden = pseudonyms.standing_for(number)
        Recipient.objects.filter(pk=pk).update(phone=hidden, detail="", contact=None)
    return changed


def _replies(who: Person) -> dict[str, int]:
    replies = finding.replies(who).exclude(register.OPEN["callbacks.Reply"])
    some = list(replies.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    _forget_calls(ForwardCall.objects.filter(pk__in=replies.filter(pk__in=some).values("forward_log")))
    remove_replies(some)
    return {register.deleted("callbacks.Reply"): len(some)} if some else {}


def remove_replies(replies: Sequence[int]) -> None:
    """With their files."""
    for media in Media.objects.filter(reply__in=replies).exclude(file=""):
        media.file.delete(save=False)
    Reply.objects.filter(pk__in=replies).delete()


def _profile(who: Person, now: datetime) -> dict[str, int]:
    """Contact and consent, in one transaction: a stop holds before it and after it."""
    with transaction.atomic():
        found = finding.rows(who)
        told = found[Subscription].exclude(register.OPEN["audience.Subscription"])
        gone = (found[Contact], found[Known], told, found[PhoneChoice].filter(stopped=False))
        kept = (found[OptChange], found[PhoneChoice].filter(stopped=True))
        numbers = {register.deleted(each.model._meta.label): each.count() for each in gone}
        numbers |= {register.altered(each.model._meta.label): each.count() for each in kept}
        stops.keep(found[Contact], now)
        stops.hide(found[PhoneChoice])
        stops.hide_proofs(found[OptChange])
        hidden = _hide_recipients(finding.recipients(who))
        numbers[register.altered(Recipient._meta.label)] = hidden
        found[Contact].delete()
        told.delete()
        Known.objects.filter(aliases__name__in=who.names).delete()
    return {label: number for label, number in numbers.items() if number}


_THEIRS = (Message, Reply, Subscription, Contact, PhoneChoice, Known, Alias)
