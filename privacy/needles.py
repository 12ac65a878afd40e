"""What a person's number, user ids and identities look like in a text. Pure.

A number is found with its country code and, where it is long enough, without: in one piece, with spaces,
dashes, brackets, escapes of JSON or of URLs between its digits, and in base64 inside WhatsApp's message ids.
In doubt too much is found. PostgreSQL looks with a looser pattern first, which costs it a tenth, and not at
all where `grams` say that there is nothing.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from lib import phone
from lib.user_ids import is_user_id
from privacy import grams
from privacy.grams import Grams

LEAST_NATIONAL = 9  # digits of a number that is looked for without its country code
LEAST_TOKEN = 8  # characters of an identity that is looked for in texts; shorter ones could be anybody's

_SECONDS = re.compile(r"1[5-9]\d{8}")  # since 1970
_JOINTS = r"(?:[^0-9A-Za-z]|\\u[0-9a-fA-F]{4}|\\[nrt]|%[0-9A-Fa-f]{2})*"
_JOINT = _JOINTS.removesuffix("*") + "{0,6}"
_BEFORE = r"(?:(?<!\d)|(?<=%[0-9A-Fa-f]{2}))"
_IN_BASE64 = r"[A-Za-z0-9_+/=.-]{0,200}"


class Needles(NamedTuple):
    """What to look for: `grams` find the stretches of rows that may name the person, `loose` the rows, and
    `wider` what is replaced in them."""

    loose: str
    wider: "re.Pattern[str]"
    grams: Grams | None

    def found(self, text: str) -> bool:
        return self.wider.search(text) is not None

    def replaced(self, value: Any, by: str) -> Any:
        """The text, or the value of a JSON column, with whatever is found replaced."""
        if isinstance(value, str):
            return self.wider.sub(by, value)
        if isinstance(value, dict):
            return {self.replaced(name, by): self.replaced(each, by) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.replaced(each, by) for each in value]
        if value is None or isinstance(value, bool):
            return value
        return by if self.found(str(value)) else value


def needles(names: Sequence[str], identities: Iterable[str] = (), least: int = LEAST_TOKEN) -> Needles:
    """Of numbers as digits in every spelling, and user ids; and of what else names the person."""
    numbers = [name for name in names if not is_user_id(name)]
    tokens = [name for name in names if is_user_id(name)]
    tokens += [each for each in identities if len(each) >= least]
    if not numbers and not tokens:
        raise ValueError("nothing to look for")
    coded = [each for number in numbers for each in grams.coded(number)]
    loose = [_JOINTS.join(_shortest(number)) for number in numbers]
    exact = [_IN_BASE64 + each + _IN_BASE64 for each in coded]
    exact += [each for number in numbers for each in _number(number)]
    return Needles(
        "|".join([*loose, *coded, *map(re.escape, tokens)]),
        re.compile("|".join([*exact, *map(_token, tokens)])),
        grams.of_person(numbers, tokens),
    )


def _shortest(digits: str) -> str:
    """What every way to write the number has."""
    parts = phone.split(digits)
    return parts[1] if parts and len(parts[1]) >= LEAST_NATIONAL else digits


def _number(digits: str) -> Iterator[str]:
    parts = phone.split(digits)
    yield rf"{_BEFORE}(?:(?:\+|00){_JOINT})?{_joined(digits)}(?!\d)"
    if parts and len(parts[1]) >= LEAST_NATIONAL:
        # A German 176… is also a second of this decade, of which campaign ids and times are made.
        zero = "0" if _SECONDS.fullmatch(parts[1]) else "0?"
        yield rf"{_BEFORE}{zero}{_joined(parts[1])}(?!\d)"


def _joined(digits: str) -> str:
    return _JOINT.join(digits)


def _token(text: str) -> str:
    return rf"(?<![A-Za-z0-9.]){re.escape(text)}(?![A-Za-z0-9])"
