"""Who called: the proxy's word counts only where the proxy is ours."""

from typing import Any

import pytest

from lib import addresses

PROXIES = ["10.0.0.0/8", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # a stranger says who he is
        ("10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "127.0.0.1, 198.51.100.1", "198.51.100.1"),  # what a caller puts before it is nothing
        ("10.0.0.2", "198.51.100.1, 10.0.0.3", "198.51.100.1"),  # two proxies of ours
        ("::ffff:10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("2001:db8::1", "2a00::7", "2a00::7"),
        ("10.0.0.2", "", "10.0.0.2"),
        ("10.0.0.2", "198.51.100.1, unknown", "10.0.0.2"),
        ("", "198.51.100.1", ""),
    ],
)
def test_the_caller(settings: Any, peer: str, forwarded: str, caller: str) -> None:
    settings.TRUSTED_PROXIES = PROXIES
    assert addresses.caller({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}) == caller
    told = [(b"x-forwarded-for", each.strip().encode()) for each in forwarded.split(",") if each]
    scope = {"client": (peer, 50_000) if peer else None, "headers": told}  # one line by each proxy
    assert addresses.caller_in(scope) == caller


def test_networks_are_lines() -> None:
    allowed = addresses.networks("203.0.113.0/24\n\n2001:db8::/32\n198.51.100.7".splitlines())
    assert [addresses.within(each, allowed) for each in ("203.0.113.9", "2001:db8::5", "198.51.100.7")] == [
        True
    ] * 3
    assert not addresses.within("198.51.100.8", allowed)
    assert not addresses.within("", allowed)


@pytest.mark.parametrize("line", ["203.0.113.1/24", "shop.example", "300.0.0.0/8", "10.0.0.0/40"])
def test_what_is_no_network_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"\d|shop"):
        addresses.networks([line])
