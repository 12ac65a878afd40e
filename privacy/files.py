"""Uploaded files that still lie in MEDIA_ROOT, without the rows that name a person."""

import csv
import io
import tempfile
from collections.abc import Iterator
from typing import Any

from django.core.files import File
from django.db.models import Model

from audience.models import Upload
from lib import csv_files
from lib.crypto import token
from lib.csv_files import Unreadable
from privacy.needles import Needles
from stats.models import Report

HOLDERS: tuple[type[Model], ...] = (Upload, Report)
WITH_HEADER = -1  # rows to skip after the header


def naming(needles: Needles) -> Iterator[Any]:
    """The uploads whose file names the person."""
    for model in HOLDERS:
        for row in model._default_manager.exclude(file="").order_by("pk"):
            if any(needles.found("\n".join(cells)) for cells in _rows(row)):
                yield row


def _rows(row: Any) -> Iterator[list[str]]:
    """The file's rows, the header first. The unreadable rest of a file counts as one row."""
    try:
        with row.file.open("rb") as file:
            try:
                for _, cells in csv_files.rows(file.file, row.encoding, row.delimiter, WITH_HEADER):
                    yield cells
            except (Unreadable, TypeError):
                file.seek(0)
                yield [file.read().decode("latin-1")]
    except FileNotFoundError:
        return


def take_out(row: Any, needles: Needles) -> None:
    """Writes the file anew, without the rows that name the person. If an upload is to continue after some
    rows, that number is reduced by the removed ones."""
    storage, old = row.file.storage, str(row.file.name)
    stays, gone, gone_before = 0, 0, 0
    with tempfile.TemporaryFile() as draft:
        text = io.TextIOWrapper(draft, "utf-8", newline="")
        writer = csv.writer(text, delimiter=row.delimiter or ",")
        for position, cells in enumerate(_rows(row)):
            if needles.found("\n".join(cells)):
                gone += 1
                gone_before += position <= row.done
            else:
                stays += 1
                writer.writerow(cells)
        text.flush()
        draft.seek(0)
        row.file = ""
        if stays:
            row.file.save(f"{token(12)}.csv", File(draft), save=False)
        text.detach()
    type(row)._default_manager.filter(pk=row.pk).update(
        file=row.file.name or "",
        encoding="utf-8",
        rows=max(row.rows - gone, 0),
        done=max(row.done - gone_before, 0),
    )
    storage.delete(old)
