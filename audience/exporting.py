"""Contacts and the errors of an upload as rows of a table, read a chunk at a time however many there are."""

from collections.abc import Iterator
from typing import Any

import msgspec
from django.db.models import QuerySet

from audience.models import Contact, KnownProperty, Upload
from lib.sheets import Cell, Row

CHUNK = 2000
HEADER = ("identity", "Name", "Email", "Phone", "Gender", "MSG-whatsapp", "MSG-dndWhatsApp")
COLUMNS = ("identity", "name", "email", "phone", "gender", "opted_in", "dnd")


def contacts(found: QuerySet[Contact]) -> Iterator[Row]:
    """The heading, then contacts, oldest first, in the format that an upload reads; each attribute has a
    column."""
    known = KnownProperty.objects.filter(event="").order_by("name").values_list("name", flat=True)
    names = list(dict.fromkeys(known))
    yield (*HEADER, *names)
    for row in _chunked(found.order_by("pk").values_list("pk", *COLUMNS, "attributes")):
        yield [_cell(value) for value in (*row[1:-1], *(row[-1].get(name) for name in names))]


def errors(upload: Upload) -> Iterator[Row]:
    """The rows that were not taken over, as a file to correct and upload: line and reason before their
    cells."""
    yield ("Upload line", "Upload error", *upload.header)
    for _, line, reason, cells in _chunked(
        upload.errors.order_by("pk").values_list("pk", "line", "reason", "cells")
    ):
        yield (line, reason, *cells)


def _chunked(rows: QuerySet[Any, Any]) -> Iterator[tuple[Any, ...]]:
    """All rows, by their ids; each chunk is a query of its own, so nothing is held open."""
    above = 0
    while chunk := list(rows.filter(pk__gt=above)[:CHUNK]):
        yield from chunk
        above = chunk[-1][0]


def _cell(value: Any) -> Cell:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return msgspec.json.encode(value).decode() if isinstance(value, list) else value
