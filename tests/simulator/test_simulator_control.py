import signal
import subprocess
import sys

import pytest
import requests

from simulator.accounts import Account
from simulator.behaviour import MAGIC
from simulator.server import Simulator
from tests.waiting import PATIENCE

KEY = {"Authorization": "Basic k2"}


@pytest.fixture
def call(sim):
    def ask(name, content=None):
        url = f"{sim.url}/_control/{name}"
        return (
            requests.get(url, timeout=PATIENCE)
            if content is None
            else requests.post(url, json=content, timeout=PATIENCE)
        )

    return ask


def test_everything_works_from_another_process(sim, receiver, call):
    account = {"dialect": "interakt", "name": "second", "key": "k2", "webhook_url": receiver.url}
    assert call("accounts", [account]).json() == {"accounts": ["second"]}
    assert call("behaviour", {"delays": [0, 0, 0], "answer_delay": 0.01}).json()["answer_delay"] == 0.01
    body = {"fullPhoneNumber": "919812300001", "callbackData": "r", "type": "Text", "data": {"message": "hi"}}
    requests.post(sim.url + "/v1/public/message/", json=body, headers=KEY, timeout=PATIENCE)
    sim.wait_until(lambda: call("summary").json()["pending"] == 0)
    summary = call("summary").json()
    assert summary["counts"]["webhooks.taken.read"] == 1
    assert summary["times"]["first_request"] <= summary["times"]["last_webhook"]
    shown = call("requests?since=0").json()
    assert [one["reference"] for one in shown["records"]] == ["r"]
    assert call(f"requests?since={shown['last']}").json()["records"] == []
    assert len(call("webhooks?latest=2").json()["records"]) == 2
    sent = call("inbound", {"account": "second", "from": "919812300001", "text": "yo", "reply_to": "r"})
    assert sent.json()["id"]
    sim.wait_until(lambda: any(one.kinds == ["inbound"] for one in sim.webhooks))
    assert call("reset", {}).status_code == 200
    assert call("requests").json()["records"] == []


def test_sink_can_be_read(sim, call):
    status = {"msgId": "a", "status": "read", "timestamp": "1767603900"}
    requests.post(
        f"{sim.url}/sink/x/delivery", json={"payloadVersion": "0.1", "statuses": [status]}, timeout=PATIENCE
    )
    (record,) = call("sink").json()["records"]
    assert record["payload"]["statuses"] == [status]


def test_templates_and_handshake(sim, call):
    assert call("templates/meta", [{"name": "one"}]).json() == {"templates": 1}
    assert sim.catalogue.of("meta") == [{"name": "one"}]
    assert call("handshake", {"account": "meta"}).json() == {"verified": True}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("accounts", [{"dialect": "fax"}]),
        ("accounts", [{"dialect": "meta", "key": "no number id"}]),
        ("accounts", [{"dialect": "interakt", "keey": "typo"}]),
        ("behaviour", {"answr_delay": 1}),
        ("behaviour", {"answer_delay": "soon"}),
        ("behaviour", []),
        ("inbound", {"account": "nobody", "from": "1"}),
        ("inbound", {"account": "meta", "from": "1", "reply_to": "never sent"}),
        ("handshake", {"account": "interakt"}),
    ],
    ids=str,
)
def test_mistakes_are_named(sim, call, name, content):
    before = repr(sim.behaviour)
    answer = call(name, content)
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert repr(sim.behaviour) == before


def test_unnamed_accounts_get_names(sim):
    second = sim.add_account(Account(dialect="interakt", key="other"))
    assert second.name == "interakt-2"
    again = sim.add_account(Account(dialect="interakt", key="other", secret="s"))
    assert again.name == "interakt-2"
    renewed = sim.add_account(Account(dialect="interakt", name="interakt-2", key="newer"))
    assert sim.accounts.identified("interakt", "other") is None
    assert sim.accounts.identified("interakt", "newer") is renewed


def test_page(sim):
    answer = requests.get(sim.url + "/", timeout=PATIENCE)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    for ending, _script in MAGIC.items():
        assert ending in answer.text
    assert "not on WhatsApp" in answer.text
    assert "http://" not in answer.text.replace(sim.url, "")
    assert "https://" not in answer.text


def test_port_in_use_is_said(sim):
    with pytest.raises(RuntimeError, match="did not start"):
        Simulator(port=sim.port).start()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_foreground_stops_cleanly(tmp_path, number):
    accounts = tmp_path / "accounts.json"
    accounts.write_text('[{"dialect": "interakt", "key": "k2"}]')
    command = [sys.executable, "-m", "simulator", "--port", "0", "--delay", "0", "--accounts", str(accounts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().split()[2].rstrip(";")
        body = {"fullPhoneNumber": "919812300001", "type": "Text", "data": {"message": "hi"}}
        assert (
            requests.post(url + "/v1/public/message/", json=body, headers=KEY, timeout=PATIENCE).status_code
            == 201
        )
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == ""
