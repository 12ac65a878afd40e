"""Which message a report is about: by our reference, by the BSP's id, by CleverTap's msgId."""

import re
from collections import defaultdict
from collections.abc import Sequence

from campaigns.models import Message
from providers.messages import StatusUpdate

_REFERENCE = re.compile(r"wp-([0-9]{1,18})-([0-9]{1,5})")


def reference(message_id: int, attempt: int) -> str:
    """Our reference of one attempt, which BSPs carry along and bring back."""
    return f"wp-{message_id}-{attempt}"


def parse_reference(text: str) -> tuple[int, int] | None:
    match = _REFERENCE.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def match(provider_id: int, updates: Sequence[StatusUpdate]) -> dict[int, tuple[int, int]]:
    """Position of an update → message id and attempt (0: the latest): our id, BSP's id, msgId."""
    by_id: dict[int, list[tuple[int, int]]] = defaultdict(list)
    by_bsp: dict[str, list[int]] = defaultdict(list)
    by_msg: dict[str, list[int]] = defaultdict(list)
    for position, update in enumerate(updates):
        ours = parse_reference(update.reference)
        if ours:
            by_id[ours[0]].append((position, ours[1]))
        elif update.bsp_id:
            by_bsp[update.bsp_id].append(position)
        if not ours and (update.msg_id or update.reference):
            by_msg[update.msg_id or update.reference].append(position)
    matched: dict[int, tuple[int, int]] = {}
    mine = Message.objects.filter(provider_id=provider_id)
    for message_id in mine.filter(id__in=by_id).values_list("id", flat=True):
        for position, number in by_id[message_id]:
            matched[position] = (message_id, number)
    if by_bsp:
        for bsp_id, message_id in mine.filter(bsp_id__in=by_bsp).values_list("bsp_id", "id"):
            for position in by_bsp[bsp_id]:
                matched[position] = (message_id, 0)
    if by_msg:
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        named = mine.filter(msg_id__in=by_msg, untracked=False).order_by("id")
        for message_id, msg_id, to in named.values_list("id", "msg_id", "to"):
            found[msg_id].append((message_id, to))
        for msg_id, same in found.items():
            for position in by_msg[msg_id]:
                # One msgId to several people is told apart by the number, where there is one.
                to = updates[position].to
                fitting = [message_id for message_id, number in same if not to or number == to] or (
                    [same[0][0]] if len(same) == 1 else []
                )
                if len(fitting) == 1:
                    matched.setdefault(position, (fitting[0], 0))
    return matched
