"""Tolerant readers for JSON that somebody else wrote: they find a value or give an empty one.

Nothing here raises, whatever the JSON holds. A path is object keys and list positions, as in
`text(payload, "messages", 0, "id")`.
"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

LAST_SECOND = 253_402_300_799  # the end of the year 9999, the last a datetime can hold
MILLISECONDS_FROM = 100_000_000_000  # as seconds this is the year 5138, as milliseconds 1973


_decimals = msgspec.json.Decoder(float_hook=Decimal)


def decode(body: bytes, *, decimals: bool = False) -> Any:
    """The JSON value in the body, UTF-8 with or without a mark. Raises ValueError, nothing else.

    With `decimals` a number with a point keeps the digits that were written: 1499.50 is not 1499.5.
    Characters no database stores do not cost the whole body: NUL is dropped, half a surrogate
    pair ("\\ud800", cut from an emoji) becomes "?".
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        value = _decimals.decode(body) if decimals else msgspec.json.decode(body)
        return _storable(value) if b"\\u0000" in body else value
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if b"\\ud" not in body.lower():
            raise ValueError(str(error)) from error
    try:
        return _storable(json.loads(body.decode(), parse_float=Decimal if decimals else float))
    except (ValueError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "")
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, list) else value


def at(value: object, *path: str | int) -> object:
    """What lies at the path, or None."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and 0 <= step < len(value) else None
    return value


def text(value: object, *path: str | int) -> str:
    """A string, or a number written out (ids come as either); anything else is empty.

    NUL characters are dropped: JSON may carry them and PostgreSQL stores none.
    """
    found = at(value, *path)
    if isinstance(found, str):
        return found.replace("\0", "")
    if isinstance(found, bool) or not isinstance(found, int | float):
        return ""
    return str(int(found)) if isinstance(found, float) and found.is_integer() else str(found)


def first(*texts: str) -> str:
    """The first text that is not empty."""
    return next(filter(None, texts), "")


def number(value: object, *path: str | int) -> float | None:
    """A number, or a string that spells one (coordinates come as either)."""
    found = text(value, *path).strip()
    try:
        spelled = float(found)
    except ValueError:
        return None
    return spelled if abs(spelled) < float("inf") else None


def objects(value: object, *path: str | int) -> list[dict[str, Any]]:
    """The objects of a list; whatever else the list holds is left out."""
    found = at(value, *path)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def epoch(value: object, *path: str | int) -> int:
    """A time in epoch seconds, 0 when there is none that can be read.

    Takes seconds or milliseconds, as a number or a string, and ISO 8601 dates. A date without
    a zone is UTC.
    """
    seconds = number(value, *path)
    if seconds is None:
        try:
            moment = datetime.fromisoformat(text(value, *path).strip())
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            seconds = moment.timestamp()
        except (ValueError, OverflowError):
            return 0
    if seconds >= MILLISECONDS_FROM:
        seconds /= 1000
    return int(seconds) if 0 < seconds <= LAST_SECOND else 0
