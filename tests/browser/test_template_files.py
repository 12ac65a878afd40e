"""A file of templates, previewed and applied, and the timeline that tells of it, in a real browser."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from providers.models import Provider
from templates_app.models import Template
from tests.browser.screenshots import shoot
from tests.factories import make_provider

pytestmark = pytest.mark.browser

TEXT = "Hello {{1}}, your order {{2}} is ready for pick-up."
BODY = {"type": "BODY", "text": TEXT, "example": {"body_text": [["Mira", "1234"]]}}


@pytest.fixture
def shop(gateway: str) -> Provider:
    provider = make_provider(nickname="Acme India")
    for name in ("order_ready", "order_late"):
        Template.objects.create(
            provider=provider,
            name=name,
            language="en",
            category="UTILITY",
            components=[BODY],
            imported=[BODY],
        )
    return provider


def test_a_file_is_previewed_applied_and_undone(gateway: str, shop: Provider, admin_page: Page) -> None:
    page = admin_page
    page.set_viewport_size({"width": 1400, "height": 1000})
    page.goto(f"{gateway}/admin/templates_app/template/?q=order_ready")
    page.get_by_role("link", name="Export").click()
    page.locator("select[name=format]").select_option(label="json")
    with page.expect_download() as download:
        page.get_by_role("button", name="Submit").click()
    rows = json.loads(download.value.path().read_text())
    assert [row["name"] for row in rows] == ["order_ready"]

    rows[0]["components"][0]["text"] = TEXT.replace("Hello", "Good morning")
    rows.append({**rows[0], "name": "order_collected", "status": "PENDING"})
    page.goto(f"{gateway}/admin/templates_app/template/")
    page.get_by_role("link", name="Import file").click()
    file = {"name": "morning.json", "mimeType": "application/json", "buffer": json.dumps(rows).encode()}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Preview").click()
    body = page.locator("body")
    expect(body).to_contain_text("1 new, 1 changed, 0 unchanged")
    expect(page.locator("ins").first).to_contain_text("Good morning")
    shoot(page, "template-file-preview")
    page.get_by_role("button", name="Apply").click()
    expect(body).to_contain_text("Imported morning.json: 1 new, 1 changed, 0 unchanged.")

    template = Template.objects.get(name="order_ready")
    page.goto(f"{gateway}/admin/templates_app/template/{template.pk}/change/")
    timeline = page.locator("#timeline")
    expect(timeline).to_contain_text("by operator")
    timeline.locator("summary").first.click()
    expect(timeline.locator("ins").first).to_contain_text("Good morning")
    timeline.scroll_into_view_if_needed()
    shoot(page, "template-timeline")
    page.get_by_role("link", name="Use the BSP's content").click()
    page.get_by_role("button", name="Use the BSP's content").click()
    expect(body).to_contain_text("has the BSP's content again")
    expect(timeline.locator("li")).to_have_count(2)

    page.goto(f"{gateway}/admin/")
    page.get_by_role("link", name=re.compile("Template changes")).click()
    expect(page.locator("#result_list")).to_contain_text("order_collected")
    shoot(page, "template-changes")
