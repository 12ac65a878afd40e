"""An uploaded list of identities: whom of our contacts it names."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import IO

from django.db import transaction

from audience import csv_reading, csv_values
from audience.csv_reading import Unreadable
from audience.models import Contact
from broadcasts.models import Broadcast, Listed
from lib import sql

CHUNK = 5000
MOST_BYTES = 100_000_000


def take(broadcast: Broadcast, name: str, file: IO[bytes], size: int) -> None:
    """Makes the list the broadcast's own, in place of an earlier one. Raises Unreadable.

    One identity a row: in the column that is called so, else in the first. The first row may be one.
    """
    if size > MOST_BYTES:
        raise Unreadable(f"The file is larger than {MOST_BYTES // 1_000_000} MB.")
    facts = csv_reading.inspect(file)
    column = next(
        (n for n, each in enumerate(csv_reading.guess(facts.header, [])) if each.to == "identity"), 0
    )
    rows = csv_reading.rows(file, facts.encoding, facts.delimiter)
    named = (csv_values.plain(cells[column]) for _, cells in rows if column < len(cells))
    with transaction.atomic():
        Listed.objects.filter(broadcast=broadcast).delete()
        _add(broadcast, facts.header[column : column + 1])  # a heading, or an identity like the others
        unknown = sum(len(chunk) - _add(broadcast, chunk) for chunk in _chunks(filter(None, named)))
        broadcast.list_name, broadcast.list_unknown = name[:255], unknown
        broadcast.save(update_fields=["list_name", "list_unknown"])


def _add(broadcast: Broadcast, identities: list[str]) -> int:
    """Adds the contacts of these identities. Returns how many of them are known."""
    rows = sql.found(Contact, ("id",), identities, by="identity")
    sql.insert(
        Listed, ("broadcast_id", "contact_id"), [(broadcast.pk, pk) for (pk,) in rows], ignore_conflicts=True
    )
    return len(rows)


def _chunks(identities: Iterable[str]) -> Iterator[list[str]]:
    """Each chunk without repetitions."""
    rest = iter(identities)
    for first in rest:
        yield list(dict.fromkeys(chain([first], islice(rest, CHUNK - 1))))
