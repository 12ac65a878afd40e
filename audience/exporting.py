"""Contacts and the errors of an upload as rows of a table, read a chunk at a time however many there are."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from audience import kept_values
from audience.models import Contact, KnownProperty, OptChange, Subscription, Upload
from identities.pseudonyms import written
from lib.csv_files import plain
from lib.display import clock
from lib.phone_masking import Eyes
from lib.sheets import Cell, Row

CHUNK = 2000
HEADER = ("identity", "Name", "Email", "Phone", "Gender", "MSG-whatsapp", "MSG-dndWhatsApp")
COLUMNS = ("identity", "name", "email", "phone", "gender", "opted_in", "dnd")


def contacts(found: QuerySet[Contact], eyes: Eyes) -> Iterator[Row]:
    """The heading, then contacts, oldest first, in the format that an upload reads; each attribute has a
    column."""
    known = KnownProperty.objects.filter(event="").order_by("name").values_list("name", flat=True)
    names = list(dict.fromkeys(known))
    yield (*HEADER, *map(eyes.text, names))
    for row in _chunked(found.order_by("pk").values_list("pk", *COLUMNS, "attributes")):
        identity, name, email, number, *others = row[1:-1]
        attributes = (row[-1].get(name) for name in names)
        yield [
            eyes.identity(identity, number),
            eyes.text(name),
            eyes.text(email),
            written(number, eyes),
            *(_seen(_cell(value), eyes) for value in (*others, *attributes)),
        ]


def errors(upload: Upload, eyes: Eyes, *, refused: bool = True) -> Iterator[Row]:
    """The rows that were refused, or those that were taken over without some of their values. The file can
    be corrected and uploaded: line and reason stand before the cells. These come as the file had them, and an
    apostrophe that it has before a formula is not put there twice."""
    yield ("Upload line", "Upload error", *map(eyes.text, upload.header))
    found = upload.errors.filter(refused=refused).order_by("pk")
    for _, line, reason, cells in _chunked(found.values_list("pk", "line", "reason", "cells")):
        yield (line, *(_seen(cell, eyes) for cell in (reason, *map(plain, cells))))


def changes(found: QuerySet[OptChange], eyes: Eyes) -> Iterator[Row]:
    """Changes of consent with their proofs, oldest first."""
    yield ("At", "Phone", "identity", "Change", "How", "Proof", "By", "Provider", "Inbound message")
    columns = (
        "at",
        "phone",
        "contact__identity",
        "to",
        "why",
        "proof",
        "by",
        "provider__nickname",
        "reply_id",
    )
    for _, at, number, identity, to, why, proof, *others in _chunked(
        found.order_by("pk").values_list("pk", *columns)
    ):
        yield (
            clock(at),
            eyes.number(number),
            eyes.identity(identity or "", number),
            OptChange.To(to).label,
            OptChange.Why(why).label,
            eyes.text(proof),
            *others,
        )


def subscriptions(found: QuerySet[Subscription], eyes: Eyes) -> Iterator[Row]:
    """What CleverTap was or is to be told, oldest first."""
    yield ("Asked for", "Provider", "Phone", "Status", "State", "Attempts", "Error", "Told")
    columns = (
        "created_at", "provider__nickname", "phone", "status", "state", "attempts", "error", "told_at",
    )  # fmt: skip
    for _, asked, provider, number, status, state, attempts, error, told_at in _chunked(
        found.order_by("pk").values_list("pk", *columns)
    ):
        yield (
            clock(asked),
            provider,
            eyes.number(number),
            status,
            Subscription.State(state).label,
            attempts,
            eyes.text(error),
            clock(told_at) if told_at else "",
        )


def _chunked(rows: QuerySet[Any, Any]) -> Iterator[tuple[Any, ...]]:
    """All rows, by their ids; each chunk is a query of its own, so nothing is held open."""
    above = 0
    while chunk := list(rows.filter(pk__gt=above)[:CHUNK]):
        yield from chunk
        above = chunk[-1][0]


def _seen(cell: Cell, eyes: Eyes) -> Cell:
    """The cell as those eyes may see it. Any attribute may hold a phone number."""
    return cell if cell is None or eyes.whole else eyes.text(str(cell))


def _cell(value: Any) -> Cell:
    """A number stays one for spreadsheets, unless Python would write it with an exponent."""
    return kept_values.spelled(value) if isinstance(value, bool | list) or "E" in str(value) else value
