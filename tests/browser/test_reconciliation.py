"""CleverTap's report uploaded and compared, in a real browser against a gateway that works."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from campaigns.models import Campaign, Event, Forward, Message
from providers.models import Provider
from stats.models import Report, ReportLine
from stats.reconciliation import loading, reading
from tests.browser.conftest import aside
from tests.browser.screenshots import shoot
from tests.factories import make_provider
from tests.stats.conftest import accepted, reported
from tests.waiting import PATIENCE

pytestmark = pytest.mark.browser

SPRING, LOYAL, SAMBA = "1767225600", "1767312000", "1767398400"
NAMES = {SPRING: "Spring sale", LOYAL: "Loyalty points", SAMBA: "Carnaval"}


@pytest.fixture
def day(gateway: str) -> datetime:
    return aside(_day)


def _day() -> datetime:
    """A day that is over, with three campaigns of two providers; one has no callback URL."""
    noon = (datetime.now(UTC) - timedelta(days=2)).replace(hour=12, minute=0, second=0, microsecond=0)
    # Paused, and without a URL at first: what is told here is not sent or forwarded by the worker.
    still: dict[str, Any] = {"state": "paused", "validity": timedelta(days=9)}
    india = make_provider(nickname="Acme India", waba_number="918889500122", **still)
    brasil = make_provider(nickname="Acme Brasil", waba_number="5511999990000", **still)

    def sent(provider: Provider, campaign: str, count: int, delivered: int, read: int, slow: int = 0) -> None:
        for number in range(count):
            answer = 1400 if number >= count - slow else 3
            message = accepted(
                provider, noon, campaign=campaign, batch=f"{noon:%Y%m%d}", answer_ms=answer,
                template="summer_offer",
            )  # fmt: skip
            kinds = ["delivered"] * (number < delivered) + ["read"] * (number < read)
            if kinds:
                reported(message, *kinds, after=60)

    sent(india, SPRING, 40, 37, 18, slow=2)
    sent(india, LOYAL, 25, 25, 11)
    sent(brasil, SAMBA, 12, 10, 4)
    told = Event.objects.filter(provider=india)
    told.update(forward=Forward.DONE, forwarded_at=noon + timedelta(minutes=2), forward_attempts=1)
    parked = list(told.filter(kind=Event.Kind.DELIVERED, message__campaign=SPRING).values_list("pk")[:3])
    Event.objects.filter(pk__in=[pk for (pk,) in parked]).update(
        forward=Forward.PARKED, forward_error="HTTP 400: unknown msgId"
    )
    Provider.objects.filter(pk=india.pk).update(delivery_url="https://cb.clevertap.test/dlr")
    for code, name in NAMES.items():
        Campaign.objects.filter(code=code).update(name=name)
    return noon


def test_a_report_is_uploaded_and_its_differences_explained(
    gateway: str, day: datetime, admin_page: Page, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    page = admin_page
    page.set_viewport_size({"width": 1440, "height": 1150})
    page.get_by_role("link", name="Reconciliation").click()
    expect(page.get_by_text("No report of CleverTap’s has been uploaded yet")).to_be_visible()
    page.get_by_role("link", name="Upload report").click()
    on = f"{day:%Y-%m-%d}"
    lines = [
        "Campaign ID;Day of run;Total Sent (events);Total Delivered (Events);Viewed;Errors;Mood",
        f"{SPRING};{on};38;34;16;3;good",
        f"{LOYAL};{on};25;25;11;0;good",
        f"{SAMBA};{on};12;0;0;0;good",
        "Total;;75;59;27;3;",
    ]
    file = {"name": "clevertap.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode("utf-16")}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Upload", exact=True).click()

    # "Day of run" is not a heading that is known.
    expect(page.get_by_role("alert")).to_contain_text("No column holds the day.")
    expect(page.locator("#sample")).to_contain_text(SAMBA)
    page.get_by_label("Day: column").select_option("Day of run")
    page.get_by_role("button", name="Compare").click()

    verdict = page.locator("[data-verdict]")
    expect(verdict).to_contain_text(
        "Differs, unexplained: 6 of 12 figures differ (5 with possible causes, 1 unexplained)."
    )
    total = page.locator("[data-total=delivered] td")
    expect(total).to_have_text(["72", "59", "+13", "13", "13", "0", "0"])
    spring = page.locator(f'[data-row="{on} {SPRING}"]')
    expect(spring.locator("[data-ours=sent]")).to_have_text("40")
    expect(spring.locator("[data-theirs=sent]")).to_have_text("38")
    expect(spring.locator("[data-difference=errors]")).to_have_text("-3")
    why = page.locator(f'[data-why="{on} {SPRING}"]')
    expect(why.locator("[data-state]")).to_have_text("Differs, unexplained")
    expect(why.locator("[data-cell=sent]")).to_contain_text("2 answered after a second: late accepts")
    expect(why.locator("[data-cell=delivered]")).to_contain_text("3 parked: CleverTap refused the report")
    expect(why.locator("[data-cell=errors]")).to_contain_text("2 late accepts, counted as errors")
    expect(why.locator("[data-cell=errors]")).to_contain_text("1 neither delivered nor failed yet")
    expect(why.locator("[data-cell=viewed]")).to_have_text("Viewed +2: 2 unexplained")
    samba = page.locator(f'[data-why="{on} {SAMBA}"]')
    expect(samba.locator("[data-cell=delivered]")).to_contain_text("10 callbacks not configured")
    agreeing = page.locator(f'[data-row="{on} {LOYAL}"]')
    expect(agreeing).to_be_hidden()
    page.locator("#agreeing > summary").click()
    expect(agreeing.locator("[data-ours=viewed]")).to_have_text("11")
    page.set_viewport_size({"width": 1440, "height": 1500})
    page.evaluate("document.querySelectorAll('*').forEach((each) => each.scrollTo(0, 0))")
    shoot(page, "reconciliation")

    page.set_viewport_size({"width": 390, "height": 844})
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, "only the tables scroll sideways"
    page.set_viewport_size({"width": 1440, "height": 1150})

    with page.expect_download() as download:
        page.get_by_role("link", name="The comparison as CSV").click()
    assert "callbacks not configured" in download.value.path().read_text()
    page.locator("[data-cause=refused_report]").get_by_role("link", name="Parked reports").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(3)
    page.go_back()
    spring.locator("[data-ours=delivered] a").click()
    expect(page.locator("[data-count]")).to_have_text("37")
    assert Message.objects.count() == 77


def test_a_long_report_is_read_while_its_page_tells_how_far_it_is(
    gateway: str, admin_page: Page, settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker waits for this test at every sign of life, so that each can be seen."""
    settings.MEDIA_ROOT = str(tmp_path)
    monkeypatch.setattr(loading, "AT_ONCE", 10)
    monkeypatch.setattr(reading, "TOLD_EVERY", 100)
    seen = {done: threading.Event() for done in (0, 100, 200)}
    tell = loading._tell

    def told(report: Report, stop: threading.Event | None, done: int) -> None:
        tell(report, stop, done)
        if done in seen and not seen[done].wait(PATIENCE):
            raise AssertionError(f"nobody saw {done}")

    monkeypatch.setattr(loading, "_tell", told)
    page = admin_page
    page.goto(f"{gateway}/admin/stats/reconciliation/upload/")
    lines = "".join(f"2026-03-17,{SPRING}{n},1,1,0,0\n" for n in range(300))
    head = "Run Date,Campaign ID,Total Sent (events),Total Delivered (Events),Total Viewed (events),Errors\n"
    file = {"name": "long.csv", "mimeType": "text/csv", "buffer": (head + lines).encode()}
    try:
        page.locator("input[type=file]").set_input_files(file)
        page.get_by_role("button", name="Upload", exact=True).click()

        expect(page.get_by_role("status")).to_have_text("It is being read.")
        seen[0].set()
        expect(page.locator("#report-done")).to_have_text("100")
        seen[100].set()
        expect(page.locator("#report-done")).to_have_text("200")
        expect(page.get_by_role("progressbar")).to_have_attribute("value", "200")
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("status")).to_have_text("It stops before its next rows.")
        seen[200].set()
        expect(page.get_by_role("status")).to_have_text("Cancelled. Nothing of it counts.")
    finally:
        for event in seen.values():
            event.set()
    assert not ReportLine.objects.exists()

    # After all: its columns are as they were.
    page.get_by_role("link", name="Its columns").click()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("status")).to_contain_text("It is read: 300 lines")
    expect(page.locator("#report[hx-get]")).to_have_count(0)
    page.get_by_role("link", name="See the comparison").click()
    expect(page.locator("[data-verdict]")).to_contain_text("Differs, unexplained")
    expect(page.locator("#reports")).to_contain_text("long.csv")
