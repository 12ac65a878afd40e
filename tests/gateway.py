"""The gateway as its callers see it: requests through the very ASGI application that is served."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from asgiref.sync import async_to_sync
from django.db import connections

from callbacks.webhooks import store
from campaigns.intake import receive
from campaigns.links import clicks
from config import asgi
from providers import description, refused_calls
from providers.models import Provider
from tests.waiting import PATIENCE

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


def call(
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    peer: str = "192.0.2.1",
) -> Answer:
    return async_to_sync(called)(method, path, body, headers or {}, peer)


async def called(
    method: str, path: str, body: bytes, headers: Mapping[str, str], peer: str = "192.0.2.1"
) -> Answer:
    path, _, query = path.partition("?")
    given = {"host": "localhost", "content-type": "application/json", "content-length": str(len(body))}
    given |= {name.lower(): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()],
        "client": (peer, 50_000),
        "server": ("localhost", 80),
    }
    if given["content-length"].isdigit():  # no server passes on more
        body = body[: int(given["content-length"])]
    unread = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        return unread.pop() if unread else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await asgi.application(scope, receive, send)
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))  # what nobody waits for
    answered = {name.decode().title(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    content = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], content, answered.get("Content-Type", ""), answered)


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
    return urlsplit(description.urls(provider)[name]).path


def writers_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the threads of group commit give their connections back, or the test database stays in use."""
    with ThreadPoolExecutor(1) as thread:  # a browser has a loop running in this one
        for writer in (receive._writer, store._writer, clicks._writer, refused_calls._writer):
            monkeypatch.setattr(writer, "_write", lambda _: connections.close_all())
            thread.submit(async_to_sync(writer.submit), None).result()  # type: ignore[arg-type]


def until(condition: Callable[[], Any], work: Callable[[], Any] | None = None) -> None:
    """Repeats `work` until the condition holds, where other threads and sockets take part."""
    end = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < end, f"not true within {PATIENCE:g} s"
        if work:
            work()
        sleep(0.005)
