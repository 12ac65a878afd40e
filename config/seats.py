"""People's pages take half of a process' database connections at most; the other half is for machines.

A page that finds no seat waits for one, and is refused after a while. What CleverTap and BSPs post does not
come through here, so it waits for no page.
"""

import threading
from collections.abc import Callable
from contextlib import ExitStack

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from lib import outages

PATIENCE = 10.0  # seconds


class SeatsMiddleware:
    """Stands before all that asks the database. What is read while it is sent keeps its seat to the end; a
    page or a file is complete before, and asks nothing more."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.seats = threading.BoundedSemaphore(settings.PAGES_AT_ONCE)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not self.seats.acquire(timeout=PATIENCE):
            busy = "Waypost is busy with other pages. Please try again in a moment."
            headers = {"Retry-After": "5", "X-Content-Type-Options": "nosniff"}
            why = f"Busy: {settings.PAGES_AT_ONCE} pages are under way"  # in the log
            return HttpResponse(busy, status=503, reason=why, content_type="text/plain", headers=headers)
        with ExitStack() as seat:
            seat.callback(self._leave)
            response = self.get_response(request)
            # The seat is left when the answer is closed, or here if the answer needs no seat, or if there is
            # no answer.
            if response.streaming and getattr(response, "file_to_stream", None) is None:
                response._resource_closers.append(seat.pop_all().close)  # type: ignore[attr-defined]
        return response

    def _leave(self) -> None:
        outages.give_back()  # before somebody else takes the seat
        self.seats.release()
