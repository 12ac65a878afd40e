"""CleverTap's Kaleyra set-up: what its headers and the incoming URL carry is taken from there."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from django.utils import timezone

from callbacks.models import Webhook
from providers import lifecycle
from providers.dialects.kaleyra.webhook import callback_url
from providers.models import Provider
from tests.factories import make_provider
from tests.gateway import SUCCESS, Answer, call, path_of, template

KALEYRA = {
    "api-key": "A1b2",
    "sid": "HXIN0001IN",
    "kaleyra-host": "https://api.in.kaleyra.io/",
    "delivery-report-callback-url": "https://eu1.wzrkt.com/dlr?id=1",
    "inbound-message-callback-url": "https://eu1.wzrkt.com/inbound?id=1",
}


@pytest.fixture
def kaleyra(db: None) -> Provider:
    return make_provider(connector_slug="kaleyra", credentials={"api_key": "A1b2", "sid": "HXIN0001IN"})


def send(provider: Provider, **headers: str) -> Any:
    return call("POST", f"/v1/{provider.public_id}/messages", json.dumps(template()).encode(), headers)


def incoming(provider: Provider, query: str, **headers: str) -> Answer:
    return call("POST", f"{path_of(provider, 'webhook')}?{query}", b'{"kind": "other"}', headers)


def test_the_headers_of_the_page_are_the_login_and_the_set_up(kaleyra: Provider) -> None:
    assert send(kaleyra, **KALEYRA).body == SUCCESS
    kaleyra.refresh_from_db()
    assert kaleyra.delivery_url == KALEYRA["delivery-report-callback-url"]
    assert kaleyra.inbound_url == KALEYRA["inbound-message-callback-url"]
    assert kaleyra.options["base_url"] == "https://api.in.kaleyra.io"


@pytest.mark.parametrize("wrong", [{"api-key": "other"}, {"sid": "HXIN9"}, {"sid": ""}])
def test_another_key_is_refused_and_teaches_nothing(kaleyra: Provider, wrong: dict[str, str]) -> None:
    assert send(kaleyra, **KALEYRA | wrong).json["error"]["code"] == 2000
    kaleyra.refresh_from_db()
    assert kaleyra.delivery_url == ""


def test_a_replaced_key_is_a_login_until_its_grace_time_ends(kaleyra: Provider) -> None:
    """The key changes at Kaleyra first, and in CleverTap last."""
    lifecycle.set_credentials(kaleyra, {"api_key": "C3d4"})
    kaleyra.save()
    assert send(kaleyra, **KALEYRA).body == SUCCESS
    assert send(kaleyra, **KALEYRA | {"api-key": "C3d4"}).body == SUCCESS
    Provider.objects.update(previous_until=timezone.now())
    assert send(kaleyra, **KALEYRA).json["error"]["code"] == 2000
    kaleyra.refresh_from_db()
    lifecycle.set_credentials(kaleyra, {"webhook_secret": "first"})
    lifecycle.set_credentials(kaleyra, {"webhook_secret": "second"})
    kaleyra.save()
    assert send(kaleyra, **KALEYRA).json["error"]["code"] == 2000, "the grace time of another credential"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/dlr",
        "http://eu1.wzrkt.com/dlr",
        "https://eu1.wzrkt.com.evil.example.com/dlr",
        "https://[broken/dlr",
        "https://eu1.wzrkt.com@evil.example.com/dlr",
        "https://eu1.wzrkt.com/dlr\xe9",
        "https://eu1.wzrkt.com/dlr id",
        "https://eu1.wzrkt.com/" + "d" * 1000,
    ],
)
def test_callbacks_go_to_clevertap_only(kaleyra: Provider, url: str) -> None:
    assert send(kaleyra, **KALEYRA | {"delivery-report-callback-url": url}).body == SUCCESS
    kaleyra.refresh_from_db()
    assert kaleyra.delivery_url == ""


@pytest.mark.parametrize(
    "host", ["https://evil.example.com", "http://127.0.0.1:1", "kaleyra.io.evil.example"]
)
def test_messages_go_to_kaleyra_only(kaleyra: Provider, host: str) -> None:
    send(kaleyra, **KALEYRA | {"kaleyra-host": host})
    kaleyra.refresh_from_db()
    assert "base_url" not in kaleyra.options


def test_an_address_entered_by_hand_stays(kaleyra: Provider) -> None:
    kaleyra.options = {"base_url": "https://sandbox.example.com"}
    kaleyra.save()
    send(kaleyra, **KALEYRA)
    kaleyra.refresh_from_db()
    assert kaleyra.options["base_url"] == "https://sandbox.example.com"


@pytest.mark.parametrize("url", ["https://eu1.wzrkt.com/in", "https://eu1.wzrkt.com/in?id=1&region=eu1"])
@pytest.mark.parametrize("left", ["", ":/", ":/?=&"])
def test_the_incoming_url_carries_clevertaps(kaleyra: Provider, url: str, left: str) -> None:
    """Percent-encoded, or pasted as it is: the page speaks of no encoding."""
    query = f"inbound_message_callback_url={quote(url, safe=left)}&payload_version=0.2"
    assert incoming(kaleyra, query).status == 200
    kaleyra.refresh_from_db()
    assert kaleyra.inbound_url == url
    assert kaleyra.quirks.version == "0.2"


@pytest.mark.parametrize("url", ["https://evil.example.com/in", "https%3A//eu1.wzrkt.com/%00", "%ff", ""])
def test_a_webhook_is_kept_whatever_its_incoming_url_says(kaleyra: Provider, url: str) -> None:
    query = f"inbound_message_callback_url={url}&payload_version=%F0%9F%91%8B"
    assert incoming(kaleyra, query).status == 200
    kaleyra.refresh_from_db()
    assert (kaleyra.inbound_url, kaleyra.stored_quirks) == ("", {})
    assert Webhook.objects.count() == 1


def test_the_incoming_url_redirects_nothing(kaleyra: Provider) -> None:
    """A webhook proves less than a send does."""
    send(kaleyra, **KALEYRA)
    incoming(kaleyra, "inbound_message_callback_url=https%3A%2F%2Feu1.wzrkt.com%2Fother")
    kaleyra.refresh_from_db()
    assert kaleyra.inbound_url == KALEYRA["inbound-message-callback-url"]


def test_with_a_webhook_secret_the_incoming_url_needs_it(kaleyra: Provider) -> None:
    lifecycle.set_credentials(kaleyra, {"webhook_secret": "agreed"})
    kaleyra.save()
    assert send(kaleyra, **KALEYRA).body == SUCCESS
    assert incoming(kaleyra, "payload_version=0.2").status == 401
    kaleyra.refresh_from_db()
    assert kaleyra.quirks.version == "0.1"
    assert incoming(kaleyra, "payload_version=0.2", **{"X-Waypost-Secret": "agreed"}).status == 200
    kaleyra.refresh_from_db()
    assert kaleyra.quirks.version == "0.2"


def test_a_callback_url_that_leaks_changes_nothing(db: None) -> None:
    provider = make_provider(
        connector_slug="kaleyra-v1",
        credentials={"api_key": "A1b2", "sid": "HXIN1IN", "webhook_secret": "agreed"},
    )
    _, _, query = callback_url("", "wp-1-1", "agreed").partition("?")
    assert incoming(provider, f"{query}&id=1&status=read").status == 200
    for more in ("payload_version=0.2", "inbound_message_callback_url=https%3A%2F%2Feu1.wzrkt.com%2Fin"):
        assert incoming(provider, f"{query}&{more}").status == 401
        assert incoming(provider, f"{query}?{more}").status == 401
    provider.refresh_from_db()
    assert (provider.inbound_url, provider.stored_quirks) == ("", {})


def test_only_for_providers_set_up_that_way(provider: Provider) -> None:
    query = "inbound_message_callback_url=https%3A%2F%2Feu1.wzrkt.com%2Fin"
    call("POST", f"{path_of(provider, 'webhook')}?{query}", b'{"statuses": []}')
    provider.refresh_from_db()
    assert provider.inbound_url == ""
