import pytest
import requests

from simulator.accounts import Account
from tests.waiting import PATIENCE

MSG_ID = "712|1767225600|20260105|712|1"


def test_send_is_answered_and_reported(sim, send_clevertap, webhooks):
    answer = send_clevertap()
    assert (answer.status_code, answer.json()) == (200, {"status": "success"})
    got = webhooks(3)
    assert {one.path for one in got} == {"/dlr"}
    assert [one.json["statuses"][0]["status"] for one in got] == ["sent", "delivered", "read"]
    assert {one.json["statuses"][0]["msgId"] for one in got} == {MSG_ID}
    assert {one.json["payloadVersion"] for one in got} == {"0.1"}


def test_statuses_may_share_a_report(sim, send_clevertap, webhooks):
    sim.behaviour.batch = 50
    send_clevertap()
    (one,) = webhooks(1)
    assert [status["status"] for status in one.json["statuses"]] == ["sent", "delivered", "read"]


@pytest.mark.parametrize(("ending", "code"), [("9002", 1005), ("9003", 1010)])
def test_failures_carry_clevertaps_codes(send_clevertap, webhooks, ending, code):
    send_clevertap(f"+91981230{ending}")
    (one,) = webhooks(1)
    assert one.json["statuses"][0]["error"]["code"] == code


def test_click_and_reply(send_clevertap, webhooks):
    send_clevertap("+919812309015")
    click = webhooks(4)[3].json["statuses"][0]
    assert (click["status"], click["msgId"]) == ("Clicked", MSG_ID)
    assert click["url"]
    assert click["shortUrl"]
    assert isinstance(click["ts"], int)


def test_reply_names_the_message(send_clevertap, webhooks):
    send_clevertap("+919812309014")
    (reply,) = [one.json for one in webhooks(4) if one.path == "/inbound"]
    assert (reply["type"], reply["context"], reply["from"]) == ("text", {"id": MSG_ID}, "919812309014")


def test_document_is_named_as_in_clevertaps_sample(sim, webhooks):
    sim.inbound("native", "919812300001", type="document", media_url="https://x.test/a.pdf", mime_type=".pdf")
    (one,) = webhooks(1)
    assert one.json["type"] == "file"
    assert one.json["document"]["mediaURL"] == "https://x.test/a.pdf"


@pytest.mark.parametrize("wrapped", [False, True])
def test_set_up_check_sends_nothing(sim, send_clevertap, webhooks, wrapped):
    check = {
        "payloadVersion": 0.1,
        "to": "919812300001",
        "isTemplate": True,
        "template": {"namespace": "whatsapp:hsm:technology:generic:verify", "languageCode": "en"},
        "components": [],
        "msgId": "0|0|0|0",
    }
    body = {"body": check} if wrapped else check
    url = sim.url + "/clevertap/native/messages"
    assert requests.post(url, json=body, auth=("ct", "pass"), timeout=PATIENCE).json() == {
        "status": "success"
    }
    webhooks(0)


def test_credentials(sim, send_clevertap):
    assert send_clevertap(auth=("ct", "wrong")).status_code == 401
    assert requests.post(sim.url + "/clevertap/nobody/messages", json={}, timeout=PATIENCE).status_code == 401
    sim.add_account(Account(dialect="clevertap", name="keyed", headers={"X-Key": "k1"}))
    url = sim.url + "/clevertap/keyed/messages"
    assert requests.post(url, json={}, timeout=PATIENCE).status_code == 401
    assert (
        requests.post(url, json={}, headers={"X-Key": "k1"}, timeout=PATIENCE).json()["error"]["code"] == 2004
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to": "12"}, 2002),
        ({"msgId": None}, 2004),
        ({"isTemplate": "TRUE"}, 2004),
        ({"payloadVersion": None}, 2004),
        ({"template": {"languageCode": "en"}}, 2004),
        ({"components": [{"type": "BODY"}]}, 2001),
        ({"components": [{"type": "body", "body": {"parameters": [{"type": "text"}]}}]}, 2001),
        ({"isTemplate": False, "type": "location", "location": {}}, 2004),
        ({"isTemplate": False, "type": "text", "text": {}}, 2004),
    ],
    ids=str,
)
def test_bad_body_fails_with_http_200(send_clevertap, changes, code):
    answer = send_clevertap(**changes)
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["error"]["code"]) == ("failure", code)


def test_free_form_and_carousel_are_taken(send_clevertap):
    text = {"isTemplate": False, "type": "text", "text": {"body": "An agent will join"}}
    assert send_clevertap(**text).json() == {"status": "success"}
    header = {"type": "header", "header": {"type": "image", "image": {"mediaURL": "https://x.test/a.jpg"}}}
    carousel = {"components": [header, {"type": "carousel", "cards": [{"components": [header]}]}]}
    assert send_clevertap(**carousel).json() == {"status": "success"}


def test_template_list_for_imports(sim):
    url = sim.url + "/templates/native"
    assert requests.get(url, timeout=PATIENCE).status_code == 401
    first = requests.get(url, params={"limit": 10}, auth=("ct", "pass"), timeout=PATIENCE).json()
    names = [one["name"] for one in first["data"]]
    assert names[:3] == ["dashboard_track_order", "lto_template_import", "carousel_test_01"]
    rest = requests.get(first["paging"]["next"], auth=("ct", "pass"), timeout=PATIENCE).json()
    assert "next" not in rest["paging"]
    assert rest["paging"]["cursors"]["before"]
    assert (
        requests.get(url, params={"after": "junk"}, auth=("ct", "pass"), timeout=PATIENCE).status_code == 400
    )
    sim.set_templates("anybody", [{"name": "only", "language": "en", "components": []}])
    assert [
        one["name"] for one in requests.get(sim.url + "/templates/anybody", timeout=PATIENCE).json()["data"]
    ] == ["only"]
