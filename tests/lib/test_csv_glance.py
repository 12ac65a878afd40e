"""Of a large file a page reads the beginning: what that costs does not grow with the file."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from audience import drafts, upload
from audience.models import Upload
from broadcasts.people import lists
from lib import csv_files
from lib.csv_files import GLANCE, Unreadable
from providers.models import Provider
from stats.models import Report
from stats.reconciliation import loading, reading, storage
from tests.audience.conftest import csv_file
from tests.broadcasts.conftest import add, make_broadcast

pytestmark = pytest.mark.django_db
REPORT = "Run Date,Campaign ID,Total Sent (events)\n"
TWO_BYTES = "1\n"


class Counted(io.BytesIO):
    """A file that knows how much of it has been read."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.count += len(found)
        return found

    def read1(self, size: int | None = -1, /) -> bytes:
        found = super().read1(size)  # type: ignore[arg-type]
        self.count += len(found)
        return found

    def readline(self, size: int | None = -1, /) -> bytes:
        found = super().readline(size)
        self.count += len(found)
        return found

    def __next__(self) -> bytes:
        if line := self.readline():
            return line
        raise StopIteration


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows the parser of CSV has made."""
    count = [0]
    real = csv.reader

    class Reader:
        def __init__(self, lines: Any, **how: Any) -> None:
            self._real = real(lines, **how)

        def __iter__(self) -> Iterator[list[str]]:
            return self

        def __next__(self) -> list[str]:
            row = next(self._real)
            count[0] += 1
            return row

        @property
        def line_num(self) -> int:
            return self._real.line_num

    monkeypatch.setattr(csv_files.csv, "reader", Reader)
    return count


def contacts(file: Any) -> None:
    draft = drafts.draft("people.csv", file)
    assert (draft.state, draft.rows) == ("reading", 0)


def report(file: Any) -> None:
    made = storage.draft("report.csv", file, zone="UTC", exported_at=timezone.now())
    made.mapping = {"day": 0}
    loading.start(made)
    assert (made.state, made.rows) == ("queued", 0)


def listed(file: Any) -> None:
    lists.inspect(file, "list.csv", 3 * GLANCE)


@pytest.mark.parametrize(
    ("choose", "header", "copies"),
    [(contacts, "identity\n", 1), (report, REPORT, 1), (listed, "identity\n", 0)],
)
def test_a_page_reads_the_beginning_of_a_large_file(
    choose: Callable[[Any], None], header: str, copies: int, parsed: list[int]
) -> None:
    content = header.encode() + TWO_BYTES.encode() * (2 * GLANCE)
    file = Counted(content)
    choose(file)
    assert parsed[0] <= 2 * csv_files.HEADER_WITHIN
    assert file.count <= copies * len(content) + GLANCE + 100_000, "to keep it, and for a glance"


def long(rows: str, header: str = "identity,name\n") -> io.BytesIO:
    """The rows, behind so many others that no glance gets to them."""
    others = "".join(f"p{n},Asha\n" for n in range(GLANCE // 8))
    return csv_file(header + others + rows)


def test_the_worker_finds_what_the_rest_has(tmp_path: Any) -> None:
    draft = drafts.draft("people.csv", long("bob,Zoë\n"))
    assert draft.encoding == "utf-8-sig"
    drafts.drain()
    draft.refresh_from_db()
    assert (draft.state, draft.rows) == ("draft", GLANCE // 8 + 1)


def test_a_letter_of_another_encoding_in_the_rest() -> None:
    content = long("").getvalue() + "bob,Zoë\n".encode("cp1252") * 2
    draft = drafts.draft("people.csv", io.BytesIO(content))
    assert draft.encoding == "utf-8-sig"
    drafts.drain()
    draft.refresh_from_db()
    assert (draft.state, draft.encoding) == ("draft", "cp1252")


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("bob,Zoë\n".encode() + "eve,Zoë\n".encode("cp1252"), "has a letter that is not in UTF-8"),
        (b'bob,"never closed\n', "a quotation mark there is never closed"),
        (b"x" * (csv_files.LONGEST_ROW + 20_000), "is longer than 2,000,000 characters"),
    ],
)
def test_what_makes_the_rest_unreadable_ends_the_draft_in_words(rest: bytes, words: str) -> None:
    draft = drafts.draft("people.csv", io.BytesIO(long("").getvalue() + rest))
    drafts.drain()
    draft.refresh_from_db()
    assert draft.state == "failed"
    assert words in draft.error
    assert "Choose the file again" in draft.error
    assert not draft.file


def test_an_encoding_that_was_named_stays() -> None:
    draft = drafts.draft("people.csv", long("bob,Zoe\n"), encoding="cp1251")
    drafts.drain()
    draft.refresh_from_db()
    assert (draft.state, draft.encoding) == ("draft", "cp1251")


def test_a_letter_that_the_glance_cuts_is_no_other_encoding() -> None:
    for more in range(2):
        content = ("identity\n" + "a" * more + "é" * GLANCE).encode()
        assert csv_files.glance(io.BytesIO(content)).encoding == "utf-8-sig"


def test_few_rows_may_be_a_large_file() -> None:
    wide = "p," + "x" * 100_000 + "\n"
    draft = drafts.draft("people.csv", csv_file("identity,name\n" + wide * 20))
    drafts.drain()
    draft.refresh_from_db()
    assert (draft.state, draft.rows) == ("draft", 20)
    upload.Upload.objects.filter(pk=draft.pk).update(mapping=[], survey={})
    draft.refresh_from_db()
    draft.mapping = [{"to": "identity", "name": ""}, {"to": "phone", "name": ""}]
    drafts.look_through(draft)
    assert draft.state == Upload.State.READING


def test_a_large_report_is_counted_by_the_worker() -> None:
    lines = "".join(f"2026-03-{1 + n % 28:02d},c{n // 28},{n}\n" for n in range(60_000))
    made = storage.draft("report.csv", csv_file(REPORT + lines), zone="UTC", exported_at=timezone.now())
    assert (made.rows, made.header_row) == (0, 0)
    loading.start(made)
    assert made.state == Report.State.QUEUED
    loading.drain()
    made.refresh_from_db()
    assert (made.state, made.rows, made.lines.count()) == ("done", 60_000, 60_000)


def test_a_report_with_too_many_rows_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ROWS", 10)
    lines = "2026-03-18,spring,1\n" * (GLANCE // 10)
    made = storage.draft("report.csv", csv_file(REPORT + lines), zone="UTC", exported_at=timezone.now())
    loading.start(made)
    loading.drain()
    made.refresh_from_db()
    assert made.state == Report.State.FAILED
    assert "10 are read" in made.error


def test_a_list_has_an_end(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "MOST_ROWS", 3)
    add("p1")
    broadcast = make_broadcast(provider)
    for lines, taken in (("p1\n" * 3, True), ("\n" * 4 + "p1\n", False), ("p1\n" * 4, False)):
        source = lists.inspect(csv_file("identity\n" + lines), "list.csv", 10)
        if taken:
            assert lists.take(broadcast, source).contacts == 1
        else:
            with pytest.raises(Unreadable, match="more than 3 lines"):
                lists.take(broadcast, source)
            assert not broadcast.list_name
