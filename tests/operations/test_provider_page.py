"""A provider's page: its set-up as a checklist of what happened, its health, what an outage left."""

from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.utils import timezone
from django.utils.html import escape

from callbacks.models import Outlet, WebhookKind
from callbacks.webhooks import kinds
from campaigns.models import Event, Message, StatCount, Status
from config import roles
from operations.incidents.look import look
from operations.kinds import KINDS
from operations.models import Incident
from operations.provider_page import set_up
from providers import lifecycle, refused_calls
from providers.dialects.clevertap.requests import VERIFY_NAMESPACE
from providers.messages import Account, ReportCode
from providers.models import CallCount, CallSample, Provider
from templates_app.imports import runs
from templates_app.models import ImportRun
from tests.conftest import Woken
from tests.factories import MessageFactory, make_provider
from tests.gateway import logged_in, post
from tests.operations.situations import SITUATIONS
from tests.visitor import Visitor, visiting

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
What = CallCount.What
VERIFICATION = {"to": "919999999999", "isTemplate": True, "template": {"namespace": VERIFY_NAMESPACE}}
KEY, LOGIN, WEBHOOK, REPORT, TEMPLATES = range(5)


def _ticks(provider: Provider) -> list[set_up.Tick]:
    calls = CallSample.objects.filter(provider=provider).order_by("-pk")
    return set_up.ticks(provider, calls, kinds.arrivals(provider), runs.alarm(provider.pk))


@pytest.fixture
def shop(db: None) -> Provider:
    return make_provider(
        nickname="Shop",
        connector_slug="interakt",
        credentials={"api_key": "of-the-bsp", "webhook_secret": "secret"},
        delivery_url="https://clevertap.example/dlr",
    )


def address(provider: Provider, what: str = "change") -> str:
    return f"/admin/providers/provider/{provider.pk}/{what}/"


def shown(client: Visitor, provider: Provider) -> str:
    """The page, with the part that it asks for once it is there."""
    parts = (client.get(address(provider, what)) for what in ("change", "health"))
    return "".join(part.content.decode() for part in parts)


def counted(provider: Provider, metric: str, minutes: float = 1) -> None:
    at = (timezone.now() - minutes * MINUTE).replace(second=0, microsecond=0)
    StatCount.objects.create(provider=provider, minute=at, metric=StatCount.Metric[metric], count=1)


def states(provider: Provider) -> list[str]:
    provider.refresh_from_db()
    return [tick.state for tick in _ticks(provider)]


def test_nothing_is_ticked_that_has_not_happened(shop: Provider, admin_client: Visitor) -> None:
    assert states(shop) == ["open"] * 5
    page = shown(admin_client, shop)
    assert page.count('data-tick="open"') == 5
    assert escape(shop.connector.webhook_setup) in page


def test_everything_is_ticked_that_has_happened(shop: Provider, admin_client: Visitor) -> None:
    now = timezone.now()
    counted(shop, "SUBMITTED")
    counted(shop, "ACCEPTED")
    WebhookKind.objects.create(provider=shop, kind="report: sent", first_at=now, last_at=now)
    Outlet.objects.create(provider=shop, kind="delivery", last_success_at=now)
    ImportRun.objects.create(provider=shop, state="done", finished_at=now)
    assert states(shop) == ["done"] * 5
    assert shown(admin_client, shop).count('data-tick="done"') == 5


def test_a_checked_connection_ticks_the_key(shop: Provider) -> None:
    refused_calls.note(shop.pk, What.CONNECTED)
    assert states(shop)[KEY] == "done"


def test_new_credentials_are_not_proved_by_what_the_old_ones_did(shop: Provider) -> None:
    counted(shop, "SUBMITTED", minutes=9)
    lifecycle.set_credentials(shop, {"api_key": "another"})
    shop.save()
    assert states(shop)[KEY] == "open"
    counted(shop, "SUBMITTED", minutes=0)
    assert states(shop)[KEY] == "done"


def test_refused_credentials_are_trouble(shop: Provider) -> None:
    counted(shop, "SUBMITTED")
    lifecycle.pause(shop, "HTTP 401: wrong key", Account.CREDENTIALS)
    shop.refresh_from_db()
    assert _ticks(shop)[KEY] == ("The BSP takes our credentials", "trouble", "HTTP 401: wrong key")


def test_cleverTaps_trial_ticks_its_login(shop: Provider) -> None:
    assert post(shop, VERIFICATION).json == {"status": "success"}
    assert states(shop)[LOGIN] == "done"


def test_a_refused_login_is_told_with_its_username(shop: Provider, admin_client: Visitor) -> None:
    counted(shop, "ACCEPTED", minutes=9)
    wrong = {"Authorization": "Basic eDp5"}  # x:y
    assert post(shop, VERIFICATION, logged_in(shop) | wrong).json["error"]["code"] == 2000
    assert states(shop)[LOGIN] == "trouble"
    words = _ticks(shop)[LOGIN].words
    assert words.startswith("CleverTap's last login was refused 20")
    assert "username 'x'" in words.replace("&#x27;", "'")
    page = shown(admin_client, shop)
    assert "CleverTap&#x27;s login was refused" in page
    assert "New credentials" in page, "what the advice for code 2000 says can be done"
    counted(shop, "ACCEPTED", minutes=-2)
    assert states(shop)[LOGIN] == "done"


