"""The stats pages in a real browser: the figures shown, charts drawn, filters, refreshing, exports."""

import csv
import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from campaigns.counting import deltas
from campaigns.models import Campaign
from providers.messages import Outcome, ReportCode
from providers.models import Provider
from tests.browser.conftest import aside
from tests.browser.screenshots import shoot
from tests.factories import make_provider
from tests.stats.conftest import accepted, freeform, refused, replied, reported, submitted

pytestmark = pytest.mark.browser

SALE = "1767225600"


@pytest.fixture
def shop(gateway: str) -> Provider:
    return aside(_two_days)


def _two_days() -> Provider:
    """Two days of two campaigns, one of them with variants that differ."""
    shop = make_provider(nickname="Acme India", state=Provider.State.PAUSED)  # the worker leaves it alone
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    for day, many in ((1, 60), (2, 36)):
        for number in range(many):
            at = today - timedelta(days=day) + timedelta(hours=5 + number * 7 % 13, minutes=number % 50)
            values = {"template": "order_ready_v2", "campaign": "1767000000", "variant": ""}
            if number % 3:
                values = {"template": "summer_cards", "campaign": SALE, "variant": "AB"[number % 2]}
            # Queued just now, or the worker would find them too old.
            message = accepted(shop, at, queued_at=timezone.now(), **values)
            _story(message, number, values["variant"])
        refused(shop, 2001, today - timedelta(days=day) + timedelta(hours=9), campaign=SALE, variant="A")
        for number in range(6):
            at = today - timedelta(days=day) + timedelta(hours=8 + number)
            message = freeform(shop, at, queued_at=timezone.now())
            submitted(message)
            reported(message, "sent", "delivered", after=2)
    Campaign.objects.filter(code=SALE).update(name="Summer sale")
    while deltas.squash():
        pass
    return shop


def _story(message: Any, number: int, variant: str) -> None:
    if number % 20 == 4:
        submitted(message, outcome=Outcome.REJECTED, code=ReportCode.TEMPLATE, text="Unknown template")
        return
    submitted(message)
    reported(message, "sent", after=1 + number % 4)
    if number % (3 if variant == "B" else 11) == 2 or number % 11 == 2:
        code = ReportCode.PHONE if number % 2 else ReportCode.BLOCKED_BY_META
        reported(message, "failed", after=9, code=code)
        return
    reported(message, "delivered", after=3 + number % 9)
    if number % 5 < 3:
        reported(message, "read", after=60 + 20 * number)
    if number % 4 == 1:
        page = "sandals" if number % 8 == 1 else "sneakers"
        reported(
            message, "clicked", after=90 + 20 * number, url=f"https://shop.example.test/{page}?c={number}"
        )
    if number % 12 == 1:
        replied(message, after=400)


def figure(page: Page, name: str) -> Locator:
    return page.locator(f'[data-figure="{name}"] .st-value')


def number(page: Page, name: str) -> int:
    return int(figure(page, name).inner_text().replace(",", ""))


COLOURS = """canvas => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return new Set(new Uint32Array(pixels.buffer)).size;
}"""


SHOWN = """canvas => {
    const chart = Chart.getChart(canvas);
    return chart.data.datasets.map((_, n) => chart.isDatasetVisible(n));
}"""


def inked(page: Page) -> bool:
    """Whether something is drawn on the chart's canvas."""
    return int(page.locator("[data-chart] canvas").evaluate(COLOURS)) > 5


