"""Looking through tables for somebody, a stretch of rows at a time, by the order of their keys; not through
stretches whose gist says that nobody of that name is in them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any, NamedTuple

from django.db import connection, models, transaction
from django.db.models import BinaryField, TextField
from django.db.models.expressions import RawSQL

from accounts import trail
from accounts.models import Entry
from campaigns.ledger import anonymising
from campaigns.models import Message
from privacy import gists, register
from privacy.needles import Needles

FIRST = 500  # rows of a stretch; as many as are gone through in SECONDS from then on
MOST = 200_000
SECONDS = 1.0


def _row(model: type[models.Model]) -> RawSQL:
    """All that a row says, as one text of PostgreSQL's. Of bytes what is no ASCII is escaped."""
    table = model._meta.db_table
    names = (
        f"encode({table}.{each.column}, 'escape')"
        if isinstance(each, BinaryField)
        else f'{table}."{each.column}"'
        for each in register.columns(model)
    )
    return RawSQL(f"concat_ws(' ', {', '.join(names)}) COLLATE \"C\"", [], output_field=TextField())  # noqa: S611


class Stretch(NamedTuple):
    """Some rows of a table: those up to the key `last`; None at the end of the table."""

    last: int | None
    found: list[int]
    left: list[int]  # that something still works on


class Steps:
    """How many rows to go through at once: as many as take about SECONDS."""

    def __init__(self) -> None:
        self.rows = FIRST

    @contextmanager
    def timed(self) -> Iterator[int]:
        began = monotonic()
        yield self.rows
        took = monotonic() - began
        if took < SECONDS / 2:
            self.rows = min(2 * self.rows, MOST)
        elif took > SECONDS:
            self.rows = max(self.rows // 2, FIRST)


def look(model: type[models.Model], needles: Needles, after: int, step: int) -> Stretch:
    """Which of the next rows, so many of them, name the person."""
    after, upto = gists.ahead(model, needles.grams, after)
    rows = model._base_manager.filter(pk__gt=after).order_by("pk")
    if upto is not None:
        rows = rows.filter(pk__lte=upto)
    last = rows.values_list("pk", flat=True)[step - 1 : step].first() or upto
    if last is not None:
        rows = rows.filter(pk__lte=last)
    found = naming(rows, needles)
    left = _open(model, found)
    return Stretch(last, [pk for pk in found if pk not in left], sorted(left))


def naming(rows: models.QuerySet[Any], needles: Needles) -> list[int]:
    """The keys of those of the rows that name the person in any column."""
    names = [column.name for column in register.columns(rows.model)]
    if not names:
        return []
    if connection.vendor == "postgresql":  # on SQLite Python would look for the expression anyway
        rows = rows.alias(says=_row(rows.model)).filter(says__regex=needles.loose)
    return [
        pk
        for pk, *values in rows.values_list("pk", *names)
        if any(needles.found(register.text(value)) for value in values)
    ]


def _open(model: type[models.Model], keys: Sequence[int]) -> set[int]:
    unfinished = register.OPEN.get(model._meta.label)
    if unfinished is None or not keys:
        return set()
    return set(model._base_manager.filter(unfinished, pk__in=keys).values_list("pk", flat=True))


def take_out(model: type[models.Model], keys: Sequence[int], needles: Needles, by: str) -> int:
    """Deletes or changes these rows, as the register says. Returns how many. In a transaction of its own."""
    if not keys:
        return 0
    rule = register.LOOKED_THROUGH[model._meta.label]
    rows = model._base_manager.filter(pk__in=keys)
    with transaction.atomic():
        if rule == register.GO:
            return int(rows.delete()[0])
        if model is Entry:
            return trail.leave_out(keys, lambda value: needles.replaced(value, by))
        for row in rows.select_for_update(of=("self",)).order_by("pk"):
            changed = dict(_changed(row, rule, needles, by))
            if changed:
                _write(row, changed)
    return len(keys)


def _write(row: models.Model, values: dict[str, Any]) -> None:
    if isinstance(row, Message):
        anonymising.put(row.pk, values)
    else:
        type(row)._base_manager.filter(pk=row.pk).update(**values)


def _changed(
    row: models.Model, emptied: Sequence[str], needles: Needles, by: str
) -> Iterator[tuple[str, Any]]:
    for column in register.columns(type(row)):
        value = getattr(row, column.name)
        new = "" if column.name in emptied else needles.replaced(value, by)
        if isinstance(new, str) and column.max_length:
            new = new[: column.max_length]
        if new != value:
            yield column.name, new
