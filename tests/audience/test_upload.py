"""CSV files of contacts: the seed's format, everything people's programs make of it, and half-done work."""

import io
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from audience import drafts, exporting, tasks, upload, upload_preview, writing
from audience.models import Contact, ContactDate, KnownProperty, OptChange, PhoneChoice, Upload, UploadError
from lib import csv_files
from lib.csv_files import Unreadable
from lib.phone_masking import WHOLE
from lib.sheets import write_csv
from tests.audience.conftest import contact, counts, csv_file, taken_over

pytestmark = pytest.mark.django_db
NOW = timezone.now()

# The seed's own rows: "Creating/Uploading User Base" and the FAQ's table.
SEED = (
    "Identity,Name,Email,Phone,Gender,MSG-WhatsApp,Upload Name\n"
    "johndoe@clevertap.com,John Doe,,+919912345420,M,TRUE,Sample Upload\n"
)
FAQ = (
    "Identity,Email,Phone,MSG-whatsapp,MSG-sms\n"
    "john.doe@johndoe.com,,+14155551234,TRUE,TRUE\n"
    "14155551235,,,TRUE,TRUE\n"
    "14155551234,,+14155551234,TRUE,TRUE\n"
    "234853412,mary@gmail.com,+14155551234,TRUE,TRUE\n"
)


