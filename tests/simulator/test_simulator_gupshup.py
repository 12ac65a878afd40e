"""The simulated Gupshup: templates by their id, one list of values, JSON inside a form."""

import json

import pytest
import requests
from msgspec.structs import replace

from simulator.dialects.gupshup_templates import template_id
from simulator.server import Simulator
from tests.bsps import NUMBER, bsp
from tests.parts import TEMPLATES
from tests.waiting import PATIENCE

IDS = {template["name"]: template_id(template) for template in TEMPLATES}
IMAGE = {"type": "image", "image": {"link": "https://cdn.example.test/h.png"}}


@pytest.fixture
def account(sim, receiver):
    account = bsp("gupshup", sim.url).account
    account = replace(account, number=NUMBER, webhook_url=receiver.url + "/webhooks/gupshup")
    sim.behaviour.check_templates = True
    sim.add_account(account)
    sim.set_templates(account.name, TEMPLATES)
    return account


@pytest.fixture
def send(sim, account):
    def send(path="template/msg", headers=None, **fields):
        form = {
            "channel": "whatsapp",
            "source": NUMBER,
            "destination": "919812300001",
            "src.name": account.app_name,
            **{name: one if isinstance(one, str) else json.dumps(one) for name, one in fields.items()},
        }
        headers = headers or {"apikey": account.key}
        return requests.post(f"{sim.url}/wa/api/v1/{path}", data=form, headers=headers, timeout=PATIENCE)

    return send


def use(name, *params, **more):
    return {"id": IDS[name], "params": list(params), **more}


def words(answer):
    return answer.status_code, answer.json()["message"]


def test_a_template_is_taken_by_its_id(send, sim):
    answer = send(template=use("with_image", "Mira"), message=IMAGE)
    assert (answer.status_code, answer.json()["status"]) == (202, "submitted")
    assert sim.requests[0].label == "with_image"


def test_another_simulator_beside_it_has_templates_of_its_own(send):
    Simulator()
    assert send(template=use("order_ready", "Mira")).status_code == 202


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"template": {"id": "order_ready", "params": ["Mira"]}}, "Not Found"),
        ({"template": use("order_ready")}, "expected 1 values, got 0"),
        ({"template": use("with_text", "7")}, "expected 1 values, got 0"),
        ({"template": use("with_image", "Mira")}, "header: expected 1"),
        ({"template": use("with_video", "Mira"), "message": IMAGE}, "header is video"),
        ({"template": use("with_url", "Mira", "https://shop.example.test/7")}, "fixed address"),
        ({"template": use("with_code", "Mira", "A" * 16)}, "at most 15"),
        ({"template": use("with_offer", "Mira", "SAVE20", "7")}, "expiration"),
        ({"template": use("with_cards", "Mira", "a", "b", "c", "d"), "message": IMAGE}, "carousel"),
        ({"template": use("order_ready", "two\nlines")}, "line break"),
        ({"template": use("order_ready", "Mira"), "postbackTexts": [{"index": 0, "text": "x"}]}, "no value"),
        ({"template": "{cut off"}, "must be JSON"),
        ({"template": use("order_ready", "Mira"), "reference": "mine"}, "unknown fields: ['reference']"),
    ],
)
def test_a_template_that_does_not_fit_is_refused(send, fields, wrong):
    status, told = words(send(**fields))
    assert status == 400
    assert wrong in told


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        ({"type": "image", "originalUrl": "https://cdn.example.test/i.png"}, "previewUrl"),
        ({"type": "video", "url": "https://cdn.example.test/v.mp4", "caption": None}, "caption"),
        ({"type": "document", "url": "https://cdn.example.test/b.pdf"}, "not supported"),
        ({"type": "location", "latitude": "19.1", "longitude": 72.9}, "latitude"),
    ],
)
def test_a_session_message_must_be_as_gupshup_has_it(send, message, wrong):
    status, told = words(send("msg", message=message))
    assert status == 400
    assert wrong in told


def test_who_is_not_the_app_is_refused(send):
    template = use("order_ready", "Mira")
    assert words(send(headers={"apikey": "another"}, template=template)) == (401, "Authentication Failed")
    other = {"template": template, "src.name": "Another"}
    assert words(send(**other)) == (401, "Authentication Failed")
    assert words(send(template=template, destination="+919812300001")) == (400, "Invalid Destination")


def test_the_list_goes_by_page_and_holds_json_in_strings(sim, account):
    url, headers = f"{sim.url}/wa/app/{account.app_id}/template", {"apikey": account.key}
    query = {"pageNo": 1, "pageSize": 5}
    rows = requests.get(url, params=query, headers=headers, timeout=PATIENCE).json()["templates"]
    assert [row["elementName"] for row in rows] == [one["name"] for one in TEMPLATES[5:10]]
    assert json.loads(rows[0]["containerMeta"])["data"] == "Hello {{1}}"
    wrong = requests.get(url.replace(account.app_id, "other"), headers=headers, timeout=PATIENCE)
    assert wrong.status_code == 401


def test_reports_name_both_ids(send, webhooks):
    taken = send(template=use("order_ready", "Mira")).json()["messageId"]
    reports = [webhook.json["payload"] for webhook in webhooks(3)]
    assert [one["type"] for one in reports] == ["sent", "delivered", "read"]
    assert {one["gsId"] for one in reports} == {taken}
    assert taken not in {one["id"] for one in reports}


def test_a_number_without_whatsapp_fails_under_gupshups_own_id(send, webhooks):
    taken = send(template=use("order_ready", "Mira"), destination="919812309002").json()["messageId"]
    (report,) = webhooks(1)
    payload = report.json["payload"]
    assert (payload["id"], payload["type"], payload["payload"]["code"]) == (taken, "failed", 1002)
    assert "gsId" not in payload
