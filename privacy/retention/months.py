"""Deletes whole months at once from partitioned tables: a part of ten million rows is dropped as fast as a
part of ten.

A part is dropped when all its rows are too old, nobody works on one, and no hold names one. Until then its
rows wait. If it cannot be dropped, they are deleted row by row, as on SQLite.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from time import sleep
from typing import Any, NamedTuple

from django.db import OperationalError
from django.db.models import QuerySet

from accounts.models import Entry
from archive import ahead
from audience.models import ContactDate, ContactEvent
from broadcasts.models import Recipient
from callbacks.models import Media, Referral, Reply
from campaigns.ledger import months, removing
from campaigns.models import Event, Message
from lib.postgres import parts
from privacy import register
from privacy.retention import ages
from privacy.retention.ages import Age
from privacy.retention.holds import Holds
from privacy.retention.kinds import KINDS, Kind
from providers.models import Provider

logger = logging.getLogger(__name__)

LONG = timedelta(days=28)  # what is kept for so long may wait for the end of its month
TRIES, PAUSE = 5, 1.0  # seconds
GRACE = timedelta(days=2)  # for a table that is busy, until the next runs
AT_ONCE = 1000

Moments = Mapping[Age, Mapping[int, datetime]]
_WHOLE = tuple(kind for kind in KINDS if kind.whole)


class Part(NamedTuple):
    kind: Kind
    number: int

    @property
    def between(self) -> tuple[int, int]:
        return parts.bounds(self.kind.model._meta.db_table, self.number)

    def of(self, rows: QuerySet[Any], column: str = "pk") -> QuerySet[Any]:
        low, high = self.between
        return rows.filter(**{f"{column}__gte": low, f"{column}__lt": high})

    @property
    def rows(self) -> QuerySet[Any]:
        return self.of(self.kind.model._base_manager.all())


def wait(kind: Kind, row: int, now: datetime, before: datetime, held: Holds) -> bool:
    """Whether the row, which is too old, is left for the drop of its part."""
    return kind.whole and waits(row // parts.ROOM, now, before, held)


def waits(number: int, now: datetime, before: datetime, held: Holds) -> bool:
    """Whether what is too old in this part is left for its drop."""
    if not parts.parted() or before > now - LONG or held.anything:
        return False
    end = months.ended(number)
    return end is not None and before < end + GRACE


def drops(now: datetime, moments: Moments, held: Holds) -> Iterator[tuple[str, int, int]]:
    """Drops every part whose time has come. Yields as `run` does: the kind, how many rows, none held; also
    before a drop, so that steps are short."""
    if not parts.parted():
        return
    for kind in _WHOLE:
        for number in parts.numbers(kind.model._meta.db_table):
            part = Part(kind, number)
            if _may_go(part, moments[kind.age], held):
                for _ in _let_go(part):
                    yield kind.name, 0, 0
                yield kind.name, _drop(part), 0
    yield from _drop_others(now)
    parts.analyze()


def _drop(part: Part) -> int:
    """Returns how many rows went."""
    count = part.rows.count()

    def drop() -> int:
        removing.drop(part.kind.model, part.number)
        return count

    return patiently(f"Part {part.number} of {part.kind.name}", drop)


def patiently(part: str, drop: Callable[[], int]) -> int:
    """What `drop` returns; 0 while somebody reads the table for long. `part` is its name for the log."""
    for _ in range(TRIES):
        try:
            return drop()
        except OperationalError as error:
            logger.info("%s waits: %s", part, error)
            sleep(PAUSE)
    return 0


def _may_go(part: Part, moments: Mapping[int, datetime], held: Holds) -> bool:
    end = months.ended(part.number)
    if end is None or not ahead.all_written(part.kind.model, *part.between):
        return False
    late = [
        pk
        for pk in Provider.objects.values_list("pk", flat=True)
        if pk in held.providers or pk not in moments or moments[pk] < end
    ]
    if any(part.rows.filter(provider=pk).exists() for pk in late):
        return False
    if part.rows.filter(part.kind.open).exists() or (part.kind.model is Message and _owed(part)):
        return False
    if not held.anyone:
        return True
    columns = part.kind.campaign and part.kind.people
    return bool(columns) and not held.named(part.rows, part.kind.campaign, part.kind.people)


def _owed(part: Part) -> bool:
    """Whether a report must still be forwarded to CleverTap."""
    return part.of(Event.objects.filter(register.OPEN["campaigns.Event"]), "message").exists()


def _let_go(part: Part) -> Iterator[int]:
    """Removes references to the rows of the part from tables that stay, some rows at a time."""
    if part.kind.model is Message:
        yield from _by_steps(part.of(Recipient.objects.all(), "message"), message=None)
        yield from _by_steps(part.of(Reply.objects.all(), "answers"), answers=None)
    elif part.kind.model is Reply:
        for media in part.of(Media.objects.exclude(file=""), "reply").iterator(AT_ONCE):
            media.file.delete(save=False)
        yield from _by_steps(part.of(Media.objects.all(), "reply"))
        yield from _by_steps(part.of(Referral.objects.all(), "reply"))
    elif part.kind.model is ContactEvent:
        yield from _by_steps(part.of(ContactDate.objects.all(), "event"))
        yield from _by_steps(part.of(Recipient.objects.all(), "event"), event=None)


def _by_steps(rows: QuerySet[Any], **values: None) -> Iterator[int]:
    """Deletes the rows, or sets these columns of theirs."""
    while some := list(rows.values_list("pk", flat=True)[:AT_ONCE]):
        chosen = rows.model._base_manager.filter(pk__in=some)
        if values:
            chosen.update(**values)
        else:
            chosen.delete()
        yield len(some)


def _drop_others(now: datetime) -> Iterator[tuple[str, int, int]]:
    """Data that the upkeep of other apps deletes is dropped with its month, too. It has one age for all."""
    for age, model in ((ages.TRAIL, Entry), (ages.EVENTS, ContactEvent)):
        before = now - timedelta(days=age.days)
        for number in parts.numbers(model._meta.db_table) if age.days else ():
            part, end = Part(Kind(age, model, "at", _nothing), number), months.ended(number)
            # An upload may bring an event of any time.
            if end is None or end > before or part.rows.filter(at__gte=before).exists():
                continue
            for _ in _let_go(part):
                yield part.kind.name, 0, 0
            yield part.kind.name, _drop(part), 0


def _nothing(keys: Sequence[int]) -> None:
    """These are dropped and nothing else."""
