"""A provider with a template whose button goes through Waypost, and its messages."""

from typing import Any

import pytest

from campaigns.models import Link, Message
from campaigns.sending import dispatch
from providers.models import Provider
from templates_app.models import Template
from tests.endpoints import Endpoint
from tests.factories import make_provider
from tests.gateway import SUCCESS, post, template

HOST = "https://go.shop.example"
SHOP = "https://shop.example/cart/7?a=1&b=2"
BODY = {"type": "BODY", "text": "Hello {{1}}"}
HELLO = {"type": "body", "body": {"parameters": [{"type": "text", "text": "Mira"}]}}


def url_button(url: str = HOST + "/l/{{1}}") -> dict[str, Any]:
    return {"type": "URL", "text": "Open", "url": url, "example": ["a"]}


def buttons(*given: dict[str, Any]) -> dict[str, Any]:
    return {"type": "BUTTONS", "buttons": list(given)}


def press(value: str = SHOP, index: int = 0) -> dict[str, Any]:
    """The button as CleverTap sends it."""
    return {
        "type": "button",
        "subType": "dynamicUrl",
        "index": index,
        "buttonText": "Open",
        "parameters": [{"type": "text", "text": value}],
    }


def payload(*parts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return template(components=[HELLO, *parts], **changes)


@pytest.fixture
def listed(db: None, endpoint: Endpoint) -> Template:
    """A template with one tracked button, of a provider whose messages go to `endpoint`."""
    provider = make_provider(endpoint=endpoint.url, click_domain="go.shop.example", delivery_url=endpoint.url)
    return Template.objects.create(
        provider=provider,
        name="order_ready",
        language="en",
        components=[BODY, buttons(url_button())],
        tracked=["button.0"],
    )


@pytest.fixture
def tracking(listed: Template) -> Provider:
    """The provider of `listed`, with the login that CleverTap presents."""
    return listed.provider


def sent(provider: Provider, *parts: dict[str, Any], **changes: Any) -> Message:
    """A message, accepted and sent."""
    message = payload(*(parts or [press()]), **changes)
    assert post(provider, message).body == SUCCESS
    dispatch.drain(provider.pk)
    return Message.objects.latest("id")


def link(provider: Provider, **changes: Any) -> Link:
    return sent(provider, **changes).links.get()


def suffixes(body: dict[str, Any]) -> list[str]:
    """The values of the URL buttons in what a BSP with CleverTap's format got."""
    levels = [body["components"]]
    levels += [card["components"] for part in body["components"] for card in part.get("cards", [])]
    return [part["parameters"][0]["text"] for parts in levels for part in parts if part["type"] == "button"]
