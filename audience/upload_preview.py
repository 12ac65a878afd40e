"""What a draft of an upload would do: its first rows, as its mapping reads them."""

from itertools import islice
from typing import NamedTuple

from audience import csv_reading
from audience.models import Upload
from audience.profiles import Invalid
from audience.upload import columns_of, reader
from lib import csv_files


class Previewed(NamedTuple):
    """A row of a draft: what would be refused, or left out, and why."""

    line: int
    cells: list[str]
    wrong: str
    warnings: str


def preview(upload: Upload, count: int) -> list[Previewed]:
    """The first rows, by the mapping as it stands."""
    columns = columns_of(upload)
    reads = None if csv_reading.problems(columns) else reader(upload)
    shown = []
    with upload.file.open("rb") as file:
        for line, cells in islice(csv_files.rows(file.file, upload.encoding, upload.delimiter), count):
            wrong = warnings = ""
            try:
                if reads:
                    warnings = "; ".join(reads.profile(cells).warnings)
            except Invalid as error:
                wrong = str(error)
            shown.append(Previewed(line, cells, wrong, warnings))
    return shown
