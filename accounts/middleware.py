"""Middleware of people's pages: notes looks at whole numbers, prolongs sessions in use, asks for second
factors."""

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts import factors, trail
from lib import phone_masking

Answer = Callable[[HttpRequest], HttpResponse]
_RENEWED_EVERY = 300  # seconds
_SEEN = "seen"


class LooksMiddleware:
    """Notes that a page showed somebody whole phone numbers. Downloads note themselves, with their rows."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if phone_masking.were_shown(request):
            trail.looked(request)
        return response


class SessionMiddleware:
    """Prolongs a session in use, and leads users without a second factor to the page that sets one up."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Without a cookie there is no session: so CleverTap's answers do not vary by one.
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            if factors.lacking(request.user) and not _sets_one_up(request):
                return redirect("mfa_index")
            old = request.session.get(_SEEN, 0) < time.time() - _RENEWED_EVERY
            if old and not _refreshes_itself(request):
                request.session[_SEEN] = int(time.time())
        return self.get_response(request)


def _refreshes_itself(request: HttpRequest) -> bool:
    """Whether a page only refreshes a part of itself, which happens without the user."""
    return "part" in request.GET or request.path.endswith("/progress/")


def _sets_one_up(request: HttpRequest) -> bool:
    """Whether it is a page on the way to a factor, or the way out."""
    ways = ("mfa_index", "account_logout", "account_reauthenticate", "admin:logout", "admin:jsi18n")
    return request.path.startswith(reverse(ways[0])) or request.path in map(reverse, ways)
