"""What an operator does in the admin, in a real browser against a gateway that works."""

import re

import pytest
import requests
from playwright.sync_api import BrowserContext, Page, expect

from campaigns.models import Message, Status
from providers.models import Provider
from simulator.accounts import Account
from simulator.server import Simulator
from tests.factories import make_provider
from tests.gateway import freeform, logged_in, template, until
from tests.journeys.conftest import settled
from tests.waiting import PATIENCE

pytestmark = pytest.mark.browser


@pytest.fixture
def interakt(gateway: str, simulator: Simulator, settings: object) -> Provider:
    """A provider on the simulator, whose reports come back to this gateway."""
    provider = make_provider(
        connector_slug="interakt",
        credentials={"api_key": "browser-key", "webhook_secret": "browser-secret"},
        options={"base_url": simulator.url},
        rate_count=1000,
        delivery_url=f"{simulator.url}/sink/browser/delivery",
        inbound_url=f"{simulator.url}/sink/browser/inbound",
    )
    token = provider.callback_tokens.get(purpose="webhook").token
    simulator.add_account(
        Account(
            dialect="interakt",
            key="browser-key",
            secret="browser-secret",
            webhook_url=f"{gateway}/webhooks/{token}",
        )
    )
    simulator.behaviour.delays = (0.0, 0.0, 0.0)
    return provider


def send(gateway: str, provider: Provider, payload: object) -> None:
    answer = requests.post(
        f"{gateway}/v1/{provider.public_id}/messages",
        json=payload,
        headers=logged_in(provider),
        timeout=PATIENCE,
    )
    assert answer.json() == {"status": "success"}


def test_a_provider_is_added_and_its_login_shown_once(gateway: str, admin_page: Page) -> None:
    admin_page.goto(f"{gateway}/admin/providers/provider/add/")
    admin_page.get_by_label("Nickname").fill("Acme India")
    admin_page.get_by_label("WABA number").fill("+919812300000")
    admin_page.locator("select[name=connector_slug]").select_option("interakt")
    expect(admin_page.get_by_text("Custom header", exact=True)).to_be_hidden()  # the generic connector's
    admin_page.locator("input[name*=api_key]:visible").fill("the-interakt-key")
    admin_page.get_by_role("button", name="Save", exact=True).click()

    provider = Provider.objects.get(nickname="Acme India")
    assert provider.credentials == {"api_key": "the-interakt-key"}
    body = admin_page.locator("body")
    expect(body).to_contain_text(f"/v1/{provider.public_id}/messages")
    username = provider.api_credentials.get().label
    expect(body).to_contain_text(username)

    admin_page.goto(f"{gateway}/admin/providers/provider/{provider.pk}/change/")
    assert "the-interakt-key" not in admin_page.content()
    expect(body).to_contain_text("Delivery Report Callback URL")


def test_a_connection_is_checked(gateway: str, interakt: Provider, admin_page: Page) -> None:
    admin_page.goto(f"{gateway}/admin/providers/provider/{interakt.pk}/change/")
    expect(admin_page.get_by_text("Accepted a minute")).to_be_visible()  # its health comes after the page
    admin_page.get_by_role("link", name="Check connection").or_(
        admin_page.get_by_role("button", name="Check connection")
    ).first.click()
    body = admin_page.locator("body")
    expect(body).to_contain_text("whatsapp")
    expect(body).to_contain_text(re.compile(r"\d+ ms"))
    assert "browser-key" not in admin_page.content()


def test_a_message_is_followed_to_its_last_report(
    gateway: str, interakt: Provider, simulator: Simulator, admin_page: Page
) -> None:
    send(gateway, interakt, template(to="+919812300001"))
    until(lambda: Message.objects.filter(status=Status.READ).exists() and settled(simulator))

    admin_page.goto(f"{gateway}/admin/campaigns/message/?q=919812300001")
    admin_page.get_by_role("link", name=re.compile("919812300001|20\\d\\d-")).first.click()
    story = admin_page.locator("body")
    for step in (
        "Accepted from CleverTap",
        "Attempt 1",
        "Sent",
        "Delivered",
        "Viewed",
        "Forwarded to CleverTap (viewed)",
    ):
        expect(story).to_contain_text(step)
    expect(story).to_contain_text("order_ready")
    assert "browser-key" not in admin_page.content()


def test_failed_messages_are_counted_and_sent_again(
    gateway: str, interakt: Provider, simulator: Simulator, admin_page: Page
) -> None:
    send(gateway, interakt, template(to="+919812309010"))  # the simulator knows no such template
    send(gateway, interakt, freeform(to="+919812300001"))
    until(lambda: Message.objects.filter(status=Status.FAILED).exists() and settled(simulator))
    failed = Message.objects.get(status=Status.FAILED)

    admin_page.goto(f"{gateway}/admin/campaigns/message/")
    admin_page.locator("thead input[type=checkbox], #action-toggle").first.check()
    admin_page.locator("select[name=action]").select_option(label="Resend failed or unknown")
    admin_page.get_by_role("button", name=re.compile("Run|Go")).first.click()
    expect(admin_page.locator("body")).to_contain_text("1 failed")
    admin_page.get_by_role("button", name=re.compile("Resend|Send")).first.click()

    until(lambda: Message.objects.get(pk=failed.pk).attempt == 2)


def test_the_simulator_shows_what_arrives(
    gateway: str, interakt: Provider, simulator: Simulator, context: BrowserContext
) -> None:
    page = context.new_page()  # the simulator's, and so none of those that load nothing from elsewhere
    page.goto(simulator.url)
    send(gateway, interakt, template(to="+919812300001"))
    expect(page.locator("body")).to_contain_text("919812300001")
    expect(page.locator("body")).to_contain_text("read")
