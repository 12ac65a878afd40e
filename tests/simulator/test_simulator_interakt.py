import hashlib
import hmac
import json

import pytest
import requests

from tests.waiting import PATIENCE

KEY = {"Authorization": "Basic bXkta2V5Og=="}


def test_send_is_answered_and_reported_in_order(sim, send_interakt, webhooks):
    answer = send_interakt()
    assert answer.status_code == 201
    assert answer.json()["result"] is True
    got = webhooks(3)
    assert [one.json["type"] for one in got] == [
        "message_api_sent",
        "message_api_delivered",
        "message_api_read",
    ]
    for one in got:
        message = one.json["data"]["message"]
        assert message["id"] == answer.json()["id"]
        assert message["meta_data"]["source_data"]["callback_data"] == "712|1767225600|20260105|712"
        assert one.json["data"]["customer"]["channel_phone_number"] == "919812300001"
    assert got[1].json["data"]["message"]["delivered_at_utc"]
    assert not got[0].json["data"]["message"]["seen_at_utc"]


def test_webhook_is_signed_over_its_bytes(send_interakt, webhooks):
    send_interakt()
    one = webhooks(3)[0]
    expected = hmac.new(b"interakt-secret", one.body, hashlib.sha256).hexdigest()
    assert one.headers["interakt-signature"] == f"sha256={expected}"
    assert "Zoë" in one.json["data"]["message"]["message"]


def test_send_is_recorded(sim, send_interakt, webhooks):
    answer = send_interakt()
    webhooks(3)
    (record,) = sim.requests
    assert (record.dialect, record.account, record.attempt, record.answer) == (
        "interakt",
        "interakt",
        1,
        "accepted",
    )
    assert record.message_id == answer.json()["id"]
    assert record.body["template"]["name"] == "dashboard_track_order"
    assert record.headers["Authorization"] == KEY["Authorization"]
    assert [one.status for one in record.statuses] == ["sent", "delivered", "read"]


def test_country_code_and_national_number(sim, receiver, webhooks):
    body = {"countryCode": "+91", "phoneNumber": "9812300001", "type": "Text", "data": {"message": "hello"}}
    assert (
        requests.post(sim.url + "/v1/public/message/", json=body, headers=KEY, timeout=PATIENCE).status_code
        == 201
    )
    assert sim.requests[0].to == "919812300001"
    customer = webhooks(3)[0].json["data"]["customer"]
    assert (customer["country_code"], customer["phone_number"]) == ("+91", "9812300001")


TEMPLATE = {"name": "a", "languageCode": "en"}


@pytest.mark.parametrize(
    "changes",
    [
        {"fullPhoneNumber": "98-12"},
        {"countryCode": "+91"},
        {"callbackData": "x" * 513},
        {"type": "template"},
        {"type": "Location", "data": {}},
        {"type": "Image", "data": {"mediaUrl": "cdn.example.test/a.jpg"}},
        {"template": {"name": "a"}},
        {"template": {**TEMPLATE, "bodyValues": "Asha"}},
        {"template": {**TEMPLATE, "bodyValues": [1]}},
        {"template": {**TEMPLATE, "bodyValues": ["two\nlines"]}},
        {"template": {**TEMPLATE, "buttonValues": {"0": "x"}}},
        {"template": {**TEMPLATE, "buttonValues": {"first": ["x"]}}},
        {"template": {**TEMPLATE, "buttonPayload": {"0": ["x" * 129]}}},
        {"template": {**TEMPLATE, "carouselCards": ["x"]}},
    ],
    ids=str,
)
def test_bad_body_is_refused(sim, send_interakt, changes):
    answer = send_interakt(**changes)
    assert answer.status_code == 400
    assert answer.json()["result"] is False
    assert sim.requests[0].answer == "refused"
    assert sim.requests[0].detail == answer.json()["message"]


def test_bodies_that_are_not_json_are_refused(sim):
    url = sim.url + "/v1/public/message/"
    assert (
        requests.post(
            url, data="{", headers=KEY | {"Content-Type": "application/json"}, timeout=PATIENCE
        ).status_code
        == 400
    )
    assert (
        requests.post(
            url, data="{}", headers=KEY | {"Content-Type": "text/plain"}, timeout=PATIENCE
        ).status_code
        == 400
    )


