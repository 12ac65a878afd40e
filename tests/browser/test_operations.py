"""What breaks is found on the home page with what to do, told to Slack and PagerDuty, and mended."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import apprise.plugins.slack
import pytest
import requests
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from audience.models import OptChange
from audience.profiles import Profile
from audience.writing import Source, write
from broadcasts.models import Broadcast
from broadcasts.run import lifecycle as broadcasts
from callbacks.models import Outlet, Webhook
from callbacks.webhooks import ingest
from campaigns.models import Attempt, Event, Message, Status
from operations.alarms import channels
from operations.models import Channel, Incident, Rule
from providers import lifecycle
from providers.messages import Malformed
from providers.models import CallCount, Provider
from simulator.accounts import Account
from simulator.server import Simulator
from simulator.templates import generated
from templates_app.imports import runs
from templates_app.models import Template
from tests.browser.conftest import aside
from tests.endpoints import Endpoint, listening
from tests.factories import make_provider
from tests.gateway import basic, freeform, logged_in, until
from tests.waiting import PATIENCE

pytestmark = pytest.mark.browser


@dataclass
class Told:
    """What the two channels were told."""

    slack: Endpoint
    pagerduty: Endpoint

    def of(self, title: str, action: str) -> bool:
        """Whether both were told of it: PagerDuty by this action."""
        began = "trigger" in action
        paged = any(
            event["event_action"] == action and title in event["payload"]["summary"]
            for event in self.pagerduty.got
        )
        said = [str(posted) for posted in self.slack.got if title in str(posted)]
        return paged and any(("Resolved" in text) != began for text in said)


@pytest.fixture(autouse=True)
def _looks_often(settings: Any) -> None:
    """Before the gateway starts. An incident ends after two looks."""
    settings.INCIDENT_LOOK_SECONDS = 0.3


@pytest.fixture
def told(gateway: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """A Slack and a PagerDuty, which hear of everything."""
    with listening() as slack, listening() as pagerduty:
        slack.reply = lambda payload: (200, {}, b"ok")
        pagerduty.reply = lambda payload: (202, {}, b'{"status":"success"}')
        monkeypatch.setattr(apprise.plugins.slack.NotifySlack, "webhook_url", slack.url)
        monkeypatch.setattr(channels, "PAGERDUTY", pagerduty.url)
        address = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#on-call"
        for name, how, where in (("Slack", "apprise", address), ("Pager", "pagerduty", "R0UTING")):
            channel = Channel.objects.create(name=name, how=how, address=where)
            Rule.objects.create(channel=channel, severity=Incident.Severity.NOTICE)
        yield Told(slack, pagerduty)


@pytest.fixture
def shop(gateway: str, simulator: Simulator, settings: Any) -> Callable[[str], Provider]:
    """Makes a provider on the simulator, whose reports come back and go on to CleverTap."""
    simulator.behaviour.delays = (0.0, 0.0, 0.0)

    def make(name: str, hears: bool = True) -> Provider:
        provider = make_provider(
            nickname=name,
            connector_slug="interakt",
            credentials={"api_key": f"key-of-{name}", "webhook_secret": "secret"},
            options={"base_url": simulator.url},
            rate_count=1000,
            delivery_url=f"{simulator.url}/sink/{name}/delivery",
        )
        simulator.add_account(account(gateway, provider, hears))
        return provider

    return make


def account(gateway: str, provider: Provider, hears: bool = True) -> Account:
    """The provider's account at the BSP, which posts its webhooks if it is to be heard."""
    name, token = provider.nickname, provider.callback_tokens.get(purpose="webhook").token
    url = f"{gateway}/webhooks/{token}" if hears else ""
    return Account(dialect="interakt", name=name, key=f"key-of-{name}", secret="secret", webhook_url=url)


def send(gateway: str, provider: Provider, count: int = 1, headers: Any = None) -> None:
    for _ in range(count):
        requests.post(
            f"{gateway}/v1/{provider.public_id}/messages",
            json=freeform(),
            headers=headers or logged_in(provider),
            timeout=PATIENCE,
        )


def row(page: Page, title: str, subject: str = "") -> Locator:
    """The incident on the home page, which refreshes itself."""
    return page.locator("#home .wp-incident", has_text=title).filter(has_text=subject)


def appears(page: Page, told: Told, title: str, subject: str, step: str) -> None:
    """Both channels hear of it, and the home page has it with its next step."""
    until(lambda: told.of(title, "trigger"))
    page.goto(page.url)
    expect(row(page, title, subject)).to_contain_text(step)


