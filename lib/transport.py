"""The only place that opens sockets to others: many HTTP calls at once from plain threads.

aiohttp on one event loop a process, because it spends a seventh of the CPU of `requests` in
threads at hundreds of concurrent calls (`bench/dispatch.py` measures the pair).
"""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic

import aiohttp
from django.conf import settings

from lib.http import HttpRequest, HttpResponse
from lib.targets import PublicResolver, TargetRefused, is_public, literal_address

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

    def send(self, request: HttpRequest, timeout: float) -> HttpResponse:
        """One call, waiting for its answer. Raises NotSent or NoAnswer."""
        future: Future[Result] = Future()
        self.start(request, timeout, future.set_result)
        result = future.result()
        if isinstance(result, TransportError):
            raise result
        return result

    def start(self, request: HttpRequest, timeout: float, done: Done) -> None:
        """Starts a call; `done` gets its result on the loop's thread and must not block."""
        loop = self._running_loop()
        loop.call_soon_threadsafe(self._spawn, request, timeout, done)

    def _spawn(self, request: HttpRequest, timeout: float, done: Done) -> None:
        task = asyncio.ensure_future(self._call(request, timeout))
        task.add_done_callback(lambda finished: done(finished.result()))

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._pid = os.getpid()
                self._sessions = {}
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="transport", daemon=True).start()
            return self._loop

    def _session(self) -> aiohttp.ClientSession:
        private = settings.ALLOW_PRIVATE_TARGETS
        session = self._sessions.get(private)
        if session is None:
            connector = aiohttp.TCPConnector(
                limit=0,
                keepalive_timeout=KEEP_ALIVE,
                ttl_dns_cache=30,
                resolver=None if private else PublicResolver(),
            )
            session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "Waypost"},
                auto_decompress=True,
            )
            self._sessions[private] = session
        return session

    async def _call(self, request: HttpRequest, timeout: float) -> Result:
        begun = monotonic()
        try:
            address = literal_address(request.url)
            if address and not settings.ALLOW_PRIVATE_TARGETS and not is_public(address):
                raise TargetRefused(address, address)
            async with self._session().request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body or None,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout, connect=min(CONNECT_TIMEOUT, timeout)),
            ) as response:
                body = await _limited(response)
                elapsed = round((monotonic() - begun) * 1000)
                return HttpResponse(response.status, dict(response.headers), body, elapsed)
        except TargetRefused as error:
            return NotSent(str(error))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return NotSent(_reason(error, "no connection"))
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            return NotSent(f"not a URL to call: {error}")
        except TimeoutError:
            return NoAnswer(f"no answer within {timeout:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return NoAnswer(_reason(error, "the connection broke before an answer"))
        except Exception as error:  # a callback that never fires would hold its message for ever
            return NoAnswer(f"{type(error).__name__}: {error}")


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    """The body, cut at MAX_BODY."""
    if response.content_length is not None and response.content_length <= MAX_BODY:
        return await response.read()
    chunks = bytearray()
    async for chunk in response.content.iter_any():
        chunks += chunk
        if len(chunks) > MAX_BODY:
            break
    return bytes(chunks[:MAX_BODY])


def _reason(error: BaseException, lead: str) -> str:
    inner = getattr(error, "os_error", None) or error
    if isinstance(inner, TargetRefused):
        return str(inner)
    return f"{lead}: {error or type(error).__name__}"


transport = Transport()
