"""What the admin's layout needs on the pages of the library, which know nothing of the admin."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

_PAGES = ("account_", "mfa_", "usersessions_", "socialaccount_", "openid_connect_")


def of_the_admin(request: HttpRequest) -> dict[str, Any]:
    match = request.resolver_match
    if match is None or not (match.url_name or "").startswith(_PAGES):
        return {}
    return admin.site.each_context(request) | {
        "password_sign_in": settings.PASSWORD_SIGN_IN,
        "oidc_name": settings.OIDC_NAME if settings.OIDC_ISSUER else "",
    }
