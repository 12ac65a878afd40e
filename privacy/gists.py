"""Which stretches of the large tables may name somebody, so that nobody has to read the others.

Upkeep reads each stretch of rows once, some time after they came, and keeps a Bloom filter of its grams. What
a message's row says of its own recipient is left out: an index finds those rows, and `own_rows` looks through
them. A text that comes into a row later is the BSP's about the same person. Rows without a gist are looked
through, and so are all rows on SQLite.
"""

import threading
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from time import monotonic
from typing import Any, NamedTuple

from django.apps import apps
from django.db import connection, models
from django.db.models import Max, Min, Q

from identities import pseudonyms
from lib.postgres import parts
from privacy import grams, register
from privacy.grams import Grams
from privacy.models import Gist

BITS, PROBES = 20, 10  # of a gram; one stretch of ten thousand is read in vain
LEAST = 8  # bytes


class Table(NamedTuple):
    """`time` says how old a row is, `whose` are the columns of the person it is about. A stretch has so many
    `rows`: few where they are not about one person, since those of somebody are all read. They are `old` when
    their texts change no more."""

    time: str
    whose: tuple[str, ...] = ()
    rows: int = 5000
    old: timedelta = timedelta(hours=1)


_OF_MESSAGE = ("message__to",)
TABLES = {
    "accounts.Entry": Table("at"),
    "broadcasts.Recipient": Table("planned_at", rows=1000),
    "callbacks.ForwardCall": Table("started_at", rows=500),
    "callbacks.Reply": Table("received_at", rows=1000, old=timedelta(days=3)),
    "callbacks.Webhook": Table("received_at", rows=1000),
    "campaigns.Attempt": Table("started_at", _OF_MESSAGE),
    "campaigns.Click": Table("at", _OF_MESSAGE),
    "campaigns.Event": Table("received_at", _OF_MESSAGE),
    "campaigns.Link": Table("created_at", _OF_MESSAGE),
    "campaigns.Message": Table("accepted_at", ("to",)),
    "campaigns.Pricing": Table("received_at", _OF_MESSAGE),
    "campaigns.Refusal": Table("received_at", rows=1000),
    "campaigns.StatDetail": Table("at", rows=20_000),
}


class Ahead(NamedTuple):
    """The next rows that may name somebody: those after one key and up to another, or all if it is None."""

    after: int
    upto: int | None


def ahead(model: type[models.Model], person: Grams | None, after: int) -> Ahead:
    """Where to read on after this row."""
    label = model._meta.label
    if label not in TABLES or person is None or not parts.parted():
        return Ahead(after, None)
    with connection.cursor() as cursor:
        words, values = _may_name(person)
        cursor.execute(
            f'SELECT "after", upto FROM {Gist._meta.db_table} WHERE "table" = %s AND upto > %s AND ({words})'
            " ORDER BY upto LIMIT 1",
            [label, after, *values],
        )
        if found := cursor.fetchone():
            return Ahead(max(found[0], after), found[1])
    last = Gist.objects.filter(table=label).aggregate(last=Max("upto"))["last"]
    return Ahead(max(last or 0, after), None)


def _may_name(person: Grams) -> tuple[str, list[Any]]:
    """A condition in SQL, and its values. It reads single bytes of what is stored outside the row."""
    place = "((h.one + n * h.two) %% (8 * octet_length(grams)))"
    byte = f"get_byte(substring(grams FROM ({place} / 8)::int + 1 FOR 1), 0)"
    all_there = (
        "NOT EXISTS (SELECT FROM unnest(%s::bigint[], %s::bigint[]) AS h(one, two),"
        f" generate_series(0, {PROBES - 1}) AS n WHERE ({byte} >> ({place} %% 8)::int) & 1 = 0)"
    )
    values = [list(each) for one in person for each in zip(*_hashes(one), strict=True)]
    return " OR ".join([all_there] * len(person)), values


def _hashes(texts: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Where the bits of a text begin, and how far each is from the last."""
    return ((each >> 32, each & 0xFFFFFFFF | 1) for each in pseudonyms.hashes(texts))


def _filter(texts: Iterable[str]) -> bytes:
    hashes = list(_hashes(texts))
    bits = bytearray(max(LEAST, len(hashes) * BITS // 8))
    size = 8 * len(bits)
    for one, two in hashes:
        for place in range(one, one + PROBES * two, two):
            bits[place % size // 8] |= 1 << place % size % 8
    return bytes(bits)


def make(now: datetime, seconds: float, stop: threading.Event | None = None) -> int:
    """Reads what has no gist yet, for so long at the most. Returns how many stretches."""
    until, made = monotonic() + seconds, 0
    for label in TABLES if parts.parted() else ():
        _forget(label)
        while monotonic() < until and not (stop and stop.is_set()) and _next(label, now):
            made += 1
    return made


def _forget(label: str) -> None:
    """Those of rows that are gone."""
    first = apps.get_model(label)._base_manager.aggregate(first=Min("pk"))["first"]
    gone = Gist.objects.filter(table=label)
    (gone if first is None else gone.filter(upto__lt=first)).delete()


def _next(label: str, now: datetime) -> bool:
    """Makes the next gist of a table, once a stretch of it is whole and old."""
    table, model = TABLES[label], apps.get_model(label)
    after = Gist.objects.filter(table=label).aggregate(last=Max("upto"))["last"] or 0
    rows = model._base_manager.filter(pk__gt=after).order_by("pk")
    last = rows.values_list("pk", table.time)[table.rows - 1 : table.rows].first()
    if last is None or last[1] > now - table.old:
        return False
    found = set(_grams(rows.filter(pk__lte=last[0]), table.whose))
    Gist.objects.create(table=label, after=after, upto=last[0], grams=_filter(found))
    return True


def _grams(rows: models.QuerySet[Any], whose: tuple[str, ...]) -> Iterator[str]:
    """The grams of the rows' texts."""
    columns = register.columns(rows.model)
    if all(isinstance(each, models.CharField | models.TextField) for each in columns):
        rows = rows.filter(reduce(or_, (~Q(**{each.name: ""}) for each in columns)))
    for values in rows.values_list(*whose, *(each.name for each in columns)).iterator():
        people, said = values[: len(whose)], values[len(whose) :]
        yield from grams.of_others("\n".join(map(register.text, filter(None, said))), filter(None, people))
