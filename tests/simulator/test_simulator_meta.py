import hashlib
import hmac

import pytest
import requests

from simulator.dialects.meta import escaped
from simulator.dialects.signing import sha256
from tests.waiting import PATIENCE

BEARER = {"Authorization": "Bearer EAAtoken"}


def statuses_in(body):
    return [
        status
        for entry in body["entry"]
        for change in entry["changes"]
        for status in change["value"].get("statuses", [])
    ]


def test_send_is_answered_and_reported(sim, send_meta, webhooks):
    answer = send_meta().json()
    assert answer["contacts"] == [{"input": "+919812300001", "wa_id": "919812300001"}]
    wamid = answer["messages"][0]["id"]
    assert wamid.startswith("wamid.")
    reported = [status for one in webhooks(3) for status in statuses_in(one.json)]
    assert [one["status"] for one in reported] == ["sent", "delivered", "read"]
    assert {one["id"] for one in reported} == {wamid}
    assert {one["biz_opaque_callback_data"] for one in reported} == {"712|é/1"}
    assert all(isinstance(one["timestamp"], str) for one in reported)


def test_signature_covers_the_escaped_bytes(send_meta, webhooks):
    send_meta()
    one = webhooks(3)[0]
    assert rb"712|\u00e9\/1" in one.body
    expected = hmac.new(b"unit-test-app-secret", one.body, hashlib.sha256).hexdigest()
    assert one.headers["x-hub-signature-256"] == f"sha256={expected}"


def test_published_signature_vector():
    content = {
        "object": "whatsapp_business_account",
        "entry": [{"id": "7001", "changes": [{"field": "messages", "value": {"note": "café 😀 a/b"}}]}],
    }
    assert len(escaped(content)) == 142
    signature = sha256("unit-test-app-secret", escaped(content))
    assert signature == "sha256=4102d74c15dde5fa5b78ef12938801117867c77ceb44c6adb60a56c78ac15578"


def test_batch_spreads_over_entries_and_changes(sim, send_meta, webhooks):
    sim.behaviour.batch = 10
    send_meta()
    (one,) = webhooks(1)
    assert [status["status"] for status in statuses_in(one.json)] == ["sent", "delivered", "read"]
    assert [len(entry["changes"]) for entry in one.json["entry"]] == [2, 1]


def test_batch_collects_several_messages(sim, send_meta, webhooks):
    sim.behaviour.batch, sim.behaviour.batch_wait = 6, 30
    send_meta(reference="a")
    send_meta(reference="b")
    (one,) = webhooks(1)
    references = [status["biz_opaque_callback_data"] for status in statuses_in(one.json)]
    assert references == ["a"] * 3 + ["b"] * 3


def test_handshake(sim, receiver):
    assert sim.handshake("meta") is True
    receiver.verify_token = "another"
    assert sim.handshake("meta") is False
    with pytest.raises(ValueError, match="no proof"):
        sim.handshake("interakt")


def test_errors_have_graph_shape(sim, send_meta):
    answer = send_meta(token="old")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == 190
    unknown = requests.post(sim.url + "/v25.0/1/messages", json={}, headers=BEARER, timeout=PATIENCE)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, 33)
    assert send_meta("+919812309010").json()["error"]["code"] == 132001


def template(*components):
    return {"template": {"name": "a", "language": {"code": "en"}, "components": list(components)}}


TEXT = {"type": "text", "text": "x"}
URL = {"type": "button", "sub_type": "url", "index": 0, "parameters": [TEXT]}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"messaging_product": "sms"}, 100),
        ({"to": ""}, 131009),
        ({"type": "poll"}, 131051),
        ({"type": "text"}, 131008),
        ({"type": "text", "text": {"body": ""}}, 100),
        ({"type": "image", "image": {}}, 131008),
        ({"type": "image", "image": {"link": "cdn.example.test/a"}}, 100),
        ({"type": "audio", "audio": {"id": "1", "caption": "no"}}, 100),
        ({"type": "location", "location": {"latitude": "x", "longitude": 1}}, 131009),
        ({"biz_opaque_callback_data": "x" * 513}, 100),
        (template({"type": "footer"}), 100),
        (template({"type": "body", "parameters": [{"type": "text", "text": "a\tb"}]}), 132018),
        (template({"type": "body", "parameters": [{"type": "text", "text": ""}]}), 132000),
        (template({"type": "body", "parameters": [{"type": "image", "image": {"id": "1"}}]}), 132012),
        (template({"type": "header", "parameters": [TEXT, TEXT]}), 132000),
        (template({**URL, "sub_type": "dynamicUrl"}), 100),
        (template({**URL, "index": None}), 131008),
        (template({**URL, "parameters": [{"type": "payload", "payload": "x"}]}), 132012),
        (template(URL, URL), 100),
        (template({"type": "carousel", "cards": [{"card_index": 1, "components": []}]}), 100),
        (
            template(
                {
                    "type": "limited_time_offer",
                    "parameters": [{"limited_time_offer": {"expiration_time_ms": "1"}}],
                }
            ),
            132012,
        ),
    ],
    ids=str,
)
def test_bad_body_is_refused(send_meta, changes, code):
    answer = send_meta(**changes)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == code


