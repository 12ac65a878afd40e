"""Webhooks from the networks that a provider's form names, and from nowhere else."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from callbacks.models import Webhook
from providers.models import CallbackToken, CallSample, Provider
from tests.gateway import call

pytestmark = pytest.mark.django_db


@pytest.fixture
def walled(provider: Provider, settings: Any) -> Provider:
    settings.TRUSTED_PROXIES = ["10.0.0.2"]
    provider.webhook_networks = "203.0.113.0/24\n2001:db8::/32"
    provider.save()
    return provider


def report(provider: Provider, purpose: str, peer: str, forwarded: str = "") -> int:
    token = CallbackToken.objects.get(provider=provider, purpose=purpose).token
    path = f"/webhooks/{token}" if purpose == "webhook" else f"/callbacks/{token}/{purpose}"
    return call("POST", path, b"[]", {"X-Forwarded-For": forwarded}, peer=peer).status


@pytest.mark.parametrize("purpose", ["webhook", "delivery", "inbound"])
def test_the_bsps_networks_may_call(walled: Provider, purpose: str) -> None:
    assert report(walled, purpose, "203.0.113.9") == 200
    assert report(walled, purpose, "10.0.0.2", "203.0.113.9") == 200
    assert Webhook.objects.count() == 2


@pytest.mark.parametrize("purpose", ["webhook", "delivery", "inbound"])
def test_others_may_not_and_are_seen(walled: Provider, purpose: str) -> None:
    assert report(walled, purpose, "198.51.100.7", "203.0.113.9") == 403
    assert report(walled, purpose, "10.0.0.2", "203.0.113.9, 198.51.100.7") == 403
    assert Webhook.objects.count() == 0
    samples = CallSample.objects.filter(provider=walled, what="address")
    assert [(each.address, each.text) for each in samples] == [("198.51.100.7", f"to the {purpose} URL")] * 2


def test_without_a_list_anybody_may(provider: Provider) -> None:
    assert report(provider, "webhook", "198.51.100.7") == 200


def test_the_command_line_takes_networks_and_refuses_what_is_none(provider: Provider) -> None:
    def given(*networks: str) -> str:
        arguments = [part for each in networks for part in ("--webhook-network", each)]
        call_command("provider", "set", provider.nickname, *arguments, stdout=StringIO())
        provider.refresh_from_db()
        return provider.webhook_networks

    assert given("203.0.113.0/24", "198.51.100.7") == "203.0.113.0/24\n198.51.100.7"
    with pytest.raises(CommandError, match="has host bits set"):
        given("203.0.113.1/24")
    assert given("") == ""