@pytest.mark.parametrize("value", ["", "Basic other", "Bearer bXkta2V5Og==", "bXkta2V5Og=="])
def test_key_is_taken_verbatim(sim, value):
    answer = requests.post(
        sim.url + "/v1/public/message/", json={}, headers={"Authorization": value}, timeout=PATIENCE
    )
    assert answer.status_code == 401
    assert sim.requests[0].answer == "stranger"


def test_inbound_messages(sim, send_interakt, webhooks):
    sim.inbound("interakt", "919812300002", text="Hello")
    sim.inbound("interakt", "919812300002", type="image", media_url="https://store.example.test/x.jpg")
    sim.inbound("interakt", "919812300002", type="button_reply", text="Yes", payload="y-1")
    texts = {
        one.json["data"]["message"]["message_content_type"]: one.json["data"]["message"]
        for one in webhooks(3)
    }
    assert texts["Text"]["message"] == "Hello"
    assert texts["Text"]["chat_message_type"] == "CustomerMessage"
    assert (texts["Image"]["message"], texts["Image"]["media_url"]) == (
        "None",
        "https://store.example.test/x.jpg",
    )
    reply = json.loads(texts["InteractiveButtonReply"]["message"])
    assert reply == {"type": "button_reply", "button_reply": {"id": "y-1", "title": "Yes"}}


def test_quick_reply_of_a_template_is_told_as_click_and_message(sim, send_interakt, webhooks):
    message_id = send_interakt("919812309004").json()["id"]
    tap = {"type": "button", "text": "Stop", "payload": "optout", "reply_to": message_id}
    sim.inbound("interakt", "919812309004", **tap)
    click, message = (one.json for one in webhooks(2))
    assert (click["type"], message["type"]) == ("message_api_clicked", "message_received")
    meta = click["data"]["message"]["meta_data"]
    assert (meta["click_type"], meta["button_text"]) == ("QR", "Stop")
    assert meta["source_data"]["callback_data"] == "712|1767225600|20260105|712"
    assert click["data"]["message"]["id"] == message_id
    assert message["data"]["message"]["message"] == "Stop"
    payload = message["data"]["message"]["meta_data"]["button_payload"]["payload"]
    assert payload == {"type": "QUICK_REPLY", "text": "Stop", "payload": "optout"}


@pytest.mark.parametrize(("country", "status"), [("+91", 400), ("+225", 201)])
def test_leading_zero_is_refused_where_it_is_a_trunk_prefix(sim, country, status):
    number = {"countryCode": country, "phoneNumber": "0701234567"}
    body = number | {"type": "Text", "data": {"message": "hello"}}
    answer = requests.post(sim.url + "/v1/public/message/", json=body, headers=KEY, timeout=PATIENCE)
    assert answer.status_code == status


def test_templates_come_in_pages_of_a_hundred(sim):
    sim.behaviour.templates_count = 250
    names, offset = [], 0
    for _ in range(10):
        url = sim.url + "/v1/public/track/organization/templates"
        page = requests.get(url, params={"offset": offset}, headers=KEY, timeout=PATIENCE).json()
        rows = page["results"]["templates"]
        names += [row["name"] for row in rows]
        offset += len(rows)
        if not page["has_next"]:
            break
    assert len(names) == len(set(names)) == page["count"] == 250


def test_template_rows_are_flat_with_json_inside(sim):
    url = sim.url + "/v1/public/track/organization/templates"
    rows = requests.get(url, headers=KEY, timeout=PATIENCE).json()["results"]["templates"]
    by_name = {row["name"]: row for row in rows}
    assert json.loads(by_name["dashboard_track_order"]["buttons"])[0]["url"].endswith("{{1}}")
    assert json.loads(by_name["carousel_test_01"]["carousel_cards"])
    assert isinstance(json.loads(rows[4]["buttons"]), str), "every fifth row is encoded twice"
    assert by_name["new_terms"]["approval_status"] == "WAITING"
    waiting = requests.get(url, params={"approval_status": "WAITING"}, headers=KEY, timeout=PATIENCE).json()
    assert waiting["count"] == 1
    assert requests.get(url, headers={"Authorization": "Basic no"}, timeout=PATIENCE).status_code == 401
