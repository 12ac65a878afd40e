"""From an uploaded report to the comparison: page, files and command; and reports that replace others."""

import csv
import io
import json
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from campaigns.models import Campaign, Event, Forward
from providers.models import Provider
from stats import tasks
from stats.models import Report, ReportLine
from stats.reconciliation import loading, matching
from tests.factories import make_provider
from tests.reconciliation.conftest import FILES
from tests.stats.conftest import NOW, accepted, fold, reported
from tests.visitor import visiting

PAGE = "/admin/stats/reconciliation/"
DAY = date(2026, 3, 17)
NOON = datetime(2026, 3, 17, 12, tzinfo=NOW.tzinfo)
HEAD = "Run Date,Campaign ID,Total Sent (events),Total Delivered (Events),Total Viewed (events),Errors\n"


@pytest.fixture(autouse=True)
def _media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def someone(db: None) -> Callable[..., Client]:
    """A browser whose user has just these permissions."""

    def make(*codenames: str) -> Client:
        user = User.objects.create_user(f"staff-{User.objects.count()}", is_staff=True)
        user.user_permissions.add(*Permission.objects.filter(codename__in=codenames))
        return visiting(user)

    return make


@pytest.fixture
def analyst(someone: Callable[..., Client]) -> Client:
    return someone("view_stats", "export_stats", "add_report", "delete_report")


@pytest.fixture
def traffic(shop: Provider) -> None:
    """Campaign c1: three accepted and delivered, of which one report is parked."""
    Campaign.objects.filter(code="c1").delete()
    for number in range(3):
        message = accepted(shop, NOON, batch="20260317")
        reported(message, "delivered")
        state, error = (Forward.PARKED, "HTTP 400") if number == 0 else (Forward.DONE, "")
        Event.objects.filter(message=message).update(forward=state, forward_error=error, forwarded_at=NOON)
    Campaign.objects.filter(code="c1").update(name="Spring sale")
    fold()


def send(client: Client, content: bytes | str, name: str = "report.csv", **more: str) -> Any:
    data = content.encode() if isinstance(content, str) else content
    about = {
        "file": SimpleUploadedFile(name, data),
        "zone": "UTC",
        "complete": "on",
        "exported_at": "2026-03-18 11:00",
    }
    return client.post(f"{PAGE}upload/", about | more, follow=True)


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def test_a_report_is_uploaded_and_compared(analyst: Client, traffic: None) -> None:
    empty = analyst.get(PAGE)
    assert "No report of CleverTap’s has been uploaded yet" in text(empty)
    shown = send(analyst, HEAD + "2026-03-17,c1,3,2,0,0\n2026-03-17,c2,0,0,0,0\n")
    page = text(shown)
    assert shown.redirect_chain[-1][0] == f"{PAGE}?from=2026-03-17&to=2026-03-17"
    assert "Differs, with possible causes: 1 of 8 figures differs." in page
    assert "parked: CleverTap refused the report" in page
    assert "?forward=3" in page
    behind = "from=2026-03-17&amp;to=2026-03-17&amp;campaign=c1&amp;figure=delivered"
    assert behind in page, "our numbers lead to the messages behind them"
    listed = analyst.get("/admin/stats/messages/?" + behind.replace("&amp;", "&"))
    assert listed.context["count"] == "3"
    assert "Spring sale" in page
    assert "1 campaign and day agree" in page
    assert Report.objects.get().file.name == ""


def test_totals_lead_to_their_messages(analyst: Client, traffic: None, shop: Provider) -> None:
    shown = send(analyst, HEAD + "2026-03-17,c1,3,2,0,0\n2026-03-17,c2,0,0,0,0\n")
    totals = {each.total.figure: each for each in shown.context["totals"]}
    assert totals["delivered"].rows == "#differing"
    assert 'id="differing"' in text(shown)
    for figure in ("sent", "delivered"):
        assert analyst.get(totals[figure].url).context["count"] == str(totals[figure].total.ours) == "3"
    assert analyst.get(totals["errors"].url).status_code == 200
    accepted(shop, NOON, campaign="", batch="")  # names no campaign, so it is not compared
    fold()
    again = analyst.get(PAGE, {"range": "all"})
    totals = {each.total.figure: each for each in again.context["totals"]}
    assert (totals["sent"].url, totals["delivered"].total.ours) == ("#differing", 3), "the list would have 4"
    assert analyst.get(totals["delivered"].url).context["count"] == "3"


