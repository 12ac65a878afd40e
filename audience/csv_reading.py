"""A CSV file of contacts as people's programs write it: its encoding, its delimiter, its rows. Pure.

The format is that of CleverTap's Generic WhatsApp page ("Creating/Uploading User Base") and of its FAQ.
"""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import IO, Any, Literal

import msgspec

from audience import csv_values, profiles
from audience.profiles import Invalid, Profile

Target = Literal["identity", "name", "email", "phone", "gender", "opted_in", "dnd", "attribute", "skip"]
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
SAMPLE = 100  # rows from which types are guessed
_READ = 1 << 20

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


class Unreadable(Exception):
    """A file that is no CSV of contacts. The text says what is wrong and what to do."""


class Column(msgspec.Struct):
    """What becomes of a column; `name` and `type` are an attribute's."""

    to: Target
    name: str = ""
    type: csv_values.Type = "text"


class Facts(msgspec.Struct):
    """What a look through the whole file found."""

    encoding: str
    delimiter: str
    header: list[str]
    rows: int


def inspect(file: IO[bytes], encoding: str = "") -> Facts:
    """Reads the file from end to end, in one of ENCODINGS or the one it seems to be in. Raises Unreadable."""
    encoding = _encoding(file, encoding)
    delimiter = _delimiter(file, encoding)
    lines = _read(file, encoding, delimiter)
    header = [name.strip() for name in next(lines, (0, []))[1]]
    if not header:
        raise Unreadable("The file is empty. Its first row must name the columns.")
    if len(header) > MOST_COLUMNS:
        raise Unreadable(f"The first row names {len(header)} columns; at most {MOST_COLUMNS} are read.")
    rows = sum(1 for _ in lines)
    if not rows:
        raise Unreadable("The file has one row only, which is to name the columns. There is nobody in it.")
    return Facts(encoding, delimiter, header, rows)


def rows(file: IO[bytes], encoding: str, delimiter: str, skip: int = 0) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of every row after the header that is not blank, without the first `skip`."""
    return islice(_read(file, encoding, delimiter), 1 + skip, None)


def guess(header: Sequence[str], sample: Sequence[Sequence[str]]) -> list[Column]:
    """What each column is, by its name and its first values. Without a name that says so, the first
    column is the identity, as CleverTap has it."""
    columns = []
    taken: set[str] = set()
    for position, name in enumerate(header):
        to = _ALIASES.get("".join(filter(str.isalnum, name.lower())), "attribute")
        if to in taken or not name:
            to = "attribute" if name else "skip"
        values = [row[position] for row in sample if position < len(row)]
        taken.add(to if to not in ("attribute", "skip") else "")
        columns.append(Column(to, name, csv_values.guess(values)) if to == "attribute" else Column(to))
    if "identity" not in taken and columns and columns[0].to == "attribute":
        columns[0] = Column("identity")
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
        profile = Profile(profiles.identity(csv_values.plain(cells[self._identity])))
        for position, column in self._columns:
            raw = csv_values.plain(cells[position]) if position < len(cells) else ""
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


def _delimiter(file: IO[bytes], encoding: str) -> str:
    """The one the header has most of, outside quotation marks."""
    file.seek(0)
    text = file.read(_READ).decode(encoding, "ignore").lstrip(" \r\n")
    if text[:4].lower() == "sep=" and text[4:5] in DELIMITERS:
        return text[4]  # Excel's own word
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


def _repeated(names: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]
