"""Rows as Arrow tables: read a few thousand at a time, so that memory stays flat however many there are."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from django.conf import settings
from django.db import connection

from archive import datasets
from archive.datasets import HASHED, MASKED, TIME, Dataset
from identities import pseudonyms
from lib import phone
from lib.user_ids import is_user_id
from providers.models import Provider

AT_ONCE = 10_000  # rows
_MICROSECONDS_OF_A_DAY = 86_400_000_000


class Part(NamedTuple):
    """The rows of one file."""

    day: date
    provider: str  # its nickname
    rows: pa.Table


def schema(dataset: Dataset) -> pa.Schema:
    about = {"waypost.dataset": dataset.name, "waypost.schema": str(datasets.VERSION)}
    return pa.schema([(each.name, _type(each.type)) for each in dataset.columns], metadata=about)


def _type(name: str) -> pa.DataType:
    return pa.timestamp("us", tz="UTC") if name == TIME else pa.type_for_alias(name)


def read(dataset: Dataset, after: int, upto: int, now: datetime) -> list[Part]:
    """The rows of these ids, by day and provider, in the order of their ids."""
    nicknames = dict(Provider.objects.values_list("pk", "nickname"))
    pieces = list(_pieces(dataset, after, upto, now))
    if not pieces:
        return []
    # The sort is stable. Each part is a slice then, however many there are.
    table = pa.concat_tables(pieces).sort_by([("_day", "ascending"), ("_provider", "ascending")])
    days, providers = (table[name].to_pylist() for name in ("_day", "_provider"))
    table = table.drop_columns(["_day", "_provider"]).cast(schema(dataset))
    parts, begin = [], 0
    for (day, provider), rows in groupby(zip(days, providers, strict=True)):
        number = sum(1 for _ in rows)
        found = table.slice(begin, number).replace_schema_metadata(schema(dataset).metadata)
        parts.append(Part(datetime.fromtimestamp(day * 86400, UTC).date(), nicknames[provider], found))
        begin += number
    return parts


def _pieces(dataset: Dataset, after: int, upto: int, now: datetime) -> Iterator[pa.Table]:
    statement = datasets.read(dataset)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(statement, [after, upto, AT_ONCE])
            rows = cursor.fetchall()
        if rows:
            after = rows[-1][0]
            yield _table(dataset, rows, now)
        if len(rows) < AT_ONCE:
            return


def _table(dataset: Dataset, rows: Sequence[Sequence[Any]], now: datetime) -> pa.Table:
    *values, who, providers = zip(*rows, strict=True)
    read = iter(values)
    columns = {each.name: next(read) if each.sql else None for each in dataset.columns}
    made: dict[str, pa.Array] = {}
    if datasets.who(dataset):
        made["person"], made["number"] = _people(_firsts(dataset, who))
    empty = pa.nulls(len(rows), pa.string())
    for each in dataset.columns:
        if each.name in made:
            continue
        if each.name in datasets.TEXTS and not settings.ARCHIVE_TEXTS:
            made[each.name] = empty
        elif (found := columns[each.name]) is None:
            made[each.name] = pa.array([now] * len(rows), _type(TIME))
        else:
            made[each.name] = _array(found, each.type)
    day = made[dataset.day].cast(pa.int64()) if dataset.day else _repeated(now, len(rows))
    arrays = [made[each.name] for each in dataset.columns]
    return pa.table(
        [
            *arrays,
            pc.floor(pc.divide(day.cast(pa.float64()), _MICROSECONDS_OF_A_DAY)).cast(pa.int64()),
            pa.array(providers, pa.int64()),
        ],
        names=[*(each.name for each in dataset.columns), "_day", "_provider"],
    )


def _repeated(now: datetime, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(int(now.timestamp()) * 1_000_000, pa.int64()), count)


def _array(values: Sequence[Any], type_: str) -> pa.Array:
    if type_ == TIME and connection.vendor == "sqlite":
        return pa.array(values, pa.string()).cast(pa.timestamp("us")).cast(_type(TIME))
    if type_ == TIME:
        return pa.array(values, pa.int64()).cast(_type(TIME))
    if type_ == "bool":  # SQLite has numbers
        return pa.array([None if each is None else bool(each) for each in values], pa.bool_())
    return pa.array(values, _type(type_))


def _firsts(dataset: Dataset, names: Sequence[str]) -> Sequence[str]:
    """In the first spelling of each; messages have it as a column."""
    if dataset is not datasets.REPLIES:
        return names
    return [each if is_user_id(each) or pseudonyms.is_one(each) else phone.person(each) for each in names]


def _people(names: Sequence[str]) -> tuple[pa.Array, pa.Array]:
    """What stands for each, and the number as ARCHIVE_NUMBERS wants it."""
    persons = pseudonyms.of_all(names)
    if settings.ARCHIVE_NUMBERS == HASHED:
        numbers: Sequence[str] = persons
    elif settings.ARCHIVE_NUMBERS == MASKED:
        numbers = [each if pseudonyms.is_one(each) else phone.masked(each) for each in names]
    else:
        numbers = names
    return pa.array(persons, pa.string()), pa.array(numbers, pa.string())
