"""Imports a CSV file of contacts: in chunks, each with its counts and its errors in one transaction.

An Upload is the request, the progress and the report. Its row is the queue. When a worker dies,
another goes on after the last chunk that was committed, so no row counts twice.
"""

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from audience import csv_reading, properties, writing
from audience.csv_reading import Column
from audience.models import OptChange, Upload, UploadError
from audience.profiles import Invalid, Profile
from audience.survey import Survey
from lib import csv_files, sql
from lib.crypto import token
from lib.csv_files import Unreadable
from lib.wakeup import wake

CHUNK = {"postgresql": 2000, "sqlite": 1000}  # SQLite has one writer at a time, and others wait
SILENCE = timedelta(minutes=1)  # longer than any chunk takes
MOST_BYTES = 1_000_000_000
DRAFTS_KEPT = timedelta(days=1)

STAYS = "Rows imported before that stay."

State = Upload.State

logger = logging.getLogger(__name__)


class Lost(Exception):
    """Another worker has the upload, or it was cancelled."""


def columns_of(upload: Upload) -> list[Column]:
    return msgspec.convert(upload.mapping, list[Column])


def survey_of(upload: Upload) -> Survey:
    return msgspec.convert(upload.survey, Survey)


def start(upload: Upload) -> bool:
    """Queues a draft, or one that failed. Returns whether it could be. Raises Unreadable."""
    if found := csv_reading.problems(columns_of(upload)):
        raise Unreadable(" ".join(found))
    startable = Upload.objects.filter(pk=upload.pk, state__in=(State.DRAFT, State.FAILED)).exclude(file="")
    values = {"state": State.QUEUED, "error": "", "cancel": False, "finished_at": None}
    if not startable.update(**values, mapping=upload.mapping, country=upload.country):
        return False
    empty = survey_of(upload).empty
    properties.declare(
        {
            column.name: column.type
            for n, column in enumerate(columns_of(upload))
            if column.to == "attribute" and n not in empty
        }
    )
    wake("audience.upload")
    return True


def cancel(upload: Upload) -> None:
    """Stops it before its next chunk. Imported rows stay."""
    now = timezone.now()
    mine = Upload.objects.filter(pk=upload.pk)
    mine.filter(state=State.RUNNING).update(cancel=True)
    mine.filter(state__in=(State.READING, State.DRAFT, State.QUEUED)).update(
        state=State.CANCELLED, finished_at=now, error="Cancelled before it began."
    )
    upload.refresh_from_db()
    if upload.state == State.CANCELLED:
        discard(upload)


def _due() -> Any:
    lost = Q(state=State.RUNNING, seen_at__lt=timezone.now() - SILENCE)
    return Upload.objects.filter(Q(state=State.QUEUED) | lost, state__in=Upload.OPEN).order_by("id")


def due() -> bool:
    return bool(_due().exists())


def drain(*, woken: threading.Event | None = None, stop: threading.Event | None = None) -> int:
    """Works every upload that is queued, or was left by a worker that died. Returns how many."""
    done = 0
    while not (stop and stop.is_set()) and (upload := _due().first()):
        done += work(upload, stop)
    return done


def work(upload: Upload, stop: threading.Event | None = None) -> bool:
    """Imports the rest of the upload. Returns whether it was this worker's."""
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
        if not ended:  # this worker stops; the next one goes on
            Upload.objects.filter(pk=upload.pk, worker=mine).update(state=State.QUEUED, worker="")
            return True
        _end(upload, State.DONE)
    except Lost:
        if Upload.objects.filter(pk=upload.pk, worker=mine, cancel=True).exists():
            _end(upload, State.CANCELLED, f"Cancelled. {STAYS}")
    except (Unreadable, OSError) as error:
        _end(upload, State.FAILED, f"{error} {STAYS}")
    except Exception as error:
        _end(upload, State.FAILED, f"An error in Waypost: {type(error).__name__}. {STAYS}")
        raise
    return True


def _take_over(upload: Upload, stop: threading.Event | None) -> bool:
    """Returns whether the end of the file was reached. Raises Lost, Unreadable, OSError."""
    reads = reader(upload)
    with upload.file.open("rb") as file:
        rows = csv_files.rows(file.file, upload.encoding, upload.delimiter, upload.done)
        for chunk in chunks(rows):
            if stop and stop.is_set():
                return False
            _write(upload, reads, chunk)
    return True


