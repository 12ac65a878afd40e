"""Taking over a CSV file of contacts: in chunks, each with its counts and its errors in one transaction.

An Upload is the request, the progress and the report. Its row is the queue. When a worker dies,
another goes on after the last chunk that was committed, so no row counts twice.
"""

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import PurePath
from typing import IO, Any

import msgspec
from django.core.files import File
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from audience import csv_reading, writing
from audience.csv_reading import Column
from audience.models import OptChange, Upload, UploadError
from audience.profiles import Invalid, Profile
from lib import csv_files, sql
from lib.crypto import token
from lib.csv_files import Unreadable
from lib.wake import wake

CHUNK = {"postgresql": 2000, "sqlite": 1000}  # SQLite has one writer at a time, and others wait
SILENCE = timedelta(minutes=1)  # longer than any chunk takes
MOST_BYTES = 1_000_000_000
DRAFTS_KEPT = timedelta(days=1)

STAYS = "What was taken over before stays."

State = Upload.State


class Lost(Exception):
    """Another worker has the upload, or it was cancelled."""


def draft(name: str, content: IO[bytes], by: str = "", encoding: str = "") -> Upload:
    """Keeps the file, with a guess at its columns. Raises Unreadable."""
    content.seek(0, 2)
    size = content.tell()
    if size > MOST_BYTES:
        raise Unreadable(f"The file is larger than {MOST_BYTES // 10**6:,} MB. Split it.")
    facts = csv_files.inspect(content, encoding)
    first = list(islice(csv_files.rows(content, facts.encoding, facts.delimiter), csv_reading.SAMPLE))
    columns = csv_reading.guess(facts.header, [cells for _, cells in first])
    content.seek(0)
    upload = Upload(
        name=PurePath(name).name.replace("\0", "")[:255],
        size=size,
        rows=facts.rows,
        encoding=facts.encoding,
        delimiter=facts.delimiter,
        header=facts.header,
        mapping=msgspec.to_builtins(columns),
        by=by,
    )
    upload.file.save(f"{token(12)}.csv", File(content), save=False)
    upload.save()
    return upload


def columns_of(upload: Upload) -> list[Column]:
    return msgspec.convert(upload.mapping, list[Column])


def preview(upload: Upload, count: int) -> list[tuple[int, list[str], str]]:
    """The first rows: (line, cells, what is wrong with the row or nothing), by the mapping as it stands."""
    columns = columns_of(upload)
    reader = None if csv_reading.problems(columns) else _reader(upload)
    shown = []
    with upload.file.open("rb") as file:
        for line, cells in islice(csv_files.rows(file.file, upload.encoding, upload.delimiter), count):
            wrong = ""
            try:
                if reader:
                    reader.profile(cells)
            except Invalid as error:
                wrong = str(error)
            shown.append((line, cells, wrong))
    return shown


def start(upload: Upload) -> bool:
    """Queues a draft, or one that failed. Returns whether it could be. Raises Unreadable."""
    if found := csv_reading.problems(columns_of(upload)):
        raise Unreadable(" ".join(found))
    startable = Upload.objects.filter(pk=upload.pk, state__in=(State.DRAFT, State.FAILED)).exclude(file="")
    values = {"state": State.QUEUED, "error": "", "cancel": False, "finished_at": None}
    if not startable.update(**values, mapping=upload.mapping, country=upload.country):
        return False
    wake("audience.upload")
    return True


def cancel(upload: Upload) -> None:
    """Stops it before its next chunk. What was taken over stays."""
    now = timezone.now()
    mine = Upload.objects.filter(pk=upload.pk)
    mine.filter(state=State.RUNNING).update(cancel=True)
    mine.filter(state__in=(State.DRAFT, State.QUEUED)).update(
        state=State.CANCELLED, finished_at=now, error="Cancelled before it began."
    )
    upload.refresh_from_db()
    if upload.state == State.CANCELLED:
        _discard(upload)


def _due() -> Any:
    lost = Q(state=State.RUNNING, seen_at__lt=timezone.now() - SILENCE)
    return Upload.objects.filter(Q(state=State.QUEUED) | lost, state__in=Upload.OPEN).order_by("id")


def due() -> bool:
    return bool(_due().exists())


def drain(*, stirred: threading.Event | None = None, stop: threading.Event | None = None) -> int:
    """Works every upload that is queued, or was left by a worker that died. Returns how many."""
    done = 0
    while not (stop and stop.is_set()) and (upload := _due().first()):
        done += work(upload, stop)
    return done


