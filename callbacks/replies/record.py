"""Inbound messages: each stored once, and counted as an answer to the message that it answers."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
from django.utils import timezone
from msgspec.structs import replace

from audience import opting
from callbacks.media import downloads
from callbacks.models import Referral, Reply, Webhook
from callbacks.replies import auto_reply, later_words
from campaigns.ledger import events, matching, months, once
from campaigns.models import Forward, Message, Status
from identities import known
from lib import sql
from providers.messages import NO_ANSWERS, Identity
from providers.messages import Reply as Inbound
from providers.models import Provider

# A reply that refers to no message answers the last one its sender got within this time.
CREDIT_FOR = timedelta(days=3)
# WhatsApp lets nobody answer freely after this time.
WINDOW = timedelta(hours=24)
_NOT_FETCHED = ("echo", "history")  # messages that the business itself wrote, and old ones


class _Row(NamedTuple):
    provider_id: int
    bsp_id: str
    sender: str
    user_id: str
    kind: str
    at: datetime
    received_at: datetime
    text: str
    content: str
    about: str
    answers_id: int | None
    owed_since: datetime
    forward: int
    first_text: str = ""
    forward_attempts: int = 0
    forward_error: str = ""


def store(provider: Provider, inbound: Sequence[tuple[Webhook, Inbound]]) -> tuple[list[bool], bool]:
    """Records those that are new, in the caller's transaction.

    Returns for each whether it was new, and whether any of them has media to fetch.
    """
    if not inbound:
        return [], False
    identities = [_identity(reply, webhook) for webhook, reply in inbound]
    inbound = _with_numbers(inbound)
    answered = _answered(provider.pk, [reply for _, reply in inbound])
    now = timezone.now()
    rows = [
        _row(provider, identity, reply, answered.get(id(reply)), webhook.received_at, now)
        for (webhook, reply), identity in zip(inbound, identities, strict=True)
    ]
    unseen = once.new(rows, lambda row: ("reply", row.provider_id, row.bsp_id), now)
    stored = sql.insert(Reply, _Row._fields, unseen, ignore_conflicts=True, returning=("bsp_id", "id"))
    new = dict(stored)
    by_identity = {row.bsp_id: reply for (_, reply), row in zip(inbound, rows, strict=True)}
    fresh = [(pk, by_identity[bsp_id]) for bsp_id, pk in new.items()]
    answers = [reply for _, reply in fresh if reply.kind not in NO_ANSWERS]
    credit(provider.pk, answers, answered, now)
    _note_reactions(provider.pk, [reply for _, reply in fresh], answered, now)
    _keep_referrals(fresh)
    later_words.apply(provider.pk, [reply for _, reply in fresh])
    awaited = downloads.expect(provider, [each for each in fresh if each[1].kind not in _NOT_FETCHED], now)
    opting.heed(provider, fresh, now)
    if provider.auto_reply and provider.auto_reply_text and not provider.archived_at:
        senders = {
            row.sender or row.user_id
            for (webhook, _), row in zip(inbound, rows, strict=True)
            if row.bsp_id in new and row.kind not in NO_ANSWERS and now - webhook.received_at < WINDOW
        }
        auto_reply.answer(provider, senders)
    unmet = set(new)
    first_times = []
    for row in rows:
        first_times.append(row.bsp_id in unmet)
        unmet.discard(row.bsp_id)
    return first_times, awaited


def too_early(provider: Provider, inbound: Sequence[Inbound]) -> set[int]:
    """The `id()` of replies to a message whose id at the BSP is not recorded yet: a robot's reply may come
    before the BSP's answer to our request."""
    named = [reply for reply in inbound if reply.context_bsp_id]
    found = _answered(provider.pk, named) if named else {}
    unknown = [reply for reply in named if id(reply) not in found]
    if not unknown:
        return set()
    # A person whose number is not told may have got it at a number that we know.
    senders = {id(reply): next(iter(reply.person.names), "") for reply in unknown}
    people = known.all_names(senders.values())
    names = {name for each in people.values() for name in each}
    sending = Message.objects.filter(provider=provider, person__in=names, status=Status.SENDING)
    on_the_wire = set(months.in_work(sending).values_list("person", flat=True))
    return {id(reply) for reply in unknown if not on_the_wire.isdisjoint(people.get(senders[id(reply)], ()))}


def _with_numbers(inbound: Sequence[tuple[Webhook, Inbound]]) -> list[tuple[Webhook, Inbound]]:
    """The same messages, with numbers added where a message has only a known user id."""
    unnamed = [reply for _, reply in inbound if not reply.sender]
    if not unnamed:
        return list(inbound)
    numbers = known.numbers(name for reply in unnamed for name in reply.person.names)
    return [
        (webhook, reply if reply.sender else replace(reply, sender=_number(reply, numbers)))
        for webhook, reply in inbound
    ]


def _number(reply: Inbound, numbers: Mapping[str, str]) -> str:
    return next((numbers[name] for name in reply.person.names if name in numbers), "")


def _row(
    provider: Provider,
    identity: str,
    reply: Inbound,
    answers: int | None,
    came_at: datetime,
    now: datetime,
) -> _Row:
    return _Row(
        provider_id=provider.pk,
        bsp_id=identity,
        sender=reply.sender[:64],
        user_id=reply.user_id or reply.parent_user_id,
        kind=reply.kind,
        at=events.moment(reply.timestamp, came_at),
        received_at=came_at,
        text=reply.text,
        content=msgspec.json.encode(reply).decode().replace("\\u0000", ""),
        about=reply.about_bsp_id[:255],
        answers_id=answers,
        owed_since=now,
        forward=_forward(reply, provider).value,
    )


