"""Importing templates and reading their health page, in a real browser against a gateway that works."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from time import sleep
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from campaigns.models import Message, Status
from providers.models import Provider
from simulator.accounts import Account
from simulator.server import Simulator
from simulator.templates import generated
from templates_app.imports import runs
from templates_app.models import Template
from tests.browser.screenshots import shoot
from tests.endpoints import Endpoint
from tests.factories import make_provider
from tests.gateway import logged_in, template, until
from tests.waiting import PATIENCE

pytestmark = pytest.mark.browser


@pytest.fixture
def acme(gateway: str, simulator: Simulator, endpoint: Endpoint) -> Iterator[Provider]:
    """A provider with a template list endpoint: 1,000 templates in pages of 100."""
    account = Account(
        dialect="meta", name="acme", key="list-key-of-acme", secret="s", verify_token="v",
        phone_number_id="1", waba_id="2",
    )  # fmt: skip
    simulator.add_account(account)
    simulator.catalogue.set("acme", long_list(1000))
    yield make_provider(
        nickname="Acme India",
        endpoint=endpoint.url,
        import_endpoint=f"{simulator.url}/v23.0/2/message_templates",
        import_limit=100,
        import_credentials={"header:Authorization": "Bearer list-key-of-acme"},
        delivery_url=f"{simulator.url}/sink/acme/delivery",
    )
    simulator.catalogue.set("acme", [])


def long_list(count: int) -> Any:
    return json.loads(json.dumps(generated(count)))  # no two share their components


@dataclass
class Pace:
    """How long the list takes for every page, as a real one does."""

    seconds: float = 0.0


@pytest.fixture
def pace(monkeypatch: pytest.MonkeyPatch) -> Pace:
    found, plain = Pace(), runs._fetch_page

    def read(*arguments: Any) -> Any:
        sleep(found.seconds)
        return plain(*arguments)

    monkeypatch.setattr(runs, "_fetch_page", read)
    return found


def test_an_import_is_watched_and_its_report_read(
    gateway: str, acme: Provider, simulator: Simulator, admin_page: Page, pace: Pace
) -> None:
    runs.import_now(acme)
    items = long_list(1000)
    items[0]["status"] = "PAUSED"
    order = next(item for item in items[4:] if item["name"].startswith("dashboard_track_order"))
    order["components"][0]["text"] = "Hello {{1}}, your order is on its way. Track it here."
    del items[3]
    simulator.catalogue.set("acme", items)

    page = admin_page
    page.set_viewport_size({"width": 1400, "height": 1000})
    pace.seconds = 0.6
    page.goto(f"{gateway}/admin/templates_app/template/")
    page.get_by_role("link", name="Import now").click()
    page.get_by_label("Acme India").check()
    page.get_by_role("button", name="Import now").click()

    page.wait_for_url(re.compile("/importrun/[0-9]+/change/"))
    page.evaluate("window.sameDocument = true")
    expect(page.locator("#run-pages")).to_have_text(re.compile("[4567]"))
    expect(page.locator("#run-templates")).to_contain_text(re.compile("[4567]00 of 1000"))
    expect(page.get_by_text("templates a second")).to_be_visible()
    shoot(page, "import-progress")
    expect(page.get_by_text("The whole list was imported")).to_be_visible()
    assert page.evaluate("window.sameDocument"), "nothing was loaded anew"
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()
    expect(page.get_by_role("button", name="Import again")).to_be_visible()

    page.get_by_text("What changed in it").first.click()
    expect(page.locator("ins").first).to_contain_text("on its way")
    expect(page.locator("#vanished")).to_contain_text("_00003")
    shoot(page, "import-report")
    page.get_by_role("link", name="All of them in the list of templates").last.click()
    expect(page.locator("#result_list tbody tr")).to_have_count(2)


def test_an_import_is_cancelled(gateway: str, acme: Provider, admin_page: Page, pace: Pace) -> None:
    pace.seconds = 0.5
    page = admin_page
    page.goto(f"{gateway}/admin/providers/provider/{acme.pk}/change/")
    page.get_by_role("link", name="Import templates").click()
    expect(page.locator("#run-pages")).to_have_text(re.compile("[1-9]"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Cancelled. Nothing was changed.")).to_be_visible()
    assert not Template.objects.exists()


def test_a_health_page_is_read(gateway: str, acme: Provider, simulator: Simulator, admin_page: Page) -> None:
    def send(words: str, **changes: Any) -> None:
        parameters = [{"type": "text", "text": "Mira"}]
        body = {"type": "body", "body": {"text": words, "parameters": parameters}}
        payload = template(components=[body], **changes)
        url = f"{gateway}/v1/{acme.public_id}/messages"
        assert requests.post(url, json=payload, headers=logged_in(acme), timeout=PATIENCE).status_code == 200

    simulator.catalogue.set("acme", long_list(40))
    runs.import_now(acme)
    body = {"type": "BODY", "text": "Hello {{1}}, your order is ready"}
    Template.objects.create(provider=acme, name="order_ready", language="en", components=[body])
    for _ in range(3):
        send("Dear Mira, your order is ready")
    send("Sale, Mira!", template={"namespace": "summer_sale", "languageCode": "en"})
    until(lambda: Message.objects.filter(status=Status.ACCEPTED).count() == 4)

    page = admin_page
    page.set_viewport_size({"width": 1400, "height": 1700})
    page.get_by_role("link", name="Template health").first.click()
    for words in ("Dear Mira, your order is ready", "Hello Mira, your order is ready", "summer_sale"):
        expect(page.get_by_text(words).first).to_be_visible()
    shoot(page, "template-health")
    page.get_by_role("link", name=re.compile("Paused")).click()
    paused = Template.objects.filter(status="PAUSED").count()
    expect(page.locator("#result_list tbody tr")).to_have_count(paused)
    page.go_back()
    page.get_by_role("button", name="Create summer_sale").click()
    expect(page.get_by_text("Created from what CleverTap sent")).to_be_visible()
    assert Template.objects.get(name="summer_sale").components[0]["text"] == "Sale, {{1}}!"
