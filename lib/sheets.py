"""Tables as CSV and XLSX, written while they are read: a million rows need no more memory than one.

Cells are texts, numbers or None. A text that a spreadsheet would run as a formula gets an apostrophe.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import IO, Any, cast
from xml.sax.saxutils import escape, quoteattr

Cell = str | int | float | Decimal | None
Row = Sequence[Cell]

BROKEN_OFF = "THIS FILE IS NOT COMPLETE: an error ended it here. Export it again."
LONGEST_SHEET = 1_048_576  # rows, Excel's limit; what is more goes on on another sheet
LONGEST_CELL = 32_767  # characters, Excel's limit
_CHUNK = 64 * 1024
# The wide ones are what an East Asian keyboard writes, and spreadsheets take them for the others. Spaces and
# marks that nobody sees may stand before any of them.
_FORMULA = re.compile(r"[\s'\u200b-\u200f\u2060\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20]|'*[\t\r\n]")
# What XML cannot hold, not even escaped.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def harmless(cell: Cell) -> Cell:
    """The cell, with an apostrophe before it where a spreadsheet would run it. A formula that has an
    apostrophe already gets another one. So a reader who takes one apostrophe away has the text."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def unharmed(cell: str) -> str:
    """The text of a cell that may have come through `harmless`."""
    return cell[1:] if cell[:1] == "'" and harmless(cell[1:]) == cell else cell


def write_csv(rows: Iterable[Row]) -> Iterator[str]:
    """Chunks of CSV. The first begins with the byte order mark, which tells spreadsheets that this is UTF-8.

    When reading the rows fails, the last line says so. Without it the reader could take the file for
    complete, because the response has no length. (A workbook that breaks off cannot be opened.)
    """
    text = io.StringIO()
    writer = csv.writer(text)
    text.write("\ufeff")
    try:
        for row in rows:
            writer.writerow([harmless(cell) for cell in row])
            if text.tell() >= _CHUNK:
                yield text.getvalue()
                text.seek(0)
                text.truncate()
    except Exception:
        writer.writerow([BROKEN_OFF])
        yield text.getvalue()
        raise
    yield text.getvalue()


class _Buffer(io.RawIOBase):
    """A file that can only be written, and is emptied as it fills."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self.size += len(data)
        return len(data)

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts, self.size = [], 0
        return data


def write_xlsx(rows: Iterable[Row], name: str = "Waypost") -> Iterator[bytes]:
    """Chunks of a workbook. The first row is the heading, and stands on every sheet."""
    buffer = _Buffer()
    source = iter(rows)
    heading = next(source, ())
    sheets = 0
    with zipfile.ZipFile(cast(IO[bytes], buffer), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        more: Row | None = next(source, None)
        while more is not None or not sheets:
            sheets += 1
            with book.open(f"xl/worksheets/sheet{sheets}.xml", "w", force_zip64=True) as sheet:
                sheet.write(f"{_XML}<worksheet xmlns={_MAIN}><sheetData>{_row(heading)}".encode())
                count = 1
                text: list[str] = []
                while more is not None and count < LONGEST_SHEET:
                    text.append(_row(more))
                    count += 1
                    more = next(source, None)
                    if not count % 500:
                        sheet.write("".join(text).encode())
                        text.clear()
                        if buffer.size >= _CHUNK:
                            yield buffer.take()
                sheet.write(("".join(text) + "</sheetData></worksheet>").encode())
        for path, content in _frame(sheets, name):
            book.writestr(path, _XML + content)
    yield buffer.take()


_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = '"http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = '"http://schemas.openxmlformats.org/package/2006'
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def _row(cells: Row) -> str:
    return f"<row>{''.join(map(_cell, cells))}</row>"


def _cell(cell: Cell) -> str:
    if cell is None or cell == "":
        return "<c/>"
    if isinstance(cell, int | float | Decimal):
        return f"<c><v>{cell}</v></c>"
    text = escape(_NO_XML.sub("", str(harmless(cell)))[:LONGEST_CELL])
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _frame(sheets: int, name: str) -> Iterator[tuple[str, str]]:
    """The parts of the package around the sheets."""
    numbers = range(1, sheets + 1)
    parts = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPE}.worksheet+xml"/>'
        for n in numbers
    )
    yield (
        "[Content_Types].xml",
        f'<Types xmlns={_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override '
        f'PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>{parts}</Types>',
    )
    yield (
        "_rels/.rels",
        f'<Relationships xmlns={_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    )
    named = "".join(
        f'<sheet name={quoteattr(name[:25] + (f" {n}" if n > 1 else ""))} sheetId="{n}" r:id="rId{n}"/>'
        for n in numbers
    )
    yield (
        "xl/workbook.xml",
        f'<workbook xmlns={_MAIN} xmlns:r="{_OFFICE}"><sheets>{named}</sheets></workbook>',
    )
    targets = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in numbers
    )
    yield (
        "xl/_rels/workbook.xml.rels",
        f'<Relationships xmlns={_PACKAGE}/relationships">{targets}</Relationships>',
    )
