"""From which address a request comes: for the trail, for counting tries, for lists of who may call.

X-Forwarded-For is believed of the proxies that TRUSTED_PROXIES names, and of nobody else.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def caller(environ: Mapping[str, str]) -> str:
    """The caller's address, as the outermost of our own proxies saw it. Empty when it is unknown."""
    trusted = _networks(tuple(settings.TRUSTED_PROXIES))
    address = _parsed(environ.get("REMOTE_ADDR", ""))
    # The nearest proxy adds its caller last.
    for hop in reversed(environ.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        before = _parsed(hop.strip())
        if before is None or address is None or not _within(address, trusted):
            break
        address = before
    return "" if address is None else str(address)


def caller_in(scope: Mapping[str, Any]) -> str:
    """The same of an ASGI request."""
    told = (value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for")
    connected = scope.get("client") or ("",)
    return caller({"REMOTE_ADDR": connected[0], "HTTP_X_FORWARDED_FOR": ",".join(told)})


def proxy_unnamed() -> bool:
    """Whether a proxy stands before us, as where people come by https, and TRUSTED_PROXIES names none."""
    return bool(settings.PUBLIC_BASE_URL.startswith("https://") and not settings.TRUSTED_PROXIES)


def networks(lines: Iterable[str]) -> tuple[Network, ...]:
    """Networks as people write them, one a line. Raises ValueError that says what is wrong."""
    return tuple(ipaddress.ip_network(line.strip()) for line in lines if line.strip())


def within(address: str, allowed: Iterable[Network]) -> bool:
    found = _parsed(address)
    return found is not None and _within(found, allowed)


def _within(address: _Address, allowed: Iterable[Network]) -> bool:
    return any(address in network for network in allowed)


@lru_cache(maxsize=4096)  # the same few callers come again and again
def _parsed(text: str) -> _Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


_networks = lru_cache(maxsize=8)(networks)
