"""What Infobip accepts as a message: one object a message, templates in a list of them."""

import re
from typing import Any

from simulator.dialects import reading
from simulator.dialects.base import Failure, Refusal
from simulator.templates import TemplateUse

KINDS = ("template", "text", "image", "video", "audio", "document", "sticker", "location")
_CAPTIONED = ("image", "video", "document")
_LIMITS = {"QUICK_REPLY": 128, "COPY_CODE": 15, "URL": 0}
_MOST = {"QUICK_REPLY": 10, "COPY_CODE": 1, "URL": 2}
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}")
_MOST_CARDS = 10


def only_message(body: dict[str, Any]) -> dict[str, Any]:
    """The one message of the request. Infobip itself takes many in a request."""
    messages = reading.objects(body.get("messages"), "messages")
    if len(messages) != 1:
        raise Refusal(Failure.PAYLOAD, "the simulator takes one message a request")
    return messages[0]


def read(kind: str, message: dict[str, Any]) -> tuple[str, TemplateUse | None]:
    """The message's label for people, and what it brings if it is a template."""
    reading.digits(message.get("from"), "from")
    reading.optional_text(message, "callbackData", limit=4000)
    if message.get("notifyUrl") is not None:
        reading.link(message, "notifyUrl")
    if message.get("urlOptions") is not None:
        _url_options(reading.child(message, "urlOptions"))
    content = reading.child(message, "content")
    if kind == "template":
        use = _template(content)
        return use.name, use
    if kind == "text":
        return reading.text(content, "text", limit=4096), None
    if kind == "location":
        return f"location {_coordinates(content)}", None
    if kind in _CAPTIONED:
        reading.optional_text(content, "caption", limit=3000)
    elif "caption" in content:
        raise Refusal(Failure.PAYLOAD, f"{kind} takes no caption")
    if kind == "document":
        reading.optional_text(content, "filename", limit=240)
    return f"{kind}: {reading.link(content, 'mediaUrl')}", None


def _url_options(options: dict[str, Any]) -> None:
    for name in ("shortenUrl", "trackClicks"):
        if not isinstance(options.get(name, True), bool):
            raise Refusal(Failure.PAYLOAD, f"urlOptions.{name} must be true or false")
    if "trackingUrl" in options:
        reading.link(options, "trackingUrl")


def _coordinates(content: dict[str, Any]) -> str:
    for axis in ("latitude", "longitude"):
        if not isinstance(content.get(axis), int | float):
            raise Refusal(Failure.PAYLOAD, f"{axis} must be a number")
    return f"{content['latitude']}, {content['longitude']}"


def _template(content: dict[str, Any]) -> TemplateUse:
    name, language = reading.text(content, "templateName", limit=512), reading.text(content, "language")
    data = reading.child(content, "templateData")
    header = _header(data, ("TEXT", "IMAGE", "VIDEO", "GIF", "DOCUMENT", "LOCATION"))
    body = _placeholders(data)
    _buttons(data.get("buttons", []), ("QUICK_REPLY", "URL", "COPY_CODE"))
    if "limitedTimeOffer" in data:
        moment = reading.text(reading.child(data, "limitedTimeOffer"), "expirationTime")
        if not _MOMENT.fullmatch(moment):
            raise Refusal(Failure.TEMPLATE, f"expirationTime is not a moment: {moment}")
    cards = _cards(reading.child(data, "carousel")) if "carousel" in data else 0
    # Buttons come in a list without their indexes, so only the real template could tell which is which.
    return TemplateUse(name, language, header, body, None, cards)


def _header(data: dict[str, Any], allowed: tuple[str, ...]) -> int:
    if "header" not in data:
        return 0
    header = reading.child(data, "header")
    kind = header.get("type")
    if kind not in allowed:
        raise Refusal(Failure.TEMPLATE, f"header.type is not supported: {kind!r}")
    if kind == "TEXT":
        reading.parameter(header.get("placeholder"), "header.placeholder")
    elif kind == "LOCATION":
        _coordinates(header)
    else:
        reading.link(header, "mediaUrl")
        reading.optional_text(header, "filename", limit=240)
        if kind == "DOCUMENT" and not header.get("filename"):
            raise Refusal(Failure.TEMPLATE, "header.filename must be given for a document")
    return 1


def _placeholders(data: dict[str, Any]) -> int:
    """The list must be there, even when it is empty."""
    values = reading.child(data, "body").get("placeholders")
    if not isinstance(values, list):
        raise Refusal(Failure.TEMPLATE, "body.placeholders must be a list")
    for n, value in enumerate(values):
        reading.parameter(value, f"body.placeholders[{n}]")
    return len(values)


def _buttons(value: object, allowed: tuple[str, ...]) -> int:
    buttons = reading.objects(value, "buttons")
    kinds = [button.get("type") for button in buttons]
    for button, kind in zip(buttons, kinds, strict=True):
        if kind not in allowed:
            raise Refusal(Failure.TEMPLATE, f"buttons take no {kind!r}")
        parameter = reading.text(button, "parameter", limit=_LIMITS[kind])
        if kind == "URL" and "{{" in parameter:
            raise Refusal(Failure.TEMPLATE, "a URL button still holds its placeholder")
        if kinds.count(kind) > _MOST[kind]:
            raise Refusal(Failure.TEMPLATE, f"too many buttons of type {kind}")
    return len(buttons)


def _cards(carousel: dict[str, Any]) -> int:
    cards = reading.objects(carousel.get("cards"), "carousel.cards")
    if not 1 <= len(cards) <= _MOST_CARDS:
        raise Refusal(Failure.TEMPLATE, f"a carousel has 1 to {_MOST_CARDS} cards")
    for card in cards:
        if not _header(card, ("IMAGE", "VIDEO")):
            raise Refusal(Failure.TEMPLATE, "a card needs its header")
        _placeholders(card)
        # Buttons without a value, as a fixed URL is, are left out, and the list with them where all are.
        if "buttons" in card and not 1 <= _buttons(card["buttons"], ("QUICK_REPLY", "URL")) <= 2:
            raise Refusal(Failure.TEMPLATE, "a card names one or two buttons with a value, or none at all")
    return len(cards)
