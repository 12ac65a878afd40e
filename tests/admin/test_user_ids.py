"""People known by WhatsApp's user id: found by it, and written to by it."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from audience.models import Contact, OptChange
from callbacks.models import Reply
from campaigns.models import Message
from campaigns.sending import dispatch
from identities import known
from providers.messages import Identity
from providers.models import Provider
from templates_app.models import Template
from tests.admin.conftest import Listed, inbound
from tests.endpoints import Endpoint, listening
from tests.factories import MessageFactory, make_provider

PHONE, USER_ID, USERNAME = "34600111222", "ES.77aa88bb99", "ana.m"
BODY = {"type": "BODY", "text": "Hello."}
META = {"access_token": "t", "phone_number_id": "810220330", "app_secret": "s", "verify_token": "v"}


@pytest.fixture
def bsp_end() -> Iterator[Endpoint]:
    with listening() as endpoint:
        yield endpoint


@pytest.fixture
def shop(db: None, bsp_end: Endpoint) -> Provider:
    base = bsp_end.url.rpartition("/")[0]
    return make_provider(connector_slug="meta", credentials=META, options={"base_url": base})


def template(provider: Provider, category: str = "UTILITY") -> Template:
    return Template.objects.create(
        provider=provider, name="hello", language="en", category=category, components=[BODY]
    )


def send_test(operator: Client, to: Template, numbers: str) -> str:
    """What the page says after a test to these; empty when it was sent."""
    answer = operator.post(f"/admin/campaigns/message/test/{to.pk}/", {"numbers": numbers})
    return "" if answer.status_code == 302 else answer.content.decode()


# Tests


def test_a_test_goes_to_a_user_id(operator: Client, shop: Provider, bsp_end: Endpoint) -> None:
    assert send_test(operator, template(shop), USER_ID) == ""
    assert Message.objects.get().to == USER_ID
    dispatch.drain(shop.pk)
    body = bsp_end.got[0]
    assert body["recipient"] == USER_ID
    assert "to" not in body


def test_a_test_to_a_user_id_goes_to_the_number_where_it_is_known(operator: Client, shop: Provider) -> None:
    known.learn([Identity(PHONE, USER_ID)])
    assert send_test(operator, template(shop), f"{USER_ID}, +{PHONE}") == ""
    assert Message.objects.get().to == PHONE


def test_a_bsp_that_needs_a_number_is_named(operator: Client) -> None:
    interakt = make_provider(connector_slug="interakt", credentials={"api_key": "k"})
    shown = send_test(operator, template(interakt), USER_ID)
    assert f"no number is known of {USER_ID}, and Interakt needs one" in shown
    assert not Message.objects.exists()


def test_no_authentication_template_goes_to_a_user_id(operator: Client, shop: Provider) -> None:
    shown = send_test(operator, template(shop, "AUTHENTICATION"), USER_ID)
    assert "WhatsApp sends authentication templates to phone numbers only" in shown
    assert not Message.objects.exists()


# Searches


@pytest.fixture
def ana(db: None, shop: Provider) -> None:
    known.learn([Identity(PHONE, USER_ID, username=USERNAME)])
    known.learn([Identity("15550100001", "US.1", username="bo.b")])
    stranger = MessageFactory(provider=shop, to="15550100001")
    inbound(shop, sender=stranger.to, user_id="US.1")
    Contact.objects.create(
        identity="bo", phone=stranger.to, created_at=timezone.now(), updated_at=timezone.now()
    )


TERMS = pytest.mark.parametrize("term", [USER_ID, USERNAME, f"@{USERNAME.title()}"])


@TERMS
def test_the_message_log_finds_a_person(listed: Listed, shop: Provider, ana: None, term: str) -> None:
    wanted = {MessageFactory(provider=shop, to=to).pk for to in (PHONE, USER_ID)}
    assert set(listed(Message, {"q": term})) == wanted


@TERMS
def test_the_inbound_list_finds_a_person(listed: Listed, shop: Provider, ana: None, term: str) -> None:
    wanted = {
        inbound(shop, sender=PHONE, user_id="").pk,
        inbound(shop, sender="", user_id=USER_ID).pk,
    }
    assert set(listed(Reply, {"q": term})) == wanted


@TERMS
def test_the_audience_finds_a_person(listed: Listed, ana: None, term: str) -> None:
    now = timezone.now()
    contact = Contact.objects.create(identity="ana", phone=PHONE, created_at=now, updated_at=now)
    changes = {
        OptChange.objects.create(phone=PHONE, to="stop", why="keyword", at=now).pk,
        OptChange.objects.create(user_id=USER_ID, to="stop", why="keyword", at=now + timedelta(1)).pk,
    }
    OptChange.objects.create(phone="15550100001", to="stop", why="keyword", at=now)
    assert listed(Contact, {"q": term}) == [contact.pk]
    assert set(listed(OptChange, {"q": term})) == changes


def test_what_is_known_of_a_number_names_its_user_ids(ana: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("audience", "show", f"+{PHONE}", "--json")
    told = json.loads(capsys.readouterr().out)
    assert (told["user_ids"], told["stops"]) == ([USER_ID], [])
