"""An uploaded list of people: which of our contacts it names, by identity or by phone number."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import IO, NamedTuple

from audience import csv_reading
from audience.models import Contact
from broadcasts.models import Broadcast, Listed
from lib import csv_files, phone, sql
from lib.csv_files import Facts, Unreadable, plain
from lib.display import counted

CHUNK = 5000
MOST_BYTES = 100_000_000
MOST_ROWS = 1_000_000  # the page that takes the list waits for so many
_SHOWN = 5  # of those who are no contacts


class Source(NamedTuple):
    """A file that seems to be readable, and the column that names the people."""

    file: IO[bytes]
    name: str
    facts: Facts
    column: int
    by: str  # "identity" or "phone"


class Taken(NamedTuple):
    """The result of a list: contacts on it, values that belong to no contact (and some of them), rows that
    repeat a person."""

    contacts: int
    unknown: int
    examples: list[str]
    repeated: int

    def __str__(self) -> str:
        sentences = [f"{counted(self.contacts, 'contact')} on the list."]
        if self.unknown:
            named = ", ".join(self.examples) + (" …" if self.unknown > len(self.examples) else "")
            sentences.append(f"{self.unknown:,} belong to no contact: {named}.")
        if self.repeated:
            sentences.append(f"{counted(self.repeated, 'row')} with a person from an earlier row.")
        return " ".join(sentences)


def inspect(file: IO[bytes], name: str, size: int) -> Source:
    """Looks at the beginning of the file. Raises Unreadable. One person a row: in the column called Identity,
    else in that of the phone numbers, else in the first."""
    if size > MOST_BYTES:
        raise Unreadable(f"The file is larger than {MOST_BYTES // 1_000_000} MB.")
    facts = csv_files.glance(file)
    columns = [column.to for column in csv_reading.by_names(facts.header, ())]
    by = "phone" if "identity" not in columns and "phone" in columns else "identity"
    return Source(file, name, facts, columns.index(by) if by in columns else 0, by)


def take(broadcast: Broadcast, source: Source) -> Taken:
    """Makes the list the broadcast's own, in place of an earlier one.

    Each chunk is committed separately. The list gets its name when it is complete; without the name the
    broadcast cannot be launched.
    """
    _named(broadcast, "", 0)
    Listed.objects.filter(broadcast=broadcast).delete()
    facts, column = source.facts, source.column
    rows = csv_files.rows(source.file, facts.encoding, facts.delimiter, most=MOST_ROWS)
    values = (plain(cells[column]) for _, cells in rows if column < len(cells))
    heading = facts.header[column : column + 1]
    contacts = len(_add(broadcast, source.by, heading)[0])  # a heading, or a person like the others
    count = contacts
    unknown: set[int] = set()  # hashes: there may be a million
    examples: list[str] = []
    for chunk in _chunks(filter(None, values)):
        added, strangers = _add(broadcast, source.by, chunk)
        contacts, count = contacts + len(added), count + len(chunk)
        strangers = [one for one in strangers if hash(one) not in unknown]
        examples += strangers[: _SHOWN - len(examples)]
        unknown.update(map(hash, strangers))
    _named(broadcast, source.name[:255], len(unknown))
    return Taken(contacts, len(unknown), examples, max(count - contacts - len(unknown), 0))


def _named(broadcast: Broadcast, name: str, unknown: int) -> None:
    broadcast.list_name, broadcast.list_unknown = name, unknown
    broadcast.save(update_fields=["list_name", "list_unknown"])


def _add(broadcast: Broadcast, by: str, values: list[str]) -> tuple[list[int], list[str]]:
    """Adds the contacts that the values name. Returns the new ones, and the values that belong to nobody."""
    country = broadcast.provider.quirks.default_country
    if by == "phone":
        numbers = {value: phone.spellings(phone.digits(value, country)) for value in values}
    else:
        numbers = {value: (value,) for value in values}
    keys = dict.fromkeys(key for keys in numbers.values() for key in keys if key)
    rows = sql.found(Contact, ("id", by), list(keys), by=by)
    known = {key for _, key in rows}
    added = sql.insert(
        Listed,
        ("broadcast_id", "contact_id"),
        [(broadcast.pk, pk) for pk, _ in rows],
        ignore_conflicts=True,
        returning=("contact_id",),
    )
    strangers = [value for value in dict.fromkeys(values) if known.isdisjoint(numbers[value])]
    return [pk for (pk,) in added], strangers


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(values)
    for first in rest:
        yield list(chain([first], islice(rest, CHUNK - 1)))
