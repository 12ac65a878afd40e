"""What CleverTap is told at once about a message whose template is known, unknown or stopped."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from campaigns.models import Message, Refusal, Status
from campaigns.sending import dispatch
from providers.models import Provider
from templates_app.models import SeenTemplate, Template
from tests.dialects import cases
from tests.endpoints import Endpoint
from tests.factories import make_provider
from tests.gateway import SUCCESS, post, template

BODY = [{"type": "BODY", "text": "Hello {{1}}"}]


@pytest.fixture
def listed(provider: Provider) -> Provider:
    Template.objects.create(provider=provider, name="order_ready", language="en", components=BODY)
    registered_elsewhere("DISABLED")
    return provider


def registered_elsewhere(status: str = "APPROVED") -> None:
    """Another provider has a template of the same name, with another text."""
    elsewhere = [{"type": "BODY", "text": "Hello {{1}}, {{2}} and {{3}}"}]
    Template.objects.create(
        provider=make_provider(), name="order_ready", language="en", status=status, components=elsewhere
    )


def body(*values: str) -> list[dict[str, Any]]:
    return [{"type": "body", "body": {"parameters": [{"type": "text", "text": value} for value in values]}}]


def refusal(answer: Any) -> tuple[int, str]:
    assert answer.json["status"] == "failure"
    return answer.json["error"]["code"], answer.json["error"]["message"]


def test_a_message_that_fits_is_taken(listed: Provider) -> None:
    assert post(listed, template()).body == SUCCESS


def test_one_that_does_not_is_refused_before_anything_is_queued(listed: Provider) -> None:
    answer = post(listed, template(components=body("Mira", "8")))
    assert refusal(answer) == (2001, "body: the template has 1 variables, the message has 2")
    assert not Message.objects.exists()
    assert Refusal.objects.get().code == 2001, "and an operator can see it"


def test_saving_a_template_at_clevertap_is_checked_too(listed: Provider) -> None:
    assert refusal(post(listed, template(msgId="0|0|0|0", components=body())))[0] == 2001


def test_another_language_is_another_template(listed: Provider) -> None:
    spanish = template(template={"namespace": "order_ready", "languageCode": "es"}, components=body())
    assert post(listed, spanish).body == SUCCESS


def test_an_unknown_template_passes_and_is_listed_as_seen(provider: Provider) -> None:
    registered_elsewhere()
    for each in (make_provider(), provider):
        assert post(each, template()).body == SUCCESS
    seen = SeenTemplate.objects.get(provider=provider)
    assert (seen.name, seen.language, seen.sample["body"]) == ("order_ready", "en", [{"text": "Mira"}])


def test_or_is_refused_where_the_provider_says_so(db: None) -> None:
    registered_elsewhere()
    strict = make_provider(unknown_templates="refuse")
    code, words = refusal(post(strict, template()))
    assert (code, words) == (2001, "template order_ready (en): not registered with this provider")
    assert SeenTemplate.objects.exists(), "and is listed all the same"


@pytest.mark.parametrize("status", ["PAUSED", "DISABLED", "REJECTED"])
def test_a_stopped_template_is_refused_by_setting(db: None, status: str) -> None:
    registered_elsewhere()
    provider = make_provider(stopped_templates="refuse")
    Template.objects.create(
        provider=provider, name="order_ready", language="en", status=status, components=BODY
    )
    code, words = refusal(post(provider, template()))
    assert (code, words) == (2001, f"template order_ready (en): {status.lower()}, so it cannot be sent")


def test_or_holds_its_messages_visibly_until_it_goes_on(db: None, endpoint: Endpoint) -> None:
    registered_elsewhere()
    provider = make_provider(endpoint=endpoint.url)
    row = Template.objects.create(
        provider=provider, name="order_ready", language="en", status="PAUSED", components=BODY
    )
    assert post(provider, template()).body == SUCCESS
    dispatch.drain(provider.pk)
    message = Message.objects.get()
    assert (message.status, message.attempt) == (Status.QUEUED, 0)
    assert message.error_text == "Held: the template is paused."
    assert not endpoint.got
    Template.objects.filter(pk=row.pk).update(status="APPROVED")
    with time_machine.travel(timezone.now() + timedelta(minutes=3)):
        dispatch.drain(provider.pk)
    message.refresh_from_db()
    assert (message.status, message.error_text) == (Status.ACCEPTED, "")


# CleverTap's own samples ("Payload Samples for Template Message"), and how each would be registered


def text_body(words: str = "Hey {{1}}") -> dict[str, Any]:
    return {"type": "BODY", "text": words}


def buttons(*kinds: str) -> dict[str, Any]:
    made = {
        "URL": {"type": "URL", "text": "Visit", "url": "https://www.example.com/{{1}}"},
        "STATIC": {"type": "URL", "text": "Visit", "url": "https://www.clevertap.com"},
    }
    return {"type": "BUTTONS", "buttons": [made.get(kind, {"type": kind, "text": kind}) for kind in kinds]}


QUICK = ("QUICK_REPLY",) * 3
IMAGE, DOCUMENT = {"type": "HEADER", "format": "IMAGE"}, {"type": "HEADER", "format": "DOCUMENT"}
CARD_BODY = text_body("Hello {{1}}, how are you?? {{2}}")
SAMPLES: dict[str, list[dict[str, Any]]] = {
    "seed_text_with_footer": [text_body(), {"type": "FOOTER", "text": "this is footer"}],
    "seed_image_with_url_button": [IMAGE, text_body(), buttons("URL")],
    "seed_simple_text": [text_body()],
    "seed_media": [IMAGE, text_body(), buttons("URL", "PHONE_NUMBER")],
    "seed_limited_time_offer": [
        IMAGE,
        text_body(),
        {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Buy 1", "has_expiration": True}},
        buttons("COPY_CODE", "URL", "PHONE_NUMBER", *QUICK),
    ],
    "seed_multi_button": [DOCUMENT, text_body(), buttons("COPY_CODE", "URL", "STATIC", *QUICK)],
    "seed_custom_key_values": [DOCUMENT, text_body(), buttons("COPY_CODE", "STATIC", "STATIC", *QUICK)],
    "seed_carousel": [
        text_body("hello main body {{1}}"),
        {
            "type": "CAROUSEL",
            "cards": [
                {"components": [IMAGE, CARD_BODY, buttons("URL", "URL")]},
                {"components": [IMAGE, CARD_BODY, buttons("STATIC", "URL")]},
            ],
        },
    ],
}


@pytest.mark.parametrize("sample", SAMPLES)
def test_clevertaps_own_samples_are_taken(provider: Provider, sample: str) -> None:
    sent = dict(cases.read("send"))[sample]["sends"]
    name = sent["template"]["namespace"].rsplit(":", 1)[-1]
    language = "en_GB" if "(" in sent["template"]["languageCode"] else "en"
    Template.objects.create(provider=provider, name=name, language=language, components=SAMPLES[sample])
    Provider.objects.update(unknown_templates="refuse")
    assert post(provider, sent).body == SUCCESS


def test_how_often_the_last_use_is_written(provider: Provider) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        post(provider, template())
        first = SeenTemplate.objects.get().last_seen_at
        for seconds, written in ((59, False), (60, True)):
            clock.move_to(first + timedelta(seconds=seconds))
            post(provider, template())
            assert (SeenTemplate.objects.get().last_seen_at > first) == written


def sends(*components: dict[str, Any]) -> dict[str, Any]:
    return template(components=[*components])


def registered(provider: Provider, *components: dict[str, Any]) -> Provider:
    Template.objects.create(provider=provider, name="order_ready", language="en", components=[*components])
    return provider


FIXED = {"type": "body", "body": {"text": "Hello"}}


def test_a_body_without_variables_needs_no_parameters(provider: Provider) -> None:
    registered(provider, text_body("Hello"))
    for given in ([FIXED], [], [{"type": "body", "body": {"text": "Hello", "parameters": []}}]):
        assert post(provider, sends(*given)).body == SUCCESS


def test_an_offer_without_an_end_needs_none(provider: Provider) -> None:
    offer = {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Buy", "has_expiration": False}}
    registered(provider, text_body("Hello"), offer, buttons("COPY_CODE"))
    code = {
        "type": "button",
        "index": 0,
        "subType": "copy_code",
        "parameters": [{"type": "coupon_code", "coupon_code": "SAVE20"}],
    }
    assert post(provider, sends(FIXED, {"type": "limited_time_offer", "text": "Buy"}, code)).body == SUCCESS


def test_cards_without_a_body(provider: Provider) -> None:
    card = {"components": [IMAGE, buttons("QUICK_REPLY", "STATIC")]}
    registered(provider, text_body("Hello"), {"type": "CAROUSEL", "cards": [card, card]})
    image = {
        "type": "header",
        "header": {"type": "image", "image": {"mediaURL": "https://a.example.test/1.png"}},
    }
    given = [
        image,
        {"type": "button", "index": 0, "subType": "quickReply", "buttonText": "Yes"},
        {
            "type": "button",
            "index": 1,
            "subType": "staticUrl",
            "parameters": [{"type": "text", "text": "https://www.clevertap.com"}],
        },
    ]
    cards = {"type": "carousel", "cards": [{"components": given}, {"components": [image]}]}
    assert post(provider, sends(FIXED, cards)).body == SUCCESS


@pytest.mark.parametrize("components", [[], [{"type": "HEADER", "format": "TEXT"}], [{"type": "BODY"}]])
def test_a_template_listed_without_its_text_is_not_checked(provider: Provider, components: list[Any]) -> None:
    registered(provider, *components)
    assert post(provider, template()).body == SUCCESS


def test_a_button_clevertap_has_no_name_for_is_not_checked(provider: Provider) -> None:
    registered(provider, text_body(), buttons("OTP"))
    url = {
        "type": "button",
        "index": 0,
        "subType": "dynamicUrl",
        "parameters": [{"type": "text", "text": "4711"}],
    }
    assert post(provider, sends(*body("4711"), url)).body == SUCCESS


def test_a_headers_variable_may_come_inside_its_text(provider: Provider, endpoint: Endpoint) -> None:
    """CleverTap's page names the text of a header and no parameters."""
    header = {"type": "HEADER", "format": "TEXT", "text": "Order {{1}}"}
    registered(provider, header, text_body("Hello"))
    Provider.objects.update(endpoint=endpoint.url)

    def headed(words: str) -> dict[str, Any]:
        return sends({"type": "header", "header": {"type": "text", "text": {"text": words}}}, FIXED)

    assert post(provider, headed("Order 88")).body == SUCCESS
    dispatch.drain(provider.pk)
    assert endpoint.got[0]["components"][0]["header"]["text"]["parameters"] == [
        {"type": "text", "text": "88"}
    ]
    assert refusal(post(provider, headed("Bestellung 88"))) == (
        2001,
        "header: the template has 1 variables, the message has 0",
    )
