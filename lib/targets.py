"""Which addresses we may call: public ones only, unless ALLOW_PRIVATE_TARGETS is set.

Checked after resolving, on the very addresses that are connected to, so that a name cannot
show a public address first and a private one later.
"""

import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver


class TargetRefused(OSError):
    """The target is on a loopback, private or link-local network."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(
            f"{host} is at {address}, which is not a public address. "
            "Set ALLOW_PRIVATE_TARGETS=1 if this is meant."
        )


def is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return ip.is_global and not ip.is_multicast


def check_literal(url: str) -> None:
    """Raises TargetRefused for a host written as a private IP address, which no resolver gets to see."""
    host = urlsplit(url).hostname or ""
    try:
        address = str(ipaddress.ip_address(host))
    except ValueError:
        return
    if not is_public(address):
        raise TargetRefused(address, address)


def check(url: str) -> None:
    """Raises TargetRefused for a URL whose host is, or resolves to, a private address.

    For forms: it tells the operator early. A name that does not resolve passes, because the
    same check runs again at each connection.
    """
    host = urlsplit(url).hostname or ""
    try:
        found = {str(row[4][0]) for row in socket.getaddrinfo(host, None)}
    except OSError:
        return
    for address in found:
        if not is_public(address):
            raise TargetRefused(host, address)


class PublicResolver(AbstractResolver):
    """Resolves names, and refuses those that lead to a private address."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        results = await self._resolver.resolve(host, port, family)
        for result in results:
            if not is_public(result["host"]):
                raise TargetRefused(host, result["host"])
        return results

    async def close(self) -> None:
        await self._resolver.close()
