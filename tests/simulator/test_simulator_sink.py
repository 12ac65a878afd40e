import pytest
import requests

from tests.waiting import PATIENCE


def status(msg_id="1|2|3|4", **changes):
    return {"msgId": msg_id, "status": "delivered", "timestamp": "1767603900", **changes}


def report(sim, *statuses, account="shop", **changes):
    body = {"payloadVersion": "0.1", "statuses": list(statuses), **changes}
    return requests.post(f"{sim.url}/sink/{account}/delivery", json=body, timeout=PATIENCE)


def reply(sim, **changes):
    body = {
        "payloadVersion": "0.1",
        "from": "919812300001",
        "wabaNumber": "15550100001",
        "timestamp": "1767604100",
        "type": "text",
        "text": {"body": "Hi"},
    }
    return requests.post(f"{sim.url}/sink/shop/inbound", json=body | changes, timeout=PATIENCE)


def test_reports_and_replies_are_taken(sim):
    answer = report(sim, status(), status("5|6|7|8", status="failed", error={"code": 1002, "title": "x"}))
    assert (answer.status_code, answer.json()) == (
        200,
        {"status": "success", "processed": 2, "unprocessed": []},
    )
    assert reply(sim).json()["processed"] == 1
    assert [(one.account, one.kind) for one in sim.sink] == [("shop", "delivery"), ("shop", "inbound")]
    assert sim.sink[0].payload["statuses"][1]["error"]["code"] == 1002
    assert sim.journal.counts["sink.delivery.failed"] == 1
    assert sim.journal.counts["sink.inbound.text"] == 1


def test_down_and_reject(sim):
    sim.behaviour.sink_mode = "down"
    assert report(sim, status()).status_code == 503
    sim.behaviour.sink_mode = "reject_4xx"
    assert report(sim, status()).status_code == 400
    assert sim.sink == []
    assert [one.http_status for one in sim.sink_refused] == [503, 400]


def test_close(sim):
    sim.behaviour.sink_mode = "close"
    with pytest.raises(requests.ConnectionError):
        report(sim, status())
    assert [one.http_status for one in sim.sink_refused] == [0]


def test_slow(sim):
    sim.behaviour.sink_mode, sim.behaviour.sink_delay = "slow", 0.05
    answer = report(sim, status())
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.05


def test_one_account_may_be_down_alone(sim):
    sim.behaviour.sink_modes = {"bad": "down"}
    assert report(sim, status(), account="bad").status_code == 503
    assert report(sim, status(), account="good").status_code == 200


def test_unprocessed_names_the_chosen(sim):
    sim.behaviour.sink_mode, sim.behaviour.sink_unprocessed = "unprocessed", {"b"}
    answer = report(sim, status("a"), status("b"))
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["processed"]) == ("partial", 1)
    assert body["unprocessed"][0]["record"] == status("b")
    assert {"status", "code", "error", "record"} == body["unprocessed"][0].keys()
    assert sim.sink[0].unprocessed == ["b"]


@pytest.mark.parametrize(
    "wrong",
    [
        status(""),
        status(status="queued"),
        status(timestamp=1767603900),
        status(status="failed"),
        status(status="clicked"),
    ],
    ids=str,
)
def test_malformed_statuses_are_named(sim, wrong):
    body = report(sim, wrong, status("good")).json()
    assert [one["record"] for one in body["unprocessed"]] == [wrong]
    assert body["processed"] == 1
    assert sim.journal.counts["sink.malformed"] == 1


@pytest.mark.parametrize(
    "wrong",
    [{"type": "reaction"}, {"from": "Asha"}, {"timestamp": 1}, {"text": None}, {"payloadVersion": 0.1}],
    ids=str,
)
def test_malformed_messages_are_named(sim, wrong):
    assert reply(sim, **wrong).json()["status"] == "fail"


def test_other_shapes_are_rejected(sim):
    url = f"{sim.url}/sink/shop/delivery"
    assert requests.post(url, data=b"junk", timeout=PATIENCE).status_code == 400
    assert requests.post(url, json={"statuses": []}, timeout=PATIENCE).status_code == 400
    assert requests.post(f"{sim.url}/sink/shop/other", json={}, timeout=PATIENCE).status_code == 404


def subscribe(sim, *changes, headers=None):
    headers = {"X-CleverTap-Account-Id": "A", "X-CleverTap-Passcode": "P"} if headers is None else headers
    return requests.post(
        f"{sim.url}/sink/shop/subscribe", json={"d": list(changes)}, headers=headers, timeout=PATIENCE
    )


def test_opt_outs_are_taken(sim):
    stop = {"type": "whatsapp", "value": "+15550100777", "status": "Unsubscribe"}
    wrong = [stop | {"type": "phone"}, stop | {"value": "15550100777"}, stop | {"status": "stop"}]
    assert subscribe(sim, stop).json() == {"status": "success", "processed": 1, "unprocessed": []}
    body = subscribe(sim, stop | {"status": "Resubscribe"}, *wrong).json()
    assert (body["status"], [one["record"] for one in body["unprocessed"]]) == ("partial", wrong)
    assert sim.journal.counts["sink.subscribe.unsubscribe"] == 3, "wrong ones are counted too"
    assert subscribe(sim, stop, headers={}).status_code == 401
    assert subscribe(sim).status_code == 400
    sim.behaviour.sink_mode, sim.behaviour.sink_unprocessed = "unprocessed", {"+15550100777"}
    assert subscribe(sim, stop).json()["status"] == "fail"
