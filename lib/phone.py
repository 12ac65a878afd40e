"""Phone numbers as international digits without "+", the form used between all our parts.

`parse` is strict: it takes what a person or a file wrote, and refuses what is not a number of its country.
`digits` is lenient and quick: it takes what CleverTap and the providers send, who know the number.
"""

import re
import unicodedata
from functools import cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumber, ValidationResult

from lib import countries

_PUNCTUATION = re.compile(r"[\s()\-.]")
_QUICK = re.compile(r"\+?[1-9][0-9]{6,14}")
_E164 = re.compile(r"\+([1-9][0-9]{6,14})")
_DIGITS = re.compile(r"\+?[0-9]{7,15}")
_DECIMAL = re.compile(r"\+?[0-9]{7,15}\.0")  # as programs write a column of numbers with gaps
_SHORTENED = re.compile(r"[+-]?\d+([.,]\d+)?E\+?\d+", re.IGNORECASE)
_ZERO_TWICE = re.compile(r"\(0\)(?=[ -]*0)")  # +39 (0) 06…
_TYPED = re.compile(r"\+?[0-9][0-9\s()\-.]*")


class Invalid(ValueError):
    """A text that is not a phone number. The message says why, as the end of a sentence about the number."""


class Number(NamedTuple):
    digits: str  # E.164 without its "+"
    country: str  # ISO code; 001 for numbers of no single country


def parse(text: str, country: str = "") -> Number:
    """The number that a person or a file wrote. Raises Invalid.

    `country` is where numbers without a country code belong: an ISO code ("IN") or a calling code
    ("91"). Without it such a number is refused, for it might be any country's.
    """
    return _plainly_valid(text) or _parsed(text, country)


def _plainly_valid(text: str) -> Number | None:
    """A number in plain E.164 that is valid as it stands. It is most of a long file, and libphonenumber's
    parser, which would find the same, takes five times as long."""
    if not (found := _E164.fullmatch(text)) or not (parts := split(found[1])):
        return None
    code, national = parts
    if national[0] == "0" or _has_prefix(int(code), national):
        return None
    number = PhoneNumber(country_code=int(code), national_number=int(national))
    region = phonenumbers.region_code_for_number(number)
    if region is None or not phonenumbers.is_valid_number_for_region(number, region):
        return None
    return Number(found[1], region)


def _has_prefix(code: int, national: str) -> bool:
    """Whether the number begins as one that is dialled within its country, of which the parser may drop a
    part."""
    region = phonenumbers.region_code_for_country_code(code)
    prefix = _prefix(code, region)
    return prefix is not None and prefix.match(national) is not None


@cache
def _prefix(code: int, region: str) -> re.Pattern[str] | None:
    rules = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    written = rules and rules.national_prefix_for_parsing
    return re.compile(written) if written else None


def _parsed(text: str, country: str) -> Number:
    written = _cleaned(text)
    if not written:
        raise Invalid("it is empty")
    if _SHORTENED.fullmatch(written):
        raise Invalid("a spreadsheet has shortened it; format the column as text")
    if any(mark.isalpha() for mark in written):
        raise Invalid("it contains letters")
    region = _region(country)
    if written.startswith("00") and not region:
        written = "+" + written[2:]
    if not (region or written.startswith("+")):
        raise Invalid(
            "it has no country code; begin it with + and the code, or set the country of such numbers"
        )
    try:
        return _valid(written, region)
    except Invalid:
        if not written.startswith("00"):
            raise
        return _valid("+" + written[2:], region)


def _cleaned(text: str) -> str:
    """The text without invisible characters and "tel:", its spaces and dashes plain."""
    plain = " ".join("".join(map(_plain_mark, unicodedata.normalize("NFKC", text))).split())
    plain = plain.removeprefix("'")  # a spreadsheet's mark of a text
    if plain[:4].lower() == "tel:":
        plain = plain[4:].lstrip()
    if _DECIMAL.fullmatch(plain):
        plain = plain.removesuffix(".0")
    return _ZERO_TWICE.sub("", plain)


def _plain_mark(mark: str) -> str:
    if mark == "−":  # the minus sign: Unicode does not count it among the dashes
        return "-"
    return str(int(mark)) if mark.isdecimal() else _PLAIN.get(unicodedata.category(mark), mark)


# By category of Unicode: format characters, control characters, spaces and dashes.
_PLAIN = {"Cf": "", "Cc": " ", "Zs": " ", "Zl": " ", "Zp": " ", "Pd": "-"}


def _region(country: str) -> str | None:
    if country.isdecimal():
        country = phonenumbers.region_code_for_country_code(int(country))
    return country.upper() if country.upper() in phonenumbers.SUPPORTED_REGIONS else None


def _valid(written: str, region: str | None) -> Number:
    """The number as libphonenumber reads it. Raises Invalid."""
    try:
        read = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException as error:
        raise Invalid(_UNREADABLE.get(error.error_type, "it is not written like a phone number")) from None
    if read.extension:
        raise Invalid("it has an extension, and WhatsApp cannot use extensions")
    number = phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.E164)[1:]
    for spelling in spellings(number):
        known = phonenumbers.parse("+" + spelling)
        if phonenumbers.is_valid_number(known):
            return Number(number, phonenumbers.region_code_for_number(known) or "")
    raise Invalid(_why_not(read))


_UNREADABLE = {
    phonenumbers.NumberParseException.INVALID_COUNTRY_CODE: "it begins with a code that no country has",
    phonenumbers.NumberParseException.TOO_SHORT_NSN: "it has too few digits",
    phonenumbers.NumberParseException.TOO_SHORT_AFTER_IDD: "it has too few digits",
    phonenumbers.NumberParseException.TOO_LONG: "it has too many digits",
}


