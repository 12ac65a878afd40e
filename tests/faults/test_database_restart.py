"""PostgreSQL restarts, or another machine takes its place: nobody gets an error once it answers again."""

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import requests
from django.db import connection

from tests.gateway import basic, template
from tests.processes import Migrated, answers, free_port, manage, running, wait_until
from tests.waiting import PATIENCE

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite is a file"),
]


class Proxy:
    """A way to the database that can be cut. Connections end then, and new ones are refused."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def open(self) -> None:
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(PATIENCE)

    def cut(self) -> None:
        asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result(PATIENCE)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=256)

    async def _cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection(*self._target)
        ways = [(reader, ours), (theirs, writer)]
        for source, target in ways:
            task = asyncio.create_task(self._pass_on(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            try:
                while data := await source.read(65536):
                    target.write(data)
                    await target.drain()
            finally:
                target.close()


class Answered(NamedTuple):
    began: float
    ended: float
    status: int


class Caller:
    """Posts messages from some threads for as long as its block lasts."""

    def __init__(self, url: str, login: dict[str, str]) -> None:
        self.url, self.login = url, login
        self.answers: list[Answered] = []
        self._stop = threading.Event()

    @contextmanager
    def posting(self) -> Iterator[None]:
        with ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(self._keep_posting) for _ in range(8)]
            try:
                yield
            finally:
                self._stop.set()
        for future in futures:
            future.result()

    def _keep_posting(self) -> None:
        with requests.Session() as session:
            while not self._stop.is_set():
                began = monotonic()
                answer = session.post(self.url, json=template(), headers=self.login, timeout=PATIENCE)
                self.answers.append(Answered(began, monotonic(), answer.status_code))
                sleep(0.02)

    def taken(self, since: float) -> list[Answered]:
        return [each for each in self.answers if each.began > since and each.status == 200]


@pytest.fixture
def proxied(migrated: Migrated, tmp_path: Path) -> Iterator[tuple[dict[str, str], Proxy]]:
    with migrated(tmp_path) as env:
        parts = urlsplit(env["DATABASE_URL"])
        proxy = Proxy(parts.hostname or "127.0.0.1", parts.port or 5432)
        proxy.open()
        netloc = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{proxy.port}"
        env |= {"DATABASE_URL": urlunsplit(parts._replace(netloc=netloc)), "CELERY_BROKER_URL": ""}
        yield env, proxy
        proxy.cut()


def test_nobody_gets_an_error_once_the_database_answers_again(proxied: tuple[dict[str, str], Proxy]) -> None:
    env, proxy = proxied
    port = free_port()
    made: dict[str, Any] = json.loads(
        manage(
            env,
            *("provider", "add", "--nickname", "shop", "--connector", "generic", "--json"),
            *("--waba-number", "15550001111", "--endpoint", "http://127.0.0.1:9/messages"),
        )
    )
    manage(env, "provider", "pause", "shop")
    url = f"http://127.0.0.1:{port}"
    ready = lambda: requests.get(f"{url}/readyz", timeout=PATIENCE)  # noqa: E731
    with running(["manage.py", "serve", "--port", str(port), "--workers", "2"], env):
        wait_until(lambda: answers(port))
        caller = Caller(url + urlsplit(made["messages_url"]).path, basic(made["username"], made["password"]))
        with caller.posting():
            wait_until(lambda: len(caller.taken(0)) > 50)
            for _ in range(5):  # every connection ends while the database goes on, as in a failover
                _end_every_connection(env["DATABASE_URL"])
                now = monotonic()
                wait_until(lambda now=now: len(caller.taken(now)) > 30)  # type: ignore[misc]
            assert {each.status for each in caller.answers} == {200}

            before = monotonic()
            proxy.cut()
            wait_until(lambda: any(each.ended > before and each.status != 200 for each in caller.answers))
            asked = monotonic()
            assert ready().status_code == 503
            took = monotonic() - asked
            sleep(2)
            proxy.open()
            back = monotonic()
            wait_until(lambda: len(caller.taken(back)) > 50)
            wait_until(lambda: ready().status_code == 200)
        first = min(each.ended for each in caller.answers if each.ended > back and each.status == 200)
        print(f"/readyz told of it in {took:.2f} s; the first success {first - back:.2f} s after its return")
        assert {each.status for each in caller.answers if each.began > back} == {200}


def _end_every_connection(url: str) -> None:
    with psycopg.connect(url) as server:
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
