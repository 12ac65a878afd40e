"""Trying a template out: CleverTap's validation sent through the BSP, and test messages."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from campaigns.ledger import ledger
from campaigns.models import Event, Forward, Message, StatCount, Status
from campaigns.sending import dispatch, sample_sends
from providers.messages import StatusUpdate
from providers.models import Provider
from templates_app.models import Template
from tests.endpoints import Endpoint, listening
from tests.factories import MessageFactory, make_provider
from tests.templates_app.test_components import BODY, BUTTONS, IMAGE, OFFER

FULL = [IMAGE, OFFER, BODY, BUTTONS]


@pytest.fixture
def bsp_end() -> Iterator[Endpoint]:
    with listening() as endpoint:
        yield endpoint


@pytest.fixture
def shop(db: None, bsp_end: Endpoint) -> Provider:
    return make_provider(
        nickname="Shop", endpoint=bsp_end.url, credentials={"username": "shop", "password": "s3cret-of-shop"}
    )


@pytest.fixture
def sale(shop: Provider) -> Template:
    return Template.objects.create(provider=shop, name="sale", language="en", components=FULL)


def url(template: Template, what: str) -> str:
    return f"/admin/templates_app/template/{template.pk}/{what}/"


def values(**changes: str) -> dict[str, str]:
    later = timezone.now() + timedelta(hours=2)
    return {
        "numbers": "+1 555 010 0001, 15550100002\n15550100001",
        "slot-header": "https://cdn.example.test/h.png",
        "slot-body-1": "Asha",
        "slot-body-2": "9",
        "slot-offer": later.strftime("%Y-%m-%dT%H:%M"),
        "slot-button-0": "",
        "slot-button-1": "a/9",
        "slot-button-2": "SAVE9",
    } | changes


def test_validation_says_what_the_bsp_says(operator: Client, sale: Template, bsp_end: Endpoint) -> None:
    assert "dummy number 919999999999" in operator.get(url(sale, "validate")).content.decode()
    assert bsp_end.got == []
    shown = operator.post(url(sale, "validate")).content.decode()
    payload = bsp_end.got[0]
    assert (payload["msgId"], payload["to"]) == ("0|0|0|0", "919999999999")
    assert payload["template"] == {"namespace": "sale", "languageCode": "en"}
    body = next(each["body"] for each in payload["components"] if each["type"] == "body")
    assert [each["text"] for each in body["parameters"]] == ["0", "1"]
    assert "The BSP accepted the message" in shown
    assert " ms" in shown
    assert "{{1}}" in shown  # as CleverTap posts a registered URL
    assert "s3cret-of-shop" not in shown
    assert not Message.objects.exists()


def test_validation_shows_a_refusal(operator: Client, sale: Template, bsp_end: Endpoint) -> None:
    error = {"status": "failure", "error": {"code": 2001, "message": "no such template"}}
    bsp_end.reply = lambda payload: (200, {}, json.dumps(error).encode())
    shown = operator.post(url(sale, "validate")).content.decode()
    assert "The BSP refused the message: no such template" in shown


def test_what_the_door_refuses_is_not_sent(operator: Client, sale: Template, bsp_end: Endpoint) -> None:
    Provider.objects.update(stopped_templates="refuse")
    Template.objects.update(status="PAUSED")
    shown = operator.post(url(sale, "validate")).content.decode()
    assert "CleverTap would get the answer 2001 template: template sale (en): paused" in shown
    assert bsp_end.got == []


def test_no_answer_is_said(operator: Client, shop: Provider, sale: Template) -> None:
    Provider.objects.update(endpoint="http://127.0.0.1:9/messages")
    assert "The BSP gave no answer" in operator.post(url(sale, "validate")).content.decode()


def test_a_test_is_sent_and_told_apart(
    operator: Client, shop: Provider, sale: Template, bsp_end: Endpoint
) -> None:
    leads = operator.get(url(sale, "test"), status=302)
    assert leads["Location"] == f"/admin/campaigns/message/test/{sale.pk}/"
    page = operator.get(url(sale, "test"), follow=True).content.decode()
    for words in (
        "Phone numbers",
        "Header image",
        "Body {{1}}",
        "Offer expires at",
        "Button 2 Open",
        'value="8"',
    ):
        assert words in page
    answer = operator.post(f"/admin/campaigns/message/test/{sale.pk}/", values())
    assert answer.status_code == 302
    messages = list(Message.objects.order_by("pk"))
    assert [(each.to, each.untracked, each.msg_id) for each in messages] == [
        ("15550100001", True, "0|0|0|0"),
        ("15550100002", True, "0|0|0|0"),
    ]
    dispatch.drain(shop.pk)
    assert sorted(bsp_end.numbers()) == ["15550100001", "15550100002"]
    sent = bsp_end.got[0]["components"]
    assert [each["subType"] for each in sent if each["type"] == "button"] == [
        "quickReply",
        "dynamicUrl",
        "copy_code",
    ]
    assert next(each for each in sent if each["type"] == "header")["header"]["image"]["mediaURL"]
    # Never counted, never reported.
    ledger.record(
        shop.pk, [StatusUpdate("delivered", reference=f"wp-{messages[0].pk}-1", timestamp=1_767_225_600)]
    )
    assert Event.objects.get().forward == Forward.NONE
    assert not StatCount.objects.exists()

    watch = answer.headers["Location"]
    shown = operator.get(watch).content.decode()
    assert "Test sent by mira" in shown
    assert "Delivered" in shown
    assert "every 1s" in operator.get(watch + "&part=1").content.decode()
    Message.objects.update(status=Status.READ)
    part = operator.get(watch + "&part=1").content.decode()
    assert "hx-get" not in part
    assert "<html" not in part


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"numbers": ""}, "This field is required"),
        ({"numbers": "ask me"}, "Not a phone number: ask me"),
        ({"numbers": ","}, "at least one number"),
        ({"numbers": ",".join(str(15550100000 + n) for n in range(21))}, "21 numbers"),
        ({"slot-header": "no url"}, "Enter a valid URL"),
        ({"slot-body-1": ""}, "This field is required"),
        ({"slot-offer": "2020-01-01T00:00"}, "must end in the future"),
        ({"slot-button-2": "X" * 16}, "at most 15 characters"),
    ],
)
def test_what_cannot_be_sent_is_said_at_its_field(
    operator: Client, sale: Template, changes: dict[str, str], words: str
) -> None:
    shown = operator.post(f"/admin/campaigns/message/test/{sale.pk}/", values(**changes))
    assert words in shown.content.decode()
    assert not Message.objects.exists()


def test_a_refusal_of_the_door_is_said(operator: Client, shop: Provider, sale: Template) -> None:
    Template.objects.update(status="DISABLED")
    Provider.objects.update(stopped_templates="refuse")
    shown = operator.post(f"/admin/campaigns/message/test/{sale.pk}/", values()).content.decode()
    assert "It cannot be sent. template sale (en): disabled" in shown
    assert not Message.objects.exists()


def test_places(operator: Client, shop: Provider, bsp_end: Endpoint) -> None:
    parts: list[Any] = [{"type": "HEADER", "format": "LOCATION"}, {"type": "BODY", "text": "Here we are."}]
    template = Template.objects.create(provider=shop, name="where", language="en", components=parts)
    page = f"/admin/campaigns/message/test/{template.pk}/"
    wrong = operator.post(page, {"numbers": "15550100001", "slot-header": "Main street"})
    assert "Begin with the latitude" in wrong.content.decode()
    operator.post(page, {"numbers": "15550100001", "slot-header": "41.38, 2.17, Shop 4, Main street, 4"})
    dispatch.drain(shop.pk)
    header = bsp_end.got[0]["components"][0]["header"]["location"]
    assert (header["name"], header["address"]) == ("Shop 4", "Main street, 4")


def test_who_may_not_send(looker: Client, sale: Template) -> None:
    looker.get(url(sale, "validate"), status=403)
    looker.get(url(sale, "test"), status=403)
    looker.get(f"/admin/campaigns/message/test/{sale.pk}/", status=403)
    page = looker.get(f"/admin/templates_app/template/{sale.pk}/change/").content.decode()
    assert "Send test" not in page


def test_a_test_is_no_other_message_of_the_same_moment(
    shop: Provider, other_shop: Provider, operator_user: User
) -> None:
    hello = Template.objects.create(
        provider=shop, name="hello", language="en", components=[{"type": "BODY", "text": "Hello"}]
    )
    with time_machine.travel(timezone.now().replace(microsecond=0), tick=False):
        about = {"to": "15550100001", "accepted_at": timezone.now()}
        MessageFactory(provider=other_shop, untracked=True, msg_id="0|0|0|0", **about)
        MessageFactory(provider=shop, **about)
        (message,) = sample_sends.send(hello, ["15550100001"], {}, operator_user.pk)
    assert (message.provider, message.untracked, message.template) == (shop, True, "hello")


def test_only_tests_are_watched(operator: Client, other_shop: Provider, shop: Provider) -> None:
    """With the template that the provider itself has under this name."""
    for provider in (other_shop, shop):
        template = Template.objects.create(provider=provider, name="sale", language="en", components=FULL)
    about = {"provider": shop, "template": "sale", "language": "en"}
    test = MessageFactory(**about, msg_id="0|0|0|0", untracked=True)
    other = MessageFactory(**about)
    watched = operator.get(f"/admin/campaigns/message/tests/?ids={test.pk},{other.pk}").context
    assert [each["message"] for each in watched["watched"]] == [test]
    assert watched["template"] == template
    operator.get(f"/admin/campaigns/message/tests/?ids={other.pk}", status=404)
    operator.get("/admin/campaigns/message/tests/?ids=0,x", status=404)
    operator.get("/admin/campaigns/message/tests/", status=404)
    operator.get("/admin/campaigns/message/test/999/", status=404)
