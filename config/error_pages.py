"""The error pages: in the looks of the admin, with links to continue.

Programs, and people who follow a message's link, get a line of text. The page for 500 needs nothing
that could fail again.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, "forbidden", "You may not see this page", 403, str(exception or ""))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, "not_found", "This page does not exist", 404)


def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The page for a form with a wrong CSRF token."""
    return _page(request, "stale_form", "This form has expired", 403)


def _page(request: HttpRequest, name: str, title: str, status: int, why: str = "") -> HttpResponse:
    if not request.path.startswith("/admin/"):
        return HttpResponse(f"{why or title}\n", status=status, content_type="text/plain; charset=utf-8")
    known = hasattr(request, "user") and request.user.is_authenticated
    context: dict[str, Any] = admin.site.each_context(request) if known else {"site_title": "Waypost"}
    layout = "admin/base_site.html" if known else "allauth/layouts/entrance.html"
    context |= {"title": title, "why": why, "layout": layout}
    return render(request, f"waypost/{name}.html", context, status=status)
