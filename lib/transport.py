"""The only place that opens sockets to others: many HTTP calls at once from plain threads.

aiohttp on one event loop a process, because it spends a seventh of the CPU of `requests` in
threads at hundreds of concurrent calls (bench/sending.py measures the pair). Loading aiohttp takes a
tenth of a second, so it waits for the first call: most processes that may call never do.
"""

import asyncio
import atexit
import contextlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from time import monotonic
from typing import TYPE_CHECKING

import uvloop
from django.conf import settings

from lib.http import HttpRequest, HttpResponse
from lib.targets import TargetRefused, public_socket
from lib.version import VERSION

if TYPE_CHECKING:
    import aiohttp

CONNECT_TIMEOUT = 10.0
KEEP_ALIVE = 15.0  # below the usual idle limit of servers, so that a dying connection is not reused
MAX_BODY = 2_000_000


class TransportError(Exception):
    """A call that brought no answer. The text says what happened."""


class NotSent(TransportError):
    """The connection was never made: the other side has seen nothing."""


class NoAnswer(TransportError):
    """The request left, or may have, and no answer came."""


Result = HttpResponse | TransportError
Done = Callable[[Result], None]


class Transport:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def send(self, request: HttpRequest, timeout: float, most: int = MAX_BODY) -> HttpResponse:
        """One call, waiting for its answer, whose body is cut at `most` bytes. Raises NotSent or NoAnswer."""
        result = self.begin(request, timeout, most).result()
        if isinstance(result, TransportError):
            raise result
        return result

    def begin(self, request: HttpRequest, timeout: float, most: int = MAX_BODY) -> "Future[Result]":
        """One call, for whoever has something else to do until its answer comes."""
        future: Future[Result] = Future()
        self.start([(request, future.set_result)], timeout, most)
        return future

    def start(self, calls: Sequence[tuple[HttpRequest, Done]], timeout: float, most: int = MAX_BODY) -> None:
        """Starts calls; each `done` gets its result on the loop's thread and must not block."""
        self._running_loop().call_soon_threadsafe(self._spawn, calls, timeout, most)

    def _spawn(self, calls: Sequence[tuple[HttpRequest, Done]], timeout: float, most: int) -> None:
        import aiohttp

        private = bool(settings.ALLOW_PRIVATE_TARGETS)
        session = self._session(private)
        limits = aiohttp.ClientTimeout(total=timeout, connect=min(CONNECT_TIMEOUT, timeout))
        for request, done in calls:
            task = asyncio.ensure_future(_call(session, request, limits, done, most))
            self._tasks.add(task)  # the loop itself holds tasks but weakly
            task.add_done_callback(self._tasks.discard)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._pid = os.getpid()
                self._sessions = {}
                self._loop = uvloop.new_event_loop()
                # The loop keeps Python busy; threads back from the database must not wait long for
                # their turn: a third more messages a second by bench/sending.py.
                sys.setswitchinterval(0.001)
                threading.Thread(target=self._loop.run_forever, name="transport", daemon=True).start()
            return self._loop

    def _session(self, private: bool) -> "aiohttp.ClientSession":
        import aiohttp

        from lib.resolver import PublicResolver

        session = self._sessions.get(private)
        if session is None:
            connector = aiohttp.TCPConnector(
                limit=0,
                keepalive_timeout=KEEP_ALIVE,
                ttl_dns_cache=30,
                resolver=None if private else PublicResolver(),
                socket_factory=None if private else public_socket,
            )
            session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": f"Waypost/{VERSION}"},
                auto_decompress=True,
            )
            self._sessions[private] = session
        return session

    def close(self) -> None:
        """Closes the idle connections, so that aiohttp does not warn of them when the process stops."""
        loop, sessions = self._loop, self._sessions
        if loop is None or self._pid != os.getpid():
            return

        async def close_all() -> None:
            for session in sessions.values():
                await session.close()

        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(close_all(), loop).result(2.0)


async def _call(
    session: "aiohttp.ClientSession",
    request: HttpRequest,
    limits: "aiohttp.ClientTimeout",
    done: Done,
    most: int,
) -> None:
    done(await _result(session, request, limits, most))


async def _result(
    session: "aiohttp.ClientSession",
    request: HttpRequest,
    limits: "aiohttp.ClientTimeout",
    most: int,
) -> Result:
    import aiohttp

    begun = monotonic()
    answered = False
    try:
        async with session.request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body or None,
            allow_redirects=False,
            timeout=limits,
        ) as response:
            answered = True
            body = await _limited(response, most)
            return HttpResponse(response.status, response.headers, body, round((monotonic() - begun) * 1000))
    except TargetRefused as error:
        return NotSent(str(error))
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        return NotSent(_reason(error, "no connection"))
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
        return NotSent(f"not a URL to call: {error}")
    except TimeoutError:
        return NoAnswer(f"no answer within {limits.total:g} s")
    except (aiohttp.ClientError, OSError) as error:
        return NoAnswer(_reason(error, "the connection broke before an answer"))
    except ValueError as error:
        # A header or a host that cannot be written, which aiohttp notices before it writes anything.
        return (NoAnswer if answered else NotSent)(f"{type(error).__name__}: {error}")
    except Exception as error:  # a callback that never fires would hold its message for ever
        return NoAnswer(f"{type(error).__name__}: {error}")


async def _limited(response: "aiohttp.ClientResponse", most: int) -> bytes:
    """The body, cut at `most` bytes."""
    length = response.content_length
    if length is not None and length <= most and "Content-Encoding" not in response.headers:
        return await response.read()
    # A body may be longer than it says once it is unpacked: a few kilobytes can hold gigabytes.
    chunks, room = [], most
    async for chunk in response.content.iter_any():
        chunks.append(chunk[:room])
        room -= len(chunk)
        if room <= 0:
            break
    return b"".join(chunks)


def _reason(error: BaseException, lead: str) -> str:
    inner = getattr(error, "os_error", None) or error
    if isinstance(inner, TargetRefused):
        return str(inner)
    return f"{lead}: {error or type(error).__name__}"


transport = Transport()
atexit.register(transport.close)
