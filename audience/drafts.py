"""A file of contacts before its import: Waypost reads it through, and an operator says what its columns are.

The look finds what the columns may be, and counts what the file would do to consent. A page does it only for
a short file. A long one is looked through by a worker, and its row is the queue; of a large one the page does
not even count the rows. A worker that dies leaves
nothing behind, and another begins anew.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import PurePath
from typing import IO, Any

import msgspec
from django.core.files import File
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from audience import consent_preview, csv_reading, properties, survey
from audience.csv_reading import Column
from audience.models import Upload
from audience.upload import MOST_BYTES, columns_of, discard, survey_of
from lib import csv_files
from lib.crypto import token
from lib.csv_files import Unreadable
from lib.wakeup import wake

TASK = "audience.look_through"
AT_ONCE = 2_000  # so few rows that a page reads them itself
TOLD_EVERY = 5_000  # rows
SILENCE = timedelta(minutes=1)  # longer than a worker takes from one sign of life to the next

State = Upload.State
Tell = Callable[[int], None]  # how many rows have been read


class Lost(Exception):
    """Another worker has the file, or somebody discarded it."""


class Stopped(Exception):
    """The worker has been told to end."""


def draft(name: str, content: IO[bytes], by: str = "", encoding: str = "") -> Upload:
    """Keeps the file and looks through it, or has a worker do that. Raises Unreadable.

    Of a large file only the beginning is read here. Whether the rest can be read, and how many rows it has,
    is for the worker to find out.
    """
    kept = _kept(name, content, by, csv_files.glance(content, encoding, asks=True))
    if not 0 < kept.rows <= AT_ONCE:
        kept.state = State.READING
        kept.save()
        wake(TASK)
        return kept
    with transaction.atomic():
        kept.save()
        _look(kept)
        kept.save(update_fields=["mapping", "survey"])
    return kept


def draft_at_once(name: str, content: IO[bytes], by: str = "", encoding: str = "") -> Upload:
    """The same for a program that waits, and asks nobody about consent. Raises Unreadable."""
    kept = _kept(name, content, by, csv_files.inspect(content, encoding, asks=True))
    _find_columns(kept, _ignore)
    kept.save()
    return kept


def change(upload: Upload, columns: Sequence[Column], country: str) -> None:
    """Saves what an operator says about a draft. A column that gets the name of an attribute that exists
    takes its type, too. `look_through` finds what is no longer known then."""
    known = properties.attribute_types()
    before = columns_of(upload)
    for old, new in zip(before, columns, strict=True):
        if new.name != old.name and new.type == old.type and new.name in known:
            new.type, new.format = csv_reading.known_type(known[new.name]), "iso"
    found, position = survey_of(upload), survey.phone_column(columns)
    if found.phones and found.phones.column != position:
        found.phones = None
    if _read_for_consent(before, upload.country) != _read_for_consent(columns, country):
        found.consent = None
    upload.mapping, upload.survey = msgspec.to_builtins(list(columns)), msgspec.to_builtins(found)
    upload.country = country
    upload.save(update_fields=["mapping", "survey", "country"])


def _read_for_consent(columns: Sequence[Column], country: str) -> Any:
    return country, [column.to for column in consent_preview.looked_at(columns)]


def knows_numbers(upload: Upload) -> bool:
    """Whether the file has been looked through for the numbers of the column that holds them now."""
    return survey_of(upload).phones is not None or survey.phone_column(columns_of(upload)) is None


def asks_for_country(upload: Upload) -> bool:
    """Whether a number of the file has no country code, and nobody has said which it is."""
    phones = survey_of(upload).phones
    return bool(phones and phones.bare and not upload.country)


def look_through(upload: Upload) -> None:
    """Finds what is not known of a draft: a short one's now, a long one's by a worker."""
    if knows_numbers(upload) and not _counts_consent(upload):
        return
    if upload.rows <= AT_ONCE and upload.size <= csv_files.GLANCE:
        _look(upload)
        upload.save(update_fields=["mapping", "survey"])
        return
    drafts = Upload.objects.filter(pk=upload.pk, state=State.DRAFT)
    if drafts.update(state=State.READING, done=0, worker="", seen_at=None):
        wake(TASK)
    upload.refresh_from_db()


def _free() -> Q:
    return Q(state=State.READING) & (Q(worker="") | Q(seen_at__lt=timezone.now() - SILENCE))


def _due() -> QuerySet[Upload]:
    return Upload.objects.filter(_free()).order_by("id")


def due() -> bool:
    return _due().exists()


def drain(*, woken: threading.Event | None = None, stop: threading.Event | None = None) -> int:
    """Looks through every file that waits for it, or was left by a worker that died. Returns how many."""
    done = 0
    while not (stop and stop.is_set()) and (upload := _due().first()):
        done += work(upload, stop)
    return done


def work(upload: Upload, stop: threading.Event | None = None) -> bool:
    """Looks through the file. Returns whether it was this worker's."""
    taken = Upload.objects.filter(_free(), pk=upload.pk)
    if not taken.update(worker=token(12), seen_at=timezone.now(), done=0):
        return False
    upload.refresh_from_db()
    try:
        tell = partial(_tell, upload, stop)
        if not upload.rows:
            _read_once(upload, tell)
        _find(upload, tell)
        _mine(upload).update(mapping=upload.mapping, survey=upload.survey)
        _count(upload, tell)
        _mine(upload).update(state=State.DRAFT, survey=upload.survey, worker="", done=0)
    except Stopped:
        _mine(upload).update(worker="", done=0)
    except Lost:
        pass
    except (Unreadable, OSError) as error:
        _fail(upload, str(error))
    except Exception as error:
        _fail(upload, f"An error in Waypost: {type(error).__name__}.")
        raise
    return True


