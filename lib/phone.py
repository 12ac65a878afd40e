"""Phone numbers as international digits without "+", the form used between all our parts."""

import re

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneNumber, is_valid_number

_PUNCTUATION = re.compile(r"[\s()\-.]")
_DIGITS = re.compile(r"\+?[0-9]{7,15}")
_DECIMAL = re.compile(r"\+?[0-9]{7,15}\.0")  # as programs write a column of numbers with gaps
_LONG = re.compile(r"(?<!\d)\d{7,15}(?!\d)")
_SPACED = re.compile(r"\+\d[\d \xa0().-]{5,20}\d")
# Without a "+" only from nine digits on, and no time as 2026-03-18 10.
_SPREAD = re.compile(r"(?<![\d-])(?!\d{4}-\d\d-\d\d)\d(?:[ \xa0().-]{0,3}\d){8,14}(?!\d)")
_ID = re.compile(r"wamid\.[\w+/=-]+")  # WhatsApp's ids are base64 of bytes among which the number is
_TYPED = re.compile(r"\+?[0-9][0-9\s()\-.]*")


def digits(raw: str, default_country: str = "") -> str:
    """The number's digits; an empty string when it cannot be a phone number.

    With a `default_country` ("91"), a national number without "+" loses its leading zeros and gets
    the country code before it.
    """
    raw = raw.strip()
    cleaned = _PUNCTUATION.sub("", raw.removesuffix(".0") if _DECIMAL.fullmatch(raw) else raw)
    if cleaned.startswith("00"):
        cleaned = "+" + cleaned[2:]
    if not _DIGITS.fullmatch(cleaned):
        return ""
    if cleaned.startswith("+"):
        return cleaned[1:]
    if default_country and _is_national(cleaned, default_country):
        return default_country + cleaned.lstrip("0")
    return cleaned


def _is_national(number: str, country: str) -> bool:
    """Whether the country's code is missing. Singapore's numbers have ten digits with it, Brazil's mobiles
    eleven without it; where the country's numbers do not tell, up to ten digits are taken for national."""
    national = number.lstrip("0")
    is_short = len(national) <= 10
    has_code = number.startswith(country) and _exists(country, number[len(country) :])
    if is_short and not has_code:
        return True
    lacks_code = _exists(country, national)
    return is_short if lacks_code == has_code else lacks_code


def _exists(country: str, national: str) -> bool:
    return is_valid_number(PhoneNumber(country_code=int(country), national_number=int(national or 0)))


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
    text = _SPREAD.sub(lambda found: masked(re.sub(r"\D", "", found[0])), text)
    return _LONG.sub(lambda found: masked(found[0]), text)