def _write(upload: Upload, reads: csv_reading.Reader, chunk: Sequence[tuple[int, list[str]]]) -> None:
    """One chunk, its errors and the upload's progress, all or nothing. Raises Lost."""
    profiles: list[Profile] = []
    readable: list[tuple[int, list[str]]] = []
    errors: list[tuple[int, bool, list[str], str]] = []  # whether the row was refused
    for line, cells in chunk:
        try:
            profile = reads.profile(cells)
        except Invalid as error:
            errors.append((line, True, cells, str(error)))
            continue
        profile.proof = f"line {line} of {upload.name} (upload {upload.pk})"
        profiles.append(profile)
        readable.append((line, cells))
    now = timezone.now()
    with transaction.atomic():
        source = writing.Source(OptChange.Why.CSV, upload.by, upload.created_at)
        written = writing.write(profiles, source, now)
        outcomes = written.outcomes
        for (line, cells), outcome, warnings in zip(readable, outcomes, written.warnings, strict=True):
            if isinstance(outcome, Invalid):
                errors.append((line, True, cells, str(outcome)))
            elif warnings:
                errors.append((line, False, cells, "; ".join(warnings)))
        sql.insert(
            UploadError,
            ("upload_id", "line", "refused", "reason", "cells"),
            [
                (upload.pk, line, refused, reason.replace("\0", "")[:500], _cells(cells))
                for line, refused, cells, reason in sorted(errors)
            ],
        )
        counts = {name: outcomes.count(name) for name in ("created", "updated", "unchanged")}
        failed = sum(refused for _, refused, _, _ in errors)
        counts |= {"done": len(chunk), "failed": failed, "warned": len(errors) - failed}
        consent = Counter(upload.consent) + written.consent
        ours = Upload.objects.filter(
            pk=upload.pk, worker=upload.worker, state=State.RUNNING, cancel=False, done=upload.done
        )
        if not ours.update(
            seen_at=now, consent=consent, **{name: F(name) + count for name, count in counts.items()}
        ):
            raise Lost
    upload.done += len(chunk)
    upload.consent = dict(consent)


def _cells(cells: Sequence[str]) -> str:
    return msgspec.json.encode([cell.replace("\0", "")[:1000] for cell in cells]).decode()


def reader(upload: Upload) -> csv_reading.Reader:
    return csv_reading.Reader(columns_of(upload), upload.country, timezone.get_default_timezone())


def chunks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while chunk := list(islice(rows, CHUNK[connection.vendor])):
        yield chunk


def _end(upload: Upload, state: State, error: str = "") -> None:
    mine = Upload.objects.filter(pk=upload.pk, worker=upload.worker)
    if not mine.update(state=state, finished_at=timezone.now(), error=error[:1000], worker=""):
        return
    logger.info("Upload %d of contacts ended: %s %s", upload.pk, state.value, error)
    if state != State.FAILED:
        discard(upload)


def discard(upload: Upload) -> None:
    """Deletes the file: it holds personal data, and its contents are in the contacts now."""
    upload.file.delete(save=False)
    Upload.objects.filter(pk=upload.pk).update(file="")


def forget(now: datetime, days: int) -> int:
    """Deletes drafts that nobody started; and of uploads older than `days` the files of those that failed,
    and the oldest rows that were not imported. Returns how many."""
    before = now - timedelta(days=days)
    drafts = Q(state__in=(State.READING, State.DRAFT), created_at__lt=now - DRAFTS_KEPT)
    failed = Q(state=State.FAILED, created_at__lt=before) & ~Q(file="")
    old = list(Upload.objects.filter(drafts | failed))
    for upload in old:
        discard(upload)
        if upload.state != State.FAILED:
            upload.delete()
    oldest = UploadError.objects.order_by("pk").values_list("pk", "upload__created_at")[: sql.at_once()]
    rows = [pk for pk, created in oldest if created < before]
    return len(old) + UploadError.objects.filter(pk__in=rows).delete()[0]