def test_a_refused_signature_is_trouble(shop: Provider) -> None:
    refused_calls.note(shop.pk, What.SIGNATURE, "203.0.113.7", "POST, 12 bytes")
    assert states(shop)[WEBHOOK] == "trouble"


def test_an_outlet_that_fails_is_trouble(shop: Provider) -> None:
    Outlet.objects.create(provider=shop, kind="delivery", failures=2, last_error="HTTP 404")
    assert _ticks(shop)[REPORT][1:] == ("trouble", "HTTP 404")


@pytest.mark.parametrize(
    ("connector", "steps", "urls"), [("generic", 5, 3), ("interakt", 5, 1), ("haptik-legacy", 2, 0)]
)
def test_only_what_the_connector_has(connector: str, steps: int, urls: int, admin_client: Visitor) -> None:
    provider = Provider(
        nickname="x",
        waba_number="15550001111",
        connector_slug=connector,
        endpoint="http://127.0.0.1:9/" if connector == "generic" else "",
    )
    provider.save()
    for purpose in ("delivery", "inbound", "webhook"):
        provider.callback_tokens.create(purpose=purpose)
    assert len(_ticks(provider)) == steps
    assert shown(admin_client, provider).count('id="callback-') == urls


def test_its_health_has_its_incidents_and_figures(shop: Provider, admin_client: Visitor) -> None:
    other = make_provider(nickname="Other")
    for provider, slug in ((shop, "provider_held_outage"), (other, "queue_old")):
        SITUATIONS[slug].begin(provider)
        look(timezone.now(), [KINDS[slug]])
    page = shown(admin_client, shop)
    assert "A BSP does not answer as it should" in page
    assert "Messages wait too long" not in page
    assert "Failing" in page
    counted(shop, "ACCEPTED")
    counted(other, "ACCEPTED")
    figures = {figure.name: figure for figure in admin_client.get(address(shop, "health")).context["figures"]}
    assert figures["accepted"].about == "1 in the last hour"
    assert admin_client.get(figures["accepted"].url).status_code == 200


def failed(provider: Provider, code: int, minutes: float = 0) -> Message:
    message: Message = MessageFactory(provider=provider, status=Status.FAILED, error_code=code)
    at = timezone.now() - minutes * MINUTE
    values: dict[str, Any] = {"kind": Event.Kind.FAILED, "not_sent": True, "code": code}
    Event.objects.create(message=message, provider=provider, at=at, received_at=at, owed_since=at, **values)
    return message


@pytest.fixture
def outage(shop: Provider) -> Incident:
    """It began ten minutes ago; two messages failed in it, one before, and one for its number."""
    lifecycle.pause(shop, "HTTP 401", Account.CREDENTIALS)
    (incident,) = look(timezone.now(), [KINDS["provider_paused_credentials"]]).opened
    Incident.objects.update(began_at=timezone.now() - 10 * MINUTE)
    for code, minutes in (
        (ReportCode.UNAVAILABLE, 5),
        (ReportCode.CREDENTIALS, 2),
        (ReportCode.UNAVAILABLE, 15),
        (ReportCode.PHONE, 3),
    ):
        failed(shop, code, minutes)
    return incident


@pytest.mark.usefixtures("outage")
def test_after_an_outage_resume_offers_what_failed(
    shop: Provider, admin_client: Visitor, woken: Woken
) -> None:
    page = admin_client.post(address(shop, "resume"), {"confirmed": "yes"}, follow=True).content.decode()
    assert "2 messages failed meanwhile" in page
    assert f'href="{address(shop, "resend-failed")}"' in page
    assert "2 messages failed while Shop" in admin_client.get(address(shop, "resend-failed")).content.decode()
    assert Message.objects.filter(status=Status.FAILED).count() == 4, "looking resends nothing"
    woken()
    admin_client.post(address(shop, "resend-failed"), {"confirmed": "yes"})
    assert Message.objects.filter(status=Status.QUEUED).count() == 2
    assert f"campaigns.send:{shop.pk}" in woken()
    assert "No message failed" in admin_client.get(address(shop, "resend-failed")).content.decode()


def test_an_outage_of_long_ago_is_forgotten(shop: Provider, outage: Incident, admin_client: Visitor) -> None:
    assert "2 messages failed while nothing was sent" in shown(admin_client, shop)
    long_ago = timezone.now() - timedelta(days=2)
    Incident.objects.filter(pk=outage.pk).update(began_at=long_ago, ended_at=long_ago)
    assert "failed while nothing was sent" not in shown(admin_client, shop)


@pytest.mark.usefixtures("outage")
def test_analysts_see_neither_incidents_nor_a_way_to_resend(shop: Provider) -> None:
    user = User.objects.create_user("lee", is_staff=True)
    roles.grant(apps)
    user.groups.add(Group.objects.get(name="analysts"))
    page = shown(visiting(user), shop)
    assert "A BSP refuses our credentials" not in page
    assert "resend-failed" not in page
