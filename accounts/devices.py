"""The browsers that people have signed in with, each known by a cookie.

A sign-in with a new browser is reported by mail. Tries with a known browser are counted separately, so that
an attacker who guesses locks nobody out.
"""

from hashlib import sha256

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponse

from accounts.models import Entry
from lib import addresses, crypto

_SECONDS = 400 * 86400  # browsers keep no cookie for longer
_TEXT = """Somebody signed in to Waypost as {name}, from a browser that this account had not used before.

Browser: {browser}
Address: {address}

If it was not you, change your password and end that session at {url}.
"""


def browser(request: HttpRequest) -> str:
    return str(request.META.get("HTTP_USER_AGENT", ""))[:200]


def known(request: HttpRequest, name: str) -> str:
    """The id of the browser, if `name` has signed in with it before; otherwise empty."""
    try:
        return _signer(name).unsign(request.COOKIES.get(_cookie(name), ""), max_age=_SECONDS)
    except BadSignature:
        return ""


def remember(request: HttpRequest, response: HttpResponse, name: str) -> None:
    signed = _signer(name).sign(known(request, name) or crypto.token(16))
    response.set_cookie(
        _cookie(name), signed, max_age=_SECONDS, path="/admin/", httponly=True, samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )  # fmt: skip


def _cookie(name: str) -> str:
    """Its name: several people may use a browser."""
    return f"known_{sha256(name.encode()).hexdigest()[:16]}"


def _signer(name: str) -> TimestampSigner:
    return TimestampSigner(salt=f"accounts.devices:{name}")


def tell(request: HttpRequest, user: User) -> None:
    """Call it before the sign-in is in the trail. The first sign-in of a user is not reported."""
    if not settings.EMAIL_HOST or not user.email:
        return
    earlier = Entry.objects.filter(who=user.get_username(), what=Entry.What.SIGNED_IN)
    if known(request, user.get_username()) or not earlier.exists():
        return
    text = _TEXT.format(
        name=user.get_username(),
        browser=browser(request),
        address=addresses.caller(request.META),
        url=f"{settings.PUBLIC_BASE_URL}/admin/account/",
    )
    send_mail("A sign-in from a new browser", text, None, [user.email], fail_silently=True)
