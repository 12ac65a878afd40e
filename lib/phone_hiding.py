"""Hides the phone numbers in a text. In doubt it hides too much. Pure."""

import re

from lib import phone

_ID = re.compile(r"wamid\.[\w+/=-]+")  # WhatsApp's ids are base64 of bytes among which the number is

# What may stand between the digits of one number: spaces, line breaks, dashes, brackets, dots, slashes,
# bullets, WhatsApp's marks of bold and italics, and characters that nobody sees.
_MARKS = (
    r"\s()\[\].+_*~/\uff0f\u2044\u2215"
    r"\-\u058a\u05be\u2010-\u2015\u2043\u2212\u2e3a\u2e3b\u301c\u30a0\ufe58\ufe63\uff0d"
    r"\u00b7\u2022\u2023\u2024\u2027\u2219\u22c5\u25cf\u25e6\u30fb"
    r"\u00ad\u034f\u061c\u115f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
)
# The same as JSON and forms write it.
_ESCAPED = r"\\[nrt/]|\\u[0-9a-f]{4}|%(?:20|0A|0D|2B|2D|28|29|2F|C2%A0|E2%80%[0-9A-F]{2}|E2%88%92)"
_JOINT = rf"(?:[{_MARKS}]|{_ESCAPED})"
# What also stands between numbers: in lists, times, amounts, addresses. It may join digits only where it is
# directly between two of them, and `_is_one` decides.
_DOUBTFUL = r"[,;:|='`\u2018\u2019\u060c\u3001\uff0c\uff1b\uff1a\uff5c\uff1d\uff07]|%(?:2C|3B|3A|7C|3D|27)"
_JOINTS = re.compile(rf"(?i:{_JOINT}|{_DOUBTFUL})+")
_DOUBTS = re.compile(rf"((?i:{_DOUBTFUL}))")

_YEAR, _DAY = r"(?:19|20)\d\d", r"(?:0?[1-9]|[12]\d|3[01])"  # of a month, which is shorter, too
_DATE = rf"(?<!\d)(?:{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])|{_DAY}[/.\-]{_DAY}[/.\-]{_YEAR})"
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?(?:[+-]\d\d:?\d\d)?(?!:?\d)"
_DAYS = rf"{_DATE}(?:[ T]\d\d)?(?:[ /\-\u2013]{{1,3}}{_DATE})?(?!(?i:{_JOINT}){{0,6}}+\d)"
_TIME = rf"{_DATE}(?:,? |T){_CLOCK}|(?<!\d)(?<!\d:){_CLOCK}|{_DAYS}"
# "+" never gives joints back, so that the time grows only with the length of the text.
_RUN = rf"(?P<run>(?:\+(?i:{_JOINT}){{0,2}}+)?\d(?:(?:(?i:{_JOINT}){{0,6}}+|(?i:{_DOUBTFUL}))\d)*+)"
_FOUND = re.compile(rf"(?=[+\d])(?:{_TIME}|{_RUN})")

LEAST = 7  # digits of a number that is written with a "+" or in one piece
LEAST_SPREAD = 9
MOST = 15  # of a number in one piece; more are an id
WHOLE = 10  # digits that are always a number, whatever is beside them in a list
LONGEST_SHORT = 4  # at most so many digits have the numbers of a list that is not one of phone numbers
# A time or a ratio, a list of decimals, an amount, or a port after an address.
_OTHER = re.compile(r"(?<!\d)\d\d?:\d\d?(?!\d)|\.\d+,\d|,\d+\.\d|^(?:\d{1,3}\.){3}\d{1,3}:")


def hidden(text: str) -> str:
    """The text with whatever could be a phone number masked, however its digits are joined. A date stays."""
    return _FOUND.sub(_hide, _ID.sub("wamid.•••", text))


def _hide(found: re.Match[str]) -> str:
    run = found["run"]
    if run is None:
        return found[0]
    in_list = found.string[found.start() - 1 : found.start()] == "["
    parts = [run] if not in_list and _is_one(run) else _DOUBTS.split(run)
    return "".join(_hide_one(part) if n % 2 == 0 else part for n, part in enumerate(parts))


def _is_one(run: str) -> bool:
    """Whether digits with marks between them that also stand between numbers are those of one number."""
    lengths = [len(piece) for piece in _JOINTS.split(run.removeprefix("+")) if piece]
    apart = (_JOINTS.sub("", part.removeprefix("+")) for part in _DOUBTS.split(run)[::2])
    if sum(lengths) > MOST or any(len(part) >= WHOLE for part in apart) or _OTHER.search(run):
        return False
    return max(lengths) > LONGEST_SHORT or (max(lengths) == LONGEST_SHORT and len(set(lengths)) > 1)


def _hide_one(run: str) -> str:
    """Digits, with only such marks between them as join those of one number, masked if they are enough."""
    pieces = _JOINTS.split(run.removeprefix("+"))
    digits = "".join(pieces)
    several = all(len(piece) >= LEAST for piece in pieces if piece)  # or one, in one piece
    if several or len(digits) < (LEAST if run.startswith("+") else LEAST_SPREAD):
        return _PIECE.sub(lambda piece: phone.masked(piece[0]), run)
    return ("+" if run.startswith("+") else "") + phone.masked(digits)


_PIECE = re.compile(rf"(?<!\d)\d{{{LEAST},{MOST}}}(?!\d)")
