"""Recipients of broadcasts. They go when their broadcast has been over for long enough: until then they say
who has had its message. The figures of the broadcast stay.

The number of a recipient is hidden with that of its message. Numbers without a message are hidden here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from time import monotonic, sleep
from typing import NamedTuple

from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from broadcasts.models import CODE, Broadcast, Recipient
from campaigns.ledger import months as calendar
from campaigns.ledger import removing
from identities import pseudonyms
from lib.postgres import parts
from privacy.retention import ages, months
from privacy.retention.holds import Holds
from privacy.retention.months import Moments
from privacy.retention.pace import Pace

TABLE, LABEL = Recipient._meta.db_table, Recipient._meta.label
NUMBERS, MESSAGES = f"{ages.NUMBERS.name}: {LABEL}", f"{ages.MESSAGES.name}: {LABEL}"
READ = 100_000  # keys at once

Rows = QuerySet[Recipient]


class Due(NamedTuple):
    """The rows of a provider's broadcasts that would go now."""

    kind: str
    provider_id: int
    rows: Rows


def due(now: datetime, moments: Moments, held: Holds) -> Iterator[Due]:
    numbered, old = _numbered(moments, held), _old(now, moments, held)
    for kind, broadcasts, rows in (
        (NUMBERS, numbered, _unhidden(_unheld(held))),
        (MESSAGES, old, _unheld(held)),
    ):
        of_provider: dict[int, list[int]] = {}
        for each in broadcasts:
            of_provider.setdefault(each.provider_id, []).append(each.pk)
        for provider, chosen in of_provider.items():
            yield Due(kind, provider, rows.filter(broadcast__in=chosen))


def steps(now: datetime, moments: Moments, held: Holds, pace: Pace) -> Iterator[tuple[str, int, int]]:
    """Hides and deletes what is due. Yields as `run` does: the kind, how many rows, none held."""
    for each in _numbered(moments, held):
        mine = Recipient.objects.filter(broadcast=each)
        for taken in _by_steps(_unhidden(_unheld(held)).filter(broadcast=each), pace, _hide):
            yield NUMBERS, taken, 0
        if not _with_number(mine).exists():
            Broadcast.objects.filter(pk=each.pk).update(numbers_hidden=True)
    for each in _old(now, moments, held):
        _note([each])
        for taken in _by_steps(_unheld(held).filter(broadcast=each), pace, Rows.delete):
            yield MESSAGES, taken, 0


def drops(now: datetime, moments: Moments, held: Holds) -> Iterator[tuple[str, int, int]]:
    """Drops each part whose broadcasts have all been over for long enough. Yields as `steps`."""
    if not parts.parted():
        return
    over = _over(moments[ages.MESSAGES], held)
    for number in parts.numbers(TABLE):
        end = calendar.ended(number)
        if end is not None and end < now - months.LONG and not _kept(number, over, held):
            yield MESSAGES, 0, 0
            yield MESSAGES, months.patiently(f"Part {number} of {MESSAGES}", partial(_drop, number, over)), 0


def _over(moments: Mapping[int, datetime], held: Holds) -> QuerySet[Broadcast]:
    """Broadcasts that ended before the moments and are not held."""
    ended = Q(pk__in=())
    for provider in moments.keys() - held.providers:
        ended |= Q(provider=provider, finished_at__lt=moments[provider])
    campaign = Concat(Value(CODE), Cast("pk", CharField()))
    found = Broadcast.objects.alias(campaign=campaign).filter(ended, waiting=0)
    return found.exclude(campaign__in=held.campaigns).order_by("pk")


def _numbered(moments: Moments, held: Holds) -> QuerySet[Broadcast]:
    """Those whose recipients' numbers are too old."""
    return _over(moments[ages.NUMBERS], held).filter(numbers_hidden=False)


def _old(now: datetime, moments: Moments, held: Holds) -> Iterable[Broadcast]:
    """Those whose recipients are too old, and wait for no drop."""
    before = moments[ages.MESSAGES]
    for each in _over(before, held).filter(_has(_unheld(held))):
        number = each.pk // parts.room(TABLE)
        if not months.waits(number, now, before[each.provider_id], held):
            yield each


def _has(rows: Rows) -> Exists:
    return Exists(rows.filter(broadcast=OuterRef("pk")))


def _unheld(held: Holds) -> Rows:
    return Recipient.objects.exclude(person__in=held.people)


def _with_number(rows: Rows) -> Rows:
    return rows.exclude(phone="").exclude(phone__startswith=pseudonyms.MARK)


def _unhidden(rows: Rows) -> Rows:
    return _with_number(rows).filter(message=None)


def _by_steps(rows: Rows, pace: Pace, act: Callable[[Rows], object]) -> Iterator[int]:
    while keys := list(rows.values_list("pk", flat=True)[:READ]):
        while keys:
            some, keys = keys[: pace.rows], keys[pace.rows :]
            began = monotonic()
            with transaction.atomic():
                act(rows.filter(pk__in=some))
            sleep(pace.took(len(some), 1000 * (monotonic() - began)))
            yield len(some)


def _hide(rows: Rows) -> None:
    for pk, number in list(rows.values_list("pk", "phone")):
        rows.filter(pk=pk).update(phone=pseudonyms.of(number), detail="")


def _note(broadcasts: Iterable[Broadcast]) -> None:
    """That `audit` can no longer recount them."""
    for each in broadcasts:
        if each.finished_at is not None:
            removing.note_gone({each.provider_id: each.finished_at})


def _written(number: int) -> QuerySet[Broadcast]:
    """The broadcasts whose recipients lie in the part."""
    low, high = parts.bounds(TABLE, number)
    return Broadcast.objects.filter(pk__gte=low, pk__lt=high)


def _rows(number: int) -> Rows:
    low, high = parts.bounds(TABLE, number)
    return Recipient.objects.filter(broadcast__gte=low, broadcast__lt=high)


def _kept(number: int, over: QuerySet[Broadcast], held: Holds) -> bool:
    """Whether the part must stay, or has nothing that could go."""
    if not _rows(number).exists():
        return _written(number).filter(finished_at=None).exists()
    return _in_use(number, over) or (
        bool(held.people) and _rows(number).filter(person__in=held.people).exists()
    )


def _in_use(number: int, over: QuerySet[Broadcast]) -> bool:
    others = _written(number).exclude(pk__in=over.order_by().values("pk"))
    return others.filter(_has(Recipient.objects.all())).exists()


def _drop(number: int, over: QuerySet[Broadcast]) -> int:
    """Returns how many rows went. The part stays, without rows, for a draft that may still be launched."""
    count = _rows(number).count()
    with parts.alone(TABLE):
        if _in_use(number, over):  # one of them began just now
            return 0
        _note(_written(number).filter(recipients__gt=0))
        parts.drop([TABLE], number, keep=_written(number).filter(finished_at=None).exists())
    return count
