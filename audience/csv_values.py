"""The cells of a CSV file: which types a column's cells may have, and their values. Pure.

Dates come in four formats. `iso` is 2026-03-31, `dmy` is 31/03/2026, `mdy` is 03/31/2026, and `excel` is
46112, the number of a day as spreadsheets count. A time may follow: 14:30, 14:30:15 or 2:30 PM.
"""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Literal

from audience import kept_values
from audience.kept_values import Misfit
from audience.profiles import Code, Invalid, attribute, moment_text
from lib import reading

Type = Literal["text", "number", "boolean", "date", "moment", "list"]
Format = Literal["iso", "dmy", "mdy", "excel", "ask"]  # ask: day and month cannot be told apart
TYPES: tuple[Type, ...] = ("text", "number", "boolean", "date", "moment", "list")
FORMATS: tuple[Format, ...] = ("iso", "dmy", "mdy", "excel")

FITTING = 0.95  # of a column's values must have a type that is guessed
_DIGITS = 15  # with more digits before the point it is a card or an id
_DECIMALS = 24
_EXAMPLES = 3

_TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(:(?P<second>\d\d)(\.\d+)?)?\s*+(?P<half>[AaPp]\.?[Mm]\.?)?"
_ISO = re.compile(
    rf"(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d)([T ]\s*{_TIME}\s*+(?P<offset>Z|[+-]\d\d:?\d\d)?)?"
)
_SLASHED = re.compile(rf"(?P<one>\d{{1,2}})([/.-])(?P<two>\d{{1,2}})\2(?P<year>\d{{4}})(,?\s+{_TIME})?")
_SERIAL = re.compile(r"(?P<days>\d{5})(?P<part>\.\d{1,12})?")
_SERIAL_DAYS = range(20_000, 80_000)  # 1954 to 2119
_EXCELS_ZERO = date(1899, 12, 30)
_BOOLEANS = frozenset(("true", "false", "yes", "no"))


_CERTAIN: tuple[Type, ...] = ("boolean", "list", "date", "moment")
_DATED: tuple[Type, ...] = ("date", "moment")


class Seen:
    """What the values of one column may be. It holds counts, however long the column is."""

    def __init__(self) -> None:
        self.filled = 0
        self.fits: Counter[tuple[Type, Format]] = Counter()
        self.zeros = 0  # numbers that begin with a zero
        self.lengths: set[int] = set()  # of whole numbers
        self.examples: dict[tuple[Type, Format], str] = {}
        self.first: list[str] = []

    def add(self, text: str) -> None:
        """Counts a cell that is not empty."""
        self.filled += 1
        if len(self.first) < _EXAMPLES and text not in self.first:
            self.first.append(text)
        if text.isdecimal() and len(self.lengths) < 3:
            self.lengths.add(len(text))
            self.zeros += text.startswith("0") and text != "0"
        for kind in _kinds(text):
            self.fits[kind] += 1
            self.examples.setdefault(kind, text)

    def guess(self) -> tuple[Type, Format]:
        """The type that nearly all values have. Text if several types fit, or none."""
        if self._most("number") and not (self.zeros and len(self.lengths) == 1):
            return "number", "iso"
        for kind in _CERTAIN:
            if self._most(kind):
                return kind, "iso"
        for kind in _DATED:
            formats: list[Format] = [form for form in ("dmy", "mdy") if self._most(kind, form)]
            if formats:
                sure = self.fits[kind, "dmy"] != self.fits[kind, "mdy"]
                return kind, max(formats, key=lambda form: self.fits[kind, form]) if sure else "ask"
        return "text", "iso"

    def format(self, kind: Type) -> Format:
        """How the dates of a column are written that becomes a property of this type."""
        formats = [form for form in FORMATS if self.fits[kind, form]]
        if not formats:
            return "iso"
        best = max(formats, key=lambda form: self.fits[kind, form])
        return "ask" if best == "dmy" and self.fits[kind, "dmy"] == self.fits[kind, "mdy"] else best

    def offered(self) -> dict[str, str]:
        """The dates that the column may hold, as "date dmy", each with a value of the column."""
        return {
            f"{kind} {form}": text
            for (kind, form), text in self.examples.items()
            if kind in ("date", "moment")
        }

    def _most(self, kind: Type, form: Format = "iso") -> bool:
        return self.filled > 0 and self.fits[kind, form] >= FITTING * self.filled


