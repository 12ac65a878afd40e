"""Phone numbers as people write them, as programs do, and as those see them who may not."""

import pytest

from lib import phone


@pytest.mark.parametrize(
    ("raw", "digits"),
    [
        ("+14155551234", "14155551234"),
        (" +1 (415) 555-12.34 ", "14155551234"),
        ("0014155551234", "14155551234"),
        ("14155551234", "14155551234"),
        ("919812300001.0", "919812300001"),
        ("+1234567.0", "1234567"),
        ("123456.0", "1234560"),  # too short for a column of numbers with gaps: the point is punctuation
        ("33.10", ""),
        ("123456", ""),
        ("1234567", "1234567"),
        ("123456789012345", "123456789012345"),
        ("1234567890123456", ""),
        ("+123456", ""),
        ("++14155551234", ""),
        ("1415555x234", ""),
        ("", ""),
        # As parse reads them.
        ("+91 (0) 98123 00118", "919812300118"),
        ("91 (0) 98123 00118", "919812300118"),
        ("9109812300118", "919812300118"),
        ("+44 (0)20 7946 0958", "442079460958"),
        ("+353 (0)85 012 3456", "353850123456"),
        ("+39 (0)2 1234 5678", "390212345678"),
        ("+39 (0) 02 1234 5678", "390212345678"),
        ("tel:+919812340007", "919812340007"),
        ("\u202a+91\u201198123\u00a045601\u202c", "919812345601"),
        ("＋９１ 9812345606", "919812345606"),
        ("+٩١٩٨١٢٣٤٠٠٠٧", "919812340007"),
        ("9.19812E+11", ""),
        # A number that is not known to be valid is left as it is: the provider knows better.
        ("+1 (555) 010-0777", "15550100777"),
        ("+9105550100777", "9105550100777"),
    ],
)
def test_digits(raw: str, digits: str) -> None:
    assert phone.digits(raw) == digits


@pytest.mark.parametrize(
    ("country", "raw", "digits"),
    [
        ("91", "9812300001", "919812300001"),
        ("91", "09812300001", "919812300001"),
        ("91", "919812300001", "919812300001"),
        ("91", "+9812300001", "9812300001"),  # a "+" says that the code is there
        ("91", "009812300001", "9812300001"),
        ("91", "9198765432", "919198765432"),
        ("91", "447700900123", "447700900123"),
        ("55", "11987654321", "5511987654321"),  # eleven digits without the code
        ("55", "5511987654321", "5511987654321"),
        ("65", "6591234567", "6591234567"),  # ten with it
        ("65", "4491234567", "654491234567"),  # ends like one of the country, and begins without its code
        ("1", "5550100777", "15550100777"),
        ("1", "55501007777", "55501007777"),  # eleven that tell nothing are taken for whole
        ("44", "0207183875044", "0207183875044"),
        ("39", "0212345678", "390212345678"),  # Italy dials its zeros from abroad, too
        ("7", "89123456789", "79123456789"),  # Russia dials an 8 before them
        ("7", "447700900123", "447700900123"),
        ("52", "5512345678", "525512345678"),
    ],
)
def test_digits_of_a_national_number(country: str, raw: str, digits: str) -> None:
    assert phone.digits(raw, country) == digits


@pytest.mark.parametrize(
    ("number", "parts"),
    [
        ("14155551234", ("1", "4155551234")),
        ("919812300001", ("91", "9812300001")),
        ("35312345678", ("353", "12345678")),
        ("999123456789", None),
        ("1", None),
        ("91", None),
        ("353", None),
        ("3531", ("353", "1")),
        ("", None),
    ],
)
def test_the_country_code(number: str, parts: tuple[str, str] | None) -> None:
    assert phone.split(number) == parts


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("+91 98123 00001", "919812300001", True),
        ("9812300001", "919812300001", True),
        ("9812300001", "449812300001", True),
        ("9812300001", "9812300002", False),
        ("812300001", "919812300001", False),
        ("1234567", "+1234567", True),
        ("", "", False),
        ("x", "x", False),
        ("1234567", "", False),
    ],
)
def test_the_same_number(one: str, other: str, same: bool) -> None:
    assert phone.same(one, other) is same
    assert phone.same(other, one) is same


@pytest.mark.parametrize(
    ("number", "spellings"),
    [
        ("525512345678", ("525512345678", "5215512345678")),
        ("5215512345678", ("525512345678", "5215512345678")),
        ("5491123456789", ("541123456789", "5491123456789")),
        ("551187654321", ("551187654321", "5511987654321")),
        ("5511987654321", ("551187654321", "5511987654321")),
        ("14155551234", ("14155551234",)),
        ("551131234567", ("551131234567",)),  # a landline is not the mobile with a 9 before it
        ("5511931234567", ("5511931234567",)),
        ("52551234567", ("52551234567",)),
        ("", ("",)),
    ],
)
def test_spellings(number: str, spellings: tuple[str, ...]) -> None:
    assert phone.spellings(number) == spellings
    assert {phone.person(each) for each in spellings} == {spellings[0]}


@pytest.mark.parametrize(
    "number", ["525512345678", "5491123456789", "551187654321", "551199654321", "14155551234"]
)
def test_a_person_is_found_by_any_beginning_of_any_spelling(number: str) -> None:
    for spelling in phone.spellings(number):
        for length in range(1, len(spelling) + 1):
            beginnings = phone.beginnings(spelling[:length])
            assert all(each.startswith(beginnings) for each in phone.spellings(number)), spelling[:length]


def test_beginnings_that_are_spelt_one_way() -> None:
    assert phone.beginnings("9198") == ("9198",)
    assert phone.beginnings("5511") == ("5511",)
    assert phone.beginnings("551131") == ("551131",)
    assert phone.beginnings("52551") == ("52551", "521551")


@pytest.mark.parametrize(
    ("term", "digits"),
    [
        ("+91 98-1(2).3", "919812 3".replace(" ", "")),
        (" 98 ", "98"),
        ("ann", ""),
        ("98a", ""),
        ("+", ""),
        ("", ""),
    ],
)
def test_what_may_be_the_beginning_of_a_number(term: str, digits: str) -> None:
    assert phone.typed(term) == digits


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("919812300078", "91••••••••78"),
        ("12345678", "12••••78"),
        ("1234567", "12•••67"),
        ("123456", "12•••56"),  # never fewer than three
        ("", ""),
    ],
)
def test_masked(number: str, masked: str) -> None:
    assert phone.masked(number) == masked


@pytest.mark.parametrize(
    ("identity", "number", "shown"),
    [
        ("ann", "919812300001", "ann"),
        ("+919812300001", "919812300001", "+9•••••••••01"),
        ("9812300001", "919812300001", "98••••••01"),
        ("1234567", "1234567", "12•••67"),
        ("1234567890", "", "12••••••90"),  # some other number
        ("123456789", "919812300001", "123456789"),  # a customer number
    ],
)
def test_an_identity_that_is_a_number_is_masked(identity: str, number: str, shown: str) -> None:
    assert phone.masked_identity(identity, number) == shown
