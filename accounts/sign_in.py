"""How people sign in: the choices that the library leaves to us."""

import json
import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts import devices, proof, tries
from lib import addresses, keys
from lib.crypto import Undecryptable
from lib.log_repeats import EVERY_TIME

logger = logging.getLogger("waypost.sign_in")


class Accounts(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False  # administrators add users

    def get_client_ip(self, request: HttpRequest) -> str:
        return addresses.caller(request.META) or "::"  # a Unix socket has none, and sessions want one

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Before anything is hashed: refuses if passwords are switched off, or if there were too many
        tries."""
        if not settings.PASSWORD_SIGN_IN:
            raise ValidationError(
                "Signing in with a password is switched off. Sign in with your organization."
            )
        self._login_failed_rl_usage = tries.count(request, str(credentials.get("username", "")))
        if not self._login_failed_rl_usage:
            self.authentication_failed(request, **credentials)
            raise self.validation_error("too_many_login_attempts")

    def post_login(self, request: HttpRequest, user: User, **about: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **about)
        devices.remember(request, response, user.get_username())
        return response

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """The line that fail2ban reads. The name is quoted, so that it cannot look like another line."""
        name = str(credentials.get("username", ""))[:150]
        address = addresses.caller(request.META)
        logger.warning("Failed sign-in from %s as %s", address, json.dumps(name), extra=EVERY_TIME)

    def is_reauthentication_required(self, **_: Any) -> bool:
        return not proof.is_recent(self.request)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if not settings.PASSWORD_SIGN_IN:
            found = [each for each in found if each["id"] != "reauthenticate"]
        if settings.OIDC_ISSUER and user.socialaccount_set.exists():
            url = reverse("openid_connect_login", args=["oidc"])
            found.append(
                {"id": "oidc", "description": f"Sign in with {settings.OIDC_NAME} again", "url": url}
            )
        return found

    def add_message(self, *_: Any, **__: Any) -> None:
        """Pages show what they did; “you have signed in” needs no words."""


class Factors(DefaultMFAAdapter):  # type: ignore[misc]
    def encrypt(self, text: str) -> str:
        return keys.ring().encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Raises ValidationError, which the form shows where the code was entered."""
        try:
            return keys.ring().decrypt(encrypted_text)
        except Undecryptable as error:
            raise ValidationError(
                "Your second factor cannot be read: it was stored with another encryption key. Ask an "
                "administrator to take it away, then set up a new one."
            ) from error

    def get_totp_label(self, user: User) -> str:
        return user.get_username()
