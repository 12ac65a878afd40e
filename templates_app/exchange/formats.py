"""The files templates are exchanged in: CSV, XLSX and JSON, read strictly and written for spreadsheets.

A file becomes a table with a heading of COLUMNS. Cells hold what the format has: text in CSV, text and
numbers in XLSX, any JSON value in JSON.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any
from zipfile import BadZipFile, ZipFile

import openpyxl
from import_export.formats import base_formats
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from tablib import Dataset

from lib.sheets import harmless, unharmed

COLUMNS = (
    "provider", "name", "language", "category", "status", "parameter_format", "ttl_seconds", "tracked",
    "components", "extra",
)  # fmt: skip
KEY, CHANGEABLE = COLUMNS[:3], COLUMNS[3:]
MOST_ROWS = 10_000
MOST_BYTES = 20_000_000
# Bytes of a workbook, which is a ZIP archive: the page waits while they are read, about two seconds. 10,000
# templates of 5 kB are as many.
MOST_UNPACKED = 50_000_000
LONGEST_CELL = 32_767  # characters, Excel's; openpyxl would cut the rest off


class Unreadable(ValueError):
    """A file that is not a table of templates. The text is for operators."""


class Csv(base_formats.CSV):  # type: ignore[misc]
    first_row = 2  # of the templates, as a spreadsheet counts

    def create_dataset(self, in_stream: bytes) -> Dataset:
        text = _decoded(in_stream)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
        try:
            return _table(([_unescaped(cell) for cell in row] for row in rows), self.first_row)
        except csv.Error as error:
            raise Unreadable(f"Line {rows.line_num} is not CSV: {error}.") from error

    def export_data(self, dataset: Dataset, **kwargs: Any) -> str:
        written = io.StringIO()
        written.write("\ufeff")  # tells spreadsheets that this is UTF-8
        csv.writer(written).writerows(_cells(dataset))
        return written.getvalue()


class Xlsx(base_formats.XLSX):  # type: ignore[misc]
    first_row = 2

    def create_dataset(self, in_stream: bytes) -> Dataset:
        try:
            with ZipFile(io.BytesIO(in_stream)) as archive:
                size = sum(each.file_size for each in archive.infolist())
            if size > MOST_UNPACKED:
                raise Unreadable(
                    f"The workbook is compressed, and unpacks to {size // 1_000_000} MB. At most "
                    f"{MOST_UNPACKED // 1_000_000} MB are taken, because this page waits while it reads "
                    "them. Split it into several workbooks."
                )
            book = openpyxl.load_workbook(io.BytesIO(in_stream), read_only=True, data_only=True)
            rows = list(islice(book.worksheets[0].iter_rows(values_only=True), MOST_ROWS + 2))
        except Unreadable:
            raise
        except BadZipFile as error:
            raise Unreadable("This is not an XLSX workbook. Save it as “Excel workbook (.xlsx)”.") from error
        except Exception as error:  # openpyxl has no exception of its own for what it stumbles over
            raise Unreadable(f"The workbook cannot be read: {error}") from error
        return _table(([_unescaped(cell) for cell in row] for row in rows), self.first_row)

    def export_data(self, dataset: Dataset, **kwargs: Any) -> bytes:
        rows = list(_cells(dataset))
        for row in rows:
            if any(len(cell) > LONGEST_CELL or ILLEGAL_CHARACTERS_RE.search(cell) for cell in row):
                cells = dict(zip(dataset.headers, row, strict=True))
                raise ValueError(
                    f"A spreadsheet cannot hold {cells['name'][:100]} ({cells['language']}): a cell takes "
                    f"{LONGEST_CELL:,} characters and no control characters. Export as JSON."
                )
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("Templates")
        for row in rows:
            sheet.append(row)
        written = io.BytesIO()
        book.save(written)
        return written.getvalue()


class Json(base_formats.JSON):  # type: ignore[misc]
    first_row = 1

    def create_dataset(self, in_stream: bytes) -> Dataset:
        try:
            found = json.loads(_decoded(in_stream), parse_constant=_no_number)
        except json.JSONDecodeError as error:
            raise Unreadable(
                f"This is not JSON: {error.msg} in line {error.lineno}, column {error.colno}."
            ) from error
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"This JSON cannot be read: {error}.") from error
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise Unreadable("Expected a list of templates: [{“provider”: …, “name”: …, “language”: …}, …].")
        heading = list(dict.fromkeys(chain.from_iterable(found)))
        rows = ([each.get(name) for name in heading] for each in found)
        return _table(chain([heading], rows), self.first_row)

    def export_data(self, dataset: Dataset, **kwargs: Any) -> str:
        return json.dumps(dataset.dict, indent=2, ensure_ascii=False)


FORMATS: list[Any] = [Csv, Xlsx, Json]


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not a number of JSON")


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(
            f"The file is not in UTF-8: line {line} holds the byte 0x{content[error.start]:02x}. In a "
            "spreadsheet choose “CSV UTF-8” when saving."
        ) from error
    if "\0" in text:
        raise Unreadable("The file is not in UTF-8, or is not a text file: it holds null bytes.")
    return text


def _delimiter(text: str) -> str:
    """What stands between the columns of the heading: spreadsheets of many languages write semicolons."""
    heading = text.partition("\n")[0]
    return max(",;\t", key=heading.count)


def _table(found: Iterable[Sequence[Any]], first_row: int) -> Dataset:
    """The rows below the heading. `first_row` is the number of the first one, as operators count."""
    rows = [list(row) for row in islice(found, MOST_ROWS + 2)]
    if len(rows) == MOST_ROWS + 2 and not _blank(rows[-1]):
        raise Unreadable(f"More than {MOST_ROWS:,} templates at once are too many. Split the file.")
    while rows and _blank(rows[-1]):
        rows.pop()
    if not rows:
        raise Unreadable("The file is empty.")
    heading = [str(cell or "").strip().lower().replace(" ", "_") for cell in rows.pop(0)]
    while heading and not heading[-1]:
        heading.pop()
    _check_heading(heading)
    if not rows:
        raise Unreadable("The file has a heading and no template.")
    table = Dataset(headers=heading)
    table.first_row = first_row
    for number, row in enumerate(rows, first_row):
        width = len(heading)
        if not _blank(row[width:]):
            raise Unreadable(
                f"Row {number} has {len(row)} cells, the heading {width}. A text with the separator in it "
                "has to stand in double quotes."
            )
        table.append(row[:width] + [None] * (width - len(row)))
    return table


def _check_heading(heading: Sequence[str]) -> None:
    known = f"A file may have the columns {', '.join(COLUMNS)}."
    missing = [name for name in KEY if name not in heading]
    if missing:
        several = len(missing) > 1
        named = " and ".join([", ".join(missing[:-1]), missing[-1]]) if several else missing[0]
        raise Unreadable(f"The column{'s' * several} {named} {'are' if several else 'is'} missing. {known}")
    unknown = [name for name in heading if name not in COLUMNS]
    if unknown:
        raise Unreadable(f"There is no column “{unknown[0][:100]}”. {known}")
    twice = [name for name in COLUMNS if heading.count(name) > 1]
    if twice:
        raise Unreadable(f"The file has the column {twice[0]} twice.")


def _blank(row: Sequence[Any]) -> bool:
    return all(cell is None or cell == "" for cell in row)


def _cells(dataset: Dataset) -> Iterator[list[str]]:
    """The heading and the rows as texts."""
    yield list(dataset.headers)
    for row in dataset:
        yield [str(harmless(_text(cell))) for cell in row]


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    return cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False)


def _unescaped(cell: Any) -> Any:
    return unharmed(cell) if isinstance(cell, str) else cell
