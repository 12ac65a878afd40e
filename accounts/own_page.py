"""“My account”: a user's sessions, second factors, and tokens for programs."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from allauth.account.views import login
from allauth.mfa.models import Authenticator
from allauth.usersessions.internal.flows import sessions
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from accounts import proof, tokens, trail
from accounts.forms import TokenForm
from accounts.models import Token
from accounts.trail import What


def signed_in(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For whoever may enter the admin."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return admin.site.admin_view(view)(request, *args, **kwargs)

    return checked


def sign_in(request: HttpRequest) -> HttpResponse:
    """The library's page. A signed-in user who may not enter the admin would be redirected here for ever."""
    if request.user.is_authenticated and not admin.site.has_permission(request):
        raise PermissionDenied
    return cast(HttpResponse, login(request))


@signed_in
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    return _drawn(request, TokenForm(_person(request)))


@signed_in
@require_POST
def end_session(request: HttpRequest, pk: int) -> HttpResponse:
    """Signs out elsewhere, or here."""
    session = get_object_or_404(UserSession, pk=pk, user=_person(request))
    trail.note(request, What.SIGNED_OUT, session.user_agent, address=session.ip)
    sessions.end_sessions(request, [session])
    return redirect("account")


@signed_in
@never_cache
@require_POST
def add_token(request: HttpRequest) -> HttpResponse:
    """The answer shows the token, this once."""
    proof.demand(request)
    owner = _person(request)
    form = TokenForm(owner, request.POST)
    if not form.is_valid():
        return _drawn(request, form)
    given = form.cleaned_data
    added = tokens.add(owner, given["scopes"], timezone.now(), name=given["name"], days=given["days"])
    trail.note(request, What.TOKEN, added.token, scopes=added.token.scopes, days=given["days"])
    return _drawn(request, TokenForm(owner), secret=added.secret)


@signed_in
@require_POST
def revoke_token(request: HttpRequest, pk: int) -> HttpResponse:
    token = get_object_or_404(Token, pk=pk, owner=_person(request))
    if tokens.revoke(token, timezone.now()):
        trail.note(request, What.REVOKED, token)
    messages.success(request, f"{token} is revoked.")
    return redirect("account")


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)


def _drawn(request: HttpRequest, form: TokenForm, secret: str = "") -> TemplateResponse:
    now = timezone.now()
    mine = Token.objects.filter(owner=_person(request), revoked_at=None).order_by("-id")
    context = admin.site.each_context(request) | {
        "title": "My account",
        "tokens": [(token, token.state(now)) for token in mine],
        "sessions": UserSession.objects.purge_and_list(_person(request)),
        "factors": Authenticator.objects.filter(user=_person(request)),
        "form": form,
        "secret": secret,
        "parts": [import_string(name)(request) for name in settings.OWN_PAGE_PARTS],
    }
    return TemplateResponse(request, "accounts/own_page.html", context)
