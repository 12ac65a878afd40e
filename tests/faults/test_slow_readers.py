"""Browsers that read slowly, or not at all, and forms that come slowly: other people's pages are drawn."""

import asyncio
import hashlib
import io
import random
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

import pytest

from config import pages, spool
from config.body_limits import STRANGER
from config.pages import THREADS, Pages
from config.spool import Spool
from tests.waiting import PATIENCE

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Visit = asyncio.Task[None]
BLOCK = b"x" * 50_000


@pytest.fixture(autouse=True)
def _waiting(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    settings.BODY_SECONDS = PATIENCE
    settings.FILE_UPLOAD_TEMP_DIR = str(tmp_path)
    settings.PAGES_AT_ONCE = THREADS
    monkeypatch.setattr(pages, "AHEAD", 200_000)


class Site:
    """Answers by the path: a file, a page, a stream without an end, one that fails."""

    def __init__(self) -> None:
        self.made = 0
        self.closed = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        path = environ["PATH_INFO"]
        if path == "/file":
            return environ["wsgi.file_wrapper"](io.BytesIO(BLOCK * 100), 4096)  # type: ignore[no-any-return]
        if path == "/upload":
            return [str(len(environ["wsgi.input"].read())).encode()]
        return {"/page": lambda: [BLOCK * 3], "/stream": self.stream, "/fails": self.fails}[path]()

    def stream(self) -> Iterator[bytes]:
        try:
            for _ in count():
                self.made += 1
                yield BLOCK
        finally:
            self.closed += 1

    def fails(self) -> Iterator[bytes]:
        yield BLOCK
        raise RuntimeError


class Browser:
    """Reads what it is sent: after `reads` messages no more."""

    def __init__(self, reads: float = float("inf"), body: Iterable[bytes] = (b"",)) -> None:
        self.got: list[Any] = []
        self._reads = reads
        self._body = iter(body)
        self.stuck, self.left = asyncio.Event(), asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        for part in self._body:
            return {"type": "http.request", "body": part, "more_body": bool(part)}
        self.stuck.set()
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if len(self.got) >= self._reads:
            self.stuck.set()
            await self.left.wait()
            raise ConnectionError
        self.got.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.got)

    @property
    def status(self) -> int:
        return int(self.got[0]["status"])

    @property
    def is_whole(self) -> bool:
        return not self.got[-1].get("more_body", False)

    def visit(self, site: Pages, path: str) -> Visit:
        scope = {
            "type": "http", "method": "POST", "scheme": "http", "path": path, "raw_path": path.encode(),
            "query_string": b"", "root_path": "", "http_version": "1.1", "server": ("127.0.0.1", 80),
            "client": ("192.0.2.1", 5), "headers": [],
        }  # fmt: skip
        if path == "/upload":
            scope["headers"] = [(b"content-length", b"99999999")]
        return asyncio.create_task(site(scope, self.receive, self.send))  # type: ignore[arg-type]

    async def leave(self, visit: Visit) -> None:
        self.left.set()
        await visit


def played(story: Any) -> None:
    async def within() -> None:
        async with asyncio.timeout(PATIENCE):
            await story()

    asyncio.run(within())


async def draws(site: Pages) -> bool:
    """Whether somebody else gets a page."""
    other = Browser()
    await other.visit(site, "/page")
    return other.is_whole and other.body == BLOCK * 3


@pytest.mark.parametrize("path", ["/file", "/page"])
def test_who_reads_slowly_keeps_nobody_from_a_page(path: str) -> None:
    async def story() -> None:
        site = Pages(Site())
        slow = [Browser(reads=2) for _ in range(THREADS * 2)]
        visits = [each.visit(site, path) for each in slow]
        for each in slow:
            await each.stuck.wait()
        assert await draws(site)
        for each, visit in zip(slow, visits, strict=True):
            await each.leave(visit)

    played(story)


def test_a_stream_waits_for_its_reader_and_half_of_the_threads_for_readers() -> None:
    async def story() -> None:
        made = Site()
        site = Pages(made)
        slow = [Browser(reads=1) for _ in range(THREADS)]
        visits = [each.visit(site, "/stream") for each in slow]
        while made.closed < THREADS // 2:  # these are broken off
            await asyncio.sleep(0.01)
        assert await draws(site)
        assert made.closed == THREADS // 2
        # As much as may be ready, what the queue between thread and loop holds, and what each has in its hand
        assert made.made <= THREADS * (200_000 // len(BLOCK) + 1 + 10 + 3)
        for each, visit in zip(slow, visits, strict=True):
            await each.leave(visit)

    played(story)


def test_who_reads_nothing_is_cut_off(settings: Any) -> None:
    settings.BODY_SECONDS = 0.05

    async def story() -> None:
        made = Site()
        site = Pages(made)
        for path in ("/file", "/page", "/stream"):
            browser = Browser(reads=2)
            await browser.visit(site, path)
            assert not browser.is_whole
        assert made.closed == 1

    played(story)


def test_what_is_broken_off_has_no_end() -> None:
    async def story() -> None:
        browser = Browser()
        with pytest.raises(RuntimeError):
            await browser.visit(Pages(Site()), "/fails")
        assert browser.body == BLOCK
        assert not browser.is_whole

    played(story)


def test_files_come_whole() -> None:
    async def story() -> None:
        browser = Browser()
        await browser.visit(Pages(Site()), "/file")
        assert browser.is_whole
        assert browser.body == BLOCK * 100

    played(story)


def test_large_forms_that_come_slowly_leave_half_of_the_threads() -> None:
    def slowly() -> Iterator[bytes]:
        yield b"x" * (STRANGER + 1)

    async def story() -> None:
        site = Pages(Site())
        slow = [Browser(body=slowly()) for _ in range(THREADS // 2)]
        visits = [each.visit(site, "/upload") for each in slow]
        for each in slow:
            await each.stuck.wait()
        one_more = Browser(body=slowly())
        await one_more.visit(site, "/upload")
        assert one_more.status == 503
        assert await draws(site)
        for each, visit in zip(slow, visits, strict=True):
            await each.leave(visit)

    played(story)


def test_what_is_put_is_taken_in_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "IN_MEMORY", 30)
    monkeypatch.setattr(spool, "BLOCK", 7)

    async def story() -> None:
        before, chance, given, got = Spool.total, random.Random(1), hashlib.sha256(), hashlib.sha256()
        kept = Spool()
        for _ in range(400):
            if chance.random() < 0.4:
                part = chance.randbytes(chance.randrange(1, 40))
                given.update(part)
                await kept.put(part)
            else:
                got.update(await kept.take())
        assert kept.filled > 0
        assert Spool.total == before + kept.filled
        while part := await kept.take():
            got.update(part)
        assert got.digest() == given.digest()
        assert kept.filled == 0
        await kept.put(b"x" * 100)
        await kept.close()
        assert Spool.total == before

    played(story)
