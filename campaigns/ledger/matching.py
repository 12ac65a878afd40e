"""Which message a report is about: by our reference, by the BSP's id, by CleverTap's msgId."""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence, Set
from datetime import timedelta
from typing import Any, NamedTuple

from django.utils import timezone

from campaigns.ledger import lives, months
from campaigns.ledger.entries import Told
from campaigns.models import Attempt, Message
from lib import phone
from lib.user_ids import is_user_id
from providers.models import Provider

RECENT = timedelta(days=7)

# wp-<message>-<attempt>-<life of the database>
_REFERENCE = re.compile(r"wp-([0-9]{1,18})-([0-9]{1,5})(?:-([0-9a-f]{1,12}))?")


class Reference(NamedTuple):
    """One attempt to send a message; 0 is the latest."""

    message_id: int
    attempt: int = 0


def reference(message_id: int, attempt: int) -> str:
    """Our reference of one attempt, which BSPs carry along and bring back."""
    life = lives.nonce(message_id)
    return f"wp-{message_id}-{attempt}-{life}" if life else f"wp-{message_id}-{attempt}"


def parse_reference(text: str) -> Reference | None:
    """The attempt that it names; None if it belongs to another life of the database."""
    match = _REFERENCE.fullmatch(text)
    if match is None or (match[3] or "") != lives.nonce(int(match[1])):
        return None
    return Reference(int(match[1]), int(match[2]))


def match(told: Sequence[Told]) -> dict[int, Reference]:
    """The position of each update → the attempt that it is about. An update without a match is left out.
    It takes a few statements, however many providers there are.

    Our own reference is found at every provider of the same BSP: one app may serve several numbers. An update
    that names another person than the message, or another id of the BSP's than the attempt has, is about
    something else and left out.
    """
    by_id: dict[int, list[int]] = defaultdict(list)
    by_bsp: dict[tuple[int, str], list[int]] = defaultdict(list)
    by_msg: dict[tuple[int, str], list[int]] = defaultdict(list)
    ours: dict[int, Reference] = {}
    for position, (provider_id, update, *_) in enumerate(told):
        if found := parse_reference(update.reference):
            ours[position] = found
            by_id[found.message_id].append(position)
        elif update.bsp_id:
            by_bsp[provider_id, update.bsp_id].append(position)
        if not found and (update.msg_id or update.reference):
            by_msg[provider_id, update.msg_id or update.reference].append(position)
    older = {position for position, each in enumerate(told) if each.older}
    old_bsp, old_msg = ({key for key in by if older.intersection(by[key])} for by in (by_bsp, by_msg))
    matched: dict[int, Reference] = {}
    referred = Message.objects.filter(id__in=by_id) if by_id else Message.objects.none()
    found_at = list(referred.values_list("id", "bsp_id", "provider_id"))
    related = _related({(theirs, told[at].provider_id) for pk, _, theirs in found_at for at in by_id[pk]})
    for message_id, bsp_id, theirs in found_at:
        for position in by_id[message_id]:
            if (theirs, told[position].provider_id) not in related:
                continue
            # Where the BSP's id is a reference of ours, it is the same for every attempt (Outbound.once).
            kept = told[position].update.bsp_id == bsp_id and parse_reference(bsp_id) is not None
            matched[position] = Reference(message_id, 0 if kept else ours[position].attempt)
    for key, (message_id, _) in _found(by_bsp, old_bsp, "bsp_id"):
        matched |= dict.fromkeys(by_bsp[key], Reference(message_id))
    named: dict[tuple[int, str], dict[int, str]] = defaultdict(dict)  # msgId → message → number
    for key, (message_id, to) in sorted(_found(by_msg, old_msg, "msg_id", untracked=False)):
        named[key][message_id] = to
    for key, numbers in named.items():
        for position in by_msg[key]:
            # One msgId may have gone to several people: then the number decides, where there is one.
            fitting = _to(told[position].update.to, numbers) or [*numbers]
            if len(fitting) == 1:
                matched.setdefault(position, Reference(*fitting))
    return _consistent(told, matched)


def _consistent(told: Sequence[Told], matched: dict[int, Reference]) -> dict[int, Reference]:
    """Leaves out updates that contradict their message or attempt."""
    ids = {found.message_id for found in matched.values()}
    if not ids:
        return matched
    people = dict(Message.objects.filter(id__in=ids).values_list("id", "to"))
    tries = Attempt.objects.filter(message_id__in=ids).exclude(bsp_id="")
    named = {(pk, number): told for pk, number, told in tries.values_list("message_id", "number", "bsp_id")}

    def agrees(position: int, found: Reference) -> bool:
        update = told[position].update
        theirs = named.get(found, "")
        same_id = not update.bsp_id or not theirs or update.bsp_id[:255] == theirs
        return same_id and _may_be_one(update.to, people[found.message_id])

    return {position: found for position, found in matched.items() if agrees(position, found)}


def _may_be_one(told: str, ours: str) -> bool:
    """Whether both may name one person. A user id is compared with nothing: its number may be unknown."""
    if not told or is_user_id(told) or is_user_id(ours):
        return True
    return phone.person(told) == phone.person(ours) or phone.same(told, ours)


def _related(pairs: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """The pairs of providers that are one, or of the same BSP."""
    others = {each for pair in pairs if pair[0] != pair[1] for each in pair}
    slugs = dict(Provider.objects.filter(pk__in=others).values_list("pk", "connector_slug")) if others else {}
    return {(one, other) for one, other in pairs if one == other or slugs.get(one) == slugs.get(other)}


def _found(
    wanted: Collection[tuple[int, str]], older: Set[tuple[int, str]], column: str, **having: Any
) -> list[tuple[tuple[int, str], tuple[int, str]]]:
    """Messages of these providers with these values: (provider, value), (message, number). Nearly all are of
    the last days. Older messages are searched for the `older` values only, since that reads every part."""
    found: list[tuple[tuple[int, str], tuple[int, str]]] = []
    left, recent = set(wanted), months.since(timezone.now() - RECENT)
    for within in ({"id__gte": recent}, {"id__lt": recent}) if recent else ({},):
        if left:
            providers, values = {provider for provider, _ in left}, {value for _, value in left}
            rows = Message.objects.filter(
                **{"provider__in": providers, f"{column}__in": values}, **having, **within
            )
            all_of = rows.values_list("provider_id", column, "id", "to")
            found += [
                ((pk, value), (message, to)) for pk, value, message, to in all_of if (pk, value) in left
            ]
            left = (left & older) - {key for key, _ in found}
    return found


def _to(number: str, numbers: dict[int, str]) -> list[int]:
    """Of several messages with one msgId, those that went to the number, else to another spelling of it."""
    alike = [pk for pk, each in numbers.items() if phone.person(each) == phone.person(number)]
    return [pk for pk in alike if numbers[pk] == number] or alike
