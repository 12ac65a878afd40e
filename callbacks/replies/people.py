"""What BSPs report about people, and what follows from it: messages that waited for a number, and
opt-outs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from audience import opting
from callbacks.models import Reply
from callbacks.replies import record
from campaigns.models import Forward
from identities import known
from identities.known import Learnt
from providers.messages import NO_ANSWERS, IdentityChange, Preference, StatusUpdate, WebhookItem
from providers.messages import Reply as Inbound
from providers.models import Provider


def learn(items: Mapping[int | None, Sequence[WebhookItem]]) -> dict[int | None, Learnt]:
    """Stores which numbers and user ids belong together, as the items of each provider say, or of None. In
    the caller's transaction. Returns what was new; usually nothing is, which takes one statement to see."""
    named = {
        pk: [item.person for item in mine if isinstance(item, StatusUpdate | Inbound | Preference)]
        for pk, mine in items.items()
    }
    if any(isinstance(item, Inbound) and not item.sender for mine in items.values() for item in mine):
        known.stand_still()  # or it could wait for a number that another worker learns just now
    new = known.news(each for mine in named.values() for each in mine)
    learnt = {}
    for pk, mine in items.items():
        fresh = [each for each in named[pk] if each in new]
        changes = [item for item in mine if isinstance(item, IdentityChange)]
        if fresh or changes:
            learnt[pk] = known.learn(fresh, changes)
    return learnt


def with_numbers(choices: Sequence[Preference]) -> list[Preference]:
    """The same choices, with numbers added where an item has only a known user id."""
    names = [name for one in choices if not one.sender for name in one.person.names]
    numbers = known.numbers(names) if names else {}
    return [
        one
        if one.sender
        else replace(one, sender=next((numbers[name] for name in one.person.names if name in numbers), ""))
        for one in choices
    ]


def follow_up(provider: Provider | None, learnt: Learnt, now: datetime) -> set[int]:
    """Opt-outs are carried over, and messages that waited for a number go on. Returns their providers.

    Comes after the messages of the same webhooks are stored: one of them may be a stop.
    """
    if learnt.moved:
        opting.follow(learnt.moved, provider, now)
    if not learnt.numbers:
        return set()
    opting.adopt(learnt.numbers, now)
    return _release(learnt.numbers, now)


def _release(numbers: Mapping[str, str], now: datetime) -> set[int]:
    """Gives every message of these user ids its sender; those that waited for it go on to CleverTap."""
    nameless = Reply.objects.filter(sender="", user_id__in=list(numbers)).exclude(user_id="")
    replies = list(nameless.order_by("id"))
    by_provider: dict[int, list[Inbound]] = defaultdict(list)
    released = set()
    for reply in replies:
        reply.sender = numbers[reply.user_id]
        if reply.forward == Forward.NO_NUMBER:
            reply.forward, reply.owed_since = Forward.PENDING, now
            released.add(reply.provider_id)
        if reply.kind in NO_ANSWERS:
            continue
        inbound = msgspec.json.decode(reply.content, type=Inbound)
        if reply.answers_id is None:
            at = inbound.timestamp or int(reply.at.timestamp())
            by_provider[reply.provider_id].append(replace(inbound, sender=reply.sender, timestamp=at))
    Reply.objects.bulk_update(replies, ["sender", "forward", "owed_since"])
    for provider_id, answers in by_provider.items():
        record.credit(provider_id, answers, {}, now)
    return released
