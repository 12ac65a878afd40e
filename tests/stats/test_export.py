"""CSV and XLSX, written while they are read."""

import csv
import io
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from django.test import Client

from campaigns.stats.export_api import TABLES
from lib import sheets
from providers.messages import ReportCode
from providers.models import Provider
from tests.stats.conftest import NOW, accepted, fold, refused, reported, submitted
from tests.stats.test_api import signed_in


@pytest.fixture
def analyst(shop: Provider) -> Client:
    for minutes in (2, 1):
        message = accepted(shop, NOW - timedelta(minutes=minutes), campaign="=1+1", template="welcome, you")
        submitted(message)
        reported(message, "sent", "delivered")
    reported(message, "failed", code=ReportCode.PHONE, text='=HYPERLINK("http://x")')
    refused(shop)
    fold()
    return signed_in("view_stats", "export_stats")


def content(client: Client, name: str, **parameters: Any) -> bytes:
    response = client.get(f"/api/stats/export/{name}", parameters)
    assert response.status_code == 200
    assert response["Content-Disposition"] == (
        f'attachment; filename="waypost-{name.partition(".")[0]}-2026-03-18.{name.partition(".")[2]}"'
    )
    return b"".join(response.streaming_content)  # type: ignore[attr-defined]


def read_csv(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def read_xlsx(data: bytes) -> list[list[Any]]:
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    assert sheet is not None
    return [["" if cell.value is None else cell.value for cell in row] for row in sheet.iter_rows()]


@pytest.mark.parametrize("table", TABLES)
def test_every_table_comes_in_both_forms(analyst: Client, table: str) -> None:
    asked = {"figure": "delivered", "range": "today"}
    lines = read_csv(content(analyst, f"{table}.csv", **asked))
    cells = read_xlsx(content(analyst, f"{table}.xlsx", **asked))
    assert len(lines) > 1 or table == "urls"
    assert len({len(line) for line in lines}) == 1
    assert [[str(cell) for cell in row] for row in cells] == lines


def test_a_table_has_what_the_page_has(analyst: Client) -> None:
    heading, *rows = read_csv(content(analyst, "campaigns.csv", tz="Asia/Kolkata"))
    assert heading[:6] == ["Campaign", "Name", "Provider", "First seen", "Last seen", "Accepted"]
    assert rows[0][:6] == ["'=1+1", "", "Shop", "2026-03-18 17:28:00", "2026-03-18 17:29:00", "2"]
    (_, row, _) = read_xlsx(content(analyst, "campaigns.xlsx"))
    assert row[0] == "'=1+1", "no spreadsheet runs it"
    assert row[5] == 2, "a number is a number"


def test_the_messages_behind_a_figure(analyst: Client) -> None:
    heading, row = read_csv(content(analyst, "messages.csv", figure="undelivered", code=1002))
    told = dict(zip(heading, row, strict=True))
    assert told["Reason"] == '\'=HYPERLINK("http://x")'
    assert told["Template"] == "welcome, you"
    assert "•" in told["To"]


def test_a_million_rows_need_no_more_memory_than_a_thousand() -> None:
    def rows(count: int) -> Iterator[sheets.Row]:
        for number in range(count):
            yield (number, "message", 0.5, None, "91••••78")

    def peak(write: Any, count: int) -> int:
        tracemalloc.start()
        try:
            for _ in write(rows(count)):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    for write in (sheets.write_csv, sheets.write_xlsx):
        assert peak(write, 60_000) < peak(write, 2_000) + 300_000


def test_more_rows_than_a_sheet_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "LONGEST_SHEET", 4)
    rows = [("Number",), *((number,) for number in range(7))]
    book = openpyxl.load_workbook(io.BytesIO(b"".join(sheets.write_xlsx(rows, "messages"))))
    assert book.sheetnames == ["messages", "messages 2", "messages 3"]
    assert [[cell.value for cell in sheet["A"]] for sheet in book] == [
        ["Number", 0, 1, 2], ["Number", 3, 4, 5], ["Number", 6],
    ]  # fmt: skip


def test_what_a_cell_may_hold() -> None:
    odd = [
        ("a",),
        ("\x00\x0bok\ud800",),
        ("<b>&\"'",),
        ("  two\nlines ",),
        ("-5",),
        ("@me",),
        ("x" * 40_000,),
    ]
    data = b"".join(sheets.write_xlsx(odd))
    sheet = openpyxl.load_workbook(io.BytesIO(data)).active
    assert sheet is not None
    assert [cell.value for cell in sheet["A"]][:-1] == [
        "a", "ok", "<b>&\"'", "  two\nlines ", "'-5", "'@me",
    ]  # fmt: skip
    assert len(sheet["A7"].value) == sheets.LONGEST_CELL
    assert [*sheets.write_csv([("+1", -1, "+ 2")])][1] == "'+1,-1,'+ 2\r\n"


def test_an_empty_table_is_a_file_too() -> None:
    assert len(read_xlsx(b"".join(sheets.write_xlsx([("a", "b")])))) == 1
    assert read_xlsx(b"".join(sheets.write_xlsx([]))) in ([], [[""]])
