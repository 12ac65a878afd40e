"""What every API for machines starts from: who asks, whether they may, and how often.

A caller presents `Authorization: Bearer` with a token, or has the admin's session. Passwords by Basic are
accepted only with API_PASSWORDS. A token does what one of its scopes and its owner's permissions both allow.
"""

import logging
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core.internal import ratelimit
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, throttling
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import factors, proof, scopes, tokens
from accounts.models import Token
from lib import addresses
from lib.log_repeats import EVERY_TIME
from lib.phone_masking import HIDDEN, Eyes, eyes_of

logger = logging.getLogger("waypost.sign_in")


class TokenAuthentication(authentication.BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, Token] | None:
        scheme, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = tokens.find(secret.strip(), timezone.now())
        if token is None:
            _count_wrong(request._request)
            raise AuthenticationFailed("The token is unknown, expired or revoked.")
        return token.owner, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="Waypost"'


def _count_wrong(request: HttpRequest) -> None:
    """Counts an unknown token for its address, and logs the line that fail2ban reads."""
    logger.warning("Failed sign-in from %s as a token", addresses.caller(request.META), extra=EVERY_TIME)
    if not ratelimit.consume(
        request,
        app="accounts",
        action="wrong_token",
        config={"wrong_token": settings.WRONG_TOKENS_LIMIT},
        limit_get=True,
    ):
        raise Throttled(detail="Too many unknown tokens came from this address.")


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = TokenAuthentication
    name = "bearerAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        listed = "".join(f"\n* `{scope.name}`: {scope.text}" for scope in scopes.SCOPES)
        return {
            "type": "http",
            "scheme": "bearer",
            "description": f"A token of Waypost, with the scopes that the address needs:\n{listed}",
        }


def allows(request: Request, scope: str) -> bool:
    """Whether the token, if there is one, has the scope. A person at the browser has no scopes."""
    return not isinstance(request.auth, Token) or scope in request.auth.scopes.split()


def eyes(request: Request) -> Eyes:
    """Phone numbers whole for those who may see them, by a token only with `messages:read`."""
    return eyes_of(request.user) if allows(request, "messages:read") else HIDDEN


def prove(request: Request) -> None:
    """Before a sensitive step: asks a person at the browser again. A token is its own proof."""
    if isinstance(request.successful_authenticator, authentication.SessionAuthentication):
        proof.demand(request._request)


class PasswordAuthentication(authentication.BasicAuthentication):
    """Tries are counted with those of the sign-in page, before anything is hashed. A password alone cannot
    replace a second factor."""

    def authenticate_credentials(self, userid: str, password: str, request: Any = None) -> tuple[User, None]:
        plain: HttpRequest = request._request
        if "\0" in userid:  # which PostgreSQL refuses in texts
            raise AuthenticationFailed("The name or the password is wrong.")
        try:
            user = get_adapter(plain).authenticate(plain, username=userid, password=password)
        except ValidationError as error:
            raise Throttled(detail=" ".join(error.messages)) from error
        if user is None:
            raise AuthenticationFailed("The name or the password is wrong.")
        if not user.is_staff:
            raise AuthenticationFailed("This user may not sign in: it is not staff.")
        if factors.has_one(user) or factors.are_required_of(user):
            raise AuthenticationFailed(
                "A password alone is not enough for a user with a second factor, or who must have "
                "one. Make a "
                "token under My account, and call with Authorization: Bearer."
            )
        return user, None


class MayAsk(BasePermission):
    """What the view's `scope` and `permissions` say."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        assert isinstance(view, Guarded)
        user = request.user
        if user is None or not user.is_staff:  # a session may outlast the right to sign in
            return False
        if not allows(request, view.scope):
            self.message = f"This needs a token with the scope {view.scope}."
            return False
        self.message = view.lacking
        return user.has_perms(view.permissions)


class TokenThrottle(throttling.SimpleRateThrottle):
    """API_RATE for each token, over all processes. A person who signed in is not counted."""

    scope = "token"

    def get_rate(self) -> str:
        return str(settings.API_RATE)

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        return f"token:{request.auth.pk}" if isinstance(request.auth, Token) else None


class Guarded(APIView):
    """A view that says which scope and which permissions it needs, and what to answer callers without
    them."""

    scope: str
    permissions: tuple[str, ...]
    lacking = ""
    permission_classes = (MayAsk,)
    throttle_classes = (TokenThrottle,)

    def get_authenticators(self) -> list[authentication.BaseAuthentication]:
        found = [TokenAuthentication(), authentication.SessionAuthentication()]
        return [*found, PasswordAuthentication()] if settings.API_PASSWORDS else found
