"""The gateway as its callers see it: requests through the very WSGI application that is served."""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connections

from callbacks import inbox
from campaigns import clicks, intake
from config.wsgi import application
from providers import setup
from providers.models import Provider

SUCCESS = b'{"status":"success"}'

_numbers = iter(range(1, 10**9))


@dataclass
class Answer:
    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
    path, _, query = path.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
    }
    for name, value in (headers or {}).items():
        key = name.upper().replace("-", "_")
        environ[key if key.startswith("CONTENT_") else f"HTTP_{key}"] = value
    started: list[Any] = []
    content = b"".join(application(environ, lambda *args: started.extend(args)))
    answered = dict(started[1])
    return Answer(int(started[0].split()[0]), content, answered.get("Content-Type", ""), answered)


def basic(username: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{username}:{password}".encode()).decode()}


def logged_in(provider: Provider) -> dict[str, str]:
    """The headers CleverTap presents to a provider made by `factories.make_provider`."""
    return basic(provider.login.username, provider.login.password)  # type: ignore[attr-defined]


def post(provider: Provider, payload: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """CleverTap posts a message: JSON, or bytes as they are."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return call("POST", f"/v1/{provider.public_id}/messages", body, logged_in(provider) | dict(headers or {}))


def template(**changes: Any) -> dict[str, Any]:
    """A template message with an id of its own. A change to None leaves the key out."""
    number = next(_numbers)
    payload = {
        "payloadVersion": 0.1,
        "to": f"1555010{number:04d}",
        "wabaNumber": "15550001111",
        "isTemplate": True,
        "msgId": f"{number}|1767225600|20260105|{number}|0",
        "template": {"namespace": "order_ready", "languageCode": "en"},
        "components": [
            {"type": "body", "body": {"text": "Hello Mira", "parameters": [{"type": "text", "text": "Mira"}]}}
        ],
    }
    return {key: value for key, value in (payload | changes).items() if value is not None}


def freeform(**changes: Any) -> dict[str, Any]:
    bare = template(isTemplate=False, template=None, components=None)
    return bare | {"type": "text", "text": {"body": "Hi"}} | changes


def call_back(
    provider: Provider, purpose: str, payload: Any, headers: Mapping[str, str] | None = None
) -> Answer:
    """A BSP posts to one of the provider's callback URLs: delivery, inbound or webhook."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return call("POST", path_of(provider, purpose), body, headers)


def path_of(provider: Provider, purpose: str) -> str:
    name = "webhook_url" if purpose == "webhook" else f"{purpose}_callback_url"
    return urlsplit(setup.urls(provider)[name]).path


def writers_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the threads of group commit give their connections back, or the test database stays in use."""
    for writer in (intake._writer, inbox._writer, clicks._writer):
        monkeypatch.setattr(writer, "_write", lambda _: connections.close_all())
        writer.submit(None)  # type: ignore[arg-type]


def until(condition: Callable[[], Any], work: Callable[[], Any] | None = None, timeout: float = 20.0) -> None:
    """Works on until the condition holds. For what other threads and sockets take part in."""
    end = monotonic() + timeout
    while not condition():
        assert monotonic() < end, f"not true within {timeout:g} s"
        if work:
            work()
        sleep(0.005)
