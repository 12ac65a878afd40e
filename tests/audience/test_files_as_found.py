"""Files as people's programs write them, each with the expected result."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine

from audience import drafts, properties, survey, upload
from audience.models import Contact, ContactDate, KnownProperty, Upload
from lib import phone
from lib.csv_files import MIXED, Unreadable
from tests.audience.conftest import contact, counts, csv_file, taken_over

pytestmark = pytest.mark.django_db

FILES = Path(__file__).parent / "files"


def content(name: str) -> bytes:
    return (FILES / name).read_bytes()


def draft_of(name: str, encoding: str = "") -> Upload:
    return drafts.draft(name, csv_file(content(name)), encoding=encoding)


def types() -> dict[str, str]:
    return properties.attribute_types()


def reasons(done: Upload, *, refused: bool) -> dict[int, str]:
    return dict(done.errors.filter(refused=refused).values_list("line", "reason"))


def with_types(draft: Upload, **kinds: str) -> list[dict[str, Any]]:
    """The draft's mapping, with other types: Renewal="date excel"."""
    mapping = [dict(column) for column in draft.mapping]
    for column in mapping:
        if column["name"] in kinds:
            column["type"], _, form = kinds[column["name"]].partition(" ")
            column["format"] = form or "iso"
    return mapping


def test_dates_stay_dates_and_prices_keep_their_zeros() -> None:
    assert counts(taken_over(content("dates-and-prices.csv"))) == (2, 0, 0, 0)
    tia = contact("ty1").attributes
    assert {name: str(value) for name, value in tia.items()} == {
        "Trip": "2026-12-05", "Fee": "1499.50", "Slot at": "9.30",
    }  # fmt: skip
    assert types() == {"Trip": "date", "Fee": "number", "Slot at": "number"}
    assert ContactDate.objects.get(contact=contact("ty1")).whole_day


def test_a_trip_is_on_its_day() -> None:
    taken_over(content("a-trip.csv"))
    trip = ContactDate.objects.get()
    assert (trip.whole_day, trip.at.astimezone(UTC).date()) == (True, date(2026, 11, 30))


def test_dates_are_offered_with_their_formats() -> None:
    draft = draft_of("dates-as-people-write-them.csv")
    assert [(each["name"], each["type"], each["format"]) for each in draft.mapping[4:]] == [
        ("DOB", "date", "dmy"), ("Renewal", "number", "iso"), ("Joined", "moment", "iso"),
    ]  # fmt: skip
    dates = upload.survey_of(draft).dates
    assert dates[4]["date dmy"] == "31/03/1990"
    assert dates[5]["date excel"] == "45383"
    done = taken_over(
        content("dates-as-people-write-them.csv"), mapping=with_types(draft, Renewal="date excel")
    )
    assert counts(done) == (2, 0, 0, 0)
    assert contact("t1").attributes == {
        "DOB": "1990-03-31", "Renewal": "2024-04-01", "Joined": "2026-03-31T14:30:00Z",
    }  # fmt: skip
    assert contact("t2").attributes["DOB"] == "1990-04-01"


def test_a_day_that_may_be_a_month_is_asked_for() -> None:
    text = "identity,phone,DOB\na,,01/04/1990\nb,,02/05/1990\n"
    with pytest.raises(Unreadable, match="DOB: choose whether the day or the month comes first"):
        taken_over(text)
    draft = drafts.draft("x.csv", csv_file(text))
    taken_over(text, mapping=with_types(draft, DOB="date mdy"))
    assert contact("a").attributes == {"DOB": "1990-01-04"}


def test_numbers_are_kept_as_written() -> None:
    taken_over(content("numbers-as-written.csv"))
    assert {name: str(value) for name, value in contact("d1").attributes.items()} == {
        "Price": "1499.50", "Slot": "9.30", "Version": "2.10", "Pin": "011001", "Card": "1234567890123456",
    }  # fmt: skip
    assert types() == {
        "Price": "number", "Slot": "number", "Version": "number", "Pin": "text", "Card": "text",
    }  # fmt: skip


