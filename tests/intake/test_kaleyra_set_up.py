"""CleverTap's Kaleyra set-up: what its headers and the incoming URL carry is taken from there."""

import json
from typing import Any

import pytest

from providers.models import Provider
from tests.factories import make_provider
from tests.gateway import SUCCESS, call, path_of, template

KALEYRA = {
    "api-key": "A1b2",
    "sid": "HXIN0001IN",
    "kaleyra-host": "https://api.in.kaleyra.io/",
    "delivery-report-callback-url": "https://eu1.wzrkt.com/dlr?id=1",
    "inbound-message-callback-url": "https://eu1.wzrkt.com/inbound?id=1",
}


@pytest.fixture
def kaleyra(db: None) -> Provider:
    return make_provider(connector="kaleyra", credentials={"api_key": "A1b2", "sid": "HXIN0001IN"})


def send(provider: Provider, **headers: str) -> Any:
    return call("POST", f"/v1/{provider.public_id}/messages", json.dumps(template()).encode(), headers)


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


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/dlr",
        "http://eu1.wzrkt.com/dlr",
        "https://eu1.wzrkt.com.evil.example.com/dlr",
        "https://[broken/dlr",
        "https://eu1.wzrkt.com@evil.example.com/dlr",
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


def test_the_incoming_url_carries_clevertaps(kaleyra: Provider) -> None:
    query = "inbound_message_callback_url=https%3A%2F%2Feu1.wzrkt.com%2Fin%3Fid%3D1&payload_version=0.2"
    assert call("POST", f"{path_of(kaleyra, 'webhook')}?{query}", b'{"kind": "other"}').status == 200
    kaleyra.refresh_from_db()
    assert kaleyra.inbound_url == "https://eu1.wzrkt.com/in?id=1"
    assert kaleyra.switches.version == "0.2"


def test_only_for_providers_set_up_that_way(provider: Provider) -> None:
    query = "inbound_message_callback_url=https%3A%2F%2Feu1.wzrkt.com%2Fin"
    call("POST", f"{path_of(provider, 'webhook')}?{query}", b'{"statuses": []}')
    provider.refresh_from_db()
    assert provider.inbound_url == ""
