"""The WSGI application: two handlers over the same URLs.

Machines (CleverTap, BSPs) carry no session, cookie or form, so their requests run without
middleware and without Django's per-request connection upkeep: a third of the time to answer.
People's requests get the full stack.
"""

import os
import re
from collections.abc import Iterable
from typing import Any, cast

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

# /v1/…/messages, the callbacks, and short links, whose redirect nobody should wait for; the
# template list queries like a page does.
MACHINE_PATHS = re.compile(r"/v1/[^/]+/messages$|/callbacks/|/webhooks/|/1/upload$|/l/")


class MachineHandler(WSGIHandler):
    """Views without middleware; they give their database connections back themselves."""

    def load_middleware(self, is_async: bool = False) -> None:
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        self._middleware_chain = convert_exception_to_response(super()._get_response)  # type: ignore[misc]

    def answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        response = cast(HttpResponse, self.get_response(self.request_class(environ)))
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return [response.content]


people = get_wsgi_application()
machines = MachineHandler()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    handler = machines.answer if MACHINE_PATHS.match(environ["PATH_INFO"]) else people
    return handler(environ, start_response)
