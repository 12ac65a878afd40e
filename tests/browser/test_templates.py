"""Writing a template by hand and trying it out, in a real browser against a gateway that works."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from campaigns.models import Message, Status
from providers.models import Provider
from simulator.accounts import Account
from simulator.server import Simulator
from templates_app.models import Template
from tests.browser.screenshots import shoot
from tests.factories import make_provider
from tests.gateway import until

pytestmark = pytest.mark.browser

NAME = "summer_cards"


@pytest.fixture
def interakt(gateway: str, simulator: Simulator, settings: object) -> Provider:
    """A provider on the simulator, whose reports come back to this gateway."""
    provider = make_provider(
        nickname="Acme India",
        connector_slug="interakt",
        credentials={"api_key": "browser-key", "webhook_secret": "browser-secret"},
        options={"base_url": simulator.url},
        rate_count=1000,
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
    return provider


def at(page: Page, path: str) -> Locator:
    """The editor's field of a place, as problems name it."""
    return page.locator(f'[data-path="{path}"]')


def test_a_carousel_is_written_with_its_preview(gateway: str, interakt: Provider, admin_page: Page) -> None:
    page = admin_page
    page.set_viewport_size({"width": 1400, "height": 1300})
    page.goto(f"{gateway}/admin/templates_app/template/add/")
    page.locator("select[name=provider]").select_option(label="Acme India")
    page.locator("input[name=name]").fill(NAME)
    page.locator("input[name=language]").fill("en")
    bubble = page.locator("[data-preview-of]")

    at(page, "kind").select_option("carousel")
    at(page, "body.text").fill("Hello {{1}}")
    says = page.locator('[data-says="body.text"]')
    expect(says).to_have_text("A variable cannot be the first or the last thing in the text.")
    at(page, "body.text").fill("Hello *{{1}}*, pick your summer shoes.")
    at(page, "body.examples.1").fill("Asha")
    expect(says).to_be_hidden()
    expect(bubble.locator("strong")).to_have_text("Asha")

    for number, (shoe, code) in enumerate(
        (("Sandals", "sandals"), ("Sneakers", "sneakers"), ("Clogs", "clogs"))
    ):
        page.get_by_role("button", name="Add card").click()
        card = f"cards.{number}."
        at(page, f"{card}header.media").fill(f"https://cdn.example.test/{code}.png")
        at(page, f"{card}body.text").fill(f"{shoe} from 20 €")
        if number == 0:
            at(page, f"{card}buttons.0.type").select_option("URL")
        at(page, f"{card}buttons.0.text").fill(f"See {code}")
        at(page, f"{card}buttons.0.url").fill("https://shop.example.test/{{1}}")
        at(page, f"{card}buttons.0.example").fill(code)
    expect(bubble.locator(".wp-bubble-cards > .wp-bubble")).to_have_count(3)
    expect(bubble).to_contain_text("See sneakers")
    at(page, "cards.2.buttons.0.text").fill("See every pair of clogs we have")
    expect(page.locator('[data-says="cards.2.buttons.0.text"]')).to_have_text(
        "31 characters; Meta allows 25."
    )
    at(page, "cards.1.body.text").scroll_into_view_if_needed()
    shoot(page, "template-editor")

    page.locator('[data-item="cards.2"]').get_by_role("button", name="Remove card").click()
    page.locator('[data-item="cards.1"]').get_by_role("button", name="Move card up").click()
    expect(page.get_by_text("Nothing in it is against Meta's limits.")).to_be_visible()
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("About this template")).to_be_visible()
    expect(bubble).to_contain_text("See sneakers")
    shoot(page, "template-page")

    template = Template.objects.get()
    assert template.kind == "carousel"
    cards = template.components[1]["cards"]
    assert [card["components"][1]["text"] for card in cards] == ["Sneakers from 20 €", "Sandals from 20 €"]
    assert cards[0]["components"][2]["buttons"] == [
        {
            "type": "URL",
            "text": "See sneakers",
            "url": "https://shop.example.test/{{1}}",
            "example": ["sneakers"],
        }
    ]


def test_components_are_edited_as_json_and_errors_come_back(
    gateway: str, interakt: Provider, admin_page: Page
) -> None:
    page = admin_page
    hello = [{"type": "BODY", "text": "Hello there."}, {"type": "FOOTER", "text": "Bye"}]
    template = Template.objects.create(provider=interakt, name="hello", language="en", components=hello)
    page.goto(f"{gateway}/admin/templates_app/template/{template.pk}/change/")
    page.get_by_role("button", name="Components as JSON").click()
    area = page.locator("textarea[name=content]")
    expect(area).to_have_value(re.compile('"text": "Bye"'))
    area.fill(area.input_value().replace('"Bye"', '"Bye {{1}}"'))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Footer: A footer has no variables.").first).to_be_visible()
    page.get_by_role("button", name="Form", exact=True).click()
    expect(page.locator('[data-says="footer"]')).to_have_text("A footer has no variables.")
    at(page, "footer").fill("Goodbye")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(f"{gateway}/admin/templates_app/template/")
    template.refresh_from_db()
    assert template.components[1] == {"type": "FOOTER", "text": "Goodbye"}


def test_a_test_is_sent_and_watched(
    gateway: str, interakt: Provider, simulator: Simulator, admin_page: Page
) -> None:
    simulator.behaviour.delays = (0.5, 1.5, 3.0)
    listed = next(each for each in simulator.catalogue.of("") if each["name"] == "order_ready_v2")
    template = Template.objects.create(
        provider=interakt,
        name=listed["name"],
        language=listed["language"],
        category=listed["category"],
        components=listed["components"],
    )
    page = admin_page
    page.set_viewport_size({"width": 1400, "height": 1100})
    page.goto(f"{gateway}/admin/templates_app/template/{template.pk}/change/")
    page.get_by_role("link", name="Validate with provider").first.click()
    page.get_by_role("button", name="Validate with provider").click()
    expect(page.locator("body")).to_contain_text("The BSP accepted the message")
    expect(page.locator("body")).to_contain_text(re.compile(r"\d+ ms"))
    shoot(page, "template-validate")

    page.goto(f"{gateway}/admin/templates_app/template/{template.pk}/change/")
    page.get_by_role("link", name="Send test").first.click()
    page.get_by_label("Phone numbers").fill("+919812300001")
    page.get_by_label("Body {{2}}").fill("Sunday")
    page.get_by_role("button", name="Send test").click()

    story = page.locator("#watched")
    expect(story).to_contain_text("Test sent by operator")
    details = story.locator("details").first
    details.locator("summary").click()
    expect(story).to_contain_text("Delivered")
    expect(story).not_to_have_attribute("hx-get", re.compile("."))
    expect(story.locator("li").last).to_contain_text("Viewed")
    expect(details).to_have_attribute("open", "")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2_500)
    assert not asked, "nothing more will come"
    shoot(page, "template-test")
    assert "browser-key" not in page.content()
    until(lambda: Message.objects.filter(status=Status.READ, untracked=True).count() == 1)
    assert any("Sunday" in str(record) for record in simulator.requests)
