"""Which addresses we may call: public ones only, unless ALLOW_PRIVATE_TARGETS is set.

A URL is read as the client reads it, with yarl: it makes `127.0.0.1` of `①②⑦.0.0.1`, which another reader
takes for a name. What counts is the address that is connected to. It is checked after resolving, and for
every connection again, so that a name cannot show a public address first and a private one later.
"""

import ipaddress
import socket

from aiohappyeyeballs import AddrInfoType
from yarl import URL

_INTERNET = ipaddress.ip_network("2000::/3")  # all that IANA gives out of IPv6
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are the IPv4 address

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class TargetRefused(OSError):
    """The target is on a loopback, private or link-local network."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(
            f"{host} is at {address}, which is not a public address. "
            "Set ALLOW_PRIVATE_TARGETS=1 if this is meant."
        )


class Unreachable(OSError):
    """The URL has no host that can be called: it cannot be read, or its name leads nowhere."""


def is_public(address: str) -> bool:
    """Whether it may be anybody's on the Internet. An IPv6 address that carries an IPv4 address (6to4,
    Teredo, NAT64) is judged by that one too; of a mapped one nothing else counts. Other ways to carry one
    are outside of what IPv6 has in use."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    if ip.version == 6 and ip not in _INTERNET and ip not in _NAT64:
        return False
    return all(each.is_global and not each.is_multicast for each in (ip, *_carried(ip)))


def _carried(ip: _Address) -> list[_Address]:
    if isinstance(ip, ipaddress.IPv4Address):
        return []
    found: list[_Address | None] = [ip.sixtofour, *(ip.teredo or ())]
    if ip in _NAT64:
        found.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return [each for each in found if each is not None]


def check_readable(url: str) -> str:
    """The host as the client will call it. Raises Unreachable if the client could call none."""
    try:
        read = URL(url)
        (read.raw_host or "").encode("idna")  # as the resolver does: refuses empty and overlong labels
        host = read.host  # refuses punycode that stands for nothing
    except ValueError as error:
        raise Unreachable(f"{url[:200]} is not a URL that can be called: {error}") from error
    if read.scheme not in ("http", "https") or not host:
        raise Unreachable(f"{url[:200]} is not a URL that can be called: write https:// and the host")
    return host


def check(url: str) -> None:
    """Raises TargetRefused for a URL whose host is, or resolves to, a private address, and Unreachable for
    one whose host cannot be read or resolved.

    For forms, so that the operator learns it early. The check runs again at each connection.
    """
    host = check_readable(url)
    try:
        found = {str(row[4][0]) for row in socket.getaddrinfo(host, None)}
    except (OSError, ValueError) as error:
        raise Unreachable(f"{host} cannot be found: {error}") from error
    for address in found:
        if not is_public(address):
            raise TargetRefused(host, address)


def public_socket(info: AddrInfoType) -> socket.socket:
    """The socket for one connection. Raises TargetRefused where it would lead to a private address: a
    literal one, which no resolver gets to see, or any other that the client arrived at."""
    family, kind, protocol, _, address = info
    if not is_public(str(address[0])):
        raise TargetRefused(str(address[0]), str(address[0]))
    return socket.socket(family, kind, protocol)