def test_a_value_that_does_not_fit_costs_the_value_only() -> None:
    done = taken_over(content("points-with-a-few-words.csv"))
    assert (done.created, done.failed, done.warned) == (154, 0, 4)
    assert types() == {"Points": "number"}
    words = reasons(done, refused=False)
    assert [words[line] for line in sorted(words)] == [
        "Points “N/A” is not a number", "Points “-” is not a number", "Points “1,200” is not a number",
        "Points “007” is not a number",
    ]  # fmt: skip
    person = contact("n151")
    assert (person.phone, person.opted_in, person.attributes) == ("919812500151", True, {})
    assert contact("n149").attributes == {"Points": 149}


def test_types_come_from_values_late_in_the_file() -> None:
    assert taken_over(content("values-late-in-the-file.csv")).failed == 0
    assert types() == {"Premium until": "date", "Spend": "number"}
    assert contact("sp129").attributes == {"Premium until": "2026-12-29", "Spend": 1290}


def test_an_empty_column_gives_no_type() -> None:
    taken_over("identity,phone,Since\na,,\n")
    assert types() == {}
    taken_over("identity,phone,Since\na,,2026-12-05\n")
    assert types() == {"Since": "date"}


def test_one_letter_in_windows_1252_is_named_and_read_so_when_told() -> None:
    for encoding in ("", "utf-8-sig"):
        with pytest.raises(Unreadable, match=r"Line 22 .* reads “m99,François,\+919812699999,TRUE”"):
            draft_of("one-letter-in-windows-1252.csv", encoding)
    done = draft_of("one-letter-in-windows-1252.csv", MIXED)
    assert upload.start(done)
    upload.drain()
    assert (contact("m99").name, contact("m0").name) == ("François", "José Ñandú")


@pytest.mark.parametrize(
    ("name", "country", "stored"),
    [
        (
            "phones-with-invisible-marks.csv", "",
            {f"i{n}": f"91981234560{n}" for n in range(1, 8)},
        ),
        ("trunk-zeros.csv", "", {"uk1": "442079460958", "de1": "491711234567", "au1": "61412345678"}),
        (
            "some-numbers-without-code.csv", "IN",
            {"u1": "919811111111", "u2": "919822222222", "u3": ""},
        ),
        (
            "indian-numbers-without-code.csv", "IN",
            {
                "in1": "919812300001", "in2": "919198123456", "in3": "917012345678", "in4": "918123456789",
                "in5": "916012345678",
            },
        ),
        (
            "phones-in-all-dresses.csv", "",
            {
                "u1": "919812340001", "u2": "919812340002", "u3": "919812340003", "u6": "919812340006",
                "u7": "919812340007", "u8": "919812340008", "u10": "525512345678", "u13": "919812340014",
                "u14": "919812340015",
            },
        ),
    ],
)  # fmt: skip
def test_phone_numbers(name: str, country: str, stored: dict[str, str]) -> None:
    done = draft_of(name)
    done.country = country
    assert upload.start(done)
    upload.drain()
    found = dict(Contact.objects.filter(identity__in=stored).values_list("identity", "phone"))
    assert found == stored


def test_the_numbers_that_are_refused_say_why() -> None:
    done = taken_over(content("phones-in-all-dresses.csv"))
    words = reasons(done, refused=True)
    assert set(words) >= {5, 6, 10, 13}
    assert "a spreadsheet has shortened it" in words[5]
    assert "no country code" in words[6]
    done.refresh_from_db()
    assert done.failed == len(words)


def test_numbers_without_a_code_are_never_another_countrys() -> None:
    """Read as they are, 98 12300001 would be of Iran and 70 12345678 of Russia or Kazakhstan."""
    done = taken_over(content("indian-numbers-without-code.csv"))
    assert counts(done) == (0, 0, 0, 5)
    draft = draft_of("indian-numbers-without-code.csv")
    assert drafts.asks_for_country(draft)
    draft.country = "+"
    phones = upload.survey_of(draft).phones
    assert phones is not None
    assert "98" in {code for code, _ in survey.unexpected(phones, "+")}
    assert survey.stored(phones, "IN")[0] == ("9812300001", "+919812300001", "India")


