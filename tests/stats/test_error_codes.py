"""Errors by the BSP's own code under CleverTap's: figures, when, whose, what to do, and what to resend."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from campaigns.models import Message, Status
from providers.messages import Outcome, ReportCode
from providers.models import Provider
from stats.query import error_codes, messages_behind
from stats.query.error_codes import Reason
from stats.query.messages_behind import Only
from tests.stats.conftest import NOW, accepted, asked, fold, freeform, refused, reported, submitted
from tests.stats.test_breakdowns import at
from tests.stats.test_pages import browser, get, table

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOT_THERE = Reason("undelivered", ReportCode.UNAVAILABLE, "meta/131026")
MEDIA = Reason("undelivered", ReportCode.TEMPLATE, "meta/131053")
EXPIRED = Reason("not_sent", ReportCode.UNAVAILABLE, "(none)")


@pytest.fixture
def failures(db: None, folded: bool) -> Provider:
    """Three people without WhatsApp, two of media out of reach, one message that grew too old."""
    meta = at("meta")
    for ago, campaign in ((40 * DAY, "c1"), (3 * DAY, "c1"), (HOUR, "c2")):
        message = accepted(meta, NOW - ago, campaign=campaign)
        submitted(message)
        reported(message, "failed", after=0, code=ReportCode.UNAVAILABLE, bsp_code="131026")
    for ago in (2 * HOUR, HOUR):
        message = freeform(meta, NOW - ago)
        submitted(message)
        reported(message, "failed", after=0, code=ReportCode.TEMPLATE, bsp_code="131053")
    late = accepted(meta, NOW - HOUR, campaign="c2", template="late")
    submitted(late, outcome=Outcome.REJECTED, code=ReportCode.UNAVAILABLE)
    refused(meta, at=NOW - HOUR)
    fold(folded)
    return meta


@pytest.fixture
def operator(db: None) -> Client:
    return browser("view_stats", "export_stats", "view_message", "change_message")


def test_each_code_with_when_it_was_seen(failures: Provider) -> None:
    found = {each.reason: each for each in error_codes.codes(asked())}
    assert {reason: each.count for reason, each in found.items()} == {
        NOT_THERE: 3, MEDIA: 2, EXPIRED: 1, Reason("refused", 2001, "(none)"): 1,
    }  # fmt: skip
    assert (found[NOT_THERE].first_at, found[NOT_THERE].last_at) == (NOW - 40 * DAY, NOW - HOUR)
    assert (found[MEDIA].first_at, found[MEDIA].last_at) == (NOW - 2 * HOUR, NOW - HOUR)
    (narrow,) = error_codes.codes(asked(range="7d"), NOT_THERE)
    assert (narrow.count, narrow.first_at) == (2, NOW - 3 * DAY)


def test_when_is_told_to_the_minute(db: None, folded: bool) -> None:
    meta = at("meta")
    for minutes in (7, 23, 38):
        reported(accepted(meta, NOW - timedelta(minutes=minutes)), "failed", after=0, code=ReportCode.PHONE)
    fold(folded)
    (one,) = error_codes.codes(asked(range="30d"))
    assert (NOW - one.first_at, NOW - one.last_at) == (timedelta(minutes=38), timedelta(minutes=7))


def test_whose_messages_failed_for_it_and_when(failures: Provider) -> None:
    campaigns = error_codes.concerned(asked(), NOT_THERE, "campaign")
    assert [(group.campaign, count) for group, count in campaigns] == [("c1", 2), ("c2", 1)]
    templates = error_codes.concerned(asked(), Reason("not_sent", ReportCode.UNAVAILABLE), "template")
    assert [(group.template, group.provider, count) for group, count in templates] == [("late", "meta", 1)]
    assert error_codes.concerned(asked(), MEDIA, "campaign") == [], "of no campaign"
    points = error_codes.trend(asked(range="7d"), NOT_THERE, "day")
    assert [point.figures.undelivered for point in points] == [0, 0, 0, 1, 0, 0, 1]


def test_as_many_messages_as_the_count_says(failures: Provider) -> None:
    for each in error_codes.codes(asked()):
        only = Only(each.reason.code, each.reason.bsp_code)
        assert len(list(messages_behind.rows(asked(), each.reason.kind, only))) == each.count
        assert messages_behind.count(asked(), each.reason.kind, only) == each.count


def test_the_page_of_errors_has_each_code_of_the_bsp(failures: Provider, operator: Client) -> None:
    shown = get(operator, "errors/?range=all")
    rows = [[row[1], row[2], row[4], row[5]] for row in table(shown, "errors")]
    assert rows == [
        ["1005 Unavailable", "3", "2026-02-06 12:00", "2026-03-18 11:00"],
        ["131026 Meta Cloud API", "3", "2026-02-06 12:00", "2026-03-18 11:00"],
        ["1001 Template or its values", "2", "2026-03-18 10:00", "2026-03-18 11:00"],
        ["131053 Meta Cloud API", "2", "2026-03-18 10:00", "2026-03-18 11:00"],
        ["1005 Unavailable", "1", "2026-03-18 12:00", "2026-03-18 12:00"],
        ["2001 Template parameters", "1", "2026-03-18 11:00", "2026-03-18 11:00"],
    ]
    resend = [row[-1] == "Resend these" for row in table(shown, "errors")]
    assert resend == [False, False, False, True, True, False]
    assert "Resend these" not in get(browser("view_stats", "view_message"), "errors/?range=all")


def test_the_page_of_one_error(failures: Provider, operator: Client) -> None:
    shown = get(operator, "errors/one/?figure=undelivered&code=1001&bsp_code=meta/131053&range=today")
    assert "131053 under 1001 Template or its values" in shown
    assert "Then resend." in shown
    assert table(shown, "trend")[0][:2] == ["2026-03-18 11:00", "1"]
    (there,) = re.findall(r'href="([^"]*campaigns/message/[^"]*error=[^"]*)"', shown)
    assert parse_qs(urlsplit(unescape(there)).query)["bsp_code"] == ["131053"]
    get(operator, unescape(there))
    whole = get(operator, "errors/one/?figure=undelivered&code=1005&range=all")
    assert [row[:2] for row in table(whole, "error_codes")] == [["131026 Meta Cloud API", "3"]]
    assert [row[:2] for row in table(whole, "error_campaigns")][0][0] == "c1"
    assert "Resend these" not in whole, "the number is not on WhatsApp"


def test_the_message_log_has_just_those_to_be_resent(failures: Provider, operator: Client) -> None:
    paid = Message.objects.filter(bsp_code="131053").earliest("pk")
    Message.objects.filter(pk=paid.pk).update(status=Status.QUEUED)
    log = operator.get("/admin/campaigns/message/?error=1001&bsp_code=131053").context_data  # type: ignore[attr-defined]
    assert [each.bsp_code for each in log["cl"].result_list] == ["131053"]
    log = operator.get("/admin/campaigns/message/?error=1005&bsp_code=(none)").context_data  # type: ignore[attr-defined]
    assert [each.template for each in log["cl"].result_list] == ["late"]


def test_times_lead_to_the_slower_messages(shop: Provider, operator: Client) -> None:
    for after in (1, 1, 1, 40, 4000):
        reported(accepted(shop, NOW - DAY), "delivered", after=after)
    fold()
    rows = re.search(r'data-table="times">.*?</table>', get(operator, "overview/?range=7d"), re.S)
    assert rows
    (half, most) = [unescape(each) for each in re.findall(r'href="([^"]*took=[^"]*)"', rows[0])]
    for link, count in ((half, "5"), (most, "1")):
        shown = get(operator, link)
        assert f"data-count>{count}<" in shown
        assert len(table(shown, "messages")) == int(count)
    assert "or more" in shown


@pytest.mark.parametrize(
    "wrong",
    ["", "figure=sent&code=1002", "figure=undelivered&code=1002&bsp_code=131026", "figure=refused"],
)
def test_a_page_of_no_error_says_so(operator: Client, wrong: str) -> None:
    assert "There are no figures" in get(operator, f"errors/one/?{wrong}", status=400)


def test_resend_leads_to_the_messages_that_were_counted(failures: Provider, operator: Client) -> None:
    """They failed today; one of them was accepted days ago. What failed before today is not among them."""
    message = freeform(failures, NOW - 3 * DAY)
    submitted(message)
    reported(message, "failed", after=3 * 86400 - 3600, code=ReportCode.TEMPLATE, bsp_code="131053")
    before = freeform(failures, NOW - 3 * DAY)
    submitted(before)
    reported(before, "failed", after=0, code=ReportCode.TEMPLATE, bsp_code="131053")
    shown = get(operator, "errors/one/?figure=undelivered&code=1001&bsp_code=meta/131053&range=today")
    counted = messages_behind.rows(asked(range="today"), MEDIA.kind, Only(MEDIA.code, MEDIA.bsp_code))
    (there,) = re.findall(r'href="([^"]*campaigns/message/[^"]*error=[^"]*)"', shown)
    log = operator.get(unescape(there)).context_data  # type: ignore[attr-defined]
    found = {each.pk for each in log["cl"].result_list}
    assert found == {row.pk for row in counted}
    assert message.pk in found
    assert before.pk not in found


def test_no_resend_where_the_log_cannot_be_so_narrow(failures: Provider, operator: Client) -> None:
    one = "errors/one/?figure=undelivered&code=1001&bsp_code=meta/131053&range=all"
    assert "Resend these" in get(operator, one)
    assert "Resend these" not in get(operator, f"{one}&traffic=conversations")
