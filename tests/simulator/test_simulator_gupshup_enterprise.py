"""The simulated Gupshup Enterprise: two users, templates by their text, refusals within 200."""

from datetime import datetime
from time import time
from urllib.parse import parse_qs

import pytest
import requests
from msgspec.structs import replace

from tests.bsps import bsp
from tests.parts import TEMPLATES
from tests.waiting import PATIENCE

FOOTED = {
    "name": "with_footer",
    "language": "en",
    "status": "APPROVED",
    "category": "MARKETING",
    "id": "7000000000001",
    "components": [{"type": "BODY", "text": "Sale!"}, {"type": "FOOTER", "text": "Reply STOP"}],
}
PICTURE = {
    "method": "SendMediaMessage",
    "msg_type": "IMAGE",
    "media_url": "https://cdn.example.test/h.png",
    "caption": "Hello Mira",
    "isTemplate": "true",
    "msg": None,
}


@pytest.fixture
def account(sim, receiver):
    account = replace(bsp("gupshup-enterprise", sim.url).account, webhook_url=receiver.url + "/hook")
    sim.behaviour.check_templates = True
    sim.add_account(account)
    sim.set_templates(account.name, [*TEMPLATES, FOOTED])
    return account


@pytest.fixture
def send(sim, account):
    def send(**changes):
        form = {
            "userid": account.username,
            "password": account.password,
            "auth_scheme": "plain",
            "v": "1.1",
            "format": "json",
            "method": "SendMessage",
            "msg_type": "HSM",
            "isHSM": "true",
            "msg": "Hello Mira",
            "send_to": "919812300001",
            "data_encoding": "text",
            "extra": "ref-1",
        }
        form = {name: value for name, value in (form | changes).items() if value is not None}
        answer = requests.post(f"{sim.url}/GatewayAPI/rest", data=form, timeout=PATIENCE)
        assert answer.status_code == 200
        return answer.json()["response"]

    return send


@pytest.mark.parametrize(
    ("fields", "template"),
    [
        ({}, "order_ready"),
        ({"isTemplate": "true", "header": "Order 7"}, "with_text"),
        (PICTURE, "with_image"),
        ({"isTemplate": "true", "buttonUrlParam": "cart/7"}, "with_url"),
        ({"isTemplate": "true", "msg": "Sale!", "footer": "Reply STOP"}, "with_footer"),
    ],
)
def test_a_template_is_found_by_its_text(send, sim, fields, template):
    assert send(**fields)["status"] == "success"
    assert sim.requests[0].label == template
    assert "password" not in sim.requests[0].body


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"msg": "Good morning Mira"}, "9001", "Template"),
        ({"msg": "Hello Mira\nMay"}, "9001", "Template"),
        ({"header": "Order 7"}, "9001", "Template"),
        ({"isTemplate": "true", "msg": "Sale!"}, "9001", "Template"),
        ({"isTemplate": "true", "buttonUrlParam": "a", "header": "Order 7"}, "9001", "Template"),
        (PICTURE | {"msg_type": "AUDIO"}, "9002", "msg_type"),
        ({"media_url": "https://cdn.example.test/h.png"}, "9002", "media_url"),
        ({"msg": "Hello Ümit"}, "9002", "data_encoding"),
        ({"format": "text"}, "9002", "format"),
        ({"isHSM": "false", "msg_type": "TEXT"}, "9002", "two-way"),
        ({"send_to": "+919812300001"}, "105", "digits"),
        ({"password": "another"}, "102", "authentication"),
        ({"userid": "2000199999"}, "102", "authentication"),
    ],
)
def test_what_is_wrong_is_refused_within_200(send, fields, code, words):
    answer = send(**fields)
    assert (answer["status"], answer["id"]) == ("error", code)
    assert words in answer["details"]


def test_the_two_way_user_sends_what_is_no_template(send, account):
    two_way = {"userid": account.account_id, "password": account.secret}
    session = two_way | {"isHSM": "false", "msg_type": "TEXT", "msg": "Anything"}
    assert send(**session)["status"] == "success"
    assert send(**session | {"password": account.password})["id"] == "102"
    assert send(**two_way)["id"] == "9002"


def test_clicks_are_told_in_indian_time(sim, send, webhooks):
    sim.behaviour.follow_up = 0.0
    send(send_to="919812309015")
    forms = [parse_qs(one.body.decode()) for one in webhooks(4)]
    (click,) = (form for form in forms if "clickTime" in form)
    assert click["extra"] == ["ref-1"]
    moment = datetime.fromisoformat(click["clickTime"][0] + "+05:30").timestamp()
    assert abs(moment - time()) < 30


def test_the_list_is_as_long_as_asked_for(sim, account):
    query = {"method": "get_whatsapp_hsm", "userid": account.username, "password": account.password}
    url = f"{sim.url}/GatewayAPI/rest"
    answer = requests.get(url, params=query | {"limit": "3"}, timeout=PATIENCE).json()
    assert (len(answer["data"]), answer["meta"]) == (3, {"total": len(TEMPLATES) + 1})
    assert "buttons" not in answer["data"][0]
    answer = requests.get(
        url, params=query | {"limit": "99", "fields": '["buttons"]'}, timeout=PATIENCE
    ).json()
    assert len(answer["data"]) == len(TEMPLATES) + 1
    assert {one["status"] for one in answer["data"]} == {"ENABLED"}
    refused = requests.get(url, params=query | {"password": "another"}, timeout=PATIENCE).json()
    assert refused["response"]["id"] == "102"