def test_the_seeds_format(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    done = taken_over(SEED)
    assert f"Upload {done.pk} of contacts ended: done" in caplog.text
    assert (done.state, counts(done)) == ("done", (1, 0, 0, 0))
    john = contact("johndoe@clevertap.com")
    assert (john.name, john.email, john.phone, john.gender) == ("John Doe", "", "919912345420", "M")
    assert (john.opted_in, john.dnd, john.attributes) == (True, False, {})
    assert john.reachable


def test_the_faqs_table() -> None:
    """Three people share a number; one has none."""
    done = taken_over(FAQ)
    assert counts(done) == (4, 0, 0, 0)
    assert Contact.objects.filter(phone="14155551234").count() == 3
    assert contact("14155551235").phone == ""
    assert contact("234853412").attributes == {"MSG-sms": True}
    change = OptChange.objects.get(contact=contact("234853412"))
    assert (change.to, change.why, change.by) == ("in", "csv", "mira")
    assert change.proof == f"line 5 of users.csv (upload {done.pk})"


def test_opted_out_by_default() -> None:
    taken_over("identity,phone\na,+14155551234\n")
    assert not contact("a").opted_in
    assert not contact("a").reachable
    assert not OptChange.objects.exists()


@pytest.mark.parametrize(("yes", "no"), [("TRUE", "false"), ("Yes", "NO"), ("1", "0"), ("1.0", "0.0")])
def test_consent_is_written_in_several_ways(yes: str, no: str) -> None:
    header = "identity,phone,MSG-whatsapp,MSG-dndWhatsApp"
    taken_over(f"{header}\na,+14155551234,{yes},{no}\nb,+14155551235,{no},{yes}\n")
    choices = Contact.objects.order_by("identity").values_list("opted_in", "dnd")
    assert list(choices) == [(True, False), (False, True)]


def test_the_same_file_again_changes_nothing() -> None:
    taken_over(FAQ)
    before = list(Contact.objects.values())
    assert counts(taken_over(FAQ)) == (0, 0, 4, 0)
    assert list(Contact.objects.values()) == before
    assert OptChange.objects.count() == 4


def test_empty_cells_leave_what_is_there() -> None:
    taken_over("identity,name,phone,city\na,Ann,+14155551234,Rome\n")
    assert counts(taken_over("identity,name,phone,city\na,,+14155551234,Oslo\n")) == (0, 1, 0, 0)
    ann = contact("a")
    assert (ann.name, ann.attributes) == ("Ann", {"city": "Oslo"})


def test_a_row_that_comes_twice_counts_as_it_would_one_by_one() -> None:
    done = taken_over("identity,phone,city\na,+14155551234,Rome\na,,Oslo\na,,Oslo\n")
    assert counts(done) == (1, 1, 1, 0)
    assert (contact("a").phone, contact("a").attributes) == ("14155551234", {"city": "Oslo"})


@pytest.mark.parametrize(
    "content",
    [
        SEED.encode("utf-8-sig"),
        SEED.encode("utf-16"),
        b"\xfe\xff" + SEED.encode("utf-16-be"),
        SEED.encode("utf-16-le"),
        SEED.replace(",", ";").encode(),
        SEED.replace(",", "\t").encode("utf-16"),
        SEED.replace("\n", "\r\n").encode(),
        SEED.replace("\n", "\r").encode(),
        b"sep=;\r\n" + SEED.replace(",", ";").encode("cp1252"),
        ("\n" + SEED + "\n,,,\n\n").encode(),
    ],
    ids=[
        "bom",
        "utf-16",
        "utf-16-be",
        "utf-16 without mark",
        "semicolons",
        "tabs",
        "crlf",
        "cr",
        "sep=",
        "blank",
    ],
)
def test_how_programs_write_it(content: bytes) -> None:
    done = taken_over(content)
    assert (counts(done), done.rows) == ((1, 0, 0, 0), 1)
    assert contact("johndoe@clevertap.com").phone == "919912345420"


def test_windows_1252() -> None:
    assert taken_over("identity,name,phone\na,José “Pepe” Muñoz €,\n".encode("cp1252")).encoding == "cp1252"
    assert contact("a").name == "José “Pepe” Muñoz €"


def test_an_encoding_that_nobody_can_guess_is_told() -> None:
    content = "identity,name,phone\na,Иван Петров,\n".encode("cp1251")
    taken_over(content)
    assert contact("a").name == "Èâàí Ïåòðîâ"  # as Windows-1252, which it could be, too
    told = drafts.draft("people.csv", io.BytesIO(content), encoding="cp1251")
    assert [row.cells for row in upload_preview.preview(told, 1)] == [["a", "Иван Петров", ""]]
    with pytest.raises(Unreadable, match="not in Shift-JIS"):
        drafts.draft("people.csv", io.BytesIO(content + b"\xfc\xff"), encoding="cp932")


def test_quoted_delimiters_and_line_breaks_keep_the_line_numbers() -> None:
    done = taken_over('identity,name,phone\na,"Doe, ""J""\nJr.",+14155551234\nb,Bob,nonsense\n')
    assert contact("a").name == 'Doe, "J"\nJr.'
    assert done.errors.get().line == 4


def test_types_of_attributes() -> None:
    taken_over(
        "identity,phone,age,zip,vip,departs,when\n"
        "a,,41,00501,yes,2026-03-31 08:30,2026-03-31T08:30:00+05:30\n"
        "b,,-2.5,10001,no,1969-01-02,\n"
    )
    assert contact("a").attributes == {
        "age": 41,
        "zip": "00501",
        "vip": True,
        "departs": "2026-03-31T08:30:00Z",
        "when": "2026-03-31T03:00:00Z",
    }
    assert contact("b").attributes["age"] == -2.5
    dates = ContactDate.objects.order_by("at").values_list("name", "at__year", "event_name")
    assert list(dates) == [("departs", 1969, ""), ("when", 2026, ""), ("departs", 2026, "")]
    names = KnownProperty.objects.filter(event="").values_list("name", "type")
    assert set(names) == {
        ("age", "number"), ("zip", "text"), ("vip", "boolean"), ("departs", "moment"), ("when", "moment"),
    }  # fmt: skip
    taken_over("identity,phone,departs\na,,2026-04-01\n")
    assert sorted(contact("a").dates.values_list("name", "at__month")) == [("departs", 4), ("when", 3)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,,12,,", "Phone “12” is not a phone number: it has no country code"),
        ("a,,+1415555123456789,,", "Phone “+1415555123456789” is not a phone number"),
        ("a,,1.41556E+10,,", "a spreadsheet has shortened it"),
        ("a,,+999123456789,,", "it begins with a code that no country has"),
        ("a,,hello,,", "Phone “hello” is not a phone number"),
        ("a,,,maybe,", "MSG-whatsapp is “maybe”, neither true nor false"),
        (",,,,", None),
        (",,+14155551234,,", "identity is empty"),
        (f"{'x' * 513},,,,", "identity is longer than 512 bytes"),
        ("a,,,,M,surplus", "6 cells where the first row has 5"),
        ("a\0b,,,,", None),
    ],
)
def test_bad_rows_are_named_and_cost_no_other(row: str, reason: str | None) -> None:
    done = taken_over(f"identity,email,phone,MSG-whatsapp,gender\n{row}\ngood,,+14155551234,TRUE,F\n")
    assert contact("good").reachable
    if reason is None and "\0" not in row:  # a blank row is no row
        assert (done.failed, done.rows) == (0, 1)
        return
    error = done.errors.get()
    assert error.line == 2
    assert (reason or "null character") in error.reason
    assert done.failed == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty"),
        (b"\xef\xbb\xbf\r\n\r\n", "The file is empty"),
        (b"PK\x03\x04rest", "a workbook or an archive"),
        (b"identity,phone\n\0\0\x01", "not a text file"),
        ("identity,phone\n日本,".encode("shift_jis") + b"\x81\x8d", "encoding is neither"),
        (b'identity,phone\na,1\n"b,2\nc,3\n', "From line 3 on the file cannot be read"),
        (("," * 400).encode(), "The file is empty"),
        (b"  \n ; \n", "The file is empty"),
        (b"identity,phone\n", "only one row"),
        (b"identity,phone\n\n , \n", "only one row"),
        (b"x" * 200_000, "longer than 131,072"),
        ((",".join(map(str, range(301)))).encode(), "names 301 columns"),
    ],
)
def test_files_that_are_none(content: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        drafts.draft("x.csv", csv_file(content))
    assert not Upload.objects.exists()


@pytest.mark.parametrize(("more", "fits"), [(-1, True), (0, True), (1, False)])
def test_a_file_at_the_limit(monkeypatch: pytest.MonkeyPatch, more: int, fits: bool) -> None:
    monkeypatch.setattr(drafts, "MOST_BYTES", len(SEED) - more)
    if fits:
        assert drafts.draft("x.csv", csv_file(SEED)).size == len(SEED)
    else:
        with pytest.raises(Unreadable, match="larger than"):
            drafts.draft("x.csv", csv_file(SEED))


@pytest.mark.parametrize("number", [299, 300])
def test_columns_at_the_limit(number: int) -> None:
    header = ",".join(["identity", "phone", *(f"c{n}" for n in range(number - 2))])
    assert len(drafts.draft("x.csv", csv_file(f"{header}\na,\n")).header) == number


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        ("9" * 14, "number"),
        ("9" * 15, "number"),
        ("9" * 16, "text"),  # more digits than a number keeps
        ("0." + "1" * 11, "number"),
        ("0." + "1" * 24, "number"),
        ("0." + "1" * 25, "text"),
    ],
)
def test_numbers_at_the_limit(cell: str, kind: str) -> None:
    draft = drafts.draft("x.csv", csv_file(f"identity,phone,points\na,,{cell}\n"))
    assert draft.mapping[2]["type"] == kind


