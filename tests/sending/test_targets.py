"""Which addresses are called: public ones, however a private one is written."""

import socket
from typing import Any

import pytest
from aiohttp.resolver import ThreadedResolver
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from campaigns.models import Attempt, Message, Status
from campaigns.sending import dispatch
from lib import targets
from lib.http import HttpRequest
from lib.transport import NotSent, transport
from providers.models import Provider
from providers.validation import check_target
from tests.endpoints import Endpoint
from tests.factories import MessageFactory, make_provider

PRIVATE = [
    "http://127.0.0.1/",
    "http://127.0.0.1.:{port}/",
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0.0.0.0:{port}/",
    "http://localhost:{port}/",
    "http://public.example.test@127.0.0.1:{port}/",
    "http://[::1]:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[fe80::1%25lo]:{port}/",
    "http://[fc00::1]:{port}/",
    "http://10.0.0.1:{port}/",
    "http://172.16.0.1:{port}/",
    "http://192.168.1.1:{port}/",
    "http://100.64.0.1:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://224.0.0.1:{port}/",
    "http://①②⑦.0.0.1:{port}/",
    "http://127。0。0。1:{port}/",
    "http://127．0．0．1:{port}/",
    "http://１２７.0.0.1:{port}/",
    "http://ⓛocalhost:{port}/",
    "http://[64:ff9b::127.0.0.1]:{port}/",
    "http://[64:ff9b:1::127.0.0.1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[::ffff:0:127.0.0.1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[2001:0:7f00:1::]:{port}/",
]


@pytest.fixture(autouse=True)
def _public_only(settings: Any) -> None:
    settings.ALLOW_PRIVATE_TARGETS = False


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_address_is_not_called(endpoint: Endpoint, url: str) -> None:
    port = endpoint.url.split(":")[2].split("/")[0]
    with pytest.raises(NotSent, match=r"not a public address|not a URL"):
        transport.send(HttpRequest("POST", url.format(port=port), {}, b"{}"), 2.0)
    assert endpoint.got == []


def resolves(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Every name leads to these addresses, for calls and for forms."""
    found = {"hostname": "", "family": socket.AF_INET, "proto": 0, "flags": 0}

    async def resolved(self: ThreadedResolver, host: str, port: int = 0, family: int = 0) -> Any:
        return [found | {"host": address, "port": port} for address in addresses]

    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in addresses]
    monkeypatch.setattr(ThreadedResolver, "resolve", resolved)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: rows)


MIXED = [("127.0.0.1", "93.184.215.14"), ("93.184.215.14", "127.0.0.1"), ("93.184.215.14", "1.1.1.1", "::1")]


@pytest.mark.parametrize("addresses", MIXED)
def test_nor_is_a_name_of_which_one_address_is_private(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]
) -> None:
    """Whichever it is: the connection may be made to any of them."""
    resolves(monkeypatch, *addresses)
    with pytest.raises(NotSent, match="not a public address"):
        transport.send(HttpRequest("POST", "http://mixed.example.test/", {}, b"{}"), 2.0)
    with pytest.raises(targets.TargetRefused):
        targets.check("http://mixed.example.test/")


def test_a_name_with_public_addresses_only_may_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    resolves(monkeypatch, "93.184.215.14", "1.1.1.1")
    targets.check("http://public.example.test/")


def test_nor_is_a_name_that_leads_to_one(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the moment of the connection: what the name showed before counts for nothing."""
    resolves(monkeypatch, "127.0.0.1")
    url = endpoint.url.replace("127.0.0.1", "rebound.example.test")
    with pytest.raises(NotSent, match=r"rebound\.example\.test is at 127\.0\.0\.1, which is not a public"):
        transport.send(HttpRequest("POST", url, {}, b"{}"), 2.0)
    assert endpoint.got == []


def test_the_operator_is_told_in_the_form(db: None) -> None:
    with pytest.raises(ValidationError, match="not a public address"):
        make_provider(endpoint="http://169.254.169.254/latest/")


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "http://[::ffff:10.0.0.1]/",
        "http://127.1/",
        "https://localhost",
        "http://①⓪.0.0.1/",
        "http://[64:ff9b::10.0.0.1]/",
    ],
)
def test_a_form_refuses_a_private_address(url: str) -> None:
    with pytest.raises(targets.TargetRefused):
        targets.check(url)


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize(
    "url",
    [
        "http://a..b",
        f"http://{'a' * 64}.example.test",
        "http://",
        "http://[::1",
        "x.example.test",
        "ftp://a.b",
    ],
)
def test_what_is_no_host_is_refused_with_words(db: None, settings: Any, url: str, private: bool) -> None:
    settings.ALLOW_PRIVATE_TARGETS = private
    with pytest.raises(ValidationError, match="is not a URL that can be called"):
        check_target(url)


def test_so_is_a_name_that_leads_nowhere() -> None:
    with pytest.raises(ValidationError, match=r"nowhere\.invalid cannot be found"):
        check_target("https://nowhere.invalid/")


def test_the_command_line_says_so(at_endpoint: Provider) -> None:
    with pytest.raises(CommandError, match="is not a URL that can be called"):
        call_command("provider", "set", at_endpoint.nickname, "--option", "base_url=http://a..b")


def test_a_message_waits_and_says_why(at_endpoint: Provider, endpoint: Endpoint) -> None:
    """It was not sent: a retry after the setting has changed may still go through."""
    MessageFactory(provider=at_endpoint)
    dispatch.drain(at_endpoint.pk)
    row = Message.objects.get()
    assert row.status == Status.QUEUED
    assert "ALLOW_PRIVATE_TARGETS" in row.error_text
    assert Attempt.objects.get().outcome == "retry"
    assert endpoint.got == []


@pytest.fixture
def at_endpoint(db: None, endpoint: Endpoint, settings: Any) -> Provider:
    settings.ALLOW_PRIVATE_TARGETS = True
    provider = make_provider(endpoint=endpoint.url)
    settings.ALLOW_PRIVATE_TARGETS = False
    return provider