def test_an_analyst_reads_the_stats(gateway: str, shop: Provider, admin_page: Page, tmp_path: Any) -> None:
    page = admin_page
    page.set_viewport_size({"width": 1400, "height": 1350})
    wrong: list[str] = []
    page.clock.install()  # so that nobody waits for the next refresh
    page.on("pageerror", lambda error: wrong.append(str(error)))

    page.locator("#nav-sidebar-apps").get_by_role("link", name="Overview").click()
    page.wait_for_url(f"{gateway}/admin/stats/overview/")
    expect(figure(page, "accepted")).to_have_text("108")
    expect(figure(page, "refused")).to_have_text("2")
    expect(page.locator("[data-drawn]")).to_have_attribute(
        "data-drawn", re.compile(r"^108 \d+ \d+ \d+ \d+( \d+)?$")
    )
    assert inked(page)

    # A filter, and new messages that show without reloading. What was opened stays open.
    page.get_by_label("Range").select_option("Yesterday")
    page.get_by_label("Traffic").select_option("Campaigns only")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile(r"range=yesterday&traffic=campaigns$"))
    expect(figure(page, "accepted")).to_have_text("60")
    expect(page.locator('[data-figure="accepted"]')).to_contain_text("+67 % was 36")
    shoot(page, "stats-overview")
    page.get_by_label("Range").select_option("7d")
    page.get_by_label("Campaign", exact=True).fill(SALE)
    page.get_by_role("button", name="Show").click()
    expect(figure(page, "accepted")).to_have_text("64")
    page.get_by_text("The same as a table").click()
    table = page.locator('[data-table="trend"]')
    today = table.locator("tbody tr").first.locator("td").first
    expect(today).to_have_text("0")
    page.evaluate("window.stays = true")
    help_link = page.locator('[data-figure="sent"] .st-help')
    help_link.focus()
    before = page.locator("[data-drawn]").get_attribute("data-drawn")
    page.locator("[data-chart] canvas").evaluate("canvas => Chart.getChart(canvas).hide(2)")  # by the legend
    message = accepted(shop, timezone.now(), template="summer_cards", campaign=SALE, variant="A")
    submitted(message)
    aside(lambda: reported(message, "sent", "delivered", after=0))
    page.clock.fast_forward(10_500)
    expect(figure(page, "accepted")).to_have_text("65")
    expect(today).to_have_text("1")
    expect(table).to_be_visible()
    expect(page.locator("[data-drawn]")).not_to_have_attribute("data-drawn", before or "")
    expect(help_link).to_be_focused()
    assert page.locator("[data-chart] canvas").evaluate(SHOWN) == [True, True, False, True, True, True]
    assert page.evaluate("window.stays")

    # The server is away: the page says so, and goes on by itself.
    page.route("**/*part=1*", lambda route: route.abort())
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_text("Refreshing failed: the server cannot be reached")).to_be_visible()
    expect(figure(page, "accepted")).to_have_text("65")
    page.unroute("**/*part=1*")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_text("Refreshing failed")).to_be_hidden()

    # The campaign, its variants, and its name.
    page.goto(f"{gateway}/admin/stats/campaigns/")
    page.get_by_role("link", name="Delivery rate").click()
    expect(page.locator('th[aria-sort="descending"]')).to_contain_text("Delivery rate")
    page.get_by_role("link", name="Summer sale").click()
    expect(page.get_by_role("heading", name="Campaign Summer sale").last).to_be_visible()
    expect(page.locator('[data-table="versus-B"]')).to_contain_text("B is lower than A by")
    expect(page.locator('[data-table="versus-B"]')).to_contain_text("Not significant")
    expect(page.locator('[data-table="urls"]')).to_contain_text("https://shop.example.test/sandals")
    shoot(page, "stats-campaign")
    page.locator("#variants-title").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('variants-title').scrollIntoView()")
    shoot(page, "stats-variants")

    # What is behind a figure, and as a file.
    undelivered = number(page, "undelivered")
    figure(page, "undelivered").get_by_role("link").click()
    expect(page.locator("[data-count]")).to_have_text(str(undelivered))
    rows = page.locator('[data-table="messages"] tbody tr')
    expect(rows).to_have_count(undelivered)
    shoot(page, "stats-messages")
    with page.expect_download() as download:
        page.get_by_role("link", name="Messages as CSV").click()
    path = tmp_path / "messages.csv"
    download.value.save_as(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == undelivered
    assert {line["Campaign"] for line in lines} == {SALE}
    rows.first.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/admin/campaigns/message/\d+/change/"))

    # Errors, in the dark; a field that makes no sense.
    page.emulate_media(color_scheme="dark")
    page.goto(f"{gateway}/admin/stats/errors/?range=7d")
    expect(page.locator('[data-table="errors"]')).to_contain_text("Correct or remove these numbers")
    total = sum(number(page, name) for name in ("refused", "not_sent", "undelivered"))
    drawn = page.locator("[data-drawn]").get_attribute("data-drawn") or ""
    assert sum(map(int, drawn.split())) == total
    assert inked(page)
    shoot(page, "stats-errors")
    stay = "form => form.addEventListener('submit', (event) => event.preventDefault())"
    page.locator("[data-filters]").evaluate(stay)
    page.get_by_role("button", name="Show").click()
    expect(page.locator("[data-loading]")).to_have_text("Loading …")
    expect(page.locator("#stats-live")).to_have_attribute("aria-busy", "true")
    page.reload()
    page.get_by_label("Time zone").fill("Mars/Base")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#e-tz")).to_have_text(re.compile("No such time zone"))
    expect(page.get_by_label("Time zone")).to_have_attribute("aria-invalid", "true")

    # On a phone nothing sticks out.
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{gateway}/admin/stats/campaigns/one/?campaign={SALE}&range=7d")
    expect(page.locator("[data-drawn]")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(f"{gateway}/admin/stats/errors/?range=7d")
    table = page.locator("#table-errors")
    assert table.evaluate("each => each.scrollWidth - each.clientWidth") == 0
    heights = table.evaluate("each => [...each.querySelectorAll('tbody tr')].map(row => row.offsetHeight)")
    assert heights
    assert max(heights) < 60, "two lines"
    assert wrong == []


def test_who_was_signed_out_is_told(gateway: str, shop: Provider, admin_page: Page) -> None:
    page = admin_page
    page.goto(f"{gateway}/admin/stats/overview/")
    expect(figure(page, "accepted")).to_have_text("108")
    page.context.clear_cookies()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_text("Refreshing failed: you are no longer signed in")).to_be_visible()
    expect(figure(page, "accepted")).to_have_text("108")


def test_an_analyst_follows_an_error_and_saves_the_view(
    gateway: str, shop: Provider, admin_page: Page
) -> None:
    page = admin_page
    page.set_viewport_size({"width": 1400, "height": 1100})
    page.goto(f"{gateway}/admin/stats/errors/?range=7d")
    count = page.locator('[data-table="errors"] tbody tr').first.locator("td.st-number a").first
    expected = count.inner_text()
    page.locator('[data-table="errors"] tbody tr').first.get_by_role("link").first.click()
    expect(page.locator("[data-count]")).to_have_text(expected)
    expect(page.locator('[data-table="error_campaigns"] tbody tr').first).to_be_visible()
    expect(page.locator("[data-drawn]")).to_be_visible()
    shoot(page, "stats-error")
    page.locator("[data-count]").click()
    expect(page.locator("[data-count]")).to_have_text(expected)

    page.goto(f"{gateway}/admin/stats/overview/?range=7d")
    page.get_by_label("Campaign", exact=True).press_sequentially(SALE[:6])
    expect(page.locator(f'#l-campaign option[value="{SALE}"]')).to_have_count(1)
    page.get_by_label("Campaign", exact=True).fill(SALE)
    page.get_by_role("button", name="Show").click()
    expect(figure(page, "accepted")).to_have_text("64")
    page.get_by_text("Save this view").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("The sale, week by week")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved as The sale, week by week")).to_be_visible()
    expect(page.get_by_text("Set EMAIL_URL")).to_be_visible()
    shoot(page, "stats-views")
    page.get_by_role("link", name="The sale, week by week").click()
    expect(figure(page, "accepted")).to_have_text("64")