def _forward(reply: Inbound, provider: Provider) -> Forward:
    if reply.kind in NO_ANSWERS:
        return Forward.NONE
    user_id = reply.user_id or reply.parent_user_id
    tellable = reply.sender or (user_id and provider.quirks.from_user_id)
    return Forward.PENDING if tellable else Forward.NO_NUMBER


def credit(provider_id: int, replies: Sequence[Inbound], answered: Mapping[int, int], now: datetime) -> None:
    """Counts what was answered: the message a reply refers to, else the last one its sender got."""
    times = [(reply, events.moment(reply.timestamp, now)) for reply in replies]
    senders = {reply.sender or reply.user_id for reply, _ in times if id(reply) not in answered}
    people = known.all_names(senders)
    received = defaultdict(list)
    if people:
        recent = Message.objects.filter(
            provider_id=provider_id,
            person__in={name for names in people.values() for name in names},
            untracked=False,
            accepted_at__gt=(since := min(at for _, at in times) - CREDIT_FOR),
            id__gte=months.since(since),
        )
        rows = recent.order_by("accepted_at", "id").values_list("person", "accepted_at", "id")
        for person, got, pk in rows:
            received[person].append((got, pk))
    credited: dict[int, datetime] = {}
    for reply, at in times:
        message_id = answered.get(id(reply))
        if message_id is None:
            names = people.get(reply.sender or reply.user_id, ())
            all_got = sorted(each for name in names for each in received[name])
            before = [pk for got, pk in all_got if at - CREDIT_FOR < got <= at]
            message_id = before[-1] if before else None
        if message_id is not None:
            credited[message_id] = min(at, credited.get(message_id, at))
    if credited:
        events.add_replies(provider_id, credited, now)


def _keep_referrals(fresh: Sequence[tuple[int, Inbound]]) -> None:
    """Stores the ad that somebody came from, since the raw webhook is deleted after some time."""
    came = [(pk, reply.referral) for pk, reply in fresh if reply.referral is not None]
    Referral.objects.bulk_create(
        Referral(
            reply_id=pk,
            source_type=ad.source_type[:40],
            source_id=ad.source_id[:100],
            source_url=ad.source_url,
            headline=ad.headline,
            body=ad.body,
            media_url=ad.media_url,
            click_id=ad.click_id[:500],
        )
        for pk, ad in came
    )


def _note_reactions(
    provider_id: int, replies: Sequence[Inbound], answered: Mapping[int, int], now: datetime
) -> None:
    """Notes on the messages which of them got a reaction, each with the first one."""
    reacted: dict[int, events.Reaction] = {}
    for reply in replies:
        if reply.kind == "reaction" and reply.payload and id(reply) in answered:
            at = events.moment(reply.timestamp, now)
            reacted.setdefault(answered[id(reply)], events.Reaction(at, reply.payload))
    if reacted:
        events.add_reactions(provider_id, reacted, now)


def _identity(reply: Inbound, webhook: Webhook) -> str:
    """The key by which a repeated inbound message is known: the BSP's id, else a digest of all it says.

    Where the BSP gives no time, "yes" today and "yes" tomorrow would have one key. The webhook's id keeps
    them apart.
    """
    if reply.bsp_id and reply.kind == "history":
        return f"history:{reply.bsp_id}"[:255]  # the message may still come outside of the history
    if reply.bsp_id:
        return reply.bsp_id[:255]
    when = b"" if reply.timestamp else str(webhook.pk).encode()
    said = replace(reply.of(Identity(reply.sender or reply.user_id)), receiver=None)
    return "sha256:" + hashlib.sha256(msgspec.json.encode(said) + when).hexdigest()


def _answered(provider_id: int, replies: Sequence[Inbound]) -> dict[int, int]:
    """id(reply) → the message it answers: by our reference, the BSP's id, or CleverTap's msgId."""
    mine = Message.objects.filter(provider_id=provider_id)
    ours = {id(reply): matching.parse_reference(reply.context_reference) for reply in replies}
    by_id = set(mine.filter(id__in=[ref[0] for ref in ours.values() if ref]).values_list("id", flat=True))
    bsp_ids = [reply.context_bsp_id for reply in replies if reply.context_bsp_id]
    by_bsp = dict(mine.filter(bsp_id__in=bsp_ids).values_list("bsp_id", "id")) if bsp_ids else {}
    msg_ids = [reply.context_msg_id for reply in replies if reply.context_msg_id]
    named = mine.filter(msg_id__in=msg_ids, untracked=False).values_list("msg_id", "person", "id")
    by_msg = {(msg_id, person): pk for msg_id, person, pk in named} if msg_ids else {}
    people = known.all_names(reply.sender for reply in replies if reply.context_msg_id)
    found: dict[int, int] = {}
    for reply in replies:
        reference = ours[id(reply)]
        if reference and reference[0] in by_id:
            found[id(reply)] = reference[0]
        elif reply.context_bsp_id in by_bsp:
            found[id(reply)] = by_bsp[reply.context_bsp_id]
        else:
            names = people.get(reply.sender, ()) if reply.context_msg_id else ()
            fitting = [
                by_msg[reply.context_msg_id, name] for name in names if (reply.context_msg_id, name) in by_msg
            ]
            if fitting:
                found[id(reply)] = fitting[0]
    return found