def _kinds(text: str) -> Iterable[tuple[Type, Format]]:
    """What a value may be, apart from a text. What may be a date may be a moment, too."""
    if len(text) > 40 and not text.startswith("["):
        return
    if text[0] in "-0123456789":
        whole, _, decimals = text.lstrip("-").partition(".")
        short = len(whole) <= _DIGITS and len(decimals) <= _DECIMALS
        if short and _is(kept_values.read_number, text):
            yield "number", "iso"
        for form in FORMATS:
            found = _dated(text, form)
            if isinstance(found, date):
                if not isinstance(found, datetime):
                    yield "date", form
                yield "moment", form
    elif text.startswith("["):
        if _list(text) is not None:
            yield "list", "iso"
    elif text.lower() in _BOOLEANS:
        yield "boolean", "iso"


def _is(read: Any, text: str) -> bool:
    try:
        read(text)
    except Misfit:
        return False
    return True


def read(name: str, raw: str, kind: Type, form: Format, zone: tzinfo) -> Any:
    """An attribute's value. A moment without an offset is in `zone`. Raises Invalid."""
    try:
        if kind == "number":
            return kept_values.read_number(raw)
        if kind == "boolean":
            return kept_values.read_flag(raw)
    except Misfit as error:
        raise Invalid(Code.STRUCTURE, f"{name} “{raw[:40]}” {error}") from error
    if kind == "list":
        items = _list(raw)
        if items is None:
            raise Invalid(Code.STRUCTURE, f'{name} “{raw[:40]}” is not a list. Write it as ["one", "two"]')
        return attribute(name, items)
    if kind in ("date", "moment") and not raw.startswith("$D_"):
        found = _dated(raw, form)
        if found is None or (kind == "date" and isinstance(found, datetime)):
            raise Invalid(Code.STRUCTURE, f"{name} “{raw[:40]}” {_NO_DATE[kind]}")
        if not isinstance(found, datetime):
            return found.isoformat()
        aware = found if found.tzinfo else found.replace(tzinfo=zone)
        try:
            return moment_text(int(aware.timestamp()), name)
        except OverflowError as error:
            raise Invalid(Code.STRUCTURE, f"{name} “{raw[:40]}” is not a date") from error
    return attribute(name, raw)


_NO_DATE = {
    "date": "is not a date of the chosen format without a time. Write it as 2026-03-31",
    "moment": "is not a date of the chosen format. Write it as 2026-03-31 or 2026-03-31 14:30",
}


def _list(raw: str) -> list[Any] | None:
    """The items of a list, which is written in JSON, as an export does."""
    try:
        items = reading.decode(raw.encode(), decimals=True) if raw.startswith("[") else None
    except ValueError:
        return None
    return items if isinstance(items, list) else None


def shown(raw: str, form: Format) -> str:
    """A date of a file in unmistakable words: 31 March 1990."""
    found = _dated(raw, form)
    if found is None:
        return ""
    return f"{found.day} {found:%B} {found.year:04d}" + (
        f"{found:, %H:%M}" if isinstance(found, datetime) else ""
    )


def _dated(raw: str, form: Format) -> date | datetime | None:
    """The date, or the moment when a time is written with it."""
    try:
        if form == "excel":
            return _serial(raw)
        match = (_ISO if form == "iso" else _SLASHED).fullmatch(raw)
        if match is None or form == "ask":
            return None
        if form == "iso":
            month, number = match["month"], match["day"]
        else:
            month, number = (match["two"], match["one"]) if form == "dmy" else (match["one"], match["two"])
        day = date(int(match["year"]), int(month), int(number))
        return day if match["hour"] is None else _timed(day, match)
    except (ValueError, OverflowError):
        return None


def _timed(day: date, match: re.Match[str]) -> datetime:
    hour = int(match["hour"])
    if match["half"]:
        if not 1 <= hour <= 12:
            raise ValueError
        hour = hour % 12 + (12 if match["half"][0] in "Pp" else 0)
    at = datetime.combine(day, time(hour, int(match["minute"]), int(match["second"] or 0)))
    offset = match.groupdict().get("offset")
    if not offset:
        return at
    return at.replace(tzinfo=UTC if offset == "Z" else datetime.strptime(offset, "%z").tzinfo)


def _serial(raw: str) -> date | datetime | None:
    match = _SERIAL.fullmatch(raw)
    if match is None or int(match["days"]) not in _SERIAL_DAYS:
        return None
    day = _EXCELS_ZERO + timedelta(days=int(match["days"]))
    if not match["part"]:
        return day
    minutes = round(float(match["part"]) * 24 * 60)
    return datetime.combine(day, time()) + timedelta(minutes=minutes)
