"""People's pages behind an ASGI server: Django's WSGI stack in threads.

Django's own ASGI handler would hold an export in memory before it sends the first byte. Threads make answers,
and the event loop brings them to browsers. So no thread waits for a form that does not come, or for a browser
that reads slowly; where an answer or a form is too large for that, at most half of the threads wait.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext
from threading import Event
from typing import Any

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.http import HttpResponse

from config.body_limits import STRANGER
from config.spool import BLOCK, Spool, aside
from lib.plain_api import Message, Receive, Scope, Send, respond

logger = logging.getLogger(__name__)

THREADS = 16
# Bytes that are made before they are read: of an answer, and of all together, where an answer is a large one.
AHEAD, MOST, LARGE = 64_000_000, 2_000_000_000, 1_000_000
ANSWER = "waypost.answer"


class Pages:
    """An ASGI application."""

    def __init__(self, wsgi: Any) -> None:
        self._wsgi = wsgi
        self._threads: Any = WSGIMiddleware(self._watched, workers=THREADS)
        self._waits = _Waits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(receive)
        try:
            await body.begin()
            with self._waits.one() if body.more else nullcontext():
                await self._answer(scope, body, send)
        except TimeoutError:
            await respond(scope, send, _refused(408, "The request ended too early."))
        except TooMany:
            busy = "Waypost is receiving other large files. Please try again in a moment."
            await respond(scope, send, _refused(503, busy))
        except ConnectionError:  # the caller has gone
            return

    async def _answer(self, scope: Scope, body: "_Body", send: Send) -> None:
        # WSGI has one name for X-Forwarded-For and X_Forwarded_For, which a proxy lets through.
        headers = [(name, value) for name, value in scope["headers"] if b"_" not in name]
        answer = _Answer(send, self._waits)
        sending = asyncio.create_task(answer.bring())
        try:
            await self._threads({**scope, "headers": headers, ANSWER: answer}, body, answer.put)
        except BaseException:
            answer.is_whole = False
            raise
        finally:
            answer.end()
            await sending

    def _watched(self, environ: Any, start_response: Any) -> Iterator[bytes]:
        """The WSGI application, which ends when its browser has gone, and leaves files to the loop."""
        answer: _Answer = environ["asgi.scope"][ANSWER]
        environ["wsgi.file_wrapper"] = _File
        parts = self._wsgi(environ, start_response)
        if isinstance(parts, _File):
            answer.file = parts.file
            return
        try:
            for part in parts:
                if answer.gone.is_set():
                    return
                yield part
        finally:
            getattr(parts, "close", lambda: None)()


class TooMany(Exception):
    """As many threads as may already wait for browsers."""


class _Waits:
    """The threads that wait for browsers, to read or to write: at most half of those that pages may have."""

    def __init__(self) -> None:
        self._now = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Raises TooMany."""
        if self._now >= max(1, min(THREADS, settings.PAGES_AT_ONCE) // 2):
            raise TooMany
        self._now += 1
        try:
            yield
        finally:
            self._now -= 1


class _File:
    """What Django hands over in place of a file's bytes."""

    def __init__(self, file: Any, block_size: int) -> None:
        self.file = file


class _Body:
    """What comes of a request. Up to as much as a stranger may post is awaited before a thread begins."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._begun: list[Message] = []
        self.more = True

    async def begin(self) -> None:
        size = 0
        async with asyncio.timeout(settings.BODY_SECONDS):
            while self.more and size <= STRANGER:
                message = await self._next()
                self._begun.append(message)
                size += len(message.get("body", b""))
                self.more = message.get("more_body", False)

    async def __call__(self) -> Message:
        if self._begun:
            return self._begun.pop(0)
        async with asyncio.timeout(settings.BODY_SECONDS):
            return await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":  # Django would take what has come for the whole
            raise ConnectionError("the browser went away")
        return message


class _Answer:
    """An answer on its way from a thread to the browser. When that is not to be reached, or does not read a
    block within BODY_SECONDS, it is `gone`, and the connection is closed before the answer is at its end."""

    def __init__(self, send: Send, waits: _Waits) -> None:
        self._send = send
        self._waits = waits
        self._start: Message | None = None
        self._spool = Spool()
        self._ended = False
        self._ready, self._read = asyncio.Event(), asyncio.Event()  # for who sends, and for who makes it
        self.gone = Event()
        self.is_whole = True
        self.file: Any = None  # sent after the content of the spool

    async def put(self, message: Message) -> None:
        """Takes what a thread made, and lets it go on; where very much is ready, once that is read."""
        if self.gone.is_set():
            return
        try:
            if message["type"] == "http.response.start":
                self._start = message
            elif part := message.get("body"):
                await self._room(len(part))
                await self._spool.put(part)
        except (TooMany, OSError) as error:  # a thread would wait for ever for an answer
            logger.warning("An answer that its browser reads too slowly is broken off: %r", error)
            self.gone.set()
        self._ready.set()

    async def _room(self, size: int) -> None:
        if self._spool.filled > LARGE and Spool.total > MOST:
            raise TooMany
        while self._spool.filled and self._spool.filled + size > AHEAD and not self.gone.is_set():
            with self._waits.one():
                self._read.clear()
                await self._read.wait()

    def end(self) -> None:
        self._ended = True
        self._ready.set()

    async def bring(self) -> None:
        """Sends it, block by block, as the browser reads."""
        try:
            async for message in self._messages():
                async with asyncio.timeout(settings.BODY_SECONDS):
                    await self._send(message)
                if self.gone.is_set():
                    break
        except Exception:  # the status that many servers log for a browser that has gone
            self.gone.set()
        finally:
            self._read.set()
            while not self._ended:  # the thread notices that it is gone
                self._ready.clear()
                await self._ready.wait()
            await self._spool.close()
            if self.file is not None:
                await aside(self.file.close)

    async def _messages(self) -> AsyncIterator[Message]:
        await self._ready.wait()
        if self._start is None:
            return
        yield self._start
        while True:
            self._ready.clear()
            if part := await self._spool.take():
                yield {"type": "http.response.body", "body": part, "more_body": True}
            elif self._ended:
                break
            else:
                self._read.set()
                await self._ready.wait()
        while self.file is not None and (part := await aside(self.file.read, BLOCK)):
            yield {"type": "http.response.body", "body": part, "more_body": True}
        if self.is_whole:
            yield {"type": "http.response.body", "body": b""}


def _refused(status: int, text: str) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain", headers={"Connection": "close"})
