"""Numbers as people and files write them, read strictly."""

import pytest

from lib import phone
from lib.phone import Number

NO_CODE = "it has no country code; begin it with + and the code, or set the country of such numbers"


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+919812300001", Number("919812300001", "IN")),
        ("\u202a+91 98123 45601\u202c", Number("919812345601", "IN")),  # copied from a contact list
        ("\ufeff+919812345603", Number("919812345603", "IN")),
        ("+9198123\u200b40002", Number("919812340002", "IN")),
        ("+91\u201198123\u201145602", Number("919812345602", "IN")),  # no-break hyphens
        ("+91\u201298123\u201340015", Number("919812340015", "IN")),  # figure and en dash
        ("+91\u221298123\u221240015", Number("919812340015", "IN")),  # minus signs
        ("+91\u00a098123\u202f45604", Number("919812345604", "IN")),
        ("＋９１ 9812345606", Number("919812345606", "IN")),
        ("+٩١٩٨١٢٣٤٠٠٠٧", Number("919812340007", "IN")),
        ("tel:+919812340007", Number("919812340007", "IN")),
        ("TEL: +919812340007", Number("919812340007", "IN")),
        ("'+919812340006", Number("919812340006", "IN")),
        ("+919812340005.0", Number("919812340005", "IN")),
        ("00442079460958", Number("442079460958", "GB")),
        ("+44 (0)20 7946 0958", Number("442079460958", "GB")),
        ("+49 (0)171 1234567", Number("491711234567", "DE")),
        ("+61 (0)412 345 678", Number("61412345678", "AU")),
        ("+91 (0) 98123 00118", Number("919812300118", "IN")),
        ("+91 09812340008", Number("919812340008", "IN")),
        ("+7 (8) 912 345-67-89", Number("79123456789", "RU")),
        ("+39 02 1234 5678", Number("390212345678", "IT")),
        ("+39 (0)2 1234 5678", Number("390212345678", "IT")),
        ("+39 (0) 02 1234 5678", Number("390212345678", "IT")),
        ("+1 242 365 1234", Number("12423651234", "BS")),
        ("+800 1234 5678", Number("80012345678", "001")),
        # As WhatsApp writes them, or wrote them once.
        ("+5215512345678", Number("5215512345678", "MX")),
        ("+551187654321", Number("551187654321", "BR")),
    ],
)
def test_a_number_with_its_country_code(written: str, number: Number) -> None:
    assert phone.parse(written) == number


@pytest.mark.parametrize(
    ("written", "country", "number"),
    [
        ("9812300001", "IN", Number("919812300001", "IN")),
        ("9812300001", "91", Number("919812300001", "IN")),
        ("09812300001", "in", Number("919812300001", "IN")),
        ("919812300001", "IN", Number("919812300001", "IN")),
        ("919812300001.0", "IN", Number("919812300001", "IN")),
        ("8 912 345-67-89", "RU", Number("79123456789", "RU")),
        ("+44 20 7946 0958", "IN", Number("442079460958", "GB")),
        ("00442079460958", "IN", Number("442079460958", "GB")),
        ("00442079460958", "US", Number("442079460958", "GB")),  # where people dial 011 for it
    ],
)
def test_a_number_of_a_file_from_one_country(written: str, country: str, number: Number) -> None:
    assert phone.parse(written, country) == number


@pytest.mark.parametrize(
    ("written", "country", "reason"),
    [
        ("", "", "it is empty"),
        ("\u200b", "", "it is empty"),
        ("9812300001", "", NO_CODE),
        ("919812300001", "", NO_CODE),
        ("9812300001", "ZZ", NO_CODE),
        ("+9812300001", "", "it has too few digits for Iran (+98)"),
        ("+14155551234567", "", "it has too many digits for United States (+1)"),
        ("+9198123456", "", "India (+91) has no such number"),
        ("447700900123", "IN", "India (+91) has no such number"),
        ("+999123456", "", "it begins with a code that no country has"),
        ("00999123456", "IN", "it begins with a code that no country has"),
        ("9.19812E+11", "IN", "a spreadsheet has shortened it; format the column as text"),
        ("9,19812E+11", "IN", "a spreadsheet has shortened it; format the column as text"),
        ("9E11", "IN", "a spreadsheet has shortened it; format the column as text"),
        ("+1 415 555 1234 x12", "", "it contains letters"),
        ("9199XXXXXXXX", "IN", "it contains letters"),
        ("+1 415 555 1234 #12", "", "it has an extension, and WhatsApp cannot use extensions"),
        ("+919812340012/+919812340013", "", "it is not written like a phone number"),
        ("+1", "", "it is not written like a phone number"),
        ("+" + "1" * 300, "", "it has too many digits"),
    ],
)
def test_what_is_no_number_is_refused_with_the_reason(written: str, country: str, reason: str) -> None:
    with pytest.raises(phone.Invalid) as refused:
        phone.parse(written, country)
    assert str(refused.value) == reason


def test_countries_have_names() -> None:
    assert phone.country_name("IN") == "India"
    assert phone.country_name("001") == "no single country"
    assert phone.country_name("ZZ") == "ZZ"
    assert phone.country_name("") == ""
