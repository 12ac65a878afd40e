"""The event loop that machines are answered on: nothing holds it up, and nobody is told what is not known."""

import asyncio
import gc
import gzip
import json
import threading
from collections.abc import Callable, Generator, Sequence
from time import thread_time
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import DataError

from audience import accounts
from callbacks.webhooks import views as webhooks
from campaigns.intake import receive
from campaigns.ledger.entries import Accepted
from config import asgi, wsgi
from config.pages import Pages
from lib.group_commit import GroupCommit
from providers.models import Provider
from tests.factories import make_provider
from tests.gateway import SUCCESS, call, called, logged_in, path_of, post, template, until
from tests.waiting import PATIENCE

BLOCKING = 0.05  # seconds of the loop's own CPU time, which a busy machine does not lengthen
SIGNED = {"api_key": "k", "webhook_secret": "s"}

pytestmark = pytest.mark.django_db


class Watched:
    """Awaits the work and keeps the longest time that it held the loop without a pause."""

    def __init__(self, work: Any) -> None:
        self.work = work
        self.longest = 0.0

    def __await__(self) -> Generator[Any, None, Any]:
        steps = self.work.__await__()
        error: BaseException | None = None
        while True:
            began = thread_time()
            try:
                pause = steps.send(None) if error is None else steps.throw(error)
            except StopIteration as end:
                return end.value
            finally:
                self.longest = max(self.longest, thread_time() - began)
            error = None
            try:
                yield pause
            except BaseException as raised:
                error = raised


def held(method: str, path: str, body: bytes, headers: dict[str, str], status: int) -> float:
    async def watched() -> float:
        watch = Watched(called(method, path, body, headers))
        answer = await watch
        assert answer.status == status, answer
        return watch.longest

    async_to_sync(watched)()  # what is loaded and compiled at the first time is no measure
    gc.disable()  # nor is the garbage of the tests before this one
    try:
        return async_to_sync(watched)()
    finally:
        gc.enable()


def long_message() -> bytes:
    return json.dumps(template(customProps=[{f"p{n}": "x" * 20} for n in range(20_000)])).encode()


def many_components() -> bytes:
    (part,) = template()["components"]
    return json.dumps(template(components=[part] * 5_000)).encode()


def many_records() -> bytes:
    records = [
        {"identity": f"p{n}", "type": "profile", "profileData": {f"a{k}": "x" * 20 for k in range(150)}}
        for n in range(1000)
    ]
    return json.dumps({"d": records}).encode()


@pytest.mark.parametrize(
    "body", [lambda: json.dumps(template()).encode(), long_message, many_components, lambda: b"[" * 900_000]
)
@pytest.mark.parametrize("zipped", [False, True])
def test_no_message_holds_up_the_loop(provider: Provider, body: Callable[[], bytes], zipped: bool) -> None:
    content, headers = body(), logged_in(provider)
    status = 403 if content.startswith(b"[") else 200
    if zipped:
        content, headers = gzip.compress(content), headers | {"Content-Encoding": "gzip"}
    assert held("POST", f"/v1/{provider.public_id}/messages", content, headers, status) < BLOCKING


@pytest.mark.parametrize("size", [1_000, 3_900_000])
def test_no_webhook_holds_up_the_loop(db: None, size: int) -> None:
    provider = make_provider(connector_slug="interakt", credentials=SIGNED)
    body = json.dumps({"object": "x" * size}).encode()
    assert held("POST", path_of(provider, "webhook"), body, {}, 401) < BLOCKING
    assert held("POST", path_of(provider, "delivery"), body, {}, 200) < BLOCKING


def test_no_upload_holds_up_the_loop(db: None) -> None:
    _, passcode = accounts.add("SHOP-1")
    headers = {"X-CleverTap-Account-Id": "SHOP-1", "X-CleverTap-Passcode": passcode}
    assert held("POST", "/1/upload?dryRun=1", many_records(), headers, 200) < BLOCKING


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("GET", "/l/nowhere", 404),
        ("GET", "/webhooks/nowhere", 404),
        ("GET", "/webhooks/a/b/c", 404),
        ("PUT", "/v1/x/messages", 405),
        ("OPTIONS", "/1/upload", 204),
    ],
)
def test_nothing_else_holds_up_the_loop(method: str, path: str, status: int) -> None:
    assert held(method, path, b"", {}, status) < BLOCKING


