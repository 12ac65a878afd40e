"""Whether the user has recently proved who they are, by password, factor or OpenID Connect provider."""

import time

from allauth.account.authentication import get_authentication_records
from allauth.core.exceptions import ReauthenticationRequired
from django.conf import settings
from django.http import HttpRequest

METHODS = ("password", "mfa", "socialaccount")


def is_recent(request: HttpRequest) -> bool:
    """Signing in is a proof. With PROOF_MINUTES=0 nobody is asked again."""
    if not settings.PROOF_MINUTES:
        return True
    since = time.time() - settings.PROOF_MINUTES * 60
    records = get_authentication_records(request, request.user)
    return any(each["at"] > since for each in records if each["method"] in METHODS)


def demand(request: HttpRequest) -> None:
    """Before a step that needs a proof: if the last one is too old, leads to the page that asks for it, and
    back."""
    if not is_recent(request):
        raise ReauthenticationRequired
