"""What a comparison comes to, in the same words on the page, in files, as JSON and from the command."""

import csv
import io
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from campaigns.models import Event, Forward
from providers.models import Provider
from stats.management.commands import reconcile
from stats.reconciliation import matching, reading, storage
from stats.reconciliation.comparing import VERDICTS, Theirs
from stats.reconciliation.facts import Basis
from stats.reconciliation.hints import Source
from stats.reconciliation.matching import Asked, Result
from tests.setup.prose import ROOT
from tests.stats.conftest import NOW, accepted, fold, reported
from tests.visitor import visiting

PAGE = "/admin/stats/reconciliation/"
HEAD = "Run Date,Campaign ID,Total Sent (events),Total Delivered (Events)\n"
UTC = ZoneInfo("UTC")
DAY = date(2026, 3, 17)
OVER = datetime(2026, 3, 18, tzinfo=NOW.tzinfo)  # the day's end
HOUR = timedelta(hours=1)
# CleverTap's side of a campaign of which we accepted 3 and delivered 3, one report of these being parked.
LINES = {"agrees": (3, 3), "causes": (3, 2), "unexplained": (3, 1)}


@pytest.fixture(autouse=True)
def _media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def traffic(shop: Provider) -> None:
    for number in range(3):
        message = accepted(shop, OVER - 12 * HOUR, batch="20260317")
        reported(message, "delivered")
        state, error = (Forward.PARKED, "HTTP 400") if number == 0 else (Forward.DONE, "")
        Event.objects.filter(message=message).update(
            forward=state, forward_error=error, forwarded_at=OVER - 12 * HOUR
        )
    fold()


@pytest.fixture
def operator(admin_user: Any) -> Client:
    return visiting(admin_user)


def match(*lines: Theirs, exported: datetime = OVER + 12 * HOUR, **about: Any) -> Result:
    return matching.match(lines, {0: Source(Basis(UTC, exported), **about)}, Asked())


def line(sent: int, delivered: int | None = None, day: date = DAY, campaign: str = "c1") -> Theirs:
    return Theirs(day, campaign, figures={"sent": sent, "delivered": delivered})


@pytest.mark.parametrize("state", LINES)
def test_three_verdicts(traffic: None, state: str) -> None:
    result = match(line(*LINES[state]))
    assert result.verdict.state == state
    assert result.verdict.words.startswith(f"{VERDICTS[state]}: ")
    assert [row.verdict for row in result.rows] == [VERDICTS[state]]


def test_one_difference_without_a_cause_decides(traffic: None) -> None:
    result = match(line(3, 2), line(1, 0, campaign="gone"))
    assert [row.state for row in result.rows] == ["causes", "unexplained"]
    assert result.verdict.words == (
        "Differs, unexplained: 2 of 4 figures differ (1 with possible causes, 1 unexplained)."
    )


def test_a_day_that_had_just_ended_is_too_early_to_tell(traffic: None) -> None:
    result = match(line(2, 1), exported=OVER + 4 * HOUR - timedelta(minutes=1), name="report.csv")
    assert result.verdict.words == "Too early to tell: 2 of 2 figures differ."
    assert result.rows[0].verdict == "Too early to tell"
    assert result.hints == [
        "The report report.csv was exported at 2026-03-18 03:59. CleverTap’s figures may be up to 4 hours "
        "old, so it is too early to tell for 2026-03-17. Export the report again after 2026-03-18 04:00 "
        "(UTC)."
    ]
    settled = match(line(2, 1), exported=OVER + 4 * HOUR)
    assert (settled.verdict.state, settled.hints) == ("unexplained", [])


def test_a_day_that_is_not_over_is_too_early_to_tell(traffic: None) -> None:
    assert match(line(1, 1), exported=OVER - 10 * HOUR).verdict.state == "early"


def test_sides_that_agree_do_so_however_early(traffic: None) -> None:
    result = match(line(3, 3), exported=OVER + HOUR)
    assert (result.verdict.state, result.hints) == ("agrees", [])


def test_how_long_clevertap_caches_is_a_setting(traffic: None, settings: Any, operator: Client) -> None:
    settings.CLEVERTAP_REPORT_CACHE_HOURS = 1.5
    assert match(line(2), exported=OVER + 1.4 * HOUR).verdict.state == "early"
    assert match(line(2), exported=OVER + 1.5 * HOUR).verdict.state == "unexplained"
    assert "may be up to 1.5 hours old" in operator.get(f"{PAGE}upload/").content.decode()
    upload(operator, f"{HEAD}2026-03-17,c1,2,3\n")
    assert "CleverTap’s figures may be up to 1.5 hours old when a report is exported" in shown(operator)


def test_earlier_days_are_judged_though_the_last_is_too_early(traffic: None) -> None:
    today = line(5, day=DAY + timedelta(days=1))
    result = match(line(3, 2), today)
    assert [row.state for row in result.rows] == ["early", "causes"]
    assert result.verdict.words == (
        "Differs, with possible causes: 2 of 3 figures differ (1 with possible causes, 1 too early to tell)."
    )
    totals = {total.figure: total for total in result.verdict.totals}
    assert (totals["sent"].early, totals["sent"].unexplained) == (5, 0)
    assert (totals["delivered"].explained, totals["delivered"].early) == (1, 0)
    assert match(line(3, 3), today).verdict.state == "early"


