"""The months of the partitioned tables: parts are made ahead and begun when the calendar turns. Which ids
belong to a time. SQLite has no parts, and ids have no bounds there.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.db import OperationalError
from django.db.models import Model, QuerySet

from campaigns.models import Month
from lib.postgres import parts
from lib.ttl_cache import Remembered

M = TypeVar("M", bound=Model)

logger = logging.getLogger(__name__)

AHEAD = 1  # part
# Between a row's own time and that of its id: clocks differ, and a commit waits.
MARGIN = timedelta(hours=1)
LATE = timedelta(days=1)
FIRST, LAST = 0, 2**63 - 1
_MONTHS: Remembered[None, list[Month]] = Remembered()


def turn(now: datetime) -> None:
    """Makes the parts of the next months, and begins the next one when it is time. Upkeep calls it every
    minute."""
    if not parts.parted():
        return
    last = (
        Month.objects.last()
        or Month.objects.get_or_create(number=0, defaults={"began_at": now, "moved_at": now})[0]
    )
    _note_rest(last.number)
    ready = _make(last.number + AHEAD)
    if last.moved_at is None:  # the process that began it was killed
        _move(last)
    elif ready >= last.number + 1 and _calendar(last.began_at) < _calendar(now):
        begun, _ = Month.objects.get_or_create(number=last.number + 1, defaults={"began_at": now})
        _move(begun)


def _note_rest(last: int) -> None:
    """Which months a queue need not look at; never the last two."""
    for month in Month.objects.filter(number__lt=last - 1):
        resting = parts.at_rest(month.number)
        Month.objects.filter(pk=month.pk, resting=not resting).update(resting=resting)


def wake(ids: Iterable[int]) -> None:
    """Rows with these ids are put back into a queue. Without this it would find them within a minute."""
    numbers = {each // parts.ROOM for each in ids}
    if parts.parted() and Month.objects.filter(number__in=numbers, resting=True).update(resting=False):
        _MONTHS.forget()


def in_work(rows: QuerySet[M], column: str = "pk") -> QuerySet[M]:
    """The rows without those of months in which none waits in a queue. `column`: what their table is parted
    by."""
    first = first_in_work()
    return rows.filter(**{f"{column}__gte": first}) if first else rows


def sql_in_work(column: str) -> str:
    """The same as a further condition in SQL. A number, so that the database plans for no other part."""
    first = first_in_work()
    return f" AND {column} >= {first}" if first else ""


def first_in_work() -> int:
    """No row below this id waits in a queue."""
    return min((each.number for each in _known() if not each.resting), default=0) * parts.ROOM


def overdue(now: datetime) -> str:
    """What is wrong with the parts, as a sentence; empty where nothing is."""
    last = Month.objects.last()
    if last is not None and _calendar(last.began_at) < _calendar(now - LATE):
        return f"This month has no part of its own: the last one began on {last.began_at:%d %B %Y}."
    full = [table for table in parts.BY if parts.parted() and parts.has_rows(f"{table}_{parts.REST}")]
    return f"Rows of {', '.join(full)} are in the part that is for what has none." if full else ""


def _make(number: int) -> int:
    """Returns the number of the last part that every table has."""
    for table in parts.BY:
        try:
            parts.make(table, number)
        except OperationalError as error:  # somebody reads the table; the month has not ended yet
            logger.info("No part %s of %s yet: %s", number, table, error)
    return min(parts.numbers(table)[-1] for table in parts.BY)


def _move(month: Month) -> None:
    """Notes the time before any row has an id of the part, and again when all new rows have one."""
    parts.move(month.number)
    now = max(month.began_at, datetime.now(UTC))
    Month.objects.filter(pk=month.pk, moved_at=None).update(moved_at=now)
    _MONTHS.forget()


def _calendar(at: datetime) -> tuple[int, int]:
    return at.astimezone(UTC).year, at.astimezone(UTC).month


def _known() -> Sequence[Month]:
    if not parts.parted():
        return ()
    return _MONTHS.get(None, lambda: list(Month.objects.all()), settings.PROVIDER_CACHE_SECONDS)


def since(at: datetime) -> int:
    """No row of this time or later has an id below this one."""
    begun = [each.number for each in _known() if each.moved_at and each.moved_at <= at - MARGIN]
    return begun[-1] * parts.ROOM if begun else FIRST


def until(at: datetime) -> int:
    """No row before this time has an id above this one."""
    later = [each.number for each in _known() if each.number and each.began_at >= at + MARGIN]
    return later[0] * parts.ROOM - 1 if later else LAST


def ended(number: int) -> datetime | None:
    """When the part got its last rows; None while it still gets rows."""
    after = [each for each in _known() if each.number == number + 1]
    return after[0].moved_at + MARGIN if after and after[0].moved_at else None
