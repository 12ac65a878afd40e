"""DRF views for machines, answered on an event loop. There is one format for requests and one for answers.

Machines (CleverTap, BSPs) carry no session, cookie or form, so their requests run without middleware and
without Django's per-request connection upkeep.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from functools import lru_cache, partial
from io import BytesIO
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.exception import response_for_exception
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import resolve
from django.utils.log import log_response
from rest_framework.views import APIView

from lib import aside
from lib.logs import masked

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

logger = logging.getLogger("waypost.access")

MOST_PATHS = 4096  # that are remembered, with their views and how the log shows them
MOST_WORDS = 200  # of an answer, in the log


class PlainView(APIView):
    """A handler gets Django's request, checks the credentials itself and returns the finished answer.

    DRF's steps around a handler (negotiation, parsing, authentication, throttling, rendering)
    are left out: they decide what is fixed here, and cost twice what reading a message costs.
    DRF still routes, and answers a wrong method. OPTIONS tells the methods. Handlers are coroutines.
    """

    schema = None  # what CleverTap and BSPs post is in their own documentation, not in OpenAPI
    # A wrong method is refused before credentials are checked: that would need the database.
    authentication_classes = ()
    permission_classes = ()
    throttle_classes = ()

    async def dispatch(  # type: ignore[override]
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        name = (request.method or "").lower()
        if name == "options":
            return HttpResponse(status=204, headers={"Allow": ", ".join(self.allowed_methods)})
        handler = getattr(self, name, None) if name in ("get", "post", "head") else None
        if handler is None:
            return super().dispatch(request, *args, **kwargs)
        response: HttpResponseBase = await handler(request, *args, **kwargs)
        return response


class MachineRequest(ASGIRequest):
    """A request whose body is read when its view asks for it."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, BytesIO())
        self.receive = receive


async def chunks(request: HttpRequest) -> AsyncIterator[bytes]:
    """The body as it comes. Raises ConnectionError when the caller goes away before its end."""
    if not isinstance(request, MachineRequest):  # of a WSGI server, such as Django's test client
        yield request.body
        return
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the caller went away")
        yield message.get("body", b"")
        more = message.get("more_body", False)


class MachineHandler:
    """An ASGI application over the same URLs as people's pages, for those whose views are coroutines."""

    def __init__(self, urlconf: str | None = None) -> None:
        # The same few URLs come again and again, and Django takes as long to find a view as reading a
        # message takes.
        self._resolve = lru_cache(MOST_PATHS)(partial(resolve, urlconf=urlconf))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = monotonic()
        response = await self._answer(scope, receive)
        if settings.ACCESS_LOG:
            _log(scope["method"], scope["path"], response.status_code, monotonic() - began)
        await respond(scope, send, response)

    async def _answer(self, scope: Scope, receive: Receive) -> HttpResponse:
        try:
            request = MachineRequest(scope, receive)
        except UnicodeDecodeError:  # in the query
            return HttpResponse("Bad Request", status=400)
        try:
            view, args, kwargs = self._resolve(request.path_info)
            response: Any = await view(request, *args, **kwargs)
            if callable(getattr(response, "render", None)):
                response = response.render()
            if response.status_code >= 400:
                why = response.reason_phrase
                if response.status_code >= 500 and "json" in response.get("Content-Type", ""):
                    # What the caller is told says why.
                    why = f"{why} ({response.content[:MOST_WORDS].decode(errors='replace')})"
                log_response("%s: %s", why, request.path, response=response, request=request)
        except Exception as error:
            response = await aside.run(response_for_exception, request, error)
        answer: HttpResponse = response
        return answer


async def respond(scope: Scope, send: Send, response: HttpResponse) -> None:
    """Sends the answer. It may say what the caller said, so no browser is to guess what it is."""
    body = response.content
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.items()]
    headers.append((b"x-content-type-options", b"nosniff"))
    if response.status_code != 204:
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _log(method: str, path: str, status: int, seconds: float) -> None:
    path, milliseconds = _masked(path), round(seconds * 1000)
    logger.info(
        "%s %s %d in %d ms",
        *(method, path, status, milliseconds),
        extra={"method": method, "path": path, "status": status, "milliseconds": milliseconds},
    )


_masked = lru_cache(MOST_PATHS)(masked)
