"""The cells of a CSV file and what they hold. Pure."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

from audience.profiles import Code, Invalid, attribute, date_text, flag
from lib import reading
from lib.csv_files import plain

Type = Literal["text", "number", "boolean", "date", "list"]
TYPES: tuple[Type, ...] = ("text", "number", "boolean", "date", "list")

_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,12})?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")
_BOOLEANS = frozenset(("true", "false", "yes", "no"))


def guess(values: Sequence[str]) -> Type:
    """The type that all the values have which are not empty."""
    told = [text for value in values if (text := plain(value))]
    if not told:
        return "text"
    if all(_NUMBER.fullmatch(text) for text in told):
        return "number"
    if all(text.lower() in _BOOLEANS for text in told):
        return "boolean"
    if all(_list(text) is not None for text in told):
        return "list"
    return "date" if all(_DATE.fullmatch(text) for text in told) else "text"


def read(name: str, raw: str, kind: Type, zone: tzinfo) -> Any:
    """An attribute's value. A date without an offset is in `zone`. Raises Invalid."""
    if kind == "number":
        if not _NUMBER.fullmatch(raw):
            raise Invalid(Code.STRUCTURE, f"{name} “{raw[:40]}” is no number")
        return float(raw) if "." in raw else int(raw)
    if kind == "boolean":
        return flag(name, raw)
    if kind == "list":
        items = _list(raw)
        if items is None:
            raise Invalid(Code.STRUCTURE, f'{name} “{raw[:40]}” is no list. Write it as ["one", "two"]')
        return attribute(name, items)
    if kind == "date" and not raw.startswith("$D_"):
        return date_text(int(_moment(name, raw, zone).timestamp()), name)
    return attribute(name, raw)


def _list(raw: str) -> list[Any] | None:
    """The items of a list, which is written in JSON, as an export does."""
    try:
        items = reading.decode(raw.encode()) if raw.startswith("[") else None
    except ValueError:
        return None
    return items if isinstance(items, list) else None


def _moment(name: str, raw: str, zone: tzinfo) -> datetime:
    try:
        if not _DATE.fullmatch(raw):
            raise ValueError
        found = datetime.fromisoformat(raw)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        words = f"{name} “{raw[:40]}” is no date. Write it as 2026-03-31 or 2026-03-31 14:30"
        raise Invalid(Code.STRUCTURE, words) from error
