"""What a whole file would do to consent, counted before the import, by the same rules as the import."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

import msgspec

from audience import contact_rows, stops, upload
from audience.contact_rows import Row
from audience.csv_reading import Column, Reader
from audience.models import Contact, OptChange, Upload
from audience.profiles import Invalid, Profile
from audience.stops import Known
from lib import sql

_LOOKED_AT = ("identity", "phone", "opted_in", "dnd")  # of the columns of a file
_STATE = ("phone", "opted_in", "dnd", "stopped")  # of a contact

CHANGES = (
    (OptChange.To.IN.value, "opted in"),
    (OptChange.To.OUT.value, "opted out"),
    (OptChange.To.STOP.value, "set to do not disturb"),
    *((f"lifted_{kind}", f"opted in again after a stop {words}") for kind, words in stops.LIFTED.items()),
)
STAYS = tuple((f"stays_{kind}", words) for kind, words in stops.WORDS.items())


def speaks_of_consent(columns: Sequence[Column]) -> bool:
    return any(column.to in ("opted_in", "dnd") for column in columns)


def looked_at(columns: Sequence[Column]) -> list[Column]:
    """The columns that matter here."""
    return [column if column.to in _LOOKED_AT else Column("skip") for column in columns]


def count(draft: Upload, lines: Iterable[tuple[int, Sequence[str]]]) -> Counter[str]:
    """How many changes of consent the file's rows would make, and how many stops stay, as `Written.consent`
    counts them."""
    counts: Counter[str] = Counter()
    known = Known()
    with closing(_Touched()) as touched:
        for profiles in _said(draft, lines):
            rows = _rows([profile.identity for profile in profiles], touched)
            contact_rows.merge_all(profiles, rows, known, draft.created_at)
            counts.update(contact_rows.consent_counts(rows.values()))
            touched.keep((identity, row) for identity, row in rows.items() if row.changed or not row.pk)
    return counts


def _said(draft: Upload, lines: Iterable[tuple[int, Sequence[str]]]) -> Iterator[list[Profile]]:
    """What the rows that would be imported say about numbers and consent, in chunks."""
    reader = Reader(looked_at(upload.columns_of(draft)), draft.country, None)
    for chunk in upload.chunks(iter(lines)):  # as the rows will be imported
        found = []
        for _, cells in chunk:
            try:
                found.append(reader.profile(cells))
            except Invalid:
                continue
        yield found


def _rows(identities: Sequence[str], touched: "_Touched") -> dict[str, Row]:
    """The contacts as they would be after the rows before."""
    columns = ("identity", "id", *_STATE)
    found = sql.found(Contact, columns, list(set(identities)), by="identity")
    return {identity: _row(pk, *values) for identity, pk, *values in (*found, *touched.among(identities))}


def _row(pk: int, phone: str, *flags: Any) -> Row:
    held = dict(zip(_STATE, (phone, *map(bool, flags)), strict=True))
    return Row(pk, contact_rows.BLANK | held)


class _Touched:
    """Contacts that the rows before have made or changed. They are kept on disk: there may be millions."""

    def __init__(self) -> None:
        self._rows = sqlite3.connect("")
        self._rows.execute(
            "CREATE TABLE touched (identity TEXT PRIMARY KEY, pk, phone, opted_in, dnd, stopped)"
        )

    def keep(self, rows: Iterable[tuple[str, Row]]) -> None:
        self._rows.executemany(
            "INSERT OR REPLACE INTO touched VALUES (?, ?, ?, ?, ?, ?)",
            [
                # A stop that the file itself made is not among the known stops of the contact.
                (identity, 0 if "dnd" in row.before else row.pk, *(row.values[name] for name in _STATE))
                for identity, row in rows
            ],
        )

    def among(self, identities: Sequence[str]) -> list[tuple[Any, ...]]:
        asked = msgspec.json.encode(list(identities)).decode()
        return self._rows.execute(
            "SELECT * FROM touched WHERE identity IN (SELECT value FROM json_each(?))", [asked]
        ).fetchall()

    def close(self) -> None:
        self._rows.close()
