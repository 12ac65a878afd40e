"""Short texts that every text has that names a person, however it does. Pure.

They say of many rows at once that nobody needs to read them (`privacy.gists`). What `needles` finds in a text
has all grams of one of the person's `Grams` in it; the reverse is not so. Taken are the last nine digits of
whatever may be a number, six digits at a time of what is in base64, words with a digit in them, and what
stands around an @.
"""

import base64
import re
from collections.abc import Iterable, Iterator

from lib.user_ids import is_user_id

Grams = tuple[frozenset[str], ...]  # all grams of one of them

NUMBER = 9  # digits; `needles` looks for none that is shorter without its country code
WORD = 5  # characters of a word with a digit
_ESCAPES = re.compile(r"\\u[0-9a-fA-F]{4}|\\[nrt]")
_OF_URLS = re.compile(r"%[0-9A-Fa-f]{2}")
_NO_LETTERS = re.compile(rf"[0-9][^A-Za-z]{{{NUMBER - 2},}}[0-9]")
_DIGITS = re.compile(r"[0-9]+")
_WORD = re.compile(rf"(?<![A-Za-z0-9])(?=[A-Za-z]*[0-9])[A-Za-z0-9]{{{WORD},}}")
_AT = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]+@[A-Za-z0-9]+")
# Three digits in base64, which begin with a group of four characters; two of these.
_THREE = "[MNO][DTjz][AEIMQUYcgk][w-z0-5]"
_CODED = re.compile(rf"(?=({_THREE}{_THREE}))")


def of_person(numbers: Iterable[str], tokens: Iterable[str]) -> Grams | None:
    """Of numbers as digits in every spelling, and of user ids and other names. None if one of them may be in
    a text that has no grams."""
    found = {each for number in numbers for each in _of_number(number)}
    found |= {frozenset([*_words(token), *_AT.findall(token)]) for token in tokens}
    return None if frozenset() in found else tuple(sorted(found, key=sorted))


def _of_number(digits: str) -> Iterator[frozenset[str]]:
    yield frozenset({digits[-NUMBER:]} if len(digits) >= NUMBER else ())
    for core in coded(digits):
        yield frozenset(_of_base64(core))


def coded(digits: str) -> Iterator[str]:
    """The part of the base64 of any bytes with the digits among them that depends on the digits alone: one
    for each place where they may begin."""
    for before in range(3):
        text = base64.b64encode(b"\0" * before + digits.encode()).decode()
        yield text[-(-before * 8 // 6) : (before + len(digits)) * 8 // 6]


def of_others(text: str, people: Iterable[str]) -> Iterator[str]:
    """What the text says of anybody but these, who are numbers or user ids."""
    own: set[str] = set()
    for name in people:
        if is_user_id(name):
            own |= set(_words(name))
        else:
            own.add(name[-NUMBER:])
            for core in coded(name):
                text = text.replace(core, " ")
    return (gram for gram in of_text(text) if gram not in own)


def of_text(text: str) -> Iterator[str]:
    yield from _words(text)
    yield from _of_base64(text)
    if "@" in text:
        yield from _AT.findall(text)
    plain = _ESCAPES.sub(" ", text) if "\\" in text else text
    yield from _of_digits(plain)
    if "%" in plain:  # before two digits it may be either
        yield from _of_digits(_OF_URLS.sub(" ", plain))


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text):
        yield word[-NUMBER:] if word.isdigit() else word


def _of_base64(text: str) -> Iterator[str]:
    return (f"64:{found}" for found in _CODED.findall(text))


def _of_digits(text: str) -> Iterator[str]:
    for run in _NO_LETTERS.findall(text):
        before = ""
        for digits in _DIGITS.findall(run):
            before = (before + digits)[-2 * NUMBER :] if len(digits) < NUMBER else digits
            if len(before) >= NUMBER:
                yield before[-NUMBER:]
