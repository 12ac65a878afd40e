"""A whole installation in processes of its own, which tests kill."""

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from typing import Any

import psycopg
import pytest
import requests

from campaigns.models import Status
from simulator.accounts import Account
from simulator.server import Simulator
from tests.bsps import NUMBER, bsp
from tests.gateway import basic
from tests.processes import Migrated, alive, answers, free_port, manage, running, wait_until
from tests.waiting import PATIENCE


class Installation:
    """`manage.py serve` with two web processes, one provider, and the broker if there is one."""

    def __init__(self, env: dict[str, str], port: int, simulator: Simulator) -> None:
        self.env = env
        self.url = f"http://127.0.0.1:{port}"
        self.simulator = simulator
        self.account: Account = bsp("generic", simulator.url).account
        self.broker: subprocess.Popen[bytes] | None = None

    def add_provider(self) -> None:
        endpoint = bsp("generic", self.simulator.url).provider["endpoint"]
        made = json.loads(
            manage(
                self.env,
                *("provider", "add", "--nickname", "faults", "--connector", "generic", "--json"),
                *("--waba-number", NUMBER, "--endpoint", endpoint),
                *("--credential", f"username={self.account.username}"),
                *("--credential", f"password={self.account.password}"),
            )
        )
        self.path = f"/v1/{made['messages_url'].split('/v1/')[1]}"
        self.login = basic(made["username"], made["password"])

    def post(self, payload: dict[str, Any]) -> bool:
        """Whether the message was taken. Raises requests.ConnectionError while nobody serves."""
        answer = requests.post(self.url + self.path, json=payload, headers=self.login, timeout=PATIENCE)
        return (answer.status_code, answer.content) == (200, b'{"status":"success"}')

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        url = self.env["DATABASE_URL"]
        if url.startswith("sqlite"):
            with (
                closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=PATIENCE)) as database,
                database,
            ):
                return database.execute(query).fetchall()
        with psycopg.connect(url) as server:
            cursor = server.execute(query)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def statuses(self) -> dict[str, int]:
        """msgId → status of every message."""
        return dict(self.rows("SELECT msg_id, status FROM campaigns_message"))

    def idle(self) -> bool:
        """Whether nothing is left to send."""
        return not {Status.QUEUED, Status.SENDING} & set(self.statuses().values())

    def sends(self, msg_id: str) -> int:
        return sum(record.reference == msg_id for record in self.simulator.requests)

    def kill(self, *words: str) -> None:
        """SIGKILL to every process whose command line has one of the words."""
        family = self.family().items()
        _signal([pid for pid, command in family if any(word in command for word in words)], signal.SIGKILL)

    def family(self) -> dict[int, str]:
        return alive(self.env)

    def stand_still(self, pids: list[int]) -> None:
        """SIGSTOP to each, at a moment at which none of them is inside a transaction on SQLite.

        SQLite has one writer: whoever is stopped inside a transaction keeps every other one out, and
        no server ends it. PostgreSQL's ends it, which a test of its own shows.
        """
        while True:
            _signal(pids, signal.SIGSTOP)
            if self.others_write():
                return
            self.go_on(pids)

    def go_on(self, pids: Iterable[int]) -> None:
        _signal(pids, signal.SIGCONT)

    def others_write(self) -> bool:
        """Whether a transaction that writes can begin within seconds."""
        url = self.env["DATABASE_URL"]
        if not url.startswith("sqlite"):
            return True
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=10)) as database:
            try:
                database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
        return True

    def sending(self) -> bool:
        """Whether a worker holds the queue of messages."""
        held = "name LIKE 'send:%' AND expires_at > CURRENT_TIMESTAMP"
        return bool(self.rows(f"SELECT name FROM providers_lease WHERE {held}"))

    def leases_expire(self) -> None:
        """Ends every lease, as if a dead worker's time had passed."""
        past = (
            "2000-01-01 00:00:00+00:00" if self.env["DATABASE_URL"].startswith("p") else "2000-01-01 00:00:00"
        )
        self.rows(f"UPDATE providers_lease SET expires_at = '{past}'")

    def serves(self) -> bool:
        with suppress(requests.RequestException):
            return requests.get(self.url + "/livez", timeout=2).ok
        return False

    def sound(self) -> None:
        manage(self.env, "audit")  # exits with 1 when something does not add up

    def start_broker(self) -> None:
        """A Redis of our own, because it is to be killed."""
        port = self.env["CELERY_BROKER_URL"].split(":")[2].split("/")[0]
        self.broker = subprocess.Popen(
            [
                "redis-server",
                "--port",
                port,
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--dir",
                self.env["DATA_DIR"],
            ],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_until(lambda: answers(int(port)))

    def kill_broker(self) -> None:
        if self.broker is not None:
            self.broker.kill()
            self.broker.wait()


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


@pytest.fixture(scope="module")
def _installation(
    migrated: Migrated, tmp_path_factory: pytest.TempPathFactory, _simulator: Simulator
) -> Iterator[Installation]:
    with migrated(tmp_path_factory.mktemp("faults")) as env:
        port = free_port()
        if env["CELERY_BROKER_URL"]:
            env = env | {"CELERY_BROKER_URL": f"redis://127.0.0.1:{free_port()}/0"}
        installed = Installation(env, port, _simulator)
        if env["CELERY_BROKER_URL"]:
            installed.start_broker()
        try:
            installed.add_provider()
            with running(["manage.py", "serve", "--port", str(port), "--workers", "2"], env, "serve"):
                yield installed
        finally:
            installed.kill_broker()


@pytest.fixture
def installation(_installation: Installation, simulator: Simulator) -> Iterator[Installation]:
    simulator.add_account(_installation.account)
    simulator.behaviour.webhooks = False
    wait_until(_installation.serves)
    yield _installation
    wait_until(_installation.idle)  # or the next test would see what this one sends