def is_over(gateway: str, page: Page, told: Told, title: str) -> None:
    until(lambda: told.of(title, "resolve"))
    page.goto(f"{gateway}/")
    expect(row(page, title)).to_have_count(0)


def take_step(page: Page, title: str) -> None:
    """The button of the incident."""
    row(page, title).get_by_role("link").last.click()


def resume(page: Page) -> None:
    """On the provider's page, and on a broadcast's."""
    link = page.get_by_role("link", name="Resume")
    link.or_(page.get_by_role("button", name="Resume")).first.click()


def a_quarter_of_an_hour_later() -> None:
    """What was counted is that old, instead of waiting for it."""
    for count in CallCount.objects.all():
        CallCount.objects.filter(pk=count.pk).update(minute=count.minute - timedelta(minutes=16))


def test_what_calls_us_wrongly(
    gateway: str, shop: Any, simulator: Simulator, told: Told, admin_page: Page, monkeypatch: Any
) -> None:
    """A wrong app secret, a wrong login of CleverTap's, a webhook that cannot be read."""
    signature, login = "A BSP's webhooks fail their verification", "CleverTap's login is refused"
    unreadable = "Webhooks could not be parsed"
    forged = shop("forged")
    simulator.behaviour.forge_signatures = True
    send(gateway, forged)
    send(gateway, forged, headers=basic("x", "wrong"))
    expect(row(admin_page, login)).to_contain_text("username 'x'")  # the page refreshes itself
    appears(admin_page, told, signature, "forged", "Enter the secret that the BSP signs with")
    appears(admin_page, told, login, "forged", "Compare the login on CleverTap's page")

    take_step(admin_page, login)
    expect(admin_page.locator("body")).to_contain_text("username 'x' with a password that is not its own")
    refused = admin_page.locator(
        "[data-tick=trouble]", has_text="The BSP's webhooks arrive, and are verified"
    )
    expect(refused).to_have_count(1)

    simulator.behaviour.forge_signatures = False
    until(lambda: not simulator.pending)
    with monkeypatch.context() as changed:  # the BSP's format, without notice
        changed.setattr(ingest, "_parse", Mock(side_effect=Malformed("status: no such word")))
        send(gateway, forged)
        admin_page.goto(f"{gateway}/")
        appears(admin_page, told, unreadable, "forged", "Open one, and use Read again after the fix")
        until(lambda: not simulator.pending)
    a_quarter_of_an_hour_later()
    for title in (signature, login):
        is_over(gateway, admin_page, told, title)
    while Webhook.objects.filter(state=Webhook.State.QUARANTINED).exists():
        admin_page.goto(f"{gateway}/admin/callbacks/webhook/?state={Webhook.State.QUARANTINED}")
        admin_page.locator("#result_list th a").first.click()
        left = Webhook.objects.filter(state=Webhook.State.QUARANTINED).count()
        admin_page.get_by_role("link", name="Read again").or_(
            admin_page.get_by_role("button", name="Read again")
        ).first.click()
        until(lambda: Webhook.objects.filter(state=Webhook.State.QUARANTINED).count() < left)  # noqa: B023
    is_over(gateway, admin_page, told, unreadable)


def test_what_the_bsp_answers(
    gateway: str, shop: Any, simulator: Simulator, told: Told, admin_page: Page
) -> None:
    """A refused key, 429 and 503, each at an account of its own."""
    refused, throttled, down = (
        "A BSP refuses our credentials",
        "A BSP asked for a break",
        "A BSP does not answer as it should",
    )
    mistaken, busy, broken = shop("mistaken"), shop("busy"), shop("broken")
    lifecycle.set_credentials(mistaken, {"api_key": "another"})
    mistaken.save()
    simulator.behaviour.answer_modes = {"busy": "throttle", "broken": "outage"}
    simulator.behaviour.throttle_seconds = 3600
    send(gateway, mistaken, 5)
    send(gateway, busy)
    send(gateway, broken, 12)
    appears(admin_page, told, refused, "mistaken", "Correct the credentials")
    appears(admin_page, told, throttled, "busy", "Nothing to do; lower the rate limit")
    appears(admin_page, told, down, "broken", "sending continues automatically")

    take_step(admin_page, refused)
    expect(admin_page.locator("[data-tick=trouble]")).to_contain_text("The BSP takes our credentials")
    mistaken.refresh_from_db()
    lifecycle.set_credentials(mistaken, {"api_key": "key-of-mistaken"})
    mistaken.save(update_fields=["credentials", "previous_credentials", "previous_until"])
    simulator.behaviour.answer_modes = {}
    resume(admin_page)
    expect(admin_page.locator("body")).to_contain_text("Resumed mistaken")
    admin_page.goto(f"{gateway}/")
    take_step(admin_page, throttled)
    resume(admin_page)
    expect(admin_page.locator("body")).to_contain_text("Resumed busy")
    lifecycle.resume(broken)  # sending continues automatically; here at once
    waiting = Message.objects.filter(status=Status.QUEUED)
    waiting.update(next_attempt_at=timezone.now())
    until(lambda: not waiting.exists())
    for title in (refused, throttled, down):
        is_over(gateway, admin_page, told, title)