def test_a_slow_handler_is_noticed(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def spin(*_: Any) -> None:
        end = thread_time() + BLOCKING * 2
        while thread_time() < end:
            pass

    monkeypatch.setattr(webhooks, "_answered", spin)
    provider = make_provider(connector_slug="interakt", credentials=SIGNED)
    assert held("POST", path_of(provider, "webhook"), b"{}", {}, 200) >= BLOCKING


@pytest.fixture
def grouped(settings: Any) -> None:
    settings.INTAKE_GROUP_COMMIT = True
    settings.INTAKE_MAX_WAIT = PATIENCE


class Store:
    """Takes groups when it is let; refuses those with a message to one of `bad`."""

    def __init__(self) -> None:
        self.stored: list[str] = []
        self.bad: set[str] = set()
        self.let = threading.Event()
        self.asked: list[int] = []

    def write(self, group: Sequence[Accepted]) -> None:
        self.asked.append(len(group))
        assert self.let.wait(PATIENCE)
        if self.bad & {entry.to for entry in group}:
            raise DataError("the database refuses a value")
        self.stored += [entry.to for entry in group]


@pytest.fixture
def store(grouped: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    store = Store()
    monkeypatch.setattr(receive, "_writer", GroupCommit(store.write))
    yield store
    store.let.set()


def test_a_caller_who_is_gone_before_the_commit_is_told_nothing(provider: Provider, store: Store) -> None:
    """Neither "success" nor "failure" would be known to be true: the message is committed later."""
    payload = template()
    sent: list[Any] = []

    async def gives_up() -> None:
        task = asyncio.ensure_future(_posted(provider, payload, sent))
        while not store.asked:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async_to_sync(gives_up)()
    assert (sent, store.stored) == ([], [])
    store.let.set()
    until(lambda: store.stored == [payload["to"]])


async def _posted(provider: Provider, payload: Any, sent: list[Any]) -> None:
    body = json.dumps(payload).encode()
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/v1/{provider.public_id}/messages",
        "headers": [(name.lower().encode(), value.encode()) for name, value in logged_in(provider).items()],
    }

    async def take() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await asgi.application(scope, take, send)


def test_one_message_that_cannot_be_stored_costs_no_other(provider: Provider, store: Store) -> None:
    first, *group = [template() for _ in range(4)]
    store.bad = {group[1]["to"]}

    async def all_at_once() -> list[Any]:
        waiting = [asyncio.ensure_future(_call(provider, first))]
        while not store.asked:
            await asyncio.sleep(0.005)
        waiting += [asyncio.ensure_future(_call(provider, payload)) for payload in group]
        while len(receive._writer._queue) < len(group):
            await asyncio.sleep(0.005)
        store.let.set()
        return await asyncio.gather(*waiting)

    assert async_to_sync(all_at_once)() == [200, 200, 500, 200]
    assert store.asked[1] == len(group), "they were one group"
    assert set(store.stored) == {first["to"], group[0]["to"], group[2]["to"]}


async def _call(provider: Provider, payload: Any) -> int:
    sent: list[Any] = []
    await _posted(provider, payload, sent)
    return int(sent[0]["status"])


def test_what_stalls_is_cut_off(provider: Provider, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.BODY_SECONDS = 0.05
    monkeypatch.setattr(asgi, "people", Pages(wsgi.application))
    sent: list[Any] = []

    async def stalled() -> None:
        async def take() -> Any:
            await asyncio.sleep(PATIENCE)

        async def send(message: Any) -> None:
            sent.append(message)

        path, headers = f"/v1/{provider.public_id}/messages", [(b"content-length", b"10")]
        headers += [(name.lower().encode(), value.encode()) for name, value in logged_in(provider).items()]
        for where in (path, "/admin/login/"):
            scope = {"type": "http", "method": "POST", "path": where, "headers": headers}
            await asgi.application(scope, take, send)

    async_to_sync(stalled)()
    assert b"within 0.05 seconds" in sent[1]["body"]
    assert [message["status"] for message in sent if "status" in message] == [403, 408]


def test_messages_are_answered_beside_it_all(provider: Provider) -> None:
    assert post(provider, template()).body == SUCCESS
    assert call("GET", "/livez").json == {"status": "alive"}
