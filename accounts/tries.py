"""How often a password may be tried. Tries are counted before anything is hashed, over all processes."""

from allauth.core.internal import ratelimit
from allauth.core.internal.ratelimit import RateLimitUsage
from django.conf import settings
from django.http import HttpRequest

from accounts import devices


def count(request: HttpRequest, name: str) -> RateLimitUsage | None:
    """Counts a try; the result can take it back. None if there were too many.

    By address, and by name and address together. By the name alone only a high number counts: anybody could
    use up a low one. Tries with a browser that the person has used before are counted separately, so the
    person can still sign in.
    """
    if device := devices.known(request, name):
        each = [rate for rate in settings.SIGN_IN_LIMIT.split(",") if rate.strip().endswith("/key")]
        return _counted(request, ",".join(each), f"{name} {device}")
    here = _counted(request, settings.SIGN_IN_LIMIT, f"{name} {ratelimit.get_ip(request)}")
    if here is None:
        return None
    everywhere = _counted(request, settings.SIGN_IN_NAME_LIMIT, name)
    return everywhere and RateLimitUsage(here.usage + everywhere.usage)


def _counted(request: HttpRequest, rates: str, key: str) -> RateLimitUsage | None:
    counted: RateLimitUsage | None = ratelimit.consume(
        request,
        app="allauth.account",
        action="login_failed",
        config={"login_failed": rates},
        key=key,
        limit_get=True,  # an API takes passwords with it
    )
    return counted
