"""Phone numbers as international digits without "+", the form used between all our parts."""

import re

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

_PUNCTUATION = re.compile(r"[\s()\-.]")
_DIGITS = re.compile(r"\+?[0-9]{7,15}")
_TYPED = re.compile(r"\+?[0-9][0-9\s()\-.]*")


def digits(raw: str, default_country: str = "") -> str:
    """The number's digits; an empty string when it cannot be a phone number.

    With a `default_country` ("91"), a number of up to ten digits without "+" is national: its
    leading zeros go and the country code is put before it.
    """
    cleaned = _PUNCTUATION.sub("", raw)
    if cleaned.startswith("00"):
        cleaned = "+" + cleaned[2:]
    if not _DIGITS.fullmatch(cleaned):
        return ""
    if cleaned.startswith("+"):
        return cleaned[1:]
    national = cleaned.lstrip("0")
    if default_country and len(national) <= 10:
        return default_country + national
    return cleaned


def split(number: str) -> tuple[str, str] | None:
    """Country code and national part of international digits; None for no known country.

    No country code begins another, so the first that fits is the one.
    """
    for length in (1, 2, 3):
        if int(number[:length] or 0) in COUNTRY_CODE_TO_REGION_CODE and len(number) > length:
            return number[:length], number[length:]
    return None


def same(one: str, other: str) -> bool:
    """Whether two spellings name the same number: equal digits, or equal last ten."""
    a, b = digits(one), digits(other)
    return bool(a and b) and (a == b or a[-10:] == b[-10:])


def typed(term: str) -> str:
    """The digits of what may be a phone number or its beginning, as people type it; else empty."""
    return re.sub(r"\D", "", term) if _TYPED.fullmatch(term.strip()) else ""


def masked(number: str) -> str:
    """The number as those see it who may not know whose it is: `91••••••••78`."""
    return f"{number[:2]}{'•' * max(len(number) - 4, 3)}{number[-2:]}" if number else ""
