"""A case a file: what is read of it, what is told about it, and what is refused with advice."""

import io
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from lib.csv_files import Unreadable
from stats.reconciliation import cells, reading
from stats.reconciliation.cells import Bad
from stats.reconciliation.reading import Line, Options, Reading
from tests.reconciliation.conftest import FILES

UTC = ZoneInfo("UTC")
DAY = date(2026, 3, 17)
PARIS = "Été à Paris – soldes"
SPRING = Line(DAY, "1767225600", False, "", "", 100, 80, 40, 3, 0)


def read(name: str, mapped: dict[str, int] | None = None, zone: ZoneInfo = UTC, **options: Any) -> Reading:
    with (FILES / name).open("rb") as file:
        facts = reading.inspect(file)
        return reading.read(file, facts, facts.mapped if mapped is None else mapped, Options(zone, **options))


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("bom.csv", [SPRING]),
        ("tabs.tsv", [SPRING]),
        ("utf16.csv", [SPRING]),
        ("title_above.csv", [SPRING]),
        ("title_above_semicolons.csv", [SPRING]),
        ("title_with_commas.tsv", [SPRING]),
        ("semicolons.csv", [SPRING._replace(sent=1234, delivered=980)]),
        ("windows.csv", [SPRING._replace(campaign=PARIS, named=True, title=PARIS)]),
        ("thousands.csv", [SPRING._replace(sent=1234, delivered=102_345, viewed=1234, errors=12)]),
        ("start_date.csv", [SPRING._replace(delivered=None, viewed=None, errors=None)]),
        ("empty_cells.csv", [SPRING._replace(delivered=None, viewed=None, errors=None)]),
        ("names_only.csv", [
            Line(DAY, "Spring sale", True, "Spring sale", "", 100, None, None, None, 0)
        ]),
        ("appended.csv", [
            SPRING, SPRING._replace(day=date(2026, 3, 18), sent=7, delivered=6, viewed=5, errors=0)
        ]),
        ("day_first.csv", [
            SPRING._replace(day=date(2026, 3, 4), sent=1, delivered=1, viewed=1, errors=0), SPRING
        ]),
        ("month_first.csv", [
            SPRING._replace(day=date(2026, 3, 4), sent=1, delivered=1, viewed=1, errors=0), SPRING
        ]),
        ("internal_errors.csv", [
            SPRING._replace(delivered=None, viewed=None, errors=9, internal=6)
        ]),
    ],
)  # fmt: skip
def test_files_as_people_have_them(name: str, lines: list[Line]) -> None:
    found = read(name)
    assert found.lines == lines
    assert found.problems == []


def test_the_documented_columns() -> None:
    """Events before users, parts added up, other channels left out, what is not used named."""
    found = read("documented.csv")
    assert found.lines == [
        Line(DAY, "1767225600", False, "Spring sale", "Shop", 150, 126, 61, 4, 0, "15550001111"),
        Line(date(2026, 3, 18), "1767225601", False, "Reminder", "Shop", 10, 9, 5, 0, 0, "15550001111"),
    ]
    assert found.people == []
    assert found.notes == [
        "Columns not used: Total Sent (users), Total Viewed (users), Total Delivered (users), "
        "Total Clicked (events).",
        "Left out, of another channel than WhatsApp: 1 lines.",
    ]


def test_columns_that_count_people_are_told_of() -> None:
    with (FILES / "documented.csv").open("rb") as file:
        facts = reading.inspect(file)
    users = facts.mapped | {"sent": facts.header.index("Total Sent (users)")}
    found = read("documented.csv", users)
    assert found.people == ["sent"]
    assert found.lines[0].sent == 140
    assert "Sent count people here" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("name", "count", "note"),
    [
        ("totals.csv", 1, "Left out as totals: line 3, 4."),
        ("repeated.csv", 2, "Repeated word for word, counted once: line 3 (as 2)."),
        ("repeated.csv", 2, "with other figures, the later was taken: line 5 (not 4)."),
        ("unknown_columns.csv", 1, "Columns not used: Mood, Revenue."),
        ("unknown_columns.csv", 1, "The report has no column for Delivered: it is not compared."),
        (
            "doubtful_days.csv",
            1,
            "Days are written as “03/04/2026” and were read with the day before the month.",
        ),
        ("start_date.csv", 1, "The day is each campaign’s start"),
    ],
)
def test_oddities_are_told_of(name: str, count: int, note: str) -> None:
    found = read(name)
    assert len(found.lines) == count
    assert note in " ".join(found.notes)


