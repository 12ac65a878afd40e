"""CSV and XLSX, written while they are read."""

import csv
import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import openpyxl
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from lib import sheets
from providers.messages import ReportCode
from providers.models import Provider
from stats.api.exports import TABLES
from stats.query import messages_behind
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
    asked = {"figure": "delivered", "range": "today", "campaign": "=1+1"}
    if table in ("error_campaigns", "error_templates"):
        asked |= {"figure": "undelivered", "code": "1002"}
    lines = read_csv(content(analyst, f"{table}.csv", **asked))
    cells = read_xlsx(content(analyst, f"{table}.xlsx", **asked))
    assert len(lines) > 1 or table == "urls"
    assert len({len(line) for line in lines}) == 1
    assert [[str(cell) for cell in row] for row in cells] == lines


def test_a_table_has_what_the_page_has(analyst: Client) -> None:
    heading, *rows = read_csv(content(analyst, "campaigns.csv", tz="Asia/Kolkata"))
    assert heading[:6] == [
        "Campaign", "Name", "Provider", "First seen (Asia/Kolkata)", "Last seen (Asia/Kolkata)", "Accepted",
    ]  # fmt: skip
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


def test_the_hour_that_a_clock_change_repeats_is_told_apart(shop: Provider) -> None:
    """Reports weeks late, on the days of both clock changes: each on its day and in its hour."""
    fall = datetime(2025, 11, 2, 5, 30, tzinfo=UTC)  # 01:30 in New York, and an hour later once more
    spring = datetime(2026, 3, 8, 6, 30, tzinfo=UTC)  # 01:30; an hour later it is 03:30
    for moment in (fall, spring):
        message = accepted(shop, moment)
        reported(message, "delivered", after=0)
        reported(message, "read", after=3600)
    fold()
    client, zone = signed_in("view_stats", "export_stats"), "America/New_York"
    for figure, told in (("delivered", "01:30:00-0400"), ("viewed", "01:30:00-0500")):
        lines = read_csv(content(client, "messages.csv", figure=figure, to="2025-11-02", tz=zone))
        assert [line[1] for line in lines] == [f"At ({zone})", f"2025-11-02 {told}"]
    for figure, told in (("delivered", "01:30:00"), ("viewed", "03:30:00")):
        day = {"from": "2026-03-08", "to": "2026-03-08", "tz": zone}
        assert read_csv(content(client, "messages.csv", figure=figure, **day))[1][1] == f"2026-03-08 {told}"
    for day, hours in (("2025-11-02", 25), ("2026-03-08", 23)):
        asked_for = {"from": day, "to": day, "tz": zone, "by": "hour"}
        heading, *rows = read_csv(content(client, "trend.csv", **asked_for))
        assert (len(rows), len({row[0] for row in rows})) == (hours, hours)
        for figure in ("Delivered", "Viewed"):
            assert sum(int(row[heading.index(figure)]) for row in rows) == 1
        (line,) = read_csv(content(client, "trend.csv", **asked_for | {"by": "day"}))[1:]
        assert line[heading.index("Delivered")] == "1"


def test_an_export_is_read_while_it_is_sent(shop: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages_behind, "CHUNK", 5)
    monkeypatch.setattr(sheets, "_CHUNK", 500)
    for minutes in range(60):
        accepted(shop, NOW - timedelta(minutes=minutes))
    client = signed_in("view_stats", "export_stats")
    for form in ("csv", "xlsx"):
        with CaptureQueriesContext(connection) as queries:
            response = client.get(f"/api/stats/export/messages.{form}", {"figure": "accepted"})
            assert not any('FROM "campaigns_message"' in query["sql"] for query in queries), "not yet"
            read, parts = [], iter(response.streaming_content)  # type: ignore[attr-defined]
            while part := next(parts, b""):
                read.append((len(part), sum('FROM "campaigns_message"' in query["sql"] for query in queries)))
        assert read[-1][1] >= 12
        if form == "csv":  # of a workbook as small as this one all is compressed at once
            assert len(read) >= 8
            assert max(size for size, _ in read) < 700
            assert read[1][1] <= 4


def test_an_export_that_breaks_off_looks_like_it(analyst: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server ends the response as if it were whole."""
    monkeypatch.setattr(messages_behind, "CHUNK", 1)
    monkeypatch.setattr(sheets, "_CHUNK", 1)
    monkeypatch.setattr(messages_behind, "_beyond", lambda *_: 1 / 0)
    sent = {}
    for form in ("csv", "xlsx"):
        response = analyst.get(f"/api/stats/export/messages.{form}", {"figure": "accepted"})
        sent[form] = bytearray()
        with suppress(ZeroDivisionError):
            for part in response.streaming_content:  # type: ignore[attr-defined]
                sent[form] += part
            pytest.fail("the server is told nothing")
    assert [line[0] for line in read_csv(sent["csv"])[2:]] == [sheets.BROKEN_OFF]
    with pytest.raises(zipfile.BadZipFile):
        read_xlsx(sent["xlsx"])


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
    assert [*sheets.write_csv([("+1", -1, "+ 2")])] == ["\ufeff'+1,-1,'+ 2\r\n"]


def test_an_empty_table_is_a_file_too() -> None:
    assert len(read_xlsx(b"".join(sheets.write_xlsx([("a", "b")])))) == 1
    assert read_xlsx(b"".join(sheets.write_xlsx([]))) in ([], [[""]])
