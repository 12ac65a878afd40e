"""Times on people's pages are in the zone of the reader's browser, which tells it by a cookie.

Where it tells none, as at the first page, they are in that of the settings. Each page names its zone. A stats
page may be asked for another one. Files and the API keep to the zone that they are asked for.
"""

from collections.abc import Callable
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

COOKIE = "zone"


class Middleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(_zone(request.COOKIES.get(COOKIE, "").replace("%2F", "/"))):
            return self.get_response(request)


def _zone(name: str) -> ZoneInfo | None:
    return ZoneInfo(name) if name in _known() else None


@cache
def _known() -> set[str]:
    return available_timezones()
