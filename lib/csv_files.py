"""CSV files from any program: finds their encoding and delimiter, and reads their rows. Pure."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import IO

import msgspec

from lib.sheets import unharmed

DELIMITERS = ",;\t|"
# The encodings that may be named. The first three are also detected.
ENCODINGS = {
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "cp1252": "Windows-1252 (Western European)",
    "utf-8+cp1252": "UTF-8 with single letters in Windows-1252",
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
GLANCE = 1 << 20  # bytes: a file up to here is read whole while somebody waits for a page
LONGEST_ROW = 2_000_000  # characters
_READ = 1 << 20
_CHUNK = 8192  # characters
_ALIVE = 100_000  # lines, in less than a second


class Unreadable(Exception):
    """A file that is not CSV with headings. The text says what is wrong and what to do."""


class Facts(msgspec.Struct):
    """What is known of a file. Nobody has counted its rows where there are 0."""

    encoding: str
    delimiter: str
    header: list[str]
    rows: int


Worth = Callable[[Sequence[str]], int]
Alive = Callable[[], None]  # called now and then; stops the reading by raising


def _ignore() -> None:
    pass


def glance(file: IO[bytes], encoding: str = "", worth: Worth | None = None, *, asks: bool = False) -> Facts:
    """What a page reads of a file while somebody waits: a short file like `inspect`, and only the beginning
    of a large one.

    The rows of a large file are not counted, and its rest may be in another encoding: `inspect` tells, in a
    worker.
    """
    if file.seek(0, io.SEEK_END) <= GLANCE:
        return inspect(file, encoding, worth, asks=asks)
    file.seek(0)
    head = io.BytesIO(file.read(GLANCE))
    encoding = _encoding(head, encoding, asks, _ignore, to_its_end=False)
    return _begun(head, encoding, worth)[0]


def inspect(
    file: IO[bytes],
    encoding: str = "",
    worth: Worth | None = None,
    *,
    asks: bool = False,
    alive: Alive = _ignore,
) -> Facts:
    """Reads the file from end to end, in one of ENCODINGS or the one it seems to be in. Raises Unreadable.

    `worth` tells how many headings of a row are known, for files that may have a title above them. With
    `asks` a file in UTF-8 with single letters in Windows-1252 is refused, and the message names the line:
    somebody must say that it is to be read so.
    """
    facts, lines = _begun(file, _encoding(file, encoding, asks, alive), worth)
    for _ in lines:
        facts.rows += 1
        if facts.rows % _ALIVE == 0:
            alive()
    if not facts.rows:
        raise Unreadable("The file has only one row, the names of the columns. There are no rows below it.")
    return facts


def _begun(
    file: IO[bytes], encoding: str, worth: Worth | None
) -> tuple[Facts, Iterator[tuple[int, list[str]]]]:
    """What the first row says, and the rows below it."""
    delimiter = _delimiter(file, encoding, worth)
    lines = _read(file, encoding, delimiter)
    header = [plain(name.replace("\0", "")) for name in next(lines, (0, []))[1]]
    if not header:
        raise Unreadable("The file is empty. Its first row must name the columns.")
    if len(header) > MOST_COLUMNS:
        raise Unreadable(f"The first row names {len(header)} columns; at most {MOST_COLUMNS} are read.")
    return Facts(encoding, delimiter, header, 0), lines


def rows(
    file: IO[bytes], encoding: str, delimiter: str, skip: int = 0, most: int = 0
) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of every row after the header that is not blank, without the first `skip`. Raises
    Unreadable, also after `most` lines where so many are too many."""
    return islice(_read(file, encoding, delimiter, most), 1 + skip, None)


def plain(cell: str) -> str:
    """The cell's text, without the apostrophe that an export puts before a formula."""
    text = cell.strip()
    return unharmed(text)


def _encoding(file: IO[bytes], named: str, asks: bool, alive: Alive, *, to_its_end: bool = True) -> str:
    """The encoding that was named. Else the one that the byte order mark, the null bytes or a trial decoding
    show. What is no whole file may end within a letter."""

    def decodes(encoding: str) -> bool:
        return _decodes(file, encoding, alive, to_its_end)

    file.seek(0)
    head = file.read(4096)
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise Unreadable("This is a workbook or an archive, not a CSV file. Save it as CSV and choose that.")
    if named and decodes(named):
        return named
    if named == "utf-8-sig" and (stray := _stray(file, alive)):
        raise Unreadable(_to_read(stray))
    if named:
        raise Unreadable(f"The file is not in {ENCODINGS[named]}. Choose another encoding.")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        found = "utf-16"
    elif head[1::2].count(0) > len(head) // 4:
        found = "utf-16-le"
    elif head[0::2].count(0) > len(head) // 4:
        found = "utf-16-be"
    elif head.count(0) > len(head) // 50:
        raise Unreadable("This is not a text file: it holds null bytes. Save it as CSV in UTF-8.")
    else:
        found = "utf-8-sig"
    if decodes(found):
        return found
    if found == "utf-8-sig" and (stray := _stray(file, alive)):
        if not asks:
            return MIXED
        raise Unreadable(_to_read(stray))
    if found == "utf-8-sig" and decodes("cp1252"):
        return "cp1252"
    raise Unreadable(
        "The file's encoding is neither UTF-8 nor UTF-16 nor Windows-1252. Choose the one it is in, "
        "or save it as CSV in UTF-8."
    )


