"""Inbound messages: stored once each, the messages they answer credited, and what they set off."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from django.utils import timezone

from audience import opting
from callbacks import auto_reply, media
from callbacks.models import Reply, Webhook
from campaigns import events, matching
from campaigns.models import Forward, Message
from lib import sql
from providers.messages import Reply as Inbound
from providers.models import Provider

# A reply that refers to no message answers the last one its sender got within this time.
CREDIT_FOR = timedelta(days=3)


def store(provider: Provider, inbound: Sequence[tuple[Webhook, Inbound]]) -> tuple[list[bool], bool]:
    """Records those that are new, in the caller's transaction.

    Returns for each whether it was new, and whether any of them has media to fetch.
    """
    if not inbound:
        return [], False
    answered = _answered(provider.pk, [reply for _, reply in inbound])
    now = timezone.now()
    rows = []
    for webhook, reply in inbound:
        rows.append(
            (
                provider.pk,
                _identity(reply, webhook),
                reply.sender[:64],
                reply.kind,
                events.moment(reply.timestamp, now),
                now,
                reply.text,
                msgspec.json.encode(reply).decode().replace("\\u0000", ""),
                answered.get(id(reply)),
                Forward.PENDING.value,
                now,
                0,
                "",
            )
        )
    columns = (
        "provider_id", "bsp_id", "sender", "kind", "at", "received_at", "text", "content", "answers_id",
        "forward", "owed_since", "forward_attempts", "forward_error",
    )  # fmt: skip
    stored = sql.insert(Reply, columns, rows, ignore_conflicts=True, returning=("bsp_id", "id"))
    new = dict(stored)
    by_identity = {row[1]: reply for (_, reply), row in zip(inbound, rows, strict=True)}
    _credit(provider.pk, [reply for bsp_id, reply in by_identity.items() if bsp_id in new], answered, now)
    fresh = [(pk, by_identity[bsp_id]) for bsp_id, pk in new.items()]
    awaited = media.expect(provider, fresh, now)
    opting.heed(provider, fresh, now)
    if provider.auto_reply and provider.auto_reply_text:
        auto_reply.answer(provider, {row[2] for row in rows if row[1] in new})
    unseen = set(new)
    first_times = []
    for row in rows:
        first_times.append(row[1] in unseen)
        unseen.discard(row[1])
    return first_times, awaited


def _credit(provider_id: int, replies: Sequence[Inbound], answered: Mapping[int, int], now: datetime) -> None:
    """Counts what was answered: the message a reply refers to, else the last one its sender got."""
    times = [(reply, events.moment(reply.timestamp, now)) for reply in replies]
    others = {reply.sender for reply, _ in times if id(reply) not in answered}
    received = defaultdict(list)
    if others:
        recent = Message.objects.filter(
            provider_id=provider_id,
            to__in=others,
            untracked=False,
            accepted_at__gt=min(at for _, at in times) - CREDIT_FOR,
        )
        for to, got, pk in recent.order_by("accepted_at", "id").values_list("to", "accepted_at", "id"):
            received[to].append((got, pk))
    credited: dict[int, datetime] = {}
    for reply, at in times:
        message_id = answered.get(id(reply))
        if message_id is None:
            before = [pk for got, pk in received[reply.sender] if at - CREDIT_FOR < got <= at]
            message_id = before[-1] if before else None
        if message_id is not None:
            credited[message_id] = min(at, credited.get(message_id, at))
    if credited:
        events.add_replies(provider_id, credited, now)


def _identity(reply: Inbound, webhook: Webhook) -> str:
    """What makes an inbound message the same one: the BSP's id, else all it says and when.

    Without any time, "yes" today and "yes" tomorrow would be one: then only the webhook tells them apart.
    """
    if reply.bsp_id:
        return reply.bsp_id[:255]
    when = b"" if reply.timestamp else str(webhook.pk).encode()
    return "sha256:" + hashlib.sha256(msgspec.json.encode(reply) + when).hexdigest()


def _answered(provider_id: int, replies: Sequence[Inbound]) -> dict[int, int]:
    """id(reply) → the message it answers: by our reference, the BSP's id, or CleverTap's msgId."""
    mine = Message.objects.filter(provider_id=provider_id)
    ours = {id(reply): matching.parse_reference(reply.context_reference) for reply in replies}
    by_id = set(mine.filter(id__in=[ref[0] for ref in ours.values() if ref]).values_list("id", flat=True))
    bsp_ids = [reply.context_bsp_id for reply in replies if reply.context_bsp_id]
    by_bsp = dict(mine.filter(bsp_id__in=bsp_ids).values_list("bsp_id", "id")) if bsp_ids else {}
    msg_ids = [reply.context_msg_id for reply in replies if reply.context_msg_id]
    named = (
        mine.filter(msg_id__in=msg_ids, untracked=False).values_list("msg_id", "to", "id") if msg_ids else []
    )
    by_msg = {(msg_id, to): pk for msg_id, to, pk in named}
    found: dict[int, int] = {}
    for reply in replies:
        reference = ours[id(reply)]
        if reference and reference[0] in by_id:
            found[id(reply)] = reference[0]
        elif reply.context_bsp_id in by_bsp:
            found[id(reply)] = by_bsp[reply.context_bsp_id]
        elif (reply.context_msg_id, reply.sender) in by_msg:
            found[id(reply)] = by_msg[(reply.context_msg_id, reply.sender)]
    return found
