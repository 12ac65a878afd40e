"""A segment built and a broadcast written, launched and watched to its end, on the simulator."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from audience.models import OptChange
from audience.profiles import Profile
from audience.writing import Source, write
from broadcasts.models import Broadcast, Segment
from campaigns.models import Message, Status
from providers.models import Provider
from simulator.server import Simulator
from templates_app.models import Template
from tests.browser.conftest import aside
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
    profiles = [
        Profile(
            f"p{n:03d}",
            {"phone": f"91981230{n:04d}", "name": f"Person {n}", "opted_in": n % 6 != 0},
            {
                "City": "Pune" if n % 2 else "Goa",
                "Loves": "tea" if n % 4 else "rain",
                "Renewal": "2030-01-05T10:00:00Z",
            },
        )
        for n in range(PEOPLE)
    ]
    aside(lambda: write(profiles, Source(OptChange.Why.API), timezone.now()))


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
    shoot(page, "broadcast-segment")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(f"{gateway}/admin/broadcasts/segment/")
    assert len(Segment.objects.get().filter["groups"][0]["conditions"]) == 2

    # The broadcast, step by step: two variants
    page.goto(f"{gateway}/admin/broadcasts/broadcast/add/")
    page.get_by_label("Name").fill("Spring sale")
    page.get_by_label("One time: ").check()
    shoot(page, "broadcast-what")
    page.get_by_label("On a date/time: ").check()
    page.get_by_role("button", name="Save and continue").click()
    page.get_by_label("The date").select_option(label="Renewal of the contact")
    page.get_by_role("button", name="Save and continue").click()
    expect(page.get_by_label("A saved segment")).to_be_visible()
    assert Broadcast.objects.get().date_name == "Renewal"
    page.get_by_role("link", name="1. What").click()
    page.get_by_label("One time: ").check()
    page.get_by_role("button", name="Save and continue").click()
    page.get_by_label("A saved segment").check()
    page.get_by_label("Segment", exact=True).select_option(label="Opted in, in Pune or Goa")
    shoot(page, "broadcast-who")
    page.get_by_role("button", name="Save and continue").click()
    page.locator("select[name=v0-template]").select_option(label="spring_sale (en)")
    page.get_by_label("Body {{1}}").fill("{{ profile.name | friend }}")
    page.get_by_label("Body {{2}}").click()
    page.get_by_label("Insert a value").select_option(label="{{ profile.Loves | }}")
    previews = page.locator("#previews")
    expect(previews).to_contain_text("Hello Person 1, everything for tea is half price")
    page.get_by_label("As seen by").select_option(label="p004")
    expect(previews).to_contain_text("Hello Person 4, everything for rain is half price")
    page.get_by_role("button", name="Add a variant").click()
    page.get_by_label("Body {{2}}").nth(1).fill("everybody’s garden")
    expect(previews).to_contain_text("everything for everybody’s garden is half price")
    shoot(page, "broadcast-message")
    page.get_by_role("button", name="Save and continue").click()
    page.get_by_label("Control group, percent").fill("10")
    shoot(page, "broadcast-delivery")
    page.get_by_role("button", name="Save and continue").click()

    # The estimate, a test, and the launch
    expect(page.locator("#estimate-messages")).to_have_text("45")
    expect(page.locator("#estimate-excluded")).to_contain_text("about 5")
    shoot(page, "broadcast-review")
    page.get_by_role("link", name="Send test").click()
    page.get_by_label("Phone numbers").fill("+14155550100")
    page.get_by_label("Variant").select_option(label="B: spring_sale")
    page.get_by_label("With the values of").select_option(label="p002")
    page.get_by_role("button", name="Send test").click()
    expect(page.get_by_text("Viewed", exact=True).first).to_be_visible()
    (tested,) = simulator.requests
    assert tested.to == "14155550100"
    assert "Person 2" in str(tested.body)
    broadcast = Broadcast.objects.get()
    page.goto(f"{gateway}/admin/broadcasts/broadcast/{broadcast.pk}/step/review/")
    page.get_by_role("button", name="Launch now").click()
    page.get_by_role("button", name=re.compile(r"Launch \d+ messages")).click()

    # Its progress, without loading the page anew
    page.evaluate("window.sameDocument = true")
    expect(page.locator("#count-recipients")).to_have_text("50")
    expect(page.locator("#figure-delivered")).to_have_text(re.compile("[1-9]"))
    shoot(page, "broadcast-progress")
    expect(page.get_by_text("Everybody in the audience has got the message or was left out.")).to_be_visible()
    broadcast.refresh_from_db()
    control, sent = broadcast.control, str(50 - broadcast.control)
    assert 0 < control < 15
    expect(page.locator("#count-control")).to_have_text(str(control))
    expect(page.locator("#count-queued")).to_have_text(sent)
    expect(page.locator("#figure-delivered")).to_have_text(sent)
    assert page.evaluate("window.sameDocument"), "nothing was loaded anew"
    delivered = Message.objects.filter(campaign=broadcast.code, status__gte=Status.DELIVERED)
    assert delivered.count() == 50 - control
    assert len({record.to for record in simulator.requests}) == 50 - control + 1
    assert not simulator.sink, "CleverTap hears nothing of it"

    # The people and the messages behind its figures, and its stats
    page.locator("#count-control").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(control)
    page.go_back()
    page.locator("#figure-delivered a").click()
    expect(page.locator("[data-count]")).to_have_text(sent)
    page.go_back()
    page.get_by_role("link", name="The stats of wp-").click()
    expect(page.get_by_role("heading", name="Campaign Spring sale").last).to_be_visible()
    for name, value in (("accepted", sent), ("delivered", sent), ("control_group", str(control))):
        expect(page.locator(f'[data-figure="{name}"] .st-value')).to_have_text(value)
    expect(page.locator('[data-table="versus-B"]')).to_contain_text("B")


def test_a_broadcast_is_paused_goes_on_and_is_cancelled(
    gateway: str, interakt: Provider, simulator: Simulator, people: None, admin_page: Page
) -> None:
    simulator.behaviour.delays = (0.1, 0.2, 0.3)
    values = {"body.1": "you", "body.2": "rain"}
    variant = {"name": "A", "percent": 100, "template": "spring_sale", "language": "en", "values": values}
    broadcast = Broadcast.objects.create(provider=interakt, name="Slow", variants=[variant], throttle=10)
    page = admin_page
    page.set_viewport_size({"width": 1400, "height": 1150})
    page.goto(f"{gateway}/admin/broadcasts/broadcast/{broadcast.pk}/step/review/")
    page.get_by_role("button", name="Launch now").click()
    page.get_by_role("button", name=re.compile(r"Launch \d+ messages")).click()
    meaning = page.locator("#meaning")
    expect(meaning).to_contain_text("The throttle allows 10 messages in 5 minutes")
    expect(page.locator("#count-queued")).to_have_text("10")
    page.get_by_role("button", name="Pause").click()
    expect(meaning).to_contain_text("Paused by operator.")
    expect(page.locator("#count-waiting")).to_have_text("40")
    shoot(page, "broadcast-paused")
    page.get_by_role("button", name="Resume").click()
    expect(meaning).to_contain_text("The throttle allows")

    # Too many errors: it stops by itself and says why
    Broadcast.objects.update(throttle=20, error_percent=10)
    simulator.behaviour.fail_fraction = 1.0
    Broadcast.objects.update(next_step_at=timezone.now())
    expect(page.locator("#figure-undelivered")).to_have_text("10")
    Broadcast.objects.update(throttle=30, queued_before=0, next_step_at=timezone.now())
    expect(meaning).to_contain_text("10 of 20 messages failed (50 %; the threshold is 10 %).")
    expect(page.locator("#count-queued")).to_have_text("20")
    shoot(page, "broadcast-errors")

    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#count-cancelled")).to_have_text("30")
    expect(meaning).to_contain_text("Cancelled by operator.")
    expect(page.get_by_role("button", name="Resume")).to_have_count(0)