def test_what_does_not_come_back(
    gateway: str, shop: Any, simulator: Simulator, told: Told, admin_page: Page
) -> None:
    """A dead CleverTap, and a BSP that is silent."""
    clevertap, silence = "CleverTap does not accept reports or inbound messages", "A BSP sends no reports"
    dead, silent = shop("dead"), shop("silent", hears=False)
    simulator.behaviour.sink_modes = {"dead": "down"}
    send(gateway, dead)
    send(gateway, silent, 10)
    taken = Attempt.objects.filter(message__provider=silent, outcome="accepted")
    until(lambda: taken.count() == 10)
    taken.update(started_at=timezone.now() - timedelta(minutes=31))
    appears(admin_page, told, silence, "silent", "Check the webhook URL at the BSP")
    appears(admin_page, told, clevertap, "dead", "Check that the callback URL is the one on CleverTap's page")

    simulator.behaviour.sink_modes = {}
    Outlet.objects.update(hold_until=None)
    simulator.add_account(account(gateway, silent))
    send(gateway, silent)
    for title in (clevertap, silence):
        is_over(gateway, admin_page, told, title)


def test_a_paused_template(gateway: str, simulator: Simulator, told: Told, admin_page: Page) -> None:
    title = "A template may not be sent"
    there = Account(
        dialect="meta", name="acme", key="list-key", secret="s", verify_token="v", phone_number_id="1",
        waba_id="2",
    )  # fmt: skip
    simulator.add_account(there)
    acme = make_provider(
        nickname="Acme",
        import_endpoint=f"{simulator.url}/v23.0/2/message_templates",
        import_credentials={"header:Authorization": "Bearer list-key"},
    )

    def listed(status: str) -> None:
        (template,) = copy.deepcopy(generated(1))
        simulator.catalogue.set("acme", [template | {"status": status}])
        runs.import_now(acme)

    listed("APPROVED")
    listed("PAUSED")
    appears(admin_page, told, title, "Acme", "stop the campaign")
    listed("APPROVED")
    is_over(gateway, admin_page, told, title)


def test_a_failing_broadcast(
    gateway: str, shop: Any, simulator: Simulator, told: Told, admin_page: Page
) -> None:
    title = "A broadcast paused itself"
    provider = shop("sale")
    simulator.behaviour.fail_fraction = 1.0
    text = [{"type": "BODY", "text": "Everything is half price."}]
    Template.objects.create(provider=provider, name="sale", language="en", components=text)
    people = [Profile(f"p{n}", {"phone": f"91981230{n:04d}", "opted_in": True}, {}) for n in range(30)]
    aside(lambda: write(people, Source(OptChange.Why.API), timezone.now()))
    variant = {"name": "A", "percent": 100, "template": "sale", "language": "en", "values": {}}
    broadcast = Broadcast.objects.create(
        provider=provider, name="Spring sale", variants=[variant], throttle=25
    )
    assert broadcasts.launch(broadcast)
    failed = Event.objects.filter(kind=Event.Kind.FAILED)
    until(lambda: failed.count() == 25)
    Broadcast.objects.update(next_step_at=timezone.now())  # the throttle would have it wait for minutes
    appears(admin_page, told, title, "Spring sale", "Correct the cause, then Resume")

    simulator.behaviour.fail_fraction = 0.0
    take_step(admin_page, title)
    expect(admin_page.locator("body")).to_contain_text("25 of 25 messages failed")
    resume(admin_page)
    is_over(gateway, admin_page, told, title)
