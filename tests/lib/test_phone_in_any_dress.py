"""Valid numbers of all countries, written in any way that people and programs write them."""

from contextlib import suppress

import phonenumbers
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from lib import phone

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
TYPES = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
BETWEEN = (
    "",
    " ",
    "-",
    ".",
    "\u00a0",
    "\u2009",
    "\u202f",
    "\u2010",
    "\u2011",
    "\u2013",
    "\u2014",
    "\u2212",
    "\u200b",
    "\u2060",
)
AROUND = ("", " ", "\u202a", "\u202c", "\ufeff", "\u200e", "\n", "\t")
FULL_WIDTH = {ord(each): chr(ord(each) + 0xFEE0) for each in "+0123456789"}
ARABIC = {ord("0") + n: chr(0x0660 + n) for n in range(10)}
LEADS = ("+", "tel:+", "TEL: +", "00", "'+")


@st.composite
def valid_numbers(draw: st.DrawFn) -> PhoneNumber:
    """A number like the country's example of a mobile or a landline, its last digits changed."""
    region = draw(st.sampled_from(REGIONS))
    example = phonenumbers.example_number_for_type(region, draw(st.sampled_from(TYPES)))
    assume(example is not None)
    e164 = phonenumbers.format_number(example, PhoneNumberFormat.E164)
    last = draw(st.text("0123456789", min_size=0, max_size=4))
    number = phonenumbers.parse(e164[: len(e164) - len(last)] + last)
    assume(phonenumbers.is_valid_number(number))
    return number


@st.composite
def dressed(draw: st.DrawFn, number: PhoneNumber) -> str:
    code, national = str(number.country_code), phonenumbers.national_significant_number(number)
    marks = draw(st.lists(st.sampled_from(BETWEEN), min_size=len(national), max_size=len(national)))
    spread = "".join(mark + digit for mark, digit in zip(marks, national, strict=True))
    region = phonenumbers.region_code_for_country_code(number.country_code)
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata and metadata.national_prefix == "0" and draw(st.booleans()):
        spread = draw(st.sampled_from((" (0)", " (0) ", "(0)-"))) + spread
    text = draw(st.sampled_from(LEADS)) + code + spread
    text = text.translate(draw(st.sampled_from(({}, FULL_WIDTH, ARABIC))))
    return draw(st.sampled_from(AROUND)) + text + draw(st.sampled_from(AROUND))


@given(st.data())
def test_parsing_agrees_with_libphonenumber(data: st.DataObject) -> None:
    number = data.draw(valid_numbers())
    text = data.draw(dressed(number))
    digits = phonenumbers.format_number(number, PhoneNumberFormat.E164)[1:]
    assert phone.parse(text) == (digits, phonenumbers.region_code_for_number(number))
    assert phone.digits(text) == digits


def libphonenumber(text: str) -> str | None:
    """The digits of a number in E.164, if libphonenumber calls it valid."""
    try:
        read = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return None
    e164 = phonenumbers.format_number(read, PhoneNumberFormat.E164)
    return e164[1:] if phonenumbers.is_valid_number(read) else None


@settings(max_examples=500)
@given(valid_numbers(), st.text("0123456789", max_size=6), st.integers(0, 6))
def test_what_libphonenumber_calls_invalid_is_refused(number: PhoneNumber, other: str, dropped: int) -> None:
    """But for WhatsApp's spellings of Brazil, Mexico and Argentina, one of which is valid."""
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    text = e164[: len(e164) - dropped] + other
    read = libphonenumber(text)
    spelt = any(libphonenumber(f"+{one}") for one in phone.spellings(text[1:]))
    with suppress(phone.Invalid):
        assert phone.parse(text).digits == (read or text[1:])
        assert read or spelt
        return
    assert not read


def outcome(text: str) -> object:
    try:
        return phone.parse(text)
    except phone.Invalid as error:
        return str(error)


@given(valid_numbers(), st.text("0123456789", max_size=6), st.integers(0, 6))
def test_plain_digits_are_read_as_dressed_ones_are(number: PhoneNumber, other: str, dropped: int) -> None:
    """Valid or not: plain digits have a shorter way."""
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    text = e164[: len(e164) - dropped] + other
    assert outcome(text) == outcome(f" {text}")


@given(valid_numbers())
def test_the_national_form_is_read_in_its_country_and_nowhere_else(number: PhoneNumber) -> None:
    text = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    region = phonenumbers.region_code_for_number(number)
    read = phonenumbers.parse(text, region)
    assume(phonenumbers.is_valid_number(read))  # of a few, the national form cannot be read back
    digits = phonenumbers.format_number(read, PhoneNumberFormat.E164)[1:]
    assert phone.parse(text, region).digits == digits
    assume(not text.startswith("00"))  # which is taken for a +
    with pytest.raises(phone.Invalid, match="it has no country code"):
        phone.parse(text)


@given(st.text())
def test_anything_else_is_read_as_digits_or_refused(text: str) -> None:
    with suppress(phone.Invalid):
        assert phone.parse(text, "IN").digits.isdecimal()
