"""Which addresses are called: public ones, however a private one is written."""

import socket
from typing import Any

import pytest
from aiohttp.resolver import ThreadedResolver
from django.core.exceptions import ValidationError

from campaigns import dispatch
from campaigns.models import Attempt, Message, Status
from lib import targets
from lib.http import HttpRequest
from lib.transport import NotSent, transport
from providers.models import Provider
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


def test_nor_is_a_name_that_leads_to_one(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the moment of the connection: what the name showed before counts for nothing."""
    found = {"hostname": "", "host": "127.0.0.1", "family": socket.AF_INET, "proto": 0, "flags": 0}

    async def resolved(self: ThreadedResolver, host: str, port: int = 0, family: int = 0) -> Any:
        return [found | {"port": port}]

    monkeypatch.setattr(ThreadedResolver, "resolve", resolved)
    url = endpoint.url.replace("127.0.0.1", "rebound.example.test")
    with pytest.raises(NotSent, match=r"rebound\.example\.test is at 127\.0\.0\.1, which is not a public"):
        transport.send(HttpRequest("POST", url, {}, b"{}"), 2.0)
    assert endpoint.got == []


def test_the_operator_is_told_in_the_form(db: None) -> None:
    with pytest.raises(ValidationError, match="not a public address"):
        make_provider(endpoint="http://169.254.169.254/latest/")


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://[::ffff:10.0.0.1]/", "http://127.1/", "https://localhost"]
)
def test_a_form_refuses_a_private_address(url: str) -> None:
    with pytest.raises(targets.TargetRefused):
        targets.check(url)


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
