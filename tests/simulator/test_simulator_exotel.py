"""What Exotel's dialect is strict about, where its webhooks go, and media behind the API key."""

import dataclasses

import pytest
import requests
from msgspec.structs import replace

from providers.connectors import CONNECTORS
from providers.connectors.base import Config
from providers.messages import InboundMedia
from simulator.dialects import meta_media
from simulator.dialects.base import Inbound
from tests.bsps import bsp
from tests.waiting import PATIENCE

MESSAGE = {
    "from": "+918045670001",
    "to": "+919812300001",
    "custom_data": "ref-1",
    "content": {"recipient_type": "individual", "type": "text", "text": {"body": "Hi"}},
}


@pytest.fixture
def account(sim, receiver):
    account = replace(bsp("exotel", sim.url).account, webhook_url=receiver.url + "/default")
    sim.add_account(account)
    return account


@pytest.fixture
def post(sim, account):
    def post(body, password=account.password):
        url = f"{sim.url}/v2/accounts/{account.account_id}/messages"
        return requests.post(url, json=body, auth=(account.username, password), timeout=PATIENCE)

    return post


def entry(answer):
    return answer.json()["response"]["whatsapp"]["messages"][0]


def test_a_message_without_the_envelope_is_refused(post):
    answer = post(MESSAGE)
    assert (answer.status_code, answer.json()["response"]["error_data"]["code"]) == (400, 1001)


def test_a_number_without_plus_is_refused_within_200(post):
    answer = post({"whatsapp": {"messages": [MESSAGE | {"to": "919812300001"}]}})
    assert (answer.status_code, entry(answer)["code"], entry(answer)["status"]) == (200, 400, "failure")


def test_a_wrong_token_is_refused(post):
    assert post({"whatsapp": {"messages": [MESSAGE]}}, "another").status_code == 401


def test_the_innermost_callback_gets_the_receipts(post, receiver, webhooks):
    own = MESSAGE | {"status_callback": receiver.url + "/own"}
    channel = {"messages": [own], "status_callback": receiver.url + "/channel"}
    sid = entry(post({"whatsapp": channel}))["data"]["sid"]
    got = webhooks(3)
    assert {one.path for one in got} == {"/own"}
    receipts = [one.json["whatsapp"]["messages"][0] for one in got]
    assert [one["exo_status_code"] for one in receipts] == [30001, 30002, 30003]
    assert {(one["sid"], one["custom_data"]) for one in receipts} == {(sid, "ref-1")}


def test_unprompted_messages_go_to_the_default(sim, account, webhooks):
    sim.inbound("exotel", "919812300001", text="Hello")
    (got,) = webhooks(1)
    assert got.path == "/default"
    assert "x-exotel-signature" in got.headers


def test_a_webhook_that_does_not_repeat_the_challenge_is_not_the_accounts(sim, account):
    assert sim.handshake("exotel") is False


def test_media_needs_the_api_key(sim, account):
    event = Inbound(id="in-00000001", sender="919812300001", at=0.0, type="image", mime_type="image/png")
    path = f"/v2/accounts/{account.account_id}/media/{meta_media.media_id(event)}"
    media, config = InboundMedia(url=sim.url + path), Config(**bsp("exotel", sim.url).provider)
    wrong = dataclasses.replace(config, credentials=config.credentials | {"api_token": "another"})
    requested = [CONNECTORS["exotel"].media_request(media, one) for one in (config, wrong)]
    answers = [requests.get(one.url, headers=dict(one.headers), timeout=PATIENCE) for one in requested]
    assert [answer.status_code for answer in answers] == [200, 401]
    assert answers[0].content.startswith(b"\x89PNG")