MIXED = "utf-8+cp1252"
_SHOWN = 60  # characters of a line


def _single_letters(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("single-letters", _single_letters)


def _codec(encoding: str) -> tuple[str, str]:
    """The name of Python's codec, and how it handles bytes that it cannot decode."""
    return ("utf-8-sig", "single-letters") if encoding == MIXED else (encoding, "strict")


def _stray(file: IO[bytes], alive: Alive) -> tuple[int, str] | None:
    """The first line that is not in UTF-8, and its text, when most lines with more than ASCII are."""
    file.seek(0)
    good = bad = 0
    first = (0, "")
    for number, line in enumerate(file, 1):
        if number % _ALIVE == 0:
            alive()
        if line.isascii():
            continue
        try:
            line.decode()
            good += 1
        except UnicodeDecodeError:
            first = first if bad else (number, line.decode("utf-8", "single-letters").strip()[:_SHOWN])
            bad += 1
    return first if bad and bad <= good else None


def _to_read(stray: tuple[int, str]) -> str:
    line, text = stray
    return (
        f"Line {line} has a letter that is not in UTF-8, as the rest of the file is. As Windows-1252 the "
        f"line reads “{text}”. To read it so, choose “{ENCODINGS[MIXED]}” as the encoding ({MIXED}), or "
        "correct the line."
    )


def _decodes(file: IO[bytes], encoding: str, alive: Alive, to_its_end: bool) -> bool:
    file.seek(0)
    codec, errors = _codec(encoding)
    decoder = codecs.getincrementaldecoder(codec)(errors)
    try:
        while chunk := file.read(_READ):
            decoder.decode(chunk)
            alive()
        decoder.decode(b"", final=to_its_end)
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(file: IO[bytes], encoding: str, worth: Worth | None) -> str:
    """The delimiter that gives the most known headings. Else the one that is most frequent in the first row,
    outside quotation marks."""
    file.seek(0)
    text = file.read(_READ).decode(_codec(encoding)[0], "ignore").lstrip(" \r\n")
    if text[:4].lower() == "sep=" and text[4:5] in DELIMITERS:
        return text[4]  # Excel's own line `sep=;`
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


class _TooLong(Exception):
    """A row that would fill the memory."""


def _lines(wrapper: io.TextIOWrapper, room: list[int]) -> Iterator[str]:
    """The lines, as long as the row that they belong to has room."""
    rest = ""
    while chunk := wrapper.read(_CHUNK):
        room[0] -= len(chunk)
        if room[0] < 0:
            raise _TooLong
        rest += chunk
        # A carriage return at the very end may be half of a line break.
        end = max(rest.rfind("\n"), rest.rfind("\r", 0, -1)) + 1
        yield from io.StringIO(rest[:end], newline="")
        rest = rest[end:]
    yield from io.StringIO(rest, newline="")


def _read(file: IO[bytes], encoding: str, delimiter: str, most: int = 0) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of every row that is not blank, the header first. Raises Unreadable."""
    file.seek(0)
    codec, errors = _codec(encoding)
    wrapper = io.TextIOWrapper(file, codec, errors, newline="")
    line = 1
    room = [LONGEST_ROW]
    try:
        reader = csv.reader(_lines(wrapper, room), delimiter=delimiter, strict=True)
        for cells in reader:
            room[0] = LONGEST_ROW
            # The line where the row begins: one with quoted line breaks ends further on.
            if any(map(str.strip, cells)) and not (line == 1 and cells[0][:4].lower() == "sep="):
                yield line, cells
            line = reader.line_num + 1
            if most and line > most + 2:  # the header, and the next one
                raise Unreadable(f"The file has more than {most:,} lines. Split it.")
    except _TooLong as error:
        raise Unreadable(
            f"The row that begins in line {line} is longer than {LONGEST_ROW:,} characters."
        ) from error
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
