"""The part of an answer that is ready and not sent yet: a little in memory, the rest in a file without a
name.

Reading and writing such a file is done in threads of their own, because a disk may be slow.
"""

import asyncio
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, TypeVar

from django.conf import settings

BLOCK = 64_000  # bytes that are handed on at once
IN_MEMORY = BLOCK

T = TypeVar("T")
_threads = ThreadPoolExecutor(4, thread_name_prefix="spool")


async def aside(work: Callable[..., T], *args: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads, work, *args)


class Spool:
    """First in, first out. For one who puts and one who takes, on one event loop."""

    total = 0  # bytes of all files

    def __init__(self) -> None:
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self._written = self._taken = 0  # bytes of the file
        self._lock = asyncio.Lock()

    @property
    def filled(self) -> int:
        """Bytes of the file. It begins anew when all of it is taken."""
        return self._written

    async def put(self, part: bytes) -> None:
        """Raises OSError where the disk takes no more."""
        async with self._lock:
            if self._written == 0 and len(self._memory) + len(part) <= IN_MEMORY:
                self._memory += part
            else:
                await self._aside(self._append, part)

    async def take(self) -> bytes:
        """The next block; empty where nothing is ready."""
        async with self._lock:
            if self._memory:
                part = bytes(self._memory[:BLOCK])
                del self._memory[:BLOCK]
                return part
            return await self._aside(self._next) if self._written else b""

    async def close(self) -> None:
        async with self._lock:
            if self._file is not None:
                await aside(self._file.close)
            Spool.total -= self._written
            self._written = 0

    async def _aside(self, work: Callable[..., T], *args: object) -> T:
        before = self._written
        done = await aside(work, *args)
        Spool.total += self._written - before
        return done

    def _append(self, part: bytes) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR)  # noqa: SIM115
        self._file.seek(self._written)
        self._file.write(part)
        self._written += len(part)

    def _next(self) -> bytes:
        assert self._file is not None
        self._file.seek(self._taken)
        part = self._file.read(BLOCK)
        self._taken += len(part)
        if self._taken == self._written:
            self._written = self._taken = 0
        return part
