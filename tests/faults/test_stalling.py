"""Callers who connect and then stall, in numbers, before the server that `manage.py serve` starts."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.gateway import SUCCESS, basic, template
from tests.processes import Migrated, free_port, manage, many_files, running, wait_until
from tests.waiting import PATIENCE

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux' /proc"),
]

STALLED = 200
IDLE = 10_000


class Server:
    """`manage.py serve` that waits three seconds for headers and for bodies."""

    def __init__(self, port: int, provider: Any) -> None:
        self.port = port
        self.path = "/v1/" + provider["messages_url"].split("/v1/")[1]
        self.login = basic(provider["username"], provider["password"])

    def connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def answers(self) -> bool:
        """Whether it is alive and takes a message."""
        base = f"http://127.0.0.1:{self.port}"
        alive = urlopen(f"{base}/livez", timeout=PATIENCE).read()
        headers = self.login | {"Content-Type": "application/json"}
        posted = Request(base + self.path, json.dumps(template()).encode(), headers)
        return (
            json.loads(alive) == {"status": "alive"} and urlopen(posted, timeout=PATIENCE).read() == SUCCESS
        )

    def head(self, path: str) -> bytes:
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Length: 100"]
        lines += [f"{name}: {value}" for name, value in self.login.items()]
        return "\r\n".join([*lines, "", ""]).encode()


@pytest.fixture(scope="module")
def server(migrated: Migrated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with migrated(tmp_path_factory.mktemp("stalling")) as env:
        env = env | {"HEADER_SECONDS": "3", "BODY_SECONDS": "3"}
        made = manage(
            env,
            *("provider", "add", "--nickname", "stalling", "--connector", "generic", "--json"),
            *("--waba-number", "15550001111", "--endpoint", "http://127.0.0.1:9/messages"),
        )
        found = Server(free_port(), json.loads(made))
        with running(["manage.py", "serve", "--port", str(found.port)], env, "serve"):
            wait_until(found.answers)
            yield found


@pytest.mark.parametrize("where", ["headers", "message", "page"])
def test_those_who_stall_stop_nobody_and_are_cut_off(server: Server, where: str) -> None:
    begun = {
        "headers": b"POST / HTTP/1.1\r\nHost: local",
        "message": server.head(server.path) + b"{",
        "page": server.head("/admin/login/") + b"a=",
    }[where]
    with ExitStack() as open_ones:
        stalled = [open_ones.enter_context(server.connected()) for _ in range(STALLED)]
        for each in stalled:
            each.sendall(begun)
        assert server.answers()
        for each in stalled:
            while each.recv(10_000):
                pass  # until it is closed, or the test fails by its timeout
        assert server.answers()


def test_browsers_that_stop_reading_stop_nobody(server: Server) -> None:
    """Twice as many as there are threads ask for pages and read none of them."""
    with ExitStack() as open_ones:
        for _ in range(32):
            each = open_ones.enter_context(server.connected())
            each.sendall(b"GET /static/unfold/css/styles.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
        assert server.answers()
        page = urlopen(f"http://127.0.0.1:{server.port}/admin/login/", timeout=PATIENCE)
        assert page.status == 200


@pytest.mark.parametrize("path", ["/livez", "/admin/login/", "/static/unfold/css/styles.css"])
def test_who_got_an_answer_and_stays_is_cut_off(server: Server, path: str) -> None:
    """Whether it is read or lies in the buffers of the system: the server closes its end."""
    with server.connected() as reads, server.connected() as reads_nothing:
        for each in reads, reads_nothing:
            each.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        while reads.recv(100_000):
            pass
        wait_until(lambda: not is_held(server.port, reads_nothing.getsockname()[1]))


def is_held(port: int, peer: int) -> bool:
    """Whether a process still has the server's end of a connection: it has an inode until then."""
    ends = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(
        end[1].endswith(f":{port:04X}") and end[2].endswith(f":{peer:04X}") and end[9] != "0" for end in ends
    )


def test_ten_thousand_open_connections(server: Server) -> None:
    with many_files(IDLE + 1000), ExitStack() as open_ones:
        for _ in range(IDLE):
            open_ones.enter_context(server.connected())
        assert server.answers()