def test_the_parts_of_a_difference_lead_to_the_rows_that_have_them(analyst: Client, traffic: None) -> None:
    shown = send(analyst, HEAD + "2026-03-17,c1,3,2,0,0\n2026-03-17,c2,0,7,0,0\n")
    parts = {
        (total.total.figure, part.label): (part.number, part.url)
        for total in shown.context["totals"]
        for part in total.parts
    }
    for label, campaign, number in (("With possible causes", "c1", 1), ("Unexplained", "c2", 7)):
        counted, url = parts["delivered", label]
        assert (counted, f'href="{url}"'.replace("&", "&amp;") in text(shown)) == (number, True)
        page = analyst.get(PAGE + url.partition("#")[0])
        assert [each.row.campaign for each in page.context["differing"]] == [campaign]
        assert f"Take away the filter Rows: Delivered, {label.lower()}" in text(page)
    assert parts["delivered", "Too early to tell"][0] == 0
    wrong = analyst.get(PAGE, {"range": "all", "only": "sent-luck"}, status=400)
    assert "Expected a link of the totals" in text(wrong)


def test_the_same_days_replace_and_never_double(analyst: Client, traffic: None) -> None:
    send(analyst, HEAD + "2026-03-16,c1,1,1,0,0\n2026-03-17,c1,9,9,0,0\n", "first.csv")
    send(analyst, HEAD + "2026-03-17,c1,3,3,0,0\n2026-03-18,c1,0,0,0,0\n", "second.csv")
    assert sorted(ReportLine.objects.values_list("day", "sent", "report__name")) == [
        (date(2026, 3, 16), 1, "first.csv"), (DAY, 3, "second.csv"), (date(2026, 3, 18), 0, "second.csv"),
    ]  # fmt: skip
    # By name what was by id before: the titles say that it is the same.
    send(analyst, HEAD.replace("ID", "ID,Campaign Name") + "2026-03-17,c1,Spring sale,4,3,0,0\n", "third.csv")
    send(
        analyst,
        HEAD.replace("ID", "Name") + "2026-03-17,Spring Sale,5,3,0,0\n2026-03-16,,1,1,0,0\n",
        "fourth.csv",
    )
    assert list(ReportLine.objects.filter(day=DAY).values_list("campaign", "sent")) == [("Spring Sale", 5)]
    assert not Report.objects.filter(name="third.csv").exists(), "nothing of it counts any more"
    page = text(analyst.get(PAGE, {"from": "2026-03-17", "to": "2026-03-17"}))
    assert 'data-row="2026-03-17 c1"' in page
    newest = Report.objects.get(name="fourth.csv")
    analyst.post(f"{PAGE}{newest.pk}/discard/")
    assert not ReportLine.objects.filter(day=DAY).exists()


def test_lines_of_several_providers(analyst: Client, traffic: None) -> None:
    make_provider(nickname="Other", waba_number="+15550009999")
    rows = "2026-03-17,c1,3,2,0,0,Shop\n2026-03-17,c1,1,1,0,0,15550009999\n2026-03-17,c1,7,7,0,0,Elsewhere\n"
    send(analyst, HEAD.strip() + ",Provider Name\n" + rows)
    assert sorted(ReportLine.objects.values_list("provider__nickname", "sent")) == [("Other", 1), ("Shop", 3)]
    assert "Left out, of providers that are not in Waypost: Elsewhere." in Report.objects.get().notes
    page = text(analyst.get(PAGE, {"from": "2026-03-17", "provider": "Other"}))
    assert "Differs, unexplained: 2 of 4 figures differ." in page
    send(analyst, HEAD.strip() + ",Provider Name\n2026-03-17,c1,3,2,0,0,Acme’s BSP\n")
    assert ReportLine.objects.get().provider is None
    assert "No provider here has the nickname or number" in " ".join(Report.objects.get().notes)


