"""Twilio: forms, content templates with a numbering of their own, pages by token, media behind a login."""

from urllib.parse import parse_qsl

import pytest
import requests
from msgspec.structs import replace

from lib.http import HttpRequest, HttpResponse
from providers.connectors import CONNECTORS
from providers.connectors.base import Config
from providers.messages import Freeform, Media, Outbound, Reply
from simulator.templates import default
from tests.bsps import NUMBER, bsp
from tests.waiting import PATIENCE

twilio = CONNECTORS["twilio"]


@pytest.fixture
def config(sim, receiver):
    """Our side of an account there."""
    there = bsp("twilio", sim.url)
    url = receiver.url + "/webhooks/twilio"
    sim.add_account(replace(there.account, webhook_url=url, number=NUMBER))
    return Config(waba_number=NUMBER, webhook_url=url, **there.provider)


def called(request):
    answer = requests.request(
        request.method, request.url, headers=dict(request.headers), data=request.body, timeout=PATIENCE
    )
    return HttpResponse(answer.status_code, dict(answer.headers), answer.content)


def text(**changes):
    message = Outbound("wp-1-1", "1|2|3|4|0", "919812300001", NUMBER, Freeform("text", text="Hi & ümläut"))
    return replace(message, **changes)


def login(config):
    return {"Authorization": twilio.templates_request(config, "").headers["Authorization"]}


def test_a_message_and_its_signed_reports(config, webhooks):
    answer = called(twilio.build_request(text(), config))
    assert answer.status == 201
    sid = twilio.parse_response(answer).bsp_id
    for webhook, status in zip(webhooks(3), ("sent", "delivered", "read"), strict=True):
        request = HttpRequest("POST", config.webhook_url + "?ref=wp-1-1", dict(webhook.headers), webhook.body)
        assert twilio.verify(request, config)
        (update,) = twilio.parse_webhook(request)
        assert (update.kind, update.reference, update.bsp_id) == (status, "wp-1-1", sid)


def test_media_is_given_out_to_who_is_logged_in(sim, config, webhooks):
    sim.inbound("twilio", "919812300001", type="image", mime_type="image/png", text="Look")
    (webhook,) = webhooks(1)
    (reply,) = twilio.parse_webhook(HttpRequest("POST", config.webhook_url, {}, webhook.body))
    assert isinstance(reply, Reply)
    request = twilio.media_request(reply.media, config)
    medium = called(request)
    assert (medium.status, medium.header("Content-Type")) == (200, "image/png")
    assert called(HttpRequest("GET", request.url)).status == 401


def test_the_list_goes_by_page_and_token(sim, config):
    url = sim.url + "/v1/ContentAndApprovals"
    whole = requests.get(url, headers=login(config), timeout=PATIENCE).json()
    assert whole["meta"]["next_page_url"] is None
    found, following = [], url + "?PageSize=4"
    while following:
        page = requests.get(following, headers=login(config), timeout=PATIENCE).json()
        found += page["contents"]
        following = page["meta"]["next_page_url"]
    assert found == whole["contents"]
    guessed = requests.get(url + "?PageSize=4&Page=1&PageToken=x", headers=login(config), timeout=PATIENCE)
    assert (guessed.status_code, guessed.json()["code"]) == (400, 20001)
    assert requests.get(url, timeout=PATIENCE).json()["code"] == 20003


def test_the_connector_reads_the_catalogue_as_meta_has_it(config):
    page = twilio.parse_templates(called(twilio.templates_request(config, "")), "")
    assert not page.unreadable
    listed = {(one.name, one.language): one for one in page.templates}
    left_out = {"lto_template_import", "store_opening"}  # no content type for an offer, or for a place
    assert {name for name, _ in listed} == {one["name"] for one in default()} - left_out
    for template in default():
        if template["name"] in left_out | {"welcome_named"}:
            continue
        one = listed[template["name"], template["language"]]
        assert (one.status, one.category) == (template["status"], template["category"])
        assert skeleton(one.components) == skeleton(template["components"])


def skeleton(components):
    """What a message is checked against."""
    kept = ("type", "format", "text", "url", "phone_number", "buttons", "cards", "components")
    return [
        {
            key: skeleton(part[key]) if isinstance(part[key], list) else part[key]
            for key in kept
            if key in part
        }
        for part in components
    ]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"From": "whatsapp:+15550009999"}, 401, 21606),
        ({"To": "+919812300001"}, 400, 21211),
        ({"To": "whatsapp:919812300001"}, 400, 21211),
        ({"Body": ""}, 400, 21619),
        ({"Body": "x" * 1601}, 400, 21617),
        ({"StatusCallback": "gw.example.test"}, 400, 21609),
        ({"MessagingServiceSid": "MG1"}, 400, 21701),
        ({"ContentSid": "HX1"}, 400, 21619),
        ({"Body": None, "ContentSid": "HX1"}, 400, 21655),
        ({"PersistentAction": "geo:x"}, 400, 21629),
        ({"Nonsense": "1"}, 400, 21619),
    ],
)
def test_requests_are_checked(config, change, status, code):
    request = twilio.build_request(text(), config)
    form = dict(parse_qsl(request.body.decode())) | change
    data = {key: value for key, value in form.items() if value is not None}
    answer = requests.post(request.url, data=data, headers=login(config), timeout=PATIENCE)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_variables_must_be_those_of_the_content(config):
    page = twilio.parse_templates(called(twilio.templates_request(config, "")), "")
    sid = next(one.bsp_id for one in page.templates if one.name == "coupon_simple")
    request = twilio.build_request(text(), config)
    for variables, fits in (
        ('{"1":"Asha","2":"10 %","3":"SAVE10"}', True),
        ('{"1":"Asha","2":"10 %"}', False),
        ('{"1":"Asha","2":"10 %","3":""}', False),
        ('{"1":"Asha","2":"10 %","3":7}', False),
        ("[]", False),
    ):
        form = dict(parse_qsl(request.body.decode())) | {"ContentSid": sid, "ContentVariables": variables}
        del form["Body"]
        answer = requests.post(request.url, data=form, headers=login(config), timeout=PATIENCE)
        assert (answer.status_code == 201) is fits


def test_media_messages_have_an_id_of_their_own(config):
    medium = Freeform("image", media=Media("https://cdn.example.test/a.png"))
    answer = called(twilio.build_request(text(content=medium), config))
    assert twilio.parse_response(answer).bsp_id.startswith("MM")