def work(upload: Upload, stop: threading.Event | None = None) -> bool:
    """Takes over what is left of the upload. Returns whether it was this worker's."""
    now = timezone.now()
    mine = token(12)
    free = Q(state=State.QUEUED) | Q(state=State.RUNNING, seen_at__lt=now - SILENCE)
    taken = Upload.objects.filter(free, pk=upload.pk)
    if not taken.update(state=State.RUNNING, worker=mine, seen_at=now):
        return False
    Upload.objects.filter(pk=upload.pk, started_at=None).update(started_at=now)
    upload.refresh_from_db()
    try:
        ended = _take_over(upload, stop)
        if not ended:  # told to stop: whoever comes next goes on
            Upload.objects.filter(pk=upload.pk, worker=mine).update(state=State.QUEUED, worker="")
            return True
        _end(upload, State.DONE)
    except Lost:
        if Upload.objects.filter(pk=upload.pk, worker=mine, cancel=True).exists():
            _end(upload, State.CANCELLED, f"Cancelled. {STAYS}")
    except (Unreadable, OSError) as error:
        _end(upload, State.FAILED, f"{error} {STAYS}")
    except Exception as error:
        _end(upload, State.FAILED, f"Our own fault: {type(error).__name__}. {STAYS}")
        raise
    return True


def _take_over(upload: Upload, stop: threading.Event | None) -> bool:
    """Returns whether the end of the file was reached. Raises Lost, Unreadable, OSError."""
    reader = _reader(upload)
    with upload.file.open("rb") as file:
        rows = csv_files.rows(file.file, upload.encoding, upload.delimiter, upload.done)
        for chunk in _chunks(rows):
            if stop and stop.is_set():
                return False
            _write(upload, reader, chunk)
    return True


def _write(upload: Upload, reader: csv_reading.Reader, chunk: Sequence[tuple[int, list[str]]]) -> None:
    """One chunk, its errors and the upload's progress, all or nothing. Raises Lost."""
    profiles: list[Profile] = []
    told: list[tuple[int, list[str]]] = []
    errors: list[tuple[int, list[str], str]] = []
    for line, cells in chunk:
        try:
            profile = reader.profile(cells)
        except Invalid as error:
            errors.append((line, cells, str(error)))
            continue
        profile.proof = f"line {line} of {upload.name} (upload {upload.pk})"
        profiles.append(profile)
        told.append((line, cells))
    now = timezone.now()
    with transaction.atomic():
        source = writing.Source(OptChange.Why.CSV, upload.by)
        outcomes = writing.write(profiles, source, now).outcomes
        for (line, cells), outcome in zip(told, outcomes, strict=True):
            if isinstance(outcome, Invalid):
                errors.append((line, cells, str(outcome)))
        sql.insert(
            UploadError,
            ("upload_id", "line", "reason", "cells"),
            [
                (upload.pk, line, reason.replace("\0", "")[:500], _cells(cells))
                for line, cells, reason in sorted(errors)
            ],
        )
        counts = {name: outcomes.count(name) for name in ("created", "updated", "unchanged")}
        counts |= {"done": len(chunk), "failed": len(errors)}
        ours = Upload.objects.filter(
            pk=upload.pk, worker=upload.worker, state=State.RUNNING, cancel=False, done=upload.done
        )
        if not ours.update(seen_at=now, **{name: F(name) + count for name, count in counts.items()}):
            raise Lost
    upload.done += len(chunk)


def _cells(cells: Sequence[str]) -> str:
    return msgspec.json.encode([cell.replace("\0", "")[:1000] for cell in cells]).decode()


def _reader(upload: Upload) -> csv_reading.Reader:
    return csv_reading.Reader(columns_of(upload), upload.country, timezone.get_default_timezone())


def _chunks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while chunk := list(islice(rows, CHUNK[connection.vendor])):
        yield chunk


def _end(upload: Upload, state: State, error: str = "") -> None:
    mine = Upload.objects.filter(pk=upload.pk, worker=upload.worker)
    if mine.update(state=state, finished_at=timezone.now(), error=error[:1000], worker="") and (
        state != State.FAILED
    ):
        _discard(upload)


def _discard(upload: Upload) -> None:
    """Deletes the file: it holds personal data, and its contents are in the contacts now."""
    upload.file.delete(save=False)
    Upload.objects.filter(pk=upload.pk).update(file="")


def forget(now: datetime, days: int, limit: int = 5000) -> int:
    """Deletes drafts that nobody started; and of uploads older than `days` the files of those that failed,
    and the oldest rows that were not taken over. Returns how many."""
    before = now - timedelta(days=days)
    drafts = Q(state=State.DRAFT, created_at__lt=now - DRAFTS_KEPT)
    failed = Q(state=State.FAILED, created_at__lt=before) & ~Q(file="")
    old = list(Upload.objects.filter(drafts | failed))
    for upload in old:
        _discard(upload)
        if upload.state == State.DRAFT:
            upload.delete()
    oldest = UploadError.objects.order_by("pk").values_list("pk", "upload__created_at")[:limit]
    rows = [pk for pk, created in oldest if created < before]
    return len(old) + UploadError.objects.filter(pk__in=rows).delete()[0]
