"""A CSV file of contacts: what its columns are, and the profiles that its rows make. Pure.

The format is that of CleverTap's Generic WhatsApp page ("Creating/Uploading User Base") and of its FAQ.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from audience import csv_values, profiles
from audience.profiles import Invalid, Profile
from lib.csv_files import plain

Target = Literal["identity", "name", "email", "phone", "gender", "opted_in", "dnd", "attribute", "skip"]
SAMPLE = 100  # rows from which types are guessed

_ALIASES: dict[str, Target] = {
    "identity": "identity", "objectid": "identity", "userid": "identity", "customerid": "identity",
    "name": "name", "fullname": "name",
    "email": "email", "emailaddress": "email",
    "phone": "phone", "phonenumber": "phone", "mobile": "phone", "mobilenumber": "phone",
    "whatsappnumber": "phone",
    "gender": "gender",
    "msgwhatsapp": "opted_in", "msgdndwhatsapp": "dnd",
    "uploadname": "skip", "uploadline": "skip", "uploaderror": "skip",
}  # fmt: skip


class Column(msgspec.Struct):
    """What becomes of a column; `name` and `type` are an attribute's."""

    to: Target
    name: str = ""
    type: csv_values.Type = "text"


def guess(header: Sequence[str], sample: Sequence[Sequence[str]]) -> list[Column]:
    """What each column is, by its name and its first values. Without a name that says so, the first
    column is the identity, as CleverTap has it; in a file of rows to correct, the first of its own."""
    columns = []
    taken: set[str] = set()
    for position, name in enumerate(header):
        to = _ALIASES.get("".join(filter(str.isalnum, name.lower())), "attribute")
        if to in taken or not name:
            to = "attribute" if name else "skip"
        values = [row[position] for row in sample if position < len(row)]
        taken.add(to if to not in ("attribute", "skip") else "")
        columns.append(Column(to, name, csv_values.guess(values)) if to == "attribute" else Column(to))
    first = next((n for n, column in enumerate(columns) if column.to != "skip"), 0)
    if "identity" not in taken and columns and columns[first].to == "attribute":
        columns[first] = Column("identity")
    return columns


def problems(columns: Sequence[Column]) -> list[str]:
    """What is wrong with a mapping, in words for the one who made it."""
    found = []
    for to, label in (("identity", "the identity"), ("phone", "the phone number")):
        if not any(column.to == to for column in columns):
            found.append(f"No column holds {label}.")
    told = [column.to for column in columns if column.to not in ("attribute", "skip")]
    found += [f"More than one column is {to}." for to in dict.fromkeys(told) if told.count(to) > 1]
    names = [column.name for column in columns if column.to == "attribute"]
    found += [f"More than one column becomes the attribute {name}." for name in _repeated(names)]
    for column in columns:
        if column.to == "attribute":
            try:
                profiles.attribute_name(column.name)
            except Invalid as error:
                found.append(f"Attribute: {error}.")
            if column.name.lower() in profiles.FIELDS | profiles.FLAGS | {"identity": ""}:
                found.append(
                    f"{column.name} cannot be an attribute's name: choose the field, another name, or leave "
                    "the column out."
                )
    return found


class Reader:
    """Makes profiles of rows."""

    def __init__(self, columns: Sequence[Column], country: str, zone: Any) -> None:
        self._width = len(columns)
        self._identity = next(n for n, column in enumerate(columns) if column.to == "identity")
        self._columns = [
            (n, column) for n, column in enumerate(columns) if column.to not in ("identity", "skip")
        ]
        self._country = country
        self._zone = zone

    def profile(self, cells: Sequence[str]) -> Profile:
        """What the row tells; empty cells tell nothing. Raises Invalid."""
        if len(cells) > self._width and any(cells[self._width :]):
            raise Invalid(
                profiles.Code.STRUCTURE,
                f"{len(cells)} cells where the first row has {self._width}: is a delimiter not quoted?",
            )
        if any("\0" in cell for cell in cells):
            raise Invalid(profiles.Code.STRUCTURE, "a cell holds a null character")
        if self._identity >= len(cells):
            raise Invalid(profiles.Code.IDENTITY, "identity is empty")
        profile = Profile(profiles.identity(plain(cells[self._identity])))
        for position, column in self._columns:
            raw = plain(cells[position]) if position < len(cells) else ""
            if not raw:
                continue
            if column.to == "attribute":
                profile.attributes[column.name] = csv_values.read(column.name, raw, column.type, self._zone)
            elif column.to in ("opted_in", "dnd"):
                label = "MSG-whatsapp" if column.to == "opted_in" else "MSG-dndWhatsApp"
                profile.fields[column.to] = profiles.flag(label, raw)
            else:
                profile.fields[column.to] = profiles.field(column.to, raw, self._country)
        return profile


def _repeated(names: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]
