"""The values of attributes and of events' properties, as the database keeps them. Pure.

A number keeps the digits that were written: 1499.50 is a Decimal of two places. A date is the text
`2026-12-05` and the same day in every time zone. A moment is the text `2026-12-05T08:00:00Z`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import msgspec

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,18})(\.\d{1,80})?")
_FLAGS = {
    "true": True, "yes": True, "1": True, "1.0": True,  # programs write a column with gaps as 1.0
    "false": False, "no": False, "0": False, "0.0": False,
}  # fmt: skip
_LONGEST_NUMBER = 44

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)


class Misfit(ValueError):
    """A value that is not of its property's type. The text says what it is not."""


def encode(value: Any) -> str:
    return _encoder.encode(value).decode()


def decode(text: str | bytes) -> Any:
    return _decoder.decode(text)


class Encoder(json.JSONEncoder):
    """For Django's JSON fields: numbers with the digits that they have."""

    def encode(self, o: Any) -> str:
        return encode(o)


class Decoder(json.JSONDecoder):
    def __init__(self, **named: Any) -> None:
        super().__init__(**{"parse_float": Decimal} | named)


def day_of(value: Any) -> date | None:
    """The day that a kept value is, when it is a date."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def moment_of(value: Any) -> datetime | None:
    """The moment that a kept value is, when it is one."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def type_of(value: Any) -> str:
    """As KnownProperty.Type names it."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float | Decimal):
        return "number"
    if isinstance(value, list):
        return "list"
    if day_of(value):
        return "date"
    return "moment" if moment_of(value) else "text"


def spelled(value: Any) -> str:
    """A scalar or a list as an export writes it."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, Decimal):
        return format(value, "f")
    return encode(value) if isinstance(value, list | dict) else str(value)


def number(given: int | Decimal | float) -> int | Decimal:
    """The number with its digits, without an exponent. Raises Misfit when no database keeps it."""
    value = Decimal(repr(given)) if isinstance(given, float) else given
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value) >= 2**63 or value.adjusted() < -_LONGEST_NUMBER:
            raise Misfit("is too large a number")
        plain = Decimal(format(value, "f"))
        if len(format(plain, "f")) > _LONGEST_NUMBER:
            plain = Decimal(format(Decimal(repr(float(value))), "f"))
        return abs(plain) if plain == 0 else plain
    if abs(value) >= 2**63:
        raise Misfit("is too large a number")
    return value


def read_number(text: str) -> int | Decimal:
    """Raises Misfit. A number with leading zeros is refused: the zeros mean something."""
    if not _NUMBER.fullmatch(text):
        raise Misfit("is not a number")
    return number(Decimal(text) if "." in text else int(text))


def read_flag(value: Any) -> bool:
    """True and false as files and programs write them. Raises Misfit."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float | Decimal) and value in (0, 1):
        return bool(value)
    found = _FLAGS.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise Misfit("is neither true nor false")
    return found


def fitted(value: Any, kind: str) -> Any:
    """The value as its property's type has it; a change ({"$incr": 2}) stays one. Raises Misfit."""
    if isinstance(value, dict):
        ((operation, content),) = value.items()
        if operation == "$delete":
            return value
        if operation == "$set":
            return {operation: fitted(content, kind)}
        wanted = "number" if operation in ("$incr", "$decr") else "list"
        if kind != wanted:
            raise Misfit(f"goes with a {wanted}, and this is a {kind}")
        return value
    return _READ[kind](value)


def change_type(value: Any) -> str:
    """The type that a value or a change of one gives to a property that has none yet."""
    if isinstance(value, dict):
        ((operation, content),) = value.items()
        if operation == "$set":
            return type_of(content)
        return {"$incr": "number", "$decr": "number", "$delete": ""}.get(operation, "list")
    return type_of(value)


def _text(value: Any) -> str:
    if isinstance(value, list):
        raise Misfit("is a list, not a text")
    return spelled(value)


def _number(value: Any) -> int | Decimal:
    if isinstance(value, str):
        return read_number(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Misfit("is not a number")
    return number(value)


def _date(value: Any) -> str:
    if day_of(value):
        return str(value)
    if moment_of(value) and value.endswith("T00:00:00Z"):  # the only way to write a day in an API of moments
        return str(value[:10])
    raise Misfit("is not a date without a time")


def _moment(value: Any) -> str:
    if moment_of(value) or day_of(value):
        return str(value)
    raise Misfit("is not a date")


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Misfit("is not a list")
    return value


_READ = {
    "text": _text,
    "number": _number,
    "boolean": read_flag,
    "date": _date,
    "moment": _moment,
    "list": _list,
}


def dates(values: Mapping[str, Any]) -> Iterator[tuple[str, datetime, bool]]:
    """(name, moment, whether it is a whole day) of each value that is a date or a moment."""
    for name, value in values.items():
        if day := day_of(value):
            yield name, datetime.combine(day, time(), UTC), True
        elif at := moment_of(value):
            yield name, at, False
