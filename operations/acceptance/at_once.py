"""Many POSTs to one host at the same moment, each on a connection of its own.

The caller often runs on the server's machine. Whatever it uses, the server lacks, and then answers are late
that would otherwise be in time. So requests are bytes before the first is sent, and answers are read after
the last has come.
"""

import asyncio
import io
import socket
import ssl
from collections.abc import Sequence
from http.client import HTTPException, HTTPResponse
from time import monotonic
from typing import NamedTuple, Self, cast

import uvloop
from django.conf import settings
from yarl import URL

from lib import open_files, targets
from lib.http import HttpRequest
from lib.transport import CONNECT_TIMEOUT

_OTHERS = 256  # files and connections that the process may have open besides


class Answer(NamedTuple):
    """`milliseconds` run from the moment that the request was written, on a connection that stood, to the
    first byte of its answer. Where none came, `problem` says why."""

    status: int = 0
    text: str = ""
    milliseconds: int = 0
    problem: str = ""


class _Host(NamedTuple):
    """Where all connections lead: resolved, and checked, once."""

    name: str
    address: tuple[str, int]
    tls: ssl.SSLContext | None

    @classmethod
    def of(cls, url: str) -> Self:
        """Raises OSError where it cannot be found, and TargetRefused where it may not be called."""
        read, name = URL(url), targets.check_readable(url)
        found = socket.getaddrinfo(name, read.port, type=socket.SOCK_STREAM)
        address = str(found[0][4][0])
        if not (settings.ALLOW_PRIVATE_TARGETS or targets.is_public(address)):
            raise targets.TargetRefused(name, address)
        tls = ssl.create_default_context() if read.scheme == "https" else None
        return cls(name, (address, read.port or 0), tls)


class _Call(asyncio.Protocol):
    def __init__(self, request: bytes) -> None:
        self._request, self._came = request, bytearray()
        self._transport: asyncio.Transport | None = None
        self._sent = self._answered = 0.0
        self._problem = ""
        self.ended = asyncio.get_running_loop().create_future()

    async def connect(self, host: _Host) -> None:
        loop, name = asyncio.get_running_loop(), host.name if host.tls else None
        try:
            connecting = loop.create_connection(
                lambda: self, *host.address, ssl=host.tls, server_hostname=name
            )
            await asyncio.wait_for(connecting, CONNECT_TIMEOUT)
        except (OSError, TimeoutError) as error:
            self.end(f"no connection: {error or type(error).__name__}")

    def send(self) -> None:
        if self._transport is not None and not self.ended.done():
            self._sent = monotonic()
            self._transport.write(self._request)

    def end(self, problem: str) -> None:
        if not self.ended.done():
            self._problem = problem
            self.ended.set_result(None)
        if self._transport is not None:
            self._transport.abort()

    def answer(self) -> Answer:
        if self._problem:
            return Answer(problem=self._problem)
        response = HTTPResponse(_Received(bytes(self._came)), method="POST")  # type: ignore[arg-type]
        try:
            response.begin()
            body = response.read()
        except (HTTPException, OSError, ValueError) as error:
            return Answer(problem=f"the connection broke before an answer: {error or type(error).__name__}")
        return Answer(
            response.status, body.decode(errors="replace"), round((self._answered - self._sent) * 1000)
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._answered = self._answered or monotonic()
        self._came += data

    def connection_lost(self, error: Exception | None) -> None:
        self.end(str(error) if error else "")


class _Received(NamedTuple):
    """What came, as the socket that HTTPResponse reads from."""

    came: bytes

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.came)


def post_all(requests: Sequence[HttpRequest], timeout: float) -> list[Answer]:
    """The answers in the order of the requests, which all go to the host of the first."""
    open_files.allow(len(requests) + _OTHERS)
    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(_post_all(requests, timeout))
    finally:
        loop.close()


async def _post_all(requests: Sequence[HttpRequest], timeout: float) -> list[Answer]:
    try:
        host = _Host.of(requests[0].url)
    except OSError as error:
        return [Answer(problem=str(error))] * len(requests)
    calls = [_Call(_written(each)) for each in requests]
    await asyncio.gather(*(each.connect(host) for each in calls))
    for each in calls:
        each.send()
    await asyncio.wait([each.ended for each in calls], timeout=timeout)
    for each in calls:
        each.end(f"no answer within {timeout:g} s")
    return [each.answer() for each in calls]


def _written(request: HttpRequest) -> bytes:
    """The server closes the connection after its answer, so the end of the one is the end of the other."""
    url = URL(request.url)
    headers = {"Host": url.authority, "Connection": "close", "Content-Length": str(len(request.body))}
    lines = [f"{name}: {value}" for name, value in (headers | dict(request.headers)).items()]
    return "\r\n".join([f"POST {url.raw_path_qs} HTTP/1.1", *lines, "", ""]).encode() + request.body
