"""A caller that keeps its connection open, as CleverTap does, and counts what it is answered."""

import asyncio
import json
import ssl

from tests.deploy.conftest import HOST, Site
from tests.gateway import template


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


class Caller:
    """A connection through nginx, kept open as CleverTap keeps its own."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.tls = ssl.create_default_context(cafile=str(site.certificate))
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> int:
        """The status. A connection that breaks raises: that request is lost."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, self.site.port, ssl=self.tls)
        reader, writer = self._streams
        lines = {"Host": HOST, "Content-Length": str(len(body))} | headers
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b"transfer-encoding: chunked" in answer:
            while size := int(await reader.readline(), 16):
                await reader.readexactly(size + 2)
            await reader.readexactly(2)
        else:
            await reader.readexactly(int(answer.split(b"content-length:")[1].split(b"\r\n")[0]))
        if b"connection: close" in answer:
            self.close()
        return status(answer)

    async def post_message(self) -> int:
        return await self.ask("POST", self.site.path, json.dumps(template()).encode(), **self.site.login)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None
