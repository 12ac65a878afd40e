"""What retention deletes from which table, and how."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from django.db import models, transaction
from django.db.models import Q, QuerySet

from broadcasts.models import Recipient
from callbacks.models import ForwardCall, Referral, Reply, Webhook
from campaigns.ledger import anonymising, removing
from campaigns.models import Forward, Message, Refusal
from identities import pseudonyms
from privacy import own_rows, register
from privacy.retention import ages
from privacy.retention.ages import Age
from providers.messages import Reply as Inbound

Act = Callable[[Sequence[int]], None]
Ended = Callable[[QuerySet[Any]], QuerySet[Any]]


def _all(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows


class Kind(NamedTuple):
    """A table's part in an age. `time` says how old a row is; ids grow with it. `ended` are the rows that
    nobody works on any longer. `whole`: its rows go altogether, and so may a month of them at
    once, unless some are `open`. `people` are the columns that name somebody, by number or by user id."""

    age: Age
    model: type[models.Model]
    time: str
    act: Act
    ended: Ended = _all
    campaign: str = ""
    people: tuple[str, ...] = ()
    whole: bool = False
    open: Q = Q(pk__in=())

    @property
    def name(self) -> str:
        return f"{self.age.name}: {self.model._meta.label}"


def _delete(model: type[models.Model]) -> Act:
    def act(keys: Sequence[int]) -> None:
        model._base_manager.filter(pk__in=keys).delete()

    return act


def _forget_calls(keys: Sequence[int]) -> None:
    ForwardCall.objects.filter(pk__in=keys).update(body="", answer="")


def _forget_payloads(keys: Sequence[int]) -> None:
    Refusal.objects.filter(pk__in=keys).update(payload="")


def _hide_people(keys: Sequence[int]) -> None:
    for pk, number in Recipient.objects.filter(message__in=keys).values_list("pk", "phone"):
        if number and not pseudonyms.is_one(number):
            Recipient.objects.filter(pk=pk).update(phone=pseudonyms.of(number), detail="")
    anonymising.anonymise(keys)


def _hide_refused(keys: Sequence[int]) -> None:
    for row in Refusal.objects.filter(pk__in=keys).exclude(to_raw=""):
        if not pseudonyms.is_one(row.to_raw):
            Refusal.objects.filter(pk=row.pk).update(to_raw=pseudonyms.of(row.to_raw), text="", payload="")


def _hide_senders(keys: Sequence[int]) -> None:
    """Replaces the sender by a pseudonym and deletes the text. WhatsApp's id of the message contains the
    number, too."""
    with transaction.atomic():
        for row in Reply.objects.filter(pk__in=keys):
            sender, user_id, bsp_id = map(pseudonyms.standing_for, (row.sender, row.user_id, row.bsp_id))
            content = msgspec.json.encode(Inbound("text", sender)).decode()
            Reply.objects.filter(pk=row.pk).update(
                sender=sender,
                user_id=user_id,
                bsp_id=bsp_id,
                about="",
                text="",
                first_text="",
                content=content,
            )
        Referral.objects.filter(reply__in=keys).delete()


_UNREAD = Q(state__in=Webhook.OPEN) | Q(state=Webhook.State.QUARANTINED)


def _read(webhooks: QuerySet[Webhook]) -> QuerySet[Webhook]:
    return webhooks.exclude(_UNREAD)


def _told(replies: QuerySet[Reply]) -> QuerySet[Reply]:
    return replies.exclude(forward=Forward.PENDING)


_settled = anonymising.settled

# In this order: a call to CleverTap goes after the reports that it carried.
KINDS = (
    Kind(ages.WEBHOOKS, Webhook, "received_at", _delete(Webhook), _read, whole=True, open=_UNREAD),
    Kind(ages.BODIES, Message, "accepted_at", anonymising.drop_bodies, _settled, "campaign", ("person",)),
    Kind(ages.BODIES, Refusal, "received_at", _forget_payloads, _all, "campaign"),
    Kind(ages.BODIES, ForwardCall, "started_at", _forget_calls),
    Kind(ages.NUMBERS, Message, "accepted_at", _hide_people, _settled, "campaign", ("person",)),
    Kind(ages.NUMBERS, Refusal, "received_at", _hide_refused, _all, "campaign"),
    Kind(ages.NUMBERS, Reply, "received_at", _hide_senders, _told, people=("sender", "user_id")),
    Kind(
        ages.MESSAGES,
        Message,
        "accepted_at",
        removing.remove,
        _settled,
        "campaign",
        ("person",),
        whole=True,
        open=register.OPEN["campaigns.Message"],
    ),
    Kind(ages.MESSAGES, Refusal, "received_at", removing.remove_refusals, _all, "campaign", whole=True),
    Kind(
        ages.MESSAGES,
        Reply,
        "received_at",
        own_rows.remove_replies,
        _told,
        people=("sender", "user_id"),
        whole=True,
        open=Q(forward=Forward.PENDING),
    ),
    Kind(ages.MESSAGES, ForwardCall, "started_at", _delete(ForwardCall), whole=True),
)