def test_a_few_numbers_of_another_country_are_pointed_out() -> None:
    rows = "".join(f"p{n},+9198123{n:05d}\n" for n in range(20))
    draft = drafts.draft("x.csv", csv_file(f"identity,phone\n{rows}q,+989123456789\n"))
    phones = upload.survey_of(draft).phones
    assert phones is not None
    assert not drafts.asks_for_country(draft)
    ((code, country),) = survey.unexpected(phones, "")
    assert (code, country.numbers, country.line, survey.name_of(code)) == ("98", 1, 22, "Iran")


def test_identities_that_a_spreadsheet_shortened_are_refused() -> None:
    done = taken_over(content("shortened-identities.csv"))
    assert (counts(done), Contact.objects.count()) == ((0, 0, 0, 3), 0)
    assert "was shortened by a spreadsheet" in reasons(done, refused=True)[2]
    comma = taken_over("identity;phone\n9,19812E+11;+919812300011\n")
    assert (comma.failed, Contact.objects.count()) == (1, 0)


def test_both_spellings_of_mexico_and_brazil_are_taken() -> None:
    done = taken_over(content("mexico-and-brazil.csv"))
    assert done.failed == 0
    for one, other in (("p1", "p2"), ("p3", "p4")):
        first, second = contact(one).phone, contact(other).phone
        assert phone.spellings(first)[0] == phone.spellings(second)[0]


def test_a_type_changes_only_when_an_operator_says_so() -> None:
    taken_over("identity,phone,Code\na,,12\n")
    done = taken_over("identity,phone,Code\na,,12\nb,,x1\nc,,x2\n")
    assert (types(), done.warned) == ({"Code": "number"}, 2)
    draft = drafts.draft("x.csv", csv_file("identity,phone,Code\nb,,x1\n"))
    assert draft.mapping[2]["type"] == "number"
    taken_over("identity,phone,Code\nb,,x1\n", mapping=with_types(draft, Code="text"))
    assert types() == {"Code": "text"}
    assert contact("b").attributes == {"Code": "x1"}


def test_a_column_named_as_an_attribute_that_exists_takes_its_type() -> None:
    taken_over("identity,phone,Pin\na,,011001\n")
    draft = drafts.draft("x.csv", csv_file("identity,phone,Postcode\nb,,11001\n"))
    columns = upload.columns_of(draft)
    assert columns[2].type == "number"
    columns[2].name = "Pin"
    drafts.change(draft, columns, "")
    assert upload.start(draft)
    upload.drain()
    assert (types(), contact("b").attributes) == ({"Pin": "text"}, {"Pin": "11001"})


def test_an_email_and_a_gender_that_do_not_fit_cost_only_themselves() -> None:
    text = "identity,email,phone,gender,MSG-whatsapp\na,ann at example,+14155551234,X,TRUE\n"
    done = taken_over(text)
    assert (done.created, done.failed, done.warned) == (1, 0, 1)
    assert reasons(done, refused=False) == {
        2: "Email “ann at example” is not an e-mail address; Gender “X” is neither M nor F"
    }
    assert contact("a").reachable


@pytest.fixture
def _clock() -> Iterator[None]:
    with time_machine.travel(datetime(2026, 1, 5, 9, 0, tzinfo=UTC), tick=False):
        yield


@pytest.mark.usefixtures("_clock")
def test_what_the_file_did_to_consent_is_counted() -> None:
    taken_over("identity,phone,MSG-dndWhatsApp\na,+14155551234,TRUE\nb,+14155551235,TRUE\n")
    done = taken_over(
        "identity,phone,MSG-whatsapp,MSG-dndWhatsApp\na,,TRUE,\nb,,TRUE,FALSE\nc,+14155551236,TRUE,\n"
    )
    assert done.consent == {"in": 3, "resume": 1, "lifted_upload": 1, "stays_upload": 1}
    assert KnownProperty.objects.count() == 0
