"""Phone numbers as international digits without "+", the form used between all our parts."""

import re

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

_PUNCTUATION = re.compile(r"[\s()\-.]")
_DIGITS = re.compile(r"\+?[0-9]{7,15}")
_LONG = re.compile(r"(?<!\d)\d{7,15}(?!\d)")
_SPACED = re.compile(r"\+\d[\d ().-]{5,20}\d")
_ID = re.compile(r"wamid\.[\w+/=-]+")  # WhatsApp's ids are base64 of bytes among which the number is
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


# What WhatsApp puts after the country code, or the area code, of mobile numbers: in Mexico, Argentina, and
# leaves out of old ones in Brazil.
_SPELT_TWICE = (
    (re.compile(r"(52)1?(\d{10})"), "1"),
    (re.compile(r"(54)9?(\d{10})"), "9"),
    (re.compile(r"(55\d\d)9?(\d{8})"), "9"),
)


def spellings(number: str) -> tuple[str, ...]:
    """The digits as people dial them and as WhatsApp may name their sender. The first one is what any of
    them is compared by."""
    for pattern, extra in _SPELT_TWICE:
        if found := pattern.fullmatch(number):
            return found[1] + found[2], found[1] + extra + found[2]
    return (number,)


def typed(term: str) -> str:
    """The digits of what may be a phone number or its beginning, as people type it; else empty."""
    return re.sub(r"\D", "", term) if _TYPED.fullmatch(term.strip()) else ""


def masked(number: str) -> str:
    """The number as those see it who may not know whose it is: `91••••••••78`."""
    return f"{number[:2]}{'•' * max(len(number) - 4, 3)}{number[-2:]}" if number else ""


def masked_identity(identity: str, number: str) -> str:
    """A contact's identity, masked where it is its phone number, or some other one."""
    is_number = same(identity, number) or len(digits(identity)) >= 10
    return masked(identity) if is_number else identity


def hidden(text: str) -> str:
    """A text with whatever could be a number masked: rather too much than one too few."""
    text = _ID.sub("wamid.•••", text)
    text = _SPACED.sub(lambda found: "+" + masked(re.sub(r"\D", "", found[0])), text)
    return _LONG.sub(lambda found: masked(found[0]), text)