def test_a_provider_that_clevertap_names_otherwise_is_known_by_its_number(
    analyst: Client, traffic: None
) -> None:
    make_provider(nickname="Other", waba_number="+15550009999")
    rows = "2026-03-17,c1,3,2,0,0,Shop,\n2026-03-17,c1,1,1,0,0,BSP at CleverTap,15550009999\n"
    send(analyst, HEAD.strip() + ",Provider Name,WABA number\n" + rows)
    assert sorted(ReportLine.objects.values_list("provider__nickname", "sent")) == [("Other", 1), ("Shop", 3)]


def test_columns_are_asked_for_when_their_names_are_strange(analyst: Client, traffic: None) -> None:
    content = (FILES / "unrecognised.csv").read_bytes().replace(b"1767225600", b"c1")
    asked = send(analyst, content)
    assert "No column holds the campaign’s id or name." in text(asked)
    assert "Identificador" in text(asked)
    draft = Report.objects.get()
    assert draft.state == Report.State.DRAFT
    where = f"{PAGE}{draft.pk}/columns/"
    told = {"zone": "Nowhere", "complete": "on", "column_campaign": "1", "column_sent": "2"}
    assert "No such time zone" in text(analyst.post(where, told))
    again = analyst.post(where, told | {"zone": "UTC", "column_delivered": "2", "column_day": "0"})
    assert "One column is chosen twice." in text(again)
    done = analyst.post(
        where, told | {"zone": "UTC", "column_delivered": "3", "column_day": "0"}, follow=True
    )
    assert "Differs, unexplained" in text(done)
    assert ReportLine.objects.get().sent == 100
    analyst.get(where, status=404)


def test_a_file_that_is_no_report_leaves_everything_as_it_was(analyst: Client, traffic: None) -> None:
    send(analyst, HEAD + "2026-03-17,c1,3,2,0,0\n")
    for name, why in (
        ("login_page.csv", "This is a web page, not a report"), ("empty.csv", "empty"),
        ("workbook.csv", "workbook or an archive"), ("all_bad.csv", "No line of the file can be used"),
    ):  # fmt: skip
        assert why in text(send(analyst, (FILES / name).read_bytes(), name))
    assert ReportLine.objects.get().sent == 3
    kept = Report.objects.get(state=Report.State.FAILED)
    assert kept.name == "all_bad.csv", "only one that may be put right stays"

    assert "Write it as 2026-01-31 18:30" in text(send(analyst, HEAD, exported_at="yesterday"))


def test_old_drafts_are_forgotten(analyst: Client, shop: Provider) -> None:
    send(analyst, (FILES / "unrecognised.csv").read_bytes())
    draft = Report.objects.get()
    kept = Path(draft.file.path)
    assert kept.exists()
    Report.objects.update(created_at=NOW - loading.UNREAD_KEPT - timedelta(minutes=1))
    send(analyst, HEAD + "2026-03-17,c1,3,2,0,0\n")
    tasks.upkeep()
    assert not kept.exists()
    assert list(Report.objects.values_list("state", flat=True)) == [Report.State.DONE]


def test_files_have_what_the_page_has(analyst: Client, traffic: None) -> None:
    send(analyst, HEAD + "2026-03-17,c1,3,2,0,0\n2026-03-17,=cmd(),1,0,0,0\n")
    response = analyst.get(f"{PAGE}export.csv?from=2026-03-17")
    rows = list(csv.DictReader(io.StringIO(b"".join(response).decode("utf-8-sig"))))
    assert rows[1]["Campaign"] == "c1"
    sides = ("ours", "CleverTap", "with possible causes", "unexplained")
    assert [rows[1][f"Delivered {side}"] for side in sides] == ["3", "2", "1", "0"]
    assert rows[1]["Why"] == "Delivered +1: 1 parked: CleverTap refused the report."
    assert rows[0]["Campaign"] == "'=cmd()", "no spreadsheet runs it"
    book = b"".join(analyst.get(f"{PAGE}export.xlsx?from=2026-03-17"))
    sheet = openpyxl.load_workbook(io.BytesIO(book)).active
    assert [cell.value for cell in sheet[3]][:8] == [
        "2026-03-17", "c1", "Spring sale", "Shop", "Differs, with possible causes", 3, 3, 0
    ]  # fmt: skip
    analyst.get(f"{PAGE}export.pdf", status=404)
    analyst.get(f"{PAGE}export.csv?tz=Nowhere", status=400)