@pytest.mark.parametrize(("others", "kind"), [(5, "number"), (6, "text")])
def test_types_are_guessed_from_all_rows(others: int, kind: str) -> None:
    """One value in twenty may be something else: it is named, and costs nobody the type."""
    cells = [*["1"] * (100 - others), *["x"] * others]
    text = "identity,phone,points\n" + "".join(f"p{n},,{cell}\n" for n, cell in enumerate(cells))
    assert drafts.draft("x.csv", csv_file(text)).mapping[2]["type"] == kind


def test_a_mapping_must_make_sense() -> None:
    draft = drafts.draft("x.csv", csv_file("who,mail,City,City\n1,a@b.example,Rome,x\n"))
    assert [entry["to"] for entry in draft.mapping] == ["identity", "attribute", "attribute", "attribute"]
    with pytest.raises(Unreadable, match=r"No column holds the phone number. .* becomes the attribute City"):
        upload.start(draft)
    draft.mapping[1]["to"] = "phone"
    draft.mapping[2]["to"] = "phone"
    draft.mapping[3]["name"] = "Email"
    with pytest.raises(Unreadable, match=r"More than one column is phone. Email cannot be"):
        upload.start(draft)


def test_rows_to_correct_keep_their_first_column_as_identity() -> None:
    done = taken_over("who,phone\nann,12\n")
    rows = "".join(write_csv(exporting.errors(done, WHOLE))).replace("12", "+14155551234")
    assert counts(taken_over(rows)) == (1, 0, 0, 0)
    assert contact("ann").attributes == {}


