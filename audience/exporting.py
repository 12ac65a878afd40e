"""Contacts and the errors of an upload as rows of a table, read a chunk at a time however many there are."""

from collections.abc import Iterator
from typing import Any

import msgspec
from django.db.models import QuerySet

from audience.models import Contact, KnownProperty, OptChange, Subscription, Upload
from lib.pretty import clock
from lib.sheets import Cell, Row
from lib.shown import Eyes

CHUNK = 2000
HEADER = ("identity", "Name", "Email", "Phone", "Gender", "MSG-whatsapp", "MSG-dndWhatsApp")
COLUMNS = ("identity", "name", "email", "phone", "gender", "opted_in", "dnd")


def contacts(found: QuerySet[Contact], eyes: Eyes) -> Iterator[Row]:
    """The heading, then contacts, oldest first, in the format that an upload reads; each attribute has a
    column."""
    known = KnownProperty.objects.filter(event="").order_by("name").values_list("name", flat=True)
    names = list(dict.fromkeys(known))
    yield (*HEADER, *names)
    for row in _chunked(found.order_by("pk").values_list("pk", *COLUMNS, "attributes")):
        identity, name, email, number, *others = row[1:-1]
        attributes = (row[-1].get(name) for name in names)
        yield [
            eyes.identity(identity, number),
            name,
            email,
            eyes.number(number),
            *(_seen(_cell(value), eyes) for value in (*others, *attributes)),
        ]


def errors(upload: Upload, eyes: Eyes) -> Iterator[Row]:
    """The rows that were not taken over, as a file to correct and upload: line and reason before their
    cells."""
    yield ("Upload line", "Upload error", *upload.header)
    for _, line, reason, cells in _chunked(
        upload.errors.order_by("pk").values_list("pk", "line", "reason", "cells")
    ):
        yield (line, *(_seen(cell, eyes) for cell in (reason, *cells)))


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
    for _, asked, provider, number, status, state, attempts, error, told in _chunked(
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
            clock(told) if told else "",
        )


def _chunked(rows: QuerySet[Any, Any]) -> Iterator[tuple[Any, ...]]:
    """All rows, by their ids; each chunk is a query of its own, so nothing is held open."""
    above = 0
    while chunk := list(rows.filter(pk__gt=above)[:CHUNK]):
        yield from chunk
        above = chunk[-1][0]


def _seen(cell: Cell, eyes: Eyes) -> Cell:
    """Whatever is in it may be a number: of an attribute nobody says what it is."""
    return cell if cell is None or eyes.whole else eyes.text(str(cell))


def _cell(value: Any) -> Cell:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return msgspec.json.encode(value).decode() if isinstance(value, list) else value
