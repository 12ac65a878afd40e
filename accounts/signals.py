"""Sign-ins and second factors, for the trail.

Only here signals are used: there are many ways to sign in and out (the form, a second factor, OpenID Connect,
a command of Django's), and the library changes factors itself. Only these signals cover all of them.
"""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import devices, trail
from accounts.trail import What


@receiver(user_logged_in)
def signed_in(request: HttpRequest | None, user: User, **_: Any) -> None:
    if request is not None:
        devices.tell(request, user)
        trail.note(request, What.SIGNED_IN, user, browser=devices.browser(request))


@receiver(user_logged_out)
def signed_out(request: HttpRequest | None, user: User | None, **_: Any) -> None:
    if request is not None and user is not None:
        trail.note(request, What.SIGNED_OUT, user)


@receiver(user_login_failed)
def not_signed_in(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    if request is not None:
        trail.note(request, What.NOT_SIGNED_IN, str(credentials.get("username", "")))


@receiver(authentication_failed)
def wrong_factor(
    request: HttpRequest, user: User, authenticator: Authenticator | None = None, **_: Any
) -> None:
    trail.note(request, What.NOT_SIGNED_IN, user.get_username(), text="The second factor was wrong.")


@receiver(authenticator_added)
def factor_added(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    trail.note(request, What.FACTOR, user, text=f"{authenticator.get_type_display()} added.")


@receiver(authenticator_removed)
def factor_removed(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    trail.note(request, What.FACTOR, user, text=f"{authenticator.get_type_display()} removed.")


@receiver(authenticator_reset)
def factor_renewed(request: HttpRequest, user: User, authenticator: Authenticator, **_: Any) -> None:
    trail.note(request, What.FACTOR, user, text=f"{authenticator.get_type_display()} renewed.")