def test_rows_to_correct_keep_their_texts() -> None:
    """An apostrophe before a formula, which an export has put there, is not put there twice."""
    told = "identity,phone,A,B,C\nann,12,'=1+1,=1+1,''=1+1\n"
    done = taken_over(told)
    rows = "".join(write_csv(exporting.errors(done, WHOLE))).replace(",12,", ",+14155551234,")
    taken_over(rows)
    corrected = contact("ann").attributes
    taken_over(told.replace(",12,", ",+14155551234,"))
    assert contact("ann").attributes == corrected == {"A": "=1+1", "B": "=1+1", "C": "'=1+1"}


def test_a_country_code_for_numbers_without_one() -> None:
    taken_over("identity,phone\na,9812300001\nb,09812300002\nc,+14155551234\n", country="91")
    assert [contact(who).phone for who in "abc"] == ["919812300001", "919812300002", "14155551234"]


@pytest.mark.parametrize(
    ("country", "raw", "phone"),
    [
        ("55", "11987654321", "5511987654321"),  # eleven digits are no number of the United States
        ("55", "5511987654321", "5511987654321"),
        ("86", "13812345678", "8613812345678"),
        ("49", "017612345678", "4917612345678"),
        ("62", "0812-3456-7890", "6281234567890"),
        ("65", "91234567", "6591234567"),
        ("65", "6591234567", "6591234567"),  # ten digits with the code
        ("91", "9198765432", "919198765432"),  # a national number that begins like the code
        ("91", "919812300001", "919812300001"),
        ("91", "+447911123456", "447911123456"),
        ("1", "2125550777", "12125550777"),
    ],
)
def test_national_numbers_of_any_length(country: str, raw: str, phone: str) -> None:
    taken_over(f"identity,phone\na,{raw}\n", country=country)
    assert contact("a").phone == phone


def test_a_number_that_was_written_as_a_decimal() -> None:
    taken_over("identity,phone\na,919812300001.0\nb,+14155551234.0\nc,+33 6.12.34.56.70\n", country="+")
    assert [contact(who).phone for who in "abc"] == ["919812300001", "14155551234", "33612345670"]


def test_our_own_export_can_come_back() -> None:
    taken_over("identity,phone,note\na,'+14155551234,'=1+1\n")
    assert (contact("a").phone, contact("a").attributes) == ("14155551234", {"note": "=1+1"})


def test_headings_of_our_own_export_can_come_back() -> None:
    done = taken_over("identity,phone,'=note,Ci\0ty\na,,x,Pune\n" + "b,,y,Goa\n" * 20)
    assert done.header == ["identity", "phone", "=note", "City"]
    assert contact("a").attributes == {"=note": "x", "City": "Pune"}


def test_a_column_that_turns_out_to_be_of_another_type() -> None:
    taken_over("identity,phone,VIP\na,,1\nb,,0\n")
    assert contact("a").attributes == {"VIP": 1}
    done = taken_over("identity,phone,VIP\na,,TRUE\nb,,FALSE\n")
    assert (counts(done), done.warned) == ((0, 0, 2, 0), 2), "the type is the property's"
    boolean = [{"to": "identity"}, {"to": "phone"}, {"to": "attribute", "name": "VIP", "type": "boolean"}]
    done = taken_over("identity,phone,VIP\na,,TRUE\nb,,FALSE\n", mapping=boolean)
    assert counts(done) == (0, 2, 0, 0)
    assert (contact("a").attributes["VIP"] is True, contact("b").attributes["VIP"] is False) == (True, True)


def test_lists() -> None:
    done = taken_over("identity|phone|Tags\n" + 'a||["x", 1]\n' * 100 + "b||[\nc||plain\nd||[[1]]\n")
    assert contact("a").attributes == {"Tags": ["x", 1]}
    assert [error.reason[:20] for error in done.errors.filter(refused=False).order_by("line")] == [
        "Tags “[” is not a li", "Tags “plain” is not ", "Tags is not a list o",
    ]  # fmt: skip


def test_the_proof_names_the_line_that_told_it() -> None:
    done = taken_over("identity,phone,MSG-whatsapp,City\na,,TRUE,Pune\na,+14155551234,,Goa\n")
    assert OptChange.objects.get().proof == f"line 2 of users.csv (upload {done.pk})"