def test_a_later_line_corrects_an_earlier() -> None:
    assert [line.sent for line in read("repeated.csv").lines] == [100, 6]


@pytest.mark.parametrize("name", ["runs_by_id.csv", "runs_by_moment.csv"])
def test_runs_of_one_day_are_added_up(name: str) -> None:
    found = read(name)
    assert found.lines == [SPRING]
    assert not [note for note in found.notes if "taken" in note or "counted once" in note]


def test_days_in_any_form_fall_into_the_zone() -> None:
    assert {line.day for line in read("many_dates.csv").lines} == {DAY}
    kolkata = {
        line.campaign: line.day for line in read("many_dates.csv", zone=ZoneInfo("Asia/Kolkata")).lines
    }
    assert kolkata["1767225600"] == date(2026, 3, 18)  # 23:30 by UTC is the next morning there
    assert kolkata["1767225606"] == DAY


def test_doubtful_days_may_be_told() -> None:
    assert read("doubtful_days.csv").lines[0].day == date(2026, 4, 3)
    assert read("doubtful_days.csv", month_first=True).lines[0].day == date(2026, 3, 4)


def test_the_order_of_months_shows_however_late() -> None:
    """A long report begins with thousands of lines of the first days of a month."""
    early = "".join(f"03/04/2026,{1767225600 + n},1\n" for n in range(6_000))
    file = io.BytesIO(f"Date,Campaign ID,Sent\n{early}03/17/2026,1767225600,1\n".encode())
    facts = reading.inspect(file)
    found = reading.read(file, facts, facts.mapped, Options(UTC))
    assert {line.day for line in found.lines} == {date(2026, 3, 4), DAY}


def test_lines_that_cannot_be_used_are_named_and_the_others_kept() -> None:
    found = read("bad_lines.csv")
    assert found.lines == [SPRING]
    assert [(line, why.split("”")[0] + "”") for line, why in found.problems] == [
        (3, "“yesterday”"), (4, "“-5”"), (5, "“2.5”"), (6, "“2026-02-30”"), (7, "“99999999999”"),
    ]  # fmt: skip
    percent = read("percent.csv")
    assert [line.delivered for line in percent.lines] == [6]
    assert percent.problems == [(2, "“40 %” is a share; choose the column that holds the count")]
    mangled = read("mangled_ids.csv")
    assert [line.campaign for line in mangled.lines] == ["1767225600", "1767225601", "1767225602"]
    assert "rounded by a spreadsheet" in mangled.problems[0][1]


def test_unknown_headings_are_mapped_by_hand() -> None:
    with pytest.raises(Unreadable, match="No column holds the campaign’s id or name"):
        read("unrecognised.csv")
    found = read("unrecognised.csv", {"day": 0, "campaign": 1, "sent": 2, "delivered": 3})
    assert found.lines == [SPRING._replace(viewed=None, errors=None)]
    with pytest.raises(Unreadable, match="One column is chosen twice"):
        read("unrecognised.csv", {"day": 0, "campaign": 1, "sent": 2, "delivered": 2})


def test_a_report_without_days_is_about_one() -> None:
    with pytest.raises(Unreadable, match="Split all data by: Day"):
        read("no_day.csv")
    assert read("no_day.csv", day=DAY).lines == [SPRING]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("empty.csv", "The file is empty"),
        ("headings_only.csv", "only one row"),
        ("login_page.csv", "This is a web page, not a report"),
        ("answer.csv", "This is JSON"),
        ("workbook.csv", "workbook or an archive"),
        ("quote.csv", "quotation mark"),
        ("all_bad.csv", "No line of the file can be used. line 2: “someday” is not a day"),
    ],
)
def test_what_is_no_report_is_refused_with_advice(name: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read(name)


def test_a_file_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ROWS", 3)
    with pytest.raises(Unreadable, match="Export fewer days"):
        read("bad_lines.csv")
    monkeypatch.setattr(reading, "MOST_BYTES", 10)
    with pytest.raises(Unreadable, match="larger than"):
        read("bom.csv")


@pytest.mark.parametrize("text", ["1,5", "12,34", "abc", "1.2e5", "1,2345", "5 %", "--1"])
def test_what_is_no_count_is_refused(text: str) -> None:
    with pytest.raises(Bad):
        cells.count(text)