def test_who_may(someone: Callable[..., Client], analyst: Client, traffic: None) -> None:
    send(analyst, HEAD + "2026-03-17,c1,3,2,0,0\n")
    report = Report.objects.get()
    looker, stranger = someone("view_stats"), someone("view_message")
    page = looker.get(PAGE, follow=True)
    assert page.status_code == 200
    assert "Upload report" not in text(page)
    assert "Take back" not in text(page)
    for method, path in (
        ("get", "upload/"), ("post", "upload/"), ("get", f"{report.pk}/columns/"),
        ("post", f"{report.pk}/discard/"), ("get", "export.csv"),
    ):  # fmt: skip
        getattr(looker, method)(PAGE + path, status=403)
    stranger.get(f"{PAGE}?range=7d", status=403)
    assert Client().get(PAGE).status_code == 302
    analyst.get(f"{PAGE}{report.pk}/discard/", status=403)  # only a POST takes it back
    assert Report.objects.exists()


def test_the_page_asks_as_much_for_many_lines_as_for_few(analyst: Client, traffic: None) -> None:
    def queries(lines: Iterable[str]) -> int:
        send(analyst, HEAD + "".join(lines))
        with CaptureQueriesContext(connection) as found:
            analyst.get(PAGE, {"from": "2026-03-01", "to": "2026-03-18"})
        return len(found)

    few = queries(["2026-03-17,c1,3,2,0,0\n", "2026-03-17,x0,1,0,0,0\n"])
    assert queries([f"2026-03-17,x{n},1,0,0,0\n" for n in range(400)]) <= few + 2


def test_many_messages_are_looked_at_when_asked_to(
    analyst: Client, traffic: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "MOST_LOOKED_AT", 5)
    page = text(send(analyst, HEAD + "2026-03-17,c1,3,2,0,0\n"))
    assert "Differs, causes not looked for: 1 of 4 figures differs." in page
    assert "The possible causes are in 6 messages and reports." in page
    assert "unexplained" not in page.partition("definitions")[0].lower().replace("explain them", "")
    days = {"from": "2026-03-17", "to": "2026-03-17"}
    assert "Differs, with possible causes: 1 of 4" in text(analyst.get(PAGE, days | {"causes": "yes"}))


def test_the_command_prints_the_same(
    analyst: Client, traffic: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.csv"
    file.write_text(HEAD + "2026-03-17,c1,3,2,0,1\nsomeday,c1,1,1,1,1\nTotal,,3,2,0,1\n")
    call_command("reconcile", str(file), "--json", "--tz", "UTC", "--exported", "2026-03-18T11:00")
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"]["text"] == (
        "Differs, unexplained: 2 of 4 figures differ (1 with possible causes, 1 unexplained)."
    )
    assert told["rows"][0]["delivered"] == {
        "ours": 3, "clevertap": 2, "difference": 1, "unexplained": 0,
        "possible_causes": [{
            "cause": "refused_report", "label": "parked: CleverTap refused the report",
            "found": 1, "explains": 1,
        }],
    }  # fmt: skip
    assert told["totals"]["errors"]["unexplained"] == 1
    assert told["problems"] == [{"line": 3, "why": "“someday” is not a day; write it as 2026-01-31"}]
    assert told["notes"] == ["Left out as totals: line 4."]
    assert not Report.objects.exists(), "the command changes nothing"
    call_command("reconcile", str(file), "--tz", "UTC")
    assert "Not used: line 3" in capsys.readouterr().out
    for arguments, why in (
        (["--tz", "Nowhere"], "no such time zone"), (["--provider", "X"], "no provider has this nickname"),
        (["--day", "soon"], "write it as"), (["--column", "mood=X"], "expected one of"),
    ):  # fmt: skip
        with pytest.raises(CommandError, match=why):
            call_command("reconcile", str(file), *arguments)
    with pytest.raises(CommandError, match="Say which is what with --column"):
        call_command("reconcile", str(FILES / "unrecognised.csv"))
    columns = ["day=Fecha", "campaign=Identificador", "sent=Enviados"]
    call_command("reconcile", str(FILES / "unrecognised.csv"), *[f"--column={each}" for each in columns])
    with pytest.raises(CommandError, match="No such file"):
        call_command("reconcile", str(tmp_path / "none.csv"))