def test_a_profile_may_end_what_a_stop_began() -> None:
    """An operator's own word counts: the column says it for this contact."""
    PhoneChoice.objects.create(phone="14155551234", stopped=True, since=NOW, at=NOW)
    PhoneChoice.objects.create(phone="14155550000", stopped=False, since=NOW, at=NOW)
    taken_over("identity,phone,MSG-whatsapp,MSG-dndWhatsApp\na,+14155551234,TRUE,FALSE\n")
    taken_over("identity,phone,MSG-whatsapp\nb,+14155550000,TRUE\nc,,TRUE\n")
    assert [contact(who).dnd for who in "abc"] == [False, False, False]


def test_whoever_wrote_stop_stays_undisturbed() -> None:
    PhoneChoice.objects.create(phone="14155551234", stopped=True, since=NOW, at=NOW)
    taken_over("identity,phone,MSG-whatsapp\na,+14155551234,TRUE\nb,+14155550000,TRUE\n")
    assert (contact("a").dnd, contact("a").reachable, contact("b").reachable) == (True, False, True)
    assert set(OptChange.objects.filter(contact=contact("a")).values_list("to", flat=True)) == {"in", "stop"}
    taken_over("identity,phone\nb,+14155551234\n")
    assert contact("b").dnd, "a number that is new to the contact counts too"


# Half-done work


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "CHUNK", {connection.vendor: 3})


def many(count: int) -> str:
    rows = [f"p{n},{'+1415555' + str(1000 + n) if n % 5 else 'bad'},{n}\n" for n in range(count)]
    return "identity,phone,points\n" + "".join(rows)


