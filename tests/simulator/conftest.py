"""A simulator on real sockets, and a stand-in for the gateway that its webhooks reach."""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from simulator.accounts import Account
from simulator.server import Simulator
from tests.waiting import PATIENCE

Send = Callable[..., requests.Response]

INTERAKT_KEY = "bXkta2V5Og=="
META_PATH = "/v25.0/810220330/messages"


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]  # lower-case names
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """Takes webhooks; `replies` are the statuses of the next answers, 200 when there are none."""

    def __init__(self) -> None:
        self.got: list[Received] = []
        self.replies: deque[int] = deque()
        self.verify_token = "hub-token"
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = receiver.replies.popleft() if receiver.replies else 200
                receiver.got.append(Received("POST", self.path, headers, body))
                self._answer(status, b"")

            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                trusted = query.get("hub.verify_token") == [receiver.verify_token]
                self._answer(200 if trusted else 403, query["hub.challenge"][0].encode() if trusted else b"")

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Prints no traceback when a simulator stops in the middle of a webhook."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def sim(receiver: Receiver) -> Iterator[Simulator]:
    """Three accounts, and no waiting: every webhook is due at once."""
    with Simulator() as simulator:
        simulator.behaviour.delays = (0, 0, 0)
        simulator.behaviour.follow_up = 0
        simulator.behaviour.webhook_retries = (0.01, 0.02, 0.05)
        simulator.add_account(
            Account(
                dialect="interakt",
                key=INTERAKT_KEY,
                secret="interakt-secret",
                webhook_url=receiver.url + "/webhooks/interakt",
            )
        )
        simulator.add_account(
            Account(
                dialect="meta",
                key="EAAtoken",
                secret="unit-test-app-secret",
                phone_number_id="810220330",
                waba_id="700200300",
                verify_token="hub-token",
                number="34911222333",
                webhook_url=receiver.url + "/webhooks/meta",
            )
        )
        simulator.add_account(
            Account(
                dialect="clevertap",
                name="native",
                username="ct",
                password="pass",
                delivery_url=receiver.url + "/dlr",
                inbound_url=receiver.url + "/inbound",
            )
        )
        yield simulator


@pytest.fixture
def send_interakt(sim: Simulator) -> Send:
    def send(to: str = "919812300001", reference: str = "712|1767225600|20260105|712", **changes: Any) -> Any:
        body = {
            "fullPhoneNumber": to,
            "callbackData": reference,
            "type": "Template",
            "template": {"name": "dashboard_track_order", "languageCode": "en", "bodyValues": ["Zoë"]},
        }
        headers = {"Authorization": f"Basic {INTERAKT_KEY}"}
        return requests.post(
            sim.url + "/v1/public/message/", json=body | changes, headers=headers, timeout=PATIENCE
        )

    return send


@pytest.fixture
def send_meta(sim: Simulator) -> Send:
    def send(
        to: str = "+919812300001", reference: str = "712|é/1", token: str = "EAAtoken", **changes: Any
    ) -> Any:
        body = {
            "messaging_product": "whatsapp",
            "to": to,
            "type": "template",
            "template": {
                "name": "order_ready_v2",
                "language": {"code": "es"},
                "components": [
                    {"type": "header", "parameters": [{"type": "text", "text": "Ana"}]},
                    {
                        "type": "body",
                        "parameters": [{"type": "text", "text": "A-1"}, {"type": "text", "text": "viernes"}],
                    },
                    {
                        "type": "button",
                        "sub_type": "url",
                        "index": "0",
                        "parameters": [{"type": "text", "text": "A-1"}],
                    },
                ],
            },
            "biz_opaque_callback_data": reference,
        }
        headers = {"Authorization": f"Bearer {token}"}
        return requests.post(sim.url + META_PATH, json=body | changes, headers=headers, timeout=PATIENCE)

    return send


@pytest.fixture
def send_clevertap(sim: Simulator) -> Send:
    def send(to: str = "+919812300001", auth: tuple[str, str] = ("ct", "pass"), **changes: Any) -> Any:
        body = {
            "payloadVersion": 0.1,
            "to": to,
            "wabaNumber": "15550100001",
            "isTemplate": True,
            "msgId": "712|1767225600|20260105|712|1",
            "template": {"namespace": "dashboard_track_order", "languageCode": "en"},
            "components": [
                {
                    "type": "body",
                    "body": {"text": "Hey Asha", "parameters": [{"type": "text", "text": "Asha"}]},
                },
                {"customProps": [{"costCentre": "blue"}]},
            ],
        }
        url = sim.url + "/clevertap/native/messages"
        return requests.post(url, json=body | changes, auth=auth, timeout=PATIENCE)

    return send


@pytest.fixture
def webhooks(sim: Simulator, receiver: Receiver) -> Callable[[int], list[Received]]:
    """Waits for this many webhooks, and until the simulator has nothing more to post."""

    def wait(count: int) -> list[Received]:
        sim.wait_until(lambda: len(receiver.got) >= count and sim.pending == 0)
        assert len(receiver.got) == count
        return receiver.got

    return wait
