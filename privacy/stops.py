"""That somebody stopped outlives what is known of them: under what stands for the number."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from audience.models import Contact, OptChange, PhoneChoice
from identities import pseudonyms

Kind = PhoneChoice.Kind


def keep(contacts: Iterable[Contact], now: datetime) -> None:
    """Of contacts that are about to go. In the caller's transaction."""
    for contact in contacts:
        for kind, holds in ((Kind.TYPED, contact.dnd), (Kind.WHATSAPP, contact.stopped)):
            if holds and contact.phone:
                names = pseudonyms.names_of(contact.phone)
                if not PhoneChoice.objects.filter(phone__in=names, kind=kind, stopped=True).exists():
                    PhoneChoice.objects.update_or_create(
                        phone=pseudonyms.of(contact.phone),
                        kind=kind,
                        defaults={"stopped": True, "since": now, "at": now},
                    )


def hide(choices: QuerySet[PhoneChoice]) -> None:
    """A stop stays without its number and its words; an agreement goes."""
    choices.filter(stopped=False).delete()
    for choice in choices:
        hidden = PhoneChoice.objects.filter(phone=pseudonyms.of(choice.phone), kind=choice.kind)
        if hidden.update(stopped=True, at=choice.at):
            choice.delete()
        else:
            PhoneChoice.objects.filter(pk=choice.pk).update(phone=pseudonyms.of(choice.phone), proof="")


def hide_proofs(changes: QuerySet[OptChange]) -> None:
    """What was agreed to and taken back, when and how, stays; who, and in which words, goes."""
    for change in changes:
        number = change.phone and pseudonyms.of(change.phone)
        user_id = change.user_id and pseudonyms.of(change.user_id)
        OptChange.objects.filter(pk=change.pk).update(
            contact=None, phone=number, user_id=user_id, proof="", reply_id=None
        )