def test_rich_template_is_taken(send_meta):
    image = {
        "type": "header",
        "parameters": [{"type": "image", "image": {"link": "https://cdn.example.test/a.jpg"}}],
    }
    card = {
        "components": [
            image,
            {
                "type": "button",
                "sub_type": "quick_reply",
                "index": "0",
                "parameters": [{"type": "payload", "payload": "p"}],
            },
            {**URL, "index": 1},
        ]
    }
    offer = {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": 1798758000000}}
    changes = template(
        image,
        {"type": "body", "parameters": [TEXT]},
        {"type": "limited_time_offer", "parameters": [offer]},
        {
            "type": "button",
            "sub_type": "copy_code",
            "index": 0,
            "parameters": [{"type": "coupon_code", "coupon_code": "A1"}],
        },
        {"type": "carousel", "cards": [{"card_index": 0, **card}, {"card_index": 1, **card}]},
    )
    assert send_meta(**changes).status_code == 200


@pytest.mark.parametrize(
    ("components", "code"),
    [
        ([], 132000),
        ([{"type": "header", "parameters": [TEXT]}, {"type": "body", "parameters": [TEXT, TEXT]}], 132000),
        (
            [
                {"type": "header", "parameters": [TEXT]},
                {"type": "body", "parameters": [TEXT, TEXT]},
                URL,
                {**URL, "index": 2},
            ],
            132018,
        ),
    ],
)
def test_values_are_held_against_the_template(sim, send_meta, components, code):
    sim.behaviour.check_templates = True
    assert send_meta().status_code == 200
    wrong = {"template": {"name": "order_ready_v2", "language": {"code": "es"}, "components": components}}
    assert send_meta(**wrong).json()["error"]["code"] == code
    missing = {"template": {"name": "order_ready_v2", "language": {"code": "es_MX"}}}
    assert send_meta(**missing).json()["error"]["code"] == 132001
    paused = {"template": {"name": "monsoon_offer", "language": {"code": "en"}}}
    assert send_meta(**paused).json()["error"]["code"] == 132001


def test_inbound_messages(sim, send_meta, webhooks):
    wamid = send_meta("+919812309004").json()["messages"][0]["id"]
    sim.inbound("meta", "919812309004", type="button", text="No más", payload="optout", reply_to=wamid)
    sim.inbound("meta", "919812309004", type="document", media_url="https://x.test/a.pdf", filename="a.pdf")
    messages = {
        one["type"]: one
        for got in webhooks(2)
        for one in got.json["entry"][0]["changes"][0]["value"]["messages"]
    }
    assert messages["button"]["button"] == {"payload": "optout", "text": "No más"}
    assert messages["button"]["context"] == {"from": "34911222333", "id": wamid}
    assert messages["document"]["document"]["filename"] == "a.pdf"


def test_templates_page_to_the_end(sim):
    sim.behaviour.templates_count = 60
    url, names = sim.url + "/v25.0/700200300/message_templates?limit=25&fields=id,name", []
    pages = 0
    while url:
        page = requests.get(url, headers=BEARER, timeout=PATIENCE).json()
        names += [one["name"] for one in page["data"]]
        assert pages or {*page["data"][0]} == {"id", "name"}, "fields that were not asked for"
        assert page["paging"]["cursors"]["after"]
        url, pages = page["paging"].get("next"), pages + 1
    assert (pages, len(set(names))) == (3, 60)


def test_template_list_errors(sim):
    url = sim.url + "/v25.0/700200300/message_templates"
    assert (
        requests.get(url, params={"after": "junk"}, headers=BEARER, timeout=PATIENCE).json()["error"]["code"]
        == 131059
    )
    assert requests.get(url, timeout=PATIENCE).status_code == 401
    assert (
        requests.get(sim.url + "/v25.0/1/message_templates", headers=BEARER, timeout=PATIENCE).status_code
        == 400
    )
    sim.set_templates("meta", [])
    assert requests.get(url, headers=BEARER, timeout=PATIENCE).json() == {"data": []}


def played(sim, webhooks, **content):
    """The change that the webhook of what the user does holds."""
    sim.inbound("meta", "919812300001", **content)
    (one,) = webhooks(1)
    return one.json["entry"][0]["changes"][0]


@pytest.mark.parametrize("value", ["stop", "resume"])
def test_the_user_stops_and_resumes_marketing(sim, webhooks, value):
    change = played(sim, webhooks, type=f"{value}_marketing")
    assert change["field"] == "user_preferences"
    (told,) = change["value"]["user_preferences"]
    assert (told["wa_id"], told["value"]) == ("919812300001", value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"type": "edit", "text": "Size 41", "about": "in-1"},
            {"original_message_id": "in-1", "message": {"type": "text", "text": {"body": "Size 41"}}},
        ),
        ({"type": "revoke", "about": "in-1"}, {"original_message_id": "in-1"}),
        ({"type": "reaction", "text": "👍"}, {"message_id": "", "emoji": "👍"}),
        ({"type": "reaction"}, {"message_id": ""}),
    ],
)
def test_the_user_edits_deletes_and_reacts(sim, webhooks, content, message):
    (told,) = played(sim, webhooks, **content)["value"]["messages"]
    assert told[content["type"]] == message
