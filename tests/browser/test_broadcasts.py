"""A segment built and a campaign written, launched and watched to its end, on the simulator."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from audience.models import OptChange
from audience.profiles import Profile
from audience.writing import Source, forget_names, write
from broadcasts.models import Broadcast, Segment
from campaigns.models import Message, Status
from providers.models import Provider
from simulator.server import Simulator
from templates_app.models import Template
from tests.browser.screenshots import shoot
from tests.bsps import customer

pytestmark = pytest.mark.browser

PEOPLE = 60


@pytest.fixture
def interakt(gateway: str, simulator: Simulator) -> Provider:
    provider = customer(simulator, "interakt", gateway, nickname="Acme India", rate_count=20, rate_period=1)
    body = [
        {"type": "HEADER", "format": "TEXT", "text": "Spring sale"},
        {
            "type": "BODY",
            "text": "Hello {{1}}, *everything* for {{2}} is half price until Sunday.",
            "example": {"body_text": [["Mira", "rain"]]},
        },
        {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Stop"}]},
    ]  # fmt: skip
    Template.objects.create(provider=provider, name="spring_sale", language="en", components=body)
    simulator.set_templates(
        "interakt",
        [
            {
                "name": "spring_sale",
                "language": "en",
                "status": "APPROVED",
                "category": "MARKETING",
                "components": body,
            }
        ],
    )
    simulator.behaviour.delays = (0.1, 0.2, 0.3)
    return provider


@pytest.fixture
def people(gateway: str) -> None:
    forget_names()
    profiles = [
        Profile(
            f"p{n:03d}",
            {"phone": f"91981230{n:04d}", "name": f"Person {n}", "opted_in": n % 6 != 0},
            {"City": "Pune" if n % 2 else "Goa", "Loves": "tea" if n % 4 else "rain"},
        )
        for n in range(PEOPLE)
    ]
    write(profiles, Source(OptChange.Why.API), timezone.now())


def test_from_a_segment_to_the_last_message(
    gateway: str, interakt: Provider, simulator: Simulator, people: None, admin_page: Page
) -> None:
    page = admin_page
    page.set_viewport_size({"width": 1400, "height": 1150})

    # A segment: City is Pune or Goa, and opted in
    page.goto(f"{gateway}/admin/broadcasts/segment/add/")
    page.get_by_label("Name").fill("Opted in, in Pune or Goa")
    expect(page.locator("#segment-count")).to_have_text("60")
    page.get_by_role("button", name="Add a group").click()
    page.get_by_label("Property", exact=True).fill("City")
    page.get_by_label("Value", exact=True).fill("pune")
    expect(page.locator("#segment-count")).to_have_text("30")
    page.get_by_label("Value", exact=True).fill("pune\ngoa")
    expect(page.locator("#segment-count")).to_have_text("60")
    page.get_by_role("button", name="Add a condition").click()
    page.get_by_label("What the condition is about").nth(1).select_option("consent")
    expect(page.locator("#segment-count")).to_have_text("50")
    expect(page.locator("#segment-reachable")).to_have_text("50")
    expect(page.get_by_text("City is pune or goa and is opted in to WhatsApp")).to_be_visible()
    page.get_by_role("button", name="Add a condition").click()
    page.get_by_label("What the condition is about").nth(2).select_option("event")
    expect(page.get_by_text("Choose an event.")).to_be_visible()
    page.get_by_role("button", name="Remove this condition").nth(2).click()
    expect(page.locator("#segment-count")).to_have_text("50")
    shoot(page, "segment-builder")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(f"{gateway}/admin/broadcasts/segment/")
    assert len(Segment.objects.get().filter["groups"][0]["conditions"]) == 2

    # The campaign, step by step
    page.goto(f"{gateway}/admin/broadcasts/broadcast/add/")
    page.get_by_label("Name").fill("Spring sale")
    page.get_by_label("One time: ").check()
    page.get_by_role("button", name="Save and go on").click()
    page.get_by_label("A saved segment").check()
    page.get_by_label("Segment", exact=True).select_option(label="Opted in, in Pune or Goa")
    page.get_by_role("button", name="Save and go on").click()
    page.get_by_label("Template", exact=True).select_option(label="spring_sale (en)")
    page.get_by_label("Body {{1}}").fill("{{ profile.name | friend }}")
    page.get_by_label("Body {{2}}").click()
    page.get_by_label("Insert a value").select_option(label="{{ profile.Loves | }}")
    previews = page.locator("#previews")
    expect(previews).to_contain_text("Hello Person 1, everything for tea is half price")
    page.get_by_label("As seen by").select_option(label="p004")
    expect(previews).to_contain_text("Hello Person 4, everything for rain is half price")
    shoot(page, "broadcast-message")
    page.get_by_role("button", name="Save and go on").click()
    page.get_by_label("Control group, percent").fill("10")
    page.get_by_role("button", name="Save and go on").click()

    # The estimate, and the launch
    expect(page.locator("#estimate-messages")).to_have_text("45")
    expect(page.locator("#estimate-excluded")).to_contain_text("about 5")
    shoot(page, "broadcast-review")
    page.get_by_role("button", name="Launch now").click()

    # Its progress, without loading the page anew
    page.evaluate("window.sameDocument = true")
    broadcast = Broadcast.objects.get()
    expect(page.locator("#count-recipients")).to_have_text("50")
    expect(page.locator("#figure-delivered")).to_have_text(re.compile("[1-9]"), timeout=20_000)
    shoot(page, "broadcast-progress")
    expect(page.get_by_text("Everybody it was for has been dealt with.")).to_be_visible(timeout=20_000)
    broadcast.refresh_from_db()
    control = broadcast.control
    assert 0 < control < 15
    expect(page.locator("#count-control")).to_have_text(str(control))
    expect(page.locator("#count-queued")).to_have_text(str(50 - control))
    expect(page.locator("#figure-delivered")).to_have_text(str(50 - control), timeout=20_000)
    assert page.evaluate("window.sameDocument"), "nothing was loaded anew"
    assert (
        Message.objects.filter(campaign=broadcast.code, status__gte=Status.DELIVERED).count() == 50 - control
    )
    assert len({record.to for record in simulator.requests}) == 50 - control
    assert not simulator.sink, "CleverTap hears nothing of it"

    page.locator("#count-control").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(control)


def test_a_campaign_is_paused_and_cancelled(
    gateway: str, interakt: Provider, people: None, admin_page: Page
) -> None:
    values = {"body.1": "you", "body.2": "rain"}
    variant = {"name": "A", "percent": 100, "template": "spring_sale", "language": "en", "values": values}
    broadcast = Broadcast.objects.create(provider=interakt, name="Slow", variants=[variant], throttle=10)
    page = admin_page
    page.goto(f"{gateway}/admin/broadcasts/broadcast/{broadcast.pk}/step/review/")
    page.get_by_role("button", name="Launch now").click()
    expect(page.locator("#meaning")).to_contain_text("The throttle allows 10 messages in 5 minutes")
    expect(page.locator("#count-queued")).to_have_text("10")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#meaning")).to_contain_text("Paused by operator.")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#meaning")).to_contain_text("The throttle allows")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#count-cancelled")).to_have_text("40")
    expect(page.locator("#meaning")).to_contain_text("Cancelled by operator.")
