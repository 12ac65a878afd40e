"""CSV files as people's programs write them: their encoding, their delimiter, their rows. Pure."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import IO

import msgspec

from lib.sheets import harmless

DELIMITERS = ",;\t|"
# What a file may be told to be in. The first three are found without being told.
ENCODINGS = {
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "cp1252": "Windows-1252 (Western European)",
    "cp1250": "Windows-1250 (Central European)",
    "cp1251": "Windows-1251 (Cyrillic)",
    "cp1254": "Windows-1254 (Turkish)",
    "cp1256": "Windows-1256 (Arabic)",
    "cp932": "Shift-JIS (Japanese)",
    "gb18030": "GB 18030 (Chinese)",
    "big5": "Big5 (Chinese)",
    "cp949": "Windows-949 (Korean)",
}
MOST_COLUMNS = 300
HEADER_WITHIN = 20  # rows; some exports have a title above the headings
_READ = 1 << 20


class Unreadable(Exception):
    """A file that is no CSV with headings. The text says what is wrong and what to do."""


class Facts(msgspec.Struct):
    """What a look through the whole file found."""

    encoding: str
    delimiter: str
    header: list[str]
    rows: int


Worth = Callable[[Sequence[str]], int]


def inspect(file: IO[bytes], encoding: str = "", worth: Worth | None = None) -> Facts:
    """Reads the file from end to end, in one of ENCODINGS or the one it seems to be in. Raises Unreadable.

    `worth` tells how many headings of a row are known, for files that may have a title above them.
    """
    encoding = _encoding(file, encoding)
    delimiter = _delimiter(file, encoding, worth)
    lines = _read(file, encoding, delimiter)
    header = [plain(name.replace("\0", "")) for name in next(lines, (0, []))[1]]
    if not header:
        raise Unreadable("The file is empty. Its first row must name the columns.")
    if len(header) > MOST_COLUMNS:
        raise Unreadable(f"The first row names {len(header)} columns; at most {MOST_COLUMNS} are read.")
    rows = sum(1 for _ in lines)
    if not rows:
        raise Unreadable("The file has one row only, which is to name the columns. There are none below it.")
    return Facts(encoding, delimiter, header, rows)


def rows(file: IO[bytes], encoding: str, delimiter: str, skip: int = 0) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of every row after the header that is not blank, without the first `skip`."""
    return islice(_read(file, encoding, delimiter), 1 + skip, None)


def plain(cell: str) -> str:
    """The cell's text, without the apostrophe that an export puts before a formula."""
    text = cell.strip()
    return text[1:] if text[:1] == "'" and harmless(text[1:]) == text else text


def _encoding(file: IO[bytes], told: str) -> str:
    """As told; else by its mark, by where its null bytes are, or by what it can be decoded as."""
    file.seek(0)
    head = file.read(4096)
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise Unreadable("This is a workbook or an archive, not a CSV file. Save it as CSV and choose that.")
    if told and _decodes(file, told):
        return told
    if told:
        raise Unreadable(f"The file is not in {ENCODINGS[told]}. Choose another encoding.")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        found = "utf-16"
    elif head[1::2].count(0) > len(head) // 4:
        found = "utf-16-le"
    elif head[0::2].count(0) > len(head) // 4:
        found = "utf-16-be"
    elif head.count(0) > len(head) // 50:
        raise Unreadable("This is no text file: it holds null bytes. Save it as CSV in UTF-8.")
    else:
        found = "utf-8-sig"
    if _decodes(file, found):
        return found
    if found == "utf-8-sig" and _decodes(file, "cp1252"):
        return "cp1252"
    raise Unreadable(
        "The file's encoding is neither UTF-8 nor UTF-16 nor Windows-1252. Choose the one it is in, "
        "or save it as CSV in UTF-8."
    )


def _decodes(file: IO[bytes], encoding: str) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while chunk := file.read(_READ):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(file: IO[bytes], encoding: str, worth: Worth | None) -> str:
    """The one by which most headings are known, or else that the first row has most of, outside
    quotation marks."""
    file.seek(0)
    text = file.read(_READ).decode(encoding, "ignore").lstrip(" \r\n")
    if text[:4].lower() == "sep=" and text[4:5] in DELIMITERS:
        return text[4]  # Excel's own word
    if worth:
        first = text.splitlines()[:HEADER_WITHIN]
        known = {each: max((worth(line.split(each)) for line in first), default=0) for each in DELIMITERS}
        if any(known.values()):
            return max(known, key=lambda delimiter: known[delimiter])
    counts = dict.fromkeys(DELIMITERS, 0)
    quoted = False
    for character in text:
        if character == '"':
            quoted = not quoted
        elif character in "\r\n" and not quoted:
            break
        elif character in counts and not quoted:
            counts[character] += 1
    return max(counts, key=lambda delimiter: counts[delimiter])


def _read(file: IO[bytes], encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of every row that is not blank, the header first. Raises Unreadable."""
    file.seek(0)
    wrapper = io.TextIOWrapper(file, encoding, newline="")
    line = 1
    try:
        reader = csv.reader(wrapper, delimiter=delimiter, strict=True)
        for cells in reader:
            # The line where the row begins: one with quoted line breaks ends further on.
            if any(map(str.strip, cells)) and not (line == 1 and cells[0][:4].lower() == "sep="):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(
            f"From line {line} on the file cannot be read: a quotation mark there is never closed, or not "
            "doubled within a cell that is quoted, or a cell is longer than 131,072 characters."
        ) from error
    except UnicodeError as error:
        raise Unreadable(f"From line {line} on the file is not in the encoding it began in.") from error
    finally:
        if not wrapper.closed:
            wrapper.detach()  # or the file would be closed with it
