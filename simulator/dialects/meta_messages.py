"""What Meta accepts as a message: templates with their components, and free-form messages."""

from collections.abc import Callable
from typing import Any

from simulator.dialects import reading
from simulator.dialects.base import Failure, Refusal
from simulator.templates import TemplateUse

_MISSING, _INVALID, _FORMAT = 131008, 131009, 132012
_SUB_TYPES = {
    "quick_reply": "payload",
    "url": "text",
    "copy_code": "coupon_code",
    "flow": "action",
    "catalog": "action",
    "mpm": "action",
}
_CAPTION = 1024


def read(body: dict[str, Any]) -> tuple[str, TemplateUse | None]:
    """The message's label for people, and what it brings if it is a template."""
    kind = body.get("type", "text")
    if kind == "template":
        use = _template(reading.child(body, "template"))
        return use.name, use
    reader = _FREEFORM.get(kind)
    if reader is None:
        raise Refusal(Failure.PAYLOAD, f"type is not supported: {kind!r}", 131051)
    if kind not in body:
        raise Refusal(Failure.PAYLOAD, f"the object {kind} is missing", _MISSING)
    return reader(reading.child(body, kind)), None


def _text(content: dict[str, Any]) -> str:
    return reading.text(content, "body", limit=4096)


def _captioned(content: dict[str, Any]) -> str:
    reading.optional_text(content, "caption", limit=_CAPTION)
    return _medium(content)


def _uncaptioned(content: dict[str, Any]) -> str:
    if "caption" in content:
        raise Refusal(Failure.PAYLOAD, "this type takes no caption")
    return _medium(content)


def _medium(content: dict[str, Any]) -> str:
    if ("id" in content) == ("link" in content):
        raise Refusal(Failure.PAYLOAD, "give exactly one of id and link", _MISSING)
    return reading.text(content, "id") if "id" in content else reading.link(content, "link")


def _location(content: dict[str, Any]) -> str:
    for axis in ("latitude", "longitude"):
        try:
            float(content.get(axis, ""))
        except (TypeError, ValueError):
            raise Refusal(Failure.PAYLOAD, f"{axis} must be a number", _INVALID) from None
    return f"location {content['latitude']}, {content['longitude']}"


_FREEFORM: dict[object, Callable[[dict[str, Any]], str]] = {
    "text": _text,
    "image": _captioned,
    "video": _captioned,
    "document": _captioned,
    "audio": _uncaptioned,
    "sticker": _uncaptioned,
    "location": _location,
}


def _template(template: dict[str, Any]) -> TemplateUse:
    name = reading.text(template, "name", limit=512)
    language = reading.text(reading.child(template, "language"), "code")
    counts: dict[str, int] = {"header": 0, "body": 0}
    buttons: set[int] = set()
    cards = 0
    for component in reading.objects(template.get("components", []), "components"):
        kind = str(component.get("type", "")).lower()
        if kind == "carousel":
            cards = _carousel(component)
        elif kind == "button":
            buttons.add(_button(component, buttons))
        elif kind == "limited_time_offer":
            _offer(component)
        elif kind in counts:
            counts[kind] = _parameters(component, kind)
        elif kind != "tap_target_configuration":
            raise Refusal(Failure.TEMPLATE, f"unknown component type: {kind!r}", 100)
    return TemplateUse(name, language, counts["header"], counts["body"], frozenset(buttons), cards)


def _parameters(component: dict[str, Any], kind: str) -> int:
    parameters = reading.objects(component.get("parameters", []), f"{kind}.parameters")
    for parameter in parameters:
        what = parameter.get("type")
        if what == "text":
            reading.parameter(parameter.get("text"), f"{kind} text")
        elif what == "location" and kind == "header":
            _location(reading.child(parameter, "location"))
        elif what in ("image", "video", "document") and kind == "header":
            _medium(reading.child(parameter, what))
        elif what not in ("currency", "date_time", "product"):
            raise Refusal(Failure.TEMPLATE, f"{kind} takes no parameter of type {what!r}", _FORMAT)
    if kind == "header" and len(parameters) > 1:
        raise Refusal(Failure.TEMPLATE, "header takes one parameter", 132000)
    return len(parameters)


def _button(component: dict[str, Any], taken: set[int]) -> int:
    sub_type = str(component.get("sub_type", "")).lower()
    if sub_type not in _SUB_TYPES:
        raise Refusal(Failure.TEMPLATE, f"unknown button sub_type: {sub_type!r}", 100)
    index = component.get("index")
    if not str(index).isdigit():
        raise Refusal(Failure.TEMPLATE, "a button needs its index", _MISSING)
    position = int(str(index))
    if position in taken:
        raise Refusal(Failure.TEMPLATE, f"two buttons have the index {position}", 100)
    parameters = reading.objects(component.get("parameters"), "button.parameters")
    wanted = _SUB_TYPES[sub_type]
    if len(parameters) != 1 or parameters[0].get("type") != wanted or not parameters[0].get(wanted):
        raise Refusal(Failure.TEMPLATE, f"a {sub_type} button takes one {wanted} parameter", _FORMAT)
    return position


def _offer(component: dict[str, Any]) -> None:
    for parameter in reading.objects(component.get("parameters"), "limited_time_offer.parameters"):
        offer = reading.child(parameter, "limited_time_offer")
        if not isinstance(offer.get("expiration_time_ms"), int):
            raise Refusal(Failure.TEMPLATE, "expiration_time_ms must be a number of milliseconds", _FORMAT)


def _carousel(component: dict[str, Any]) -> int:
    cards = reading.objects(component.get("cards"), "carousel.cards")
    for position, card in enumerate(cards):
        if card.get("card_index") != position:
            raise Refusal(Failure.TEMPLATE, "card_index must count from 0", 100)
        buttons: set[int] = set()
        for part in reading.objects(card.get("components", []), "card.components"):
            kind = str(part.get("type", "")).lower()
            if kind == "button":
                buttons.add(_button(part, buttons))
            elif kind in ("header", "body"):
                _parameters(part, kind)
            else:
                raise Refusal(Failure.TEMPLATE, f"a card takes no {kind!r}", 100)
    return len(cards)
