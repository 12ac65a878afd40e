"""A stop outlives the person's data: it is kept under the pseudonym of the number."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from audience.models import Contact, OptChange, PhoneChoice
from identities import pseudonyms

Kind = PhoneChoice.Kind


def keep(contacts: Iterable[Contact], now: datetime) -> None:
    """Keeps the stops of contacts that are about to be deleted. In the caller's transaction."""
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
    """A stop stays without its number and its words; an opt-in is deleted."""
    choices.filter(stopped=False).delete()
    for choice in choices:
        hidden = PhoneChoice.objects.filter(phone=pseudonyms.of(choice.phone), kind=choice.kind)
        if hidden.update(stopped=True, at=choice.at):
            choice.delete()
        else:
            PhoneChoice.objects.filter(pk=choice.pk).update(phone=pseudonyms.of(choice.phone), proof="")


def hide_proofs(changes: QuerySet[OptChange]) -> None:
    """Opt-ins and opt-outs stay with their time and way; the person and the words are removed."""
    for change in changes:
        number = change.phone and pseudonyms.of(change.phone)
        user_id = change.user_id and pseudonyms.of(change.user_id)
        OptChange.objects.filter(pk=change.pk).update(
            contact=None, phone=number, user_id=user_id, proof="", reply_id=None
        )
