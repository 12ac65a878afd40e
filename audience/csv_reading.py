"""A CSV file of contacts: what its columns are, and the profile that each row makes. Pure.

The format is that of CleverTap's Generic WhatsApp page ("Creating/Uploading User Base") and of its FAQ.
"""

from collections.abc import Collection, Sequence
from typing import Any, Literal

import msgspec

from audience import csv_values, profiles
from audience.profiles import Invalid, Profile
from lib.csv_files import plain

Target = Literal["identity", "name", "email", "phone", "gender", "opted_in", "dnd", "attribute", "skip"]
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
    """What a column is imported as. `name`, `type` and `format` are those of an attribute."""

    to: Target
    name: str = ""
    type: csv_values.Type = "text"
    format: csv_values.Format = "iso"


def by_names(header: Sequence[str], attributes: Collection[str]) -> list[Column]:
    """What each column is by its name, given the names of the attributes that exist.

    Where no name says so, the first column is the identity, as in CleverTap. A file of rows to correct
    begins with columns of ours; there it is the first of the others.
    """
    columns = []
    taken: set[str] = set()
    for name in header:
        to = _ALIASES.get("".join(filter(str.isalnum, name.lower())), "attribute")
        if to in taken or not name or (name in attributes and not _is_field(name)):
            to = "attribute" if name else "skip"
        taken.add(to if to not in ("attribute", "skip") else "")
        columns.append(Column(to, name) if to == "attribute" else Column(to))
    first = next((n for n, column in enumerate(columns) if column.to != "skip"), 0)
    if "identity" not in taken and columns and columns[first].to == "attribute":
        columns[first] = Column("identity")
    return columns


def known_type(name: str) -> csv_values.Type:
    """A type of KnownProperty as the type of a column."""
    return next(each for each in csv_values.TYPES if each == name)


def _is_field(name: str) -> bool:
    return name.lower() in profiles.FIELDS | profiles.FLAGS | {"identity": ""}


def problems(columns: Sequence[Column]) -> list[str]:
    """What is wrong with a mapping, in words for the person who made it."""
    found = []
    for to, label in (("identity", "the identity"), ("phone", "the phone number")):
        if not any(column.to == to for column in columns):
            found.append(f"No column holds {label}.")
    targets = [column.to for column in columns if column.to not in ("attribute", "skip")]
    found += [f"More than one column is {to}." for to in dict.fromkeys(targets) if targets.count(to) > 1]
    names = [column.name for column in columns if column.to == "attribute"]
    found += [f"More than one column becomes the attribute {name}." for name in _repeated(names)]
    for column in columns:
        if column.to == "attribute":
            try:
                profiles.attribute_name(column.name)
            except Invalid as error:
                found.append(f"Attribute: {error}.")
            if _is_field(column.name):
                found.append(
                    f"{column.name} cannot be an attribute's name: choose the field, another name, or leave "
                    "the column out."
                )
            if column.type in ("date", "moment") and column.format == "ask":
                found.append(
                    f"{column.name}: choose whether the day or the month comes first in its dates, or text."
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
        """What the row says. An empty cell says nothing. Raises Invalid when the row is refused.

        A value that cannot be read, apart from the identity, the number and the consent, is left out and
        named among the profile's warnings.
        """
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
            try:
                self._take(profile, column, raw)
            except Invalid as error:
                if column.to in ("phone", "opted_in", "dnd"):
                    raise
                profile.warnings.append(str(error))
        return profile

    def _take(self, profile: Profile, column: Column, raw: str) -> None:
        if column.to == "attribute":
            value = csv_values.read(column.name, raw, column.type, column.format, self._zone)
            profile.attributes[column.name] = value
        elif column.to in ("opted_in", "dnd"):
            label = "MSG-whatsapp" if column.to == "opted_in" else "MSG-dndWhatsApp"
            profile.fields[column.to] = profiles.flag(label, raw)
        else:
            profile.fields[column.to] = profiles.field(column.to, raw, self._country)


def _repeated(names: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]
