"""Writing a batch: a range of ids of one data set, as a file for each day and provider, and the manifest.

First it notes what it will write, then it writes the files, the manifest, and the note that the batch is
done. The names come from the first note. So if a worker dies anywhere in between, the next one writes the
same files again, and no row is in two files.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from django.db import connection
from django.db.models import Max

from archive import datasets, tables
from archive.datasets import Dataset
from archive.models import Cursor
from archive.tables import Part
from archive.target import Target, folder
from campaigns.models import Installation

ROWS = 100_000  # of a batch
AT_ONCE = 8  # files; a bucket is far away
MANIFEST = "_manifest"


class Lost(Exception):
    """Another worker writes the data set."""


class File(msgspec.Struct):
    """A file in the manifest. `correction`: it adds to a day that was complete when an earlier run ended."""

    path: str
    day: str
    provider: str
    rows: int
    bytes: int
    sha256: str
    correction: bool


class Manifest(msgspec.Struct):
    """What one batch wrote. `after` and `upto` are the ids of its rows: above the first, up to the second."""

    version: int
    dataset: str
    life: str
    number: int
    after: int
    upto: int
    written_at: str
    files: list[File]


class Head(NamedTuple):
    """The last id up to which a data set can be written now."""

    dataset: Dataset
    upto: int


def life() -> str:
    return Installation.objects.values_list("nonce", flat=True).last() or ""


def cursor(dataset: Dataset, now: datetime, target: Target) -> Cursor:
    """Where to continue. After a restore, that is after the ids of the lost hours, which are never used again
    (`backups.leave_a_gap` of the restore)."""
    found, _ = Cursor.objects.get_or_create(dataset=dataset.name)
    if found.life != life():
        lives = set(Installation.objects.values_list("nonce", flat=True))
        for each in manifests(target, dataset.name):
            if each.life in lives:
                found.number = max(found.number, each.number)
                found.after = max(found.after, each.upto)
        found.life, found.upto = life(), None
        found.save()
    if not dataset.day and found.day != now.date() and found.upto is None:
        found.after, found.day = 0, now.date()
        found.save()
    return found


def write(head: Head, at: Cursor, target: Target, closed: date | None, now: datetime) -> Manifest | None:
    """The next batch, or the one that was begun. None where there is no row. Raises Unreachable, Lost."""
    dataset, begun = head.dataset, at.upto is not None
    if at.upto is None and not _begin(at, head):
        return None
    assert at.upto is not None
    name = f"{at.number:08}-{at.life}"

    def put(part: Part) -> File:
        content = _parquet(part.rows)
        path = f"{dataset.name}/{folder(part.day, part.provider)}/{name}.parquet"
        target.write(path, content)
        digest = hashlib.sha256(content).hexdigest()
        late = closed is not None and part.day < closed
        return File(path, str(part.day), part.provider, part.rows.num_rows, content.size, digest, late)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        files = list(pool.map(put, tables.read(dataset, at.after, at.upto, now)))
    if begun:
        _tidy(target, dataset, name, {file.path for file in files})
    written = Manifest(
        datasets.VERSION, dataset.name, at.life, at.number, at.after, at.upto, now.isoformat(), files
    )
    target.write(f"{MANIFEST}/{dataset.name}/{name}.json", msgspec.json.encode(written))
    _end(at)
    return written


def _begin(at: Cursor, head: Head) -> bool:
    rows = head.dataset.model._base_manager.filter(pk__gt=at.after, pk__lte=head.upto).order_by("pk")
    upto = rows.values_list("pk", flat=True)[ROWS - 1 : ROWS].first()
    if upto is None:
        upto = rows.aggregate(last=Max("pk"))["last"]
    if upto is None:
        return False
    free = Cursor.objects.filter(pk=at.pk, number=at.number, upto=None)
    if not free.update(number=at.number + 1, upto=upto):
        raise Lost
    at.number, at.upto = at.number + 1, upto
    return True


def _end(at: Cursor) -> None:
    mine = Cursor.objects.filter(pk=at.pk, number=at.number, upto=at.upto)
    if not mine.update(after=at.upto, upto=None):
        raise Lost
    at.after, at.upto = at.upto or 0, None


def _parquet(rows: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd")
    return sink.getvalue()


def _tidy(target: Target, dataset: Dataset, name: str, written: set[str]) -> None:
    """Deletes files of a worker that died, if their rows were deleted since."""
    for path, _ in list(target.names(dataset.name)):
        if path.endswith(f"/{name}.parquet") and path not in written:
            target.delete(path)


def manifests(target: Target, dataset: str = "") -> Iterator[Manifest]:
    """In the order in which they were written, data set by data set."""
    for path, _ in target.names(f"{MANIFEST}/{dataset}".rstrip("/")):
        if path.endswith(".json"):
            yield msgspec.json.decode(target.read(path), type=Manifest)


def heads() -> list[Head]:
    """The last id of each table below which no more rows can appear: see `settled`."""
    return [
        Head(each, each.model._base_manager.aggregate(last=Max("pk"))["last"] or 0) for each in datasets.ALL
    ]


def settled(before: datetime) -> bool:
    """Whether every transaction that may have taken a smaller id before this moment has ended. On SQLite
    there is one writer at a time. A transaction that has written nothing has no id yet, but may soon get
    one."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND xact_start <= %s"
            " AND (backend_xid IS NOT NULL OR xact_start > %s - interval '5 seconds')",
            [before, before],
        )
        return bool(cursor.fetchone()[0] == 0)
