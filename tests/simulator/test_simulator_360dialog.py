"""What 360dialog adds to Meta, and the media that both keep behind a key."""

import dataclasses

import pytest
import requests
from msgspec.structs import replace

from lib.http import HttpRequest, HttpResponse
from providers.connectors import CONNECTORS
from providers.connectors.base import Config
from providers.messages import Reply
from tests.bsps import bsp
from tests.waiting import PATIENCE

KEY = {"D360-API-KEY": "aW50ZXJha3Q6"}


@pytest.fixture
def account(sim, receiver):
    account = replace(bsp("360dialog", sim.url).account, webhook_url=receiver.url + "/webhooks/360dialog")
    sim.add_account(account)
    return account


def fetched(request):
    answer = requests.get(request.url, headers=dict(request.headers), timeout=PATIENCE)
    return HttpResponse(answer.status_code, dict(answer.headers), answer.content)


@pytest.mark.parametrize("connector", ["meta", "360dialog"])
@pytest.mark.parametrize(("mime", "start"), [("image/png", b"\x89PNG"), ("application/pdf", b"%PDF")])
def test_media_is_told_and_fetched_in_two_calls(sim, receiver, webhooks, connector, mime, start):
    there = bsp(connector, sim.url)
    sim.add_account(replace(there.account, webhook_url=receiver.url + "/webhooks"))
    sim.inbound(connector, "919812300001", type="image", mime_type=mime)
    (webhook,) = webhooks(1)
    (reply,) = CONNECTORS[connector].parse_webhook(HttpRequest("POST", "", {}, webhook.body))
    assert isinstance(reply, Reply)
    config = Config(**there.provider)
    told = fetched(CONNECTORS[connector].media_request(reply.media, config))
    medium = fetched(CONNECTORS[connector].media_follow(told, config))
    assert (medium.status, medium.header("Content-Type")) == (200, mime)
    assert medium.body.startswith(start)
    stranger = dataclasses.replace(
        config, credentials={**config.credentials, "api_key": "no", "access_token": "no"}
    )
    assert fetched(CONNECTORS[connector].media_request(reply.media, stranger)).status == 401
    assert fetched(CONNECTORS[connector].media_follow(told, stranger)).status == 401


def test_the_template_list_goes_by_offset(sim, account):
    url = sim.url + "/v1/configs/templates"
    whole = requests.get(url, headers=KEY, timeout=PATIENCE).json()["waba_templates"]
    page = requests.get(url, params={"limit": 2, "offset": 1}, headers=KEY, timeout=PATIENCE).json()
    assert page["waba_templates"] == whole[1:3]
    assert whole[0]["status"] == "approved"


def test_a_wrong_key_is_refused_in_its_own_words(sim, account):
    wrong = {"D360-API-KEY": "another"}
    sent = requests.post(sim.url + "/messages", json={}, headers=wrong, timeout=PATIENCE)
    listed = requests.get(sim.url + "/v1/configs/templates", headers=wrong, timeout=PATIENCE)
    for answer in (sent, listed):
        assert answer.status_code == 401
        assert answer.json()["meta"]["developer_message"] == "Invalid api key"


def test_everything_else_is_refused_as_meta_does(sim, account):
    answer = requests.post(
        sim.url + "/messages", json={"messaging_product": "sms"}, headers=KEY, timeout=PATIENCE
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


def test_webhooks_carry_the_registered_header(sim, account, webhooks):
    sim.inbound("360dialog", "919812300001", text="Hi")
    (webhook,) = webhooks(1)
    assert webhook.headers["x-webhook-secret"] == "webhook-secret"
    assert "x-hub-signature-256" not in webhook.headers
