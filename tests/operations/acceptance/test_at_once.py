"""Requests at the same moment, against a server that says how many are under way."""

import asyncio
import resource
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import pytest

from lib.http import HttpRequest
from operations.acceptance.at_once import post_all
from tests.waiting import PATIENCE

COUNT = 50
Streams = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextmanager
def served(answer: Streams) -> Iterator[list[HttpRequest]]:
    """Requests to a server that answers so."""
    ports: Queue[int] = Queue()
    done = threading.Event()

    async def serve() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            ports.put(server.sockets[0].getsockname()[1])
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    url = f"http://127.0.0.1:{ports.get(timeout=PATIENCE)}/messages?a=b"
    try:
        yield [HttpRequest("POST", url, {"X-Number": str(n)}, b'{"n": %d}' % n) for n in range(COUNT)]
    finally:
        done.set()
        thread.join()


@pytest.fixture(autouse=True)
def private(settings: object) -> None:
    settings.ALLOW_PRIVATE_TARGETS = True  # type: ignore[attr-defined]


def test_each_answer_is_its_requests_own_also_in_chunks() -> None:
    """The server answers nobody before it has all requests."""
    waiting: list[asyncio.StreamWriter] = []
    everybody = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"POST /messages?a=b HTTP/1.1\r\nHost: 127.0.0.1:")
        body = await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
        waiting.append(writer)
        if len(waiting) == COUNT:
            everybody.set()
        await everybody.wait()
        chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)
        writer.close()

    with served(answer) as requests:
        answers = post_all(requests, PATIENCE)
    assert [each.text for each in answers] == [each.body.decode() for each in requests]
    assert {(each.status, each.problem) for each in answers} == {(200, "")}


def test_a_process_that_may_open_few_files_calls_them_all() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with served(answer) as requests:
        few = len(list(Path("/proc/self/fd").iterdir())) + COUNT // 2
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
        try:
            found = post_all(requests, PATIENCE)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert {(each.status, each.problem) for each in found} == {(204, "")}


def test_what_is_not_answered_says_why() -> None:
    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"X-Number: 1\r\n" in head:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf")
        writer.close()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    with served(broken) as requests:
        found = post_all(requests[:2], PATIENCE)
    assert all("the connection broke before an answer" in each.problem for each in found), found
    found = post_all(requests[:2], PATIENCE)
    assert all("no connection" in each.problem for each in found), found
    with served(silent) as requests:
        assert [each.problem for each in post_all(requests[:1], 0.1)] == ["no answer within 0.1 s"]


def test_a_private_address_is_not_called(settings: object) -> None:
    settings.ALLOW_PRIVATE_TARGETS = False  # type: ignore[attr-defined]
    found = post_all([HttpRequest("POST", "http://127.0.0.1:1/", {}, b"")] * 2, PATIENCE)
    assert all("not a public address" in each.problem for each in found), found