def test_a_dead_workers_upload_goes_on_where_it_was(
    small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = drafts.draft("x.csv", csv_file(many(10)))
    upload.start(draft)
    plain, calls = writing.write, []

    def dying(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise SystemExit  # killed in the middle of the third chunk's transaction
        return plain(*arguments)

    monkeypatch.setattr(writing, "write", dying)
    with pytest.raises(SystemExit):
        upload.drain()
    draft.refresh_from_db()
    assert (draft.state, draft.done, draft.failed) == ("running", 6, 2)
    with time_machine.travel(draft.seen_at + upload.SILENCE - timedelta(seconds=1), tick=False):
        assert upload.drain() == 0, "its worker may still be alive"
    with time_machine.travel(draft.seen_at + upload.SILENCE + timedelta(seconds=1), tick=False):
        assert upload.drain() == 1
    draft.refresh_from_db()
    assert (draft.state, draft.done, counts(draft)) == ("done", 10, (8, 0, 0, 2))
    assert [error.line for error in draft.errors.order_by("line")] == [2, 7]


def test_a_worker_that_was_given_up_stops(small_chunks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = drafts.draft("x.csv", csv_file(many(10)))
    upload.start(draft)
    plain = upload._write

    def overtaken(*arguments: Any) -> None:
        Upload.objects.filter(done=3).update(worker="another", done=6)
        plain(*arguments)

    monkeypatch.setattr(upload, "_write", overtaken)
    upload.drain()
    draft.refresh_from_db()
    assert (draft.state, draft.worker, draft.done) == ("running", "another", 6)
    assert Contact.objects.count() == 2, "what the first one wrote of that chunk is undone"


def test_cancelling(small_chunks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = drafts.draft("x.csv", csv_file(many(4)))
    upload.start(waiting)
    upload.cancel(waiting)
    assert (waiting.state, bool(waiting.file)) == ("cancelled", False)
    draft = drafts.draft("x.csv", csv_file(many(10)))
    upload.start(draft)
    plain = upload._write

    def write(*arguments: Any) -> None:
        plain(*arguments)
        upload.cancel(draft)

    monkeypatch.setattr(upload, "_write", write)
    upload.drain()
    draft.refresh_from_db()
    assert (draft.state, draft.done) == ("cancelled", 3)
    assert "Rows imported before that stay" in draft.error


def test_a_failed_upload_can_go_on(small_chunks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = drafts.draft("x.csv", csv_file(many(10)))
    upload.start(draft)
    plain, calls = writing.write, []

    def failing(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise ValueError("oops")
        return plain(*arguments)

    monkeypatch.setattr(writing, "write", failing)
    with pytest.raises(ValueError):
        upload.drain()
    draft.refresh_from_db()
    assert (draft.state, draft.done, draft.error) == (
        "failed", 3, "An error in Waypost: ValueError. Rows imported before that stay.",
    )  # fmt: skip
    assert upload.start(draft)
    upload.drain()
    draft.refresh_from_db()
    assert (draft.state, draft.done, draft.created) == ("done", 10, 8)


def test_files_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    done = taken_over(SEED)
    assert not done.file
    old = drafts.draft("x.csv", csv_file(SEED))
    path = old.file.path
    assert upload.forget(old.created_at + upload.DRAFTS_KEPT, 30) == 0
    assert upload.forget(old.created_at + upload.DRAFTS_KEPT + timedelta(seconds=1), 30) == 1
    assert not Upload.objects.filter(pk=old.pk).exists()
    with pytest.raises(FileNotFoundError):
        open(path)  # noqa: SIM115


def test_upkeep_forgets_what_is_old(settings: Any) -> None:
    settings.AUDIENCE_RETENTION_DAYS = 10
    old, fresh = taken_over(FAQ + "bad,,12,,\n"), taken_over(FAQ + "bad,,12,,\n")
    failed = drafts.draft("x.csv", csv_file(SEED))
    day = timezone.now() - timedelta(days=11)
    Upload.objects.filter(pk=failed.pk).update(state="failed")
    Upload.objects.exclude(pk=fresh.pk).update(created_at=day)
    tasks.upkeep()
    assert (old.errors.count(), fresh.errors.count()) == (0, 1)
    failed.refresh_from_db()
    assert not failed.file
    assert Upload.objects.count() == 3, "the uploads themselves are the proof's"


cells = st.sampled_from(["", "+14155550001", "+14155550002", "junk"])
names = st.sampled_from(["", "Ann", "Bob", "=1+1"])
file_rows = st.lists(
    st.tuples(st.sampled_from("abcd"), names, cells, st.sampled_from(["", "TRUE", "no"])),
    min_size=1,
    max_size=14,
)


@given(file_rows, st.integers(1, 6))
def test_chunks_make_no_difference(rows: list[tuple[str, ...]], size: int) -> None:
    """However the file is cut, its contacts and counts are those of its rows one by one."""
    text = "identity,name,phone,MSG-whatsapp\n" + "".join(",".join(row) + "\n" for row in rows)
    results = []
    for chunk in (1, size):
        Contact.objects.all().delete()
        UploadError.objects.all().delete()
        upload.CHUNK, kept = {connection.vendor: chunk}, upload.CHUNK
        try:
            done = taken_over(text)
        finally:
            upload.CHUNK = kept
        people = Contact.objects.order_by("identity").values_list("identity", "name", "phone", "opted_in")
        results.append((counts(done), list(people), list(UploadError.objects.values_list("line", "reason"))))
    assert results[0] == results[1]


def test_two_files_at_once_make_one_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another writer creates the contact between our look and our insert."""
    taken_over("identity,name,phone\na,Ann,\n")
    plain, looks = writing._locked, []

    def locked(identities: list[str]) -> Any:
        looks.append(1)
        return plain(identities) if len(looks) > 1 else {}

    monkeypatch.setattr(writing, "_locked", locked)
    done = taken_over("identity,name,phone\na,,+14155551234\nb,Bob,\n")
    assert (counts(done), len(looks)) == ((1, 1, 0, 0), 2)
    assert (contact("a").name, contact("a").phone) == ("Ann", "14155551234")


def test_reading_a_long_file_needs_no_more_memory(tmp_path: Path) -> None:
    """Uploads of a million rows are measured by bench/audience.py."""
    path = tmp_path / "long.csv"
    peaks = []
    for count in (60_000, 240_000):
        with path.open("w") as file:
            file.write("identity,phone\n")
            file.writelines(f"user-{n},+9198{n:08d}\n" for n in range(count))
        tracemalloc.start()
        with path.open("rb") as content:
            facts = csv_files.inspect(content)
            rows = csv_files.rows(content, facts.encoding, facts.delimiter)
            assert sum(len(chunk) for chunk in upload.chunks(rows)) == facts.rows == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]