def _why_not(read: PhoneNumber) -> str:
    code = read.country_code or 0
    place = f"{country_name(phonenumbers.region_code_for_country_code(code))} (+{code})"
    reason = phonenumbers.is_possible_number_with_reason(read)
    if reason in (ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY):
        return f"it has too few digits for {place}"
    if reason == ValidationResult.TOO_LONG:
        return f"it has too many digits for {place}"
    return f"{place} has no such number"


def is_country(code: str) -> bool:
    """Whether it is a country's ISO code or calling code."""
    return _region(code) is not None


def country_name(code: str) -> str:
    """The country with that ISO code, in English; the code itself for one that we do not know."""
    return countries.NAMES.get(code, code)


def country(number: str) -> str:
    """The ISO code of the country of international digits; empty where they belong to none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(f"+{number}")) or ""
    except phonenumbers.NumberParseException:
        return ""


def digits(raw: str, default_country: str = "") -> str:
    """The number's digits; an empty string when it cannot be a phone number.

    With a `default_country` ("91"), a national number without "+" gets the country code before it. A zero
    that is dialled only within the country goes.
    """
    plain = raw if _QUICK.fullmatch(raw) else _plain(raw)
    if not plain:
        return ""
    if default_country and plain[0] != "+" and _is_national(plain, default_country):
        if plain[0] != "0" and _exists(default_country, plain):
            return default_country + plain
        return _international(plain, default_country) or default_country + plain.lstrip("0")
    number = plain.removeprefix("+")
    # The full check costs much more than all the rest. Only a zero near the country code makes it necessary.
    return _international("+" + number) or number if "0" in number[1:4] else number


def _plain(raw: str) -> str:
    plain = _PUNCTUATION.sub("", _cleaned(raw))
    if plain.startswith("00"):
        plain = "+" + plain[2:]
    return plain if _DIGITS.fullmatch(plain) else ""


def _international(written: str, country: str = "") -> str:
    """The digits of a number that libphonenumber calls valid; else empty."""
    try:
        return _valid(written, _region(country)).digits
    except Invalid:
        return ""


def _is_national(number: str, country: str) -> bool:
    """Whether the country code is missing. Singapore's numbers have ten digits with the code, Brazil's mobile
    numbers eleven without it. Where the country's rules do not decide, a number of up to ten digits is
    national."""
    national = number.lstrip("0")
    is_short = len(national) <= 10
    has_code = number.startswith(country) and _exists(country, number[len(country) :])
    if is_short and not has_code:
        return True
    lacks_code = _exists(country, national)
    if lacks_code != has_code:
        return lacks_code
    return is_short or (not has_code and bool(_international(number, country)))  # Russia dials an 8


def _exists(country: str, national: str) -> bool:
    number = PhoneNumber(country_code=int(country), national_number=int(national or 0))
    return phonenumbers.is_valid_number(number)


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


class _SpeltTwice(NamedTuple):
    """Mobile numbers of twelve digits, of which WhatsApp may write thirteen, or the reverse. Each pattern
    fits a number or its beginning, and has the part before the extra digit and the part after it."""

    short: re.Pattern[str]
    long: re.Pattern[str]
    extra: str


_SPELT_TWICE = (
    # Mexico had a 1 after its country code. Argentina has a 9 there for calls from abroad.
    _SpeltTwice(re.compile(r"(52)(\d*)"), re.compile(r"(52)1(\d*)"), "1"),
    _SpeltTwice(re.compile(r"(54)(\d*)"), re.compile(r"(54)9(\d*)"), "9"),
    # Brazil put a 9 before its mobile numbers, which began with 6 to 9; WhatsApp leaves it out of old ones.
    _SpeltTwice(re.compile(r"(55\d\d)([6-9]\d*)"), re.compile(r"(55\d\d)9([6-9]\d*)"), "9"),
)
_NINTH = re.compile(r"(55\d\d)9")


def spellings(number: str) -> tuple[str, ...]:
    """All the ways in which the digits of one person's number are written, the shortest first."""
    for each in _SPELT_TWICE:
        if len(number) == 12 and (found := each.short.fullmatch(number)):
            return number, found[1] + each.extra + found[2]
        if len(number) == 13 and (found := each.long.fullmatch(number)):
            return found[1] + found[2], number
    return (number,)


def person(number: str) -> str:
    """The spelling by which numbers are compared: two that have it in common are one person's.

    `lib.phone_sql.Person` is the same in SQL.
    """
    return spellings(number)[0]


def beginnings(digits: str) -> tuple[str, ...]:
    """What the numbers begin with, in all spellings, that begin with these digits in one of them."""
    found = [digits]
    for each in _SPELT_TWICE:
        if parts := each.long.fullmatch(digits):
            found.append(parts[1] + parts[2])
        if parts := each.short.fullmatch(digits):
            found.append(parts[1] + each.extra + parts[2])
    if parts := _NINTH.fullmatch(digits):  # an old spelling goes on with any of these
        found += [parts[1] + after for after in "678"]
    return tuple(dict.fromkeys(found))


def typed(term: str) -> str:
    """The digits of a phone number, or of its beginning, that somebody types; empty for any other text."""
    return re.sub(r"\D", "", term) if _TYPED.fullmatch(term.strip()) else ""


def masked(number: str) -> str:
    """The number with its middle hidden: `91••••••••78`."""
    return f"{number[:2]}{'•' * max(len(number) - 4, 3)}{number[-2:]}" if number else ""


def masked_identity(identity: str, number: str) -> str:
    """A contact's identity. It is masked if it is a phone number."""
    is_number = same(identity, number) or len(digits(identity)) >= 10
    return masked(identity) if is_number else identity