def _tell(upload: Upload, stop: threading.Event | None, done: int) -> None:
    """Writes how many rows are read, and that the worker is alive. Raises Stopped, Lost."""
    if stop and stop.is_set():
        raise Stopped
    if not _mine(upload).update(done=done, seen_at=timezone.now()):
        raise Lost


def _mine(upload: Upload) -> QuerySet[Upload]:
    return Upload.objects.filter(pk=upload.pk, worker=upload.worker, state=State.READING)


def _fail(upload: Upload, error: str) -> None:
    """Ends a draft that cannot be read. Nothing was imported, and nothing can continue."""
    words = f"{error} Nothing was imported. Choose the file again."
    if _mine(upload).update(state=State.FAILED, finished_at=timezone.now(), error=words[:1000], worker=""):
        discard(upload)


def _ignore(done: int) -> None:
    pass


def _kept(name: str, content: IO[bytes], by: str, facts: csv_files.Facts) -> Upload:
    """An upload that is not saved yet, with its file. Raises Unreadable."""
    size = content.seek(0, 2)
    if size > MOST_BYTES:
        raise Unreadable(f"The file is larger than {MOST_BYTES // 10**6:,} MB. Split it.")
    content.seek(0)
    kept = Upload(
        name=PurePath(name).name.replace("\0", "")[:255],
        size=size,
        rows=facts.rows,
        encoding=facts.encoding,
        delimiter=facts.delimiter,
        header=facts.header,
        by=by,
    )
    kept.file.save(f"{token(12)}.csv", File(content), save=False)
    return kept


def _read_once(upload: Upload, tell: Tell) -> None:
    """What only the whole file shows. The encoding that its beginning seemed to be in may be another one; one
    that somebody named stays. Raises Unreadable."""
    named = upload.encoding if upload.encoding in csv_files.ENCODINGS else ""
    with upload.file.open("rb") as file:
        facts = csv_files.inspect(
            file.file, "" if named == "utf-8-sig" else named, asks=True, alive=partial(tell, 0)
        )
    upload.rows, upload.encoding = facts.rows, facts.encoding
    upload.delimiter, upload.header = facts.delimiter, facts.header
    told = {name: getattr(upload, name) for name in ("rows", "encoding", "delimiter", "header")}
    if not _mine(upload).update(**told):
        raise Lost


def _look(upload: Upload) -> None:
    """Finds what is not known yet. It is not saved."""
    _find(upload, _ignore)
    _count(upload, _ignore)


def _find(upload: Upload, tell: Tell) -> None:
    """What the columns may be, and which numbers the file has."""
    if not upload.mapping:
        _find_columns(upload, tell)
    found, position = survey_of(upload), survey.phone_column(columns_of(upload))
    if position is not None and found.phones is None:
        with upload.file.open("rb") as file:
            found.phones = survey.phones(_rows(upload, file, tell), position)
    upload.survey = msgspec.to_builtins(found)


def _count(upload: Upload, tell: Tell) -> None:
    """What the file would do to consent, where it says something about it."""
    if _counts_consent(upload):
        found = survey_of(upload)
        with upload.file.open("rb") as file:
            found.consent = dict(consent_preview.count(upload, _rows(upload, file, tell)))
        upload.survey = msgspec.to_builtins(found)


def _find_columns(upload: Upload, tell: Tell) -> None:
    with upload.file.open("rb") as file:
        rows = _rows(upload, file, tell)
        columns, found = survey.columns(upload.header, rows, properties.attribute_types())
    upload.mapping, upload.survey = msgspec.to_builtins(columns), msgspec.to_builtins(found)


def _counts_consent(upload: Upload) -> bool:
    columns = columns_of(upload)
    return (
        survey_of(upload).consent is None
        and consent_preview.speaks_of_consent(columns)
        and not csv_reading.problems(columns)
    )


def _rows(upload: Upload, file: Any, tell: Tell) -> Iterator[tuple[int, list[str]]]:
    rows = csv_files.rows(file.file, upload.encoding, upload.delimiter)
    for number, row in enumerate(rows):
        if number % TOLD_EVERY == 0:
            tell(number)
        yield row