def test_a_day_missing_from_a_complete_report_is_mentioned(traffic: None) -> None:
    """What we have of it is a difference, since the report should have it."""
    before, after = DAY - timedelta(days=2), DAY + timedelta(days=1)
    missing = [DAY - timedelta(days=1), DAY]
    around = (line(0, day=before), line(0, day=after))
    result = match(*around, missing=missing, name="gap.csv", exported=OVER + 40 * HOUR)
    assert result.hints == [
        "The report gap.csv should have all its days, and has no line for 2026-03-16 (Waypost accepted 0 "
        "messages of campaigns), 2026-03-17 (Waypost accepted 3 messages of campaigns)."
    ]
    lacking = [row for row in result.rows if row.missing]
    assert [(row.day, row.campaign, row.ours.accepted) for row in lacking] == [(DAY, "c1", 3)]
    assert result.verdict.state == "unexplained"
    partly = match(*around, missing=missing, complete=False)
    assert (partly.hints, partly.verdict.state) == ([], "agrees")


def test_a_day_that_another_report_has_is_not_missing(traffic: None) -> None:
    sources = {
        0: Source(Basis(UTC, OVER + 40 * HOUR), missing=[DAY]),
        1: Source(Basis(UTC, OVER + 40 * HOUR)),
    }
    lines = [
        line(0, day=DAY - timedelta(days=1)), line(0, day=DAY + timedelta(days=1)),
        line(3, 3)._replace(report=1),
    ]  # fmt: skip
    assert matching.match(lines, sources, Asked()).hints == []


def upload(operator: Client, content: str, exported: str = "2026-03-18 11:00") -> None:
    file = SimpleUploadedFile("report.csv", content.encode())
    about = {"file": file, "zone": "UTC", "complete": "on", "exported_at": exported}
    operator.post(f"{PAGE}upload/", about)


def shown(operator: Client, **query: str) -> str:
    return " ".join(operator.get(PAGE, query or {"range": "7d"}).content.decode().split())


def test_the_page_of_the_missing_day_itself(traffic: None, operator: Client) -> None:
    upload(operator, f"{HEAD}2026-03-15,c1,0,0\n2026-03-18,c1,0,0\n")
    page = shown(operator, **{"from": "2026-03-17", "to": "2026-03-17"})
    assert "has no line for 2026-03-17 (Waypost accepted 3 messages of campaigns)." in page
    assert "Differs, unexplained" in page
    assert "2026-03-16" not in page.partition('id="verdict"')[2].partition("</section>")[0]


WAYS = {
    "agrees": ("3,3", "2026-03-18 11:00"),
    "causes": ("3,2", "2026-03-18 11:00"),
    "unexplained": ("3,1", "2026-03-18 11:00"),
    "early": ("3,1", "2026-03-18 01:00"),
}


@pytest.mark.parametrize("state", WAYS)
def test_everything_says_the_same_words(
    traffic: None, operator: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str], state: str
) -> None:
    figures, exported = WAYS[state]
    content, words = f"{HEAD}2026-03-17,c1,{figures}\n", VERDICTS[state]
    upload(operator, content, exported)
    page = shown(operator)
    assert f'<h2 data-verdict="{state}">' in page
    assert f'class="st-card rc-verdict rc-is-{state}"' in page
    assert f"</span> {words}: " in page
    assert (f'data-state="{state}">{words}<' in page) == (state != "agrees")

    table = b"".join(operator.get(f"{PAGE}export.csv?range=7d")).decode("utf-8-sig")
    assert [row["Verdict"] for row in csv.DictReader(io.StringIO(table))] == [words]
    book = openpyxl.load_workbook(io.BytesIO(b"".join(operator.get(f"{PAGE}export.xlsx?range=7d")))).active
    assert [cell.value for cell in book["E"]] == ["Verdict", words]

    file = tmp_path / "report.csv"
    file.write_text(content)
    asked = [str(file), "--tz", "UTC", "--exported", exported.replace(" ", "T")]
    call_command("reconcile", *asked)
    printed = capsys.readouterr().out
    assert printed.startswith(f"{words}: ")
    assert (f"2026-03-17 c1: {words}. " in printed) == (state != "agrees")
    call_command("reconcile", *asked, "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"]["state"], told["verdict"]["label"]) == (state, words)
    assert (told["rows"][0]["state"], told["rows"][0]["verdict"]) == (state, words)
    assert (ROOT / "docs" / "stats.md").read_text().count(f"**{words}**") == 1


def test_the_command_tells_how_far_a_long_file_is(
    traffic: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "TOLD_EVERY", 2)
    monkeypatch.setattr(reconcile, "PROGRESS_EVERY", 4)
    file = tmp_path / "report.csv"
    file.write_text(HEAD + "".join(f"2026-03-17,c{n},0,0\n" for n in range(10)))
    call_command("reconcile", str(file), "--json")
    out, err = capsys.readouterr()
    assert json.loads(out)["verdict"]["compared"] == 20
    assert err.splitlines() == ["4 of 10 rows read", "8 of 10 rows read"]


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "LINES_A_PAGE", 2)


def test_many_lines_are_compared_in_pieces(traffic: None, operator: Client, small_pages: None) -> None:
    rows = "".join(f"2026-03-{day},c{n},3,3\n" for day in (15, 16, 17) for n in (1, 2))
    upload(operator, HEAD + rows)
    days = {"from": "2026-03-15", "to": "2026-03-17"}
    first = shown(operator, **days)
    assert 'data-row="2026-03-17 c2"' in first
    assert 'data-row="2026-03-16 c2"' not in first
    assert "2 of 4 figures differ" in first
    assert 'page=1" aria-current="page">2026-03-17 to 2026-03-17</a>' in first
    last = shown(operator, **days, page="3")
    assert 'data-row="2026-03-15 c2"' in last
    assert 'data-row="2026-03-16 c2"' not in last
    for strange in ("9", "x", "-1", "0"):
        assert "aria-current" in shown(operator, **days, page=strange)
    table = b"".join(operator.get(f"{PAGE}export.csv", days)).decode("utf-8-sig")
    assert len(list(csv.DictReader(io.StringIO(table)))) == 6, "the file has all of them"
