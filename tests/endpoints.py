"""An HTTP endpoint whose answers a test sets: a BSP in CleverTap's format, or CleverTap itself."""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

Reply = tuple[int, dict[str, str], bytes]
SUCCESS: Reply = (200, {}, b'{"status":"success"}')


@dataclass
class Endpoint:
    """What came in. `reply` makes the answer to a payload, `pages` hold the answers to GETs by path."""

    url: str = ""
    reply: Callable[[dict[str, Any]], Reply] = lambda payload: SUCCESS
    pages: dict[str, Reply] = field(default_factory=dict)
    delay: float = 0.0
    got: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    most_at_once: int = 0
    _now: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def take(self, payload: dict[str, Any], headers: dict[str, str]) -> Reply:
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            self.got.append(payload)
            self.headers.append(headers)
        time.sleep(self.delay)
        with self._lock:
            self._now -= 1
        return self.reply(payload)

    def numbers(self) -> list[str]:
        return [payload["to"] for payload in self.got]


class _Server(ThreadingHTTPServer):
    """Ends what callers keep open: each would hold a thread and two open files until the last test."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, *args: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*args)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Prints no traceback where a caller has not waited for the answer."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        super().server_close()
        for each in list(self._open):
            with suppress(OSError):  # it ends by itself just now
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def listening() -> Iterator[Endpoint]:
    found = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            form = self.headers.get_content_type() == "application/x-www-form-urlencoded"
            payload = dict(parse_qsl(body.decode())) if form else json.loads(body)
            self._answer(found.take(payload, dict(self.headers.items())))

        def do_GET(self) -> None:
            found.headers.append(dict(self.headers.items()))
            self._answer(found.pages.get(self.path, (404, {}, b"not here")))

        def _answer(self, reply: Reply) -> None:
            status, headers, body = reply
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}/messages"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()
