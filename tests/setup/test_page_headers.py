"""What a caller's headers become on the way to people's pages."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from config.pages import Pages


def test_a_header_with_an_underscore_passes_for_no_header_of_a_proxy() -> None:
    """WSGI has one name for X-Forwarded-For and X_Forwarded_For, and some proxies let the second through."""
    found: dict[str, Any] = {}

    def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        found.update(environ)
        start_response("200 OK", [])
        return [b""]

    async def visit() -> None:
        scope = {
            "type": "http", "method": "GET", "scheme": "http",
            "path": "/", "raw_path": b"/", "query_string": b"",
            "root_path": "", "http_version": "1.1", "server": ("127.0.0.1", 80), "client": ("192.0.2.1", 5),
            "headers": [(b"x-forwarded-for", b"192.0.2.7"), (b"x_forwarded_for", b"8.8.8.8")],
        }  # fmt: skip
        await Pages(wsgi)(scope, receive, send)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    asyncio.run(visit())
    assert found["HTTP_X_FORWARDED_FOR"] == "192.0.2.7"
