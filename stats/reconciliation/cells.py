"""Numbers, days and campaign ids as reports and spreadsheets write them. Pure."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache

EMPTY = frozenset(("", "-", "–", "—", "n/a", "na", "null", "none", "nil"))
LARGEST = 2**31 - 1
REMEMBERED = 10_000  # cells: many lines of a report have the same day, name or id

_SPACES = re.compile(r"[\s\u00a0\u202f'’_]+")
_SHARE = re.compile(r"\([\d.,]+%\)$")
_COMMAS = re.compile(r"\d{1,3}(,\d{2,3})*,\d{3}(\.0+)?")
_DOTS = re.compile(r"\d{1,3}(\.\d{3})+(,0+)?")
_PLAIN = re.compile(r"\d+([.,]0+)?")
_ROUNDED = re.compile(r"\d([.,]\d+)?e\+?\d+", re.IGNORECASE)
_EXPORT_ID = re.compile(r"(\d{6,})_\d{8,13}")

_NAMES = "janfebmaraprmayjunjulaugsepoctnovdec"
_MONTHS = {_NAMES[3 * n : 3 * n + 3]: n + 1 for n in range(12)}
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?![\d])")
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)")
_YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})(?![\d])")
_DAY_NAMED = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[-/ .]+([a-z]{3})[a-z]*[-/ .,]+(\d{4}|\d{2})(?![\d:])")
_MONTH_NAMED = re.compile(r"([a-z]{3})[a-z]*[-/ .]+(\d{1,2})(?:st|nd|rd|th)?[-/ .,]+(\d{4}|\d{2})(?![\d:])")
_WEEKDAY = re.compile(r"^(mon|tue|wed|thu|fri|sat|sun)[a-z]*[,. ]+")
_EPOCH = re.compile(r"1\d{9}(\d{3})?")


class Bad(ValueError):
    """A cell that is not what its column is for. The text says so and what to do."""


@lru_cache(REMEMBERED)
def plain(text: str) -> str:
    """Without blanks around it and the apostrophe that marks text in spreadsheets."""
    return text.replace("\0", "").strip().lstrip("'").strip()


def count(text: str) -> int | None:
    """A whole number, with whatever separators; None for an empty cell. Raises Bad."""
    if len(text) < 10 and text.isascii() and text.isdigit():
        return int(text)  # the quick way, for nearly all of up to a million cells
    told = plain(text)
    if told.lower() in EMPTY:
        return None
    if told.endswith("%"):
        raise Bad(f"“{told[:40]}” is a share; choose the column that holds the count")
    digits = _SHARE.sub("", _SPACES.sub("", told))
    if _ROUNDED.fullmatch(digits):
        raise Bad(f"“{told[:40]}” was rounded by a spreadsheet; export the report again")
    if _COMMAS.fullmatch(digits):
        digits = digits.partition(".")[0].replace(",", "")
    elif _DOTS.fullmatch(digits):
        digits = digits.partition(",")[0].replace(".", "")
    elif _PLAIN.fullmatch(digits):
        digits = re.split("[.,]", digits)[0]
    else:
        raise Bad(f"“{told[:40]}” is not a whole number")
    if len(digits) > 10 or int(digits) > LARGEST:
        raise Bad(f"“{told[:40]}” is too large for a count")
    return int(digits)


@lru_cache(REMEMBERED)
def campaign(text: str) -> str:
    """A campaign's id as msgId has it: exports add the day or second of a run to it. Raises Bad."""
    told = plain(text).lstrip("#")
    if told.lower() in EMPTY:
        return ""
    if _ROUNDED.fullmatch(told):
        raise Bad(f"“{told[:40]}” was rounded by a spreadsheet; keep campaign ids as text")
    if _COMMAS.fullmatch(told):
        told = told.replace(",", "")
    if re.fullmatch(r"\d+\.0+", told):
        told = told.partition(".")[0]
    if run := _EXPORT_ID.fullmatch(told):
        told = run[1]
    if len(told) > 64:
        raise Bad(f"“{told[:40]}…” is too long for a campaign id")
    return told


def month_first(texts: Iterable[str]) -> bool | None:
    """Whether the month comes first in dates like 03/04/2026. Dates such as 25/04/2026 decide it. None where
    every date can be read both ways."""
    for text in texts:
        if found := _YEAR_LAST.match(_cleaned(text)):
            if int(found[1]) > 12:
                return False
            if int(found[2]) > 12:
                return True
    return None


def ambiguous(text: str) -> bool:
    """Whether the day may be the month."""
    found = _YEAR_LAST.match(_cleaned(text))
    return bool(found and int(found[1]) <= 12 and int(found[2]) <= 12 and found[1] != found[2])


@lru_cache(REMEMBERED)
def day(text: str, zone: tzinfo, months_first: bool = False) -> date:
    """The day a cell names; a moment with an offset is in the day of the zone. Raises Bad."""
    told = _cleaned(text)
    try:
        if _EPOCH.fullmatch(told):
            return datetime.fromtimestamp(int(told[:10]), UTC).astimezone(zone).date()
        if found := _YEAR_FIRST.match(told):
            moment = _moment(told)
            if moment is not None and moment.tzinfo:
                return moment.astimezone(zone).date()
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _COMPACT.fullmatch(told):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _YEAR_LAST.match(told):
            first, second = int(found[1]), int(found[2])
            number, month = (second, first) if months_first else (first, second)
            return date(_year(found[3]), month, number)
        if found := _DAY_NAMED.match(told):
            return date(_year(found[3]), _MONTHS[found[2]], int(found[1]))
        if found := _MONTH_NAMED.match(told):
            return date(_year(found[3]), _MONTHS[found[1]], int(found[2]))
    except (ValueError, KeyError, OverflowError):
        pass
    raise Bad(f"“{text.strip()[:40]}” is not a day; write it as 2026-01-31")


def _cleaned(text: str) -> str:
    return _WEEKDAY.sub("", plain(text).lower())


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.upper().replace("/", "-").replace(" UTC", "Z"))
    except ValueError:
        return None


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)
