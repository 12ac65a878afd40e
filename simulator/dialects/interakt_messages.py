"""What Interakt accepts as a message."""

from typing import Any

from simulator.dialects import reading
from simulator.dialects.base import Failure, Refusal
from simulator.templates import TemplateUse

# Trunk zeros go, except where the zero belongs to the number itself.
_KEEP_ZERO = {"+39", "+225", "+241", "+242"}
_FREEFORM = {"Text", "Image", "Video", "Audio", "Document", "Sticker"}


def read(body: dict[str, Any]) -> tuple[str, TemplateUse | None]:
    """The message's label for people, and what it brings if it is a template."""
    kind = body.get("type")
    if kind == "Template":
        use = _template(reading.child(body, "template"))
        return use.name, use
    if kind not in _FREEFORM:
        raise Refusal(Failure.PAYLOAD, f"type is not supported: {kind!r}")
    data = reading.child(body, "data")
    if kind == "Text":
        return reading.text(data, "message"), None
    return f"{kind}: {reading.link(data, 'mediaUrl')}", None


def recipient(body: dict[str, Any]) -> str:
    """The number in either of the two ways of giving it, as digits."""
    if "fullPhoneNumber" in body:
        if "phoneNumber" in body or "countryCode" in body:
            raise Refusal(Failure.NUMBER, "give fullPhoneNumber or countryCode and phoneNumber, not both")
        return reading.digits(body["fullPhoneNumber"], "fullPhoneNumber")
    country, national = body.get("countryCode"), body.get("phoneNumber")
    if not isinstance(country, str) or not country.startswith("+"):
        raise Refusal(Failure.NUMBER, "countryCode must start with +")
    if not isinstance(national, str) or (national.startswith("0") and country not in _KEEP_ZERO):
        raise Refusal(Failure.NUMBER, "phoneNumber must be given without a leading zero")
    return reading.digits(country + national, "phoneNumber")


def _template(template: dict[str, Any]) -> TemplateUse:
    name, language = reading.text(template, "name"), reading.text(template, "languageCode")
    header = _values(template.get("headerValues", []), "headerValues")
    body = _values(template.get("bodyValues", []), "bodyValues")
    links = _indexed(template.get("buttonValues", {}), "buttonValues")
    payloads = _indexed(template.get("buttonPayload", {}), "buttonPayload")
    if any(len(payload) > 128 for payload in payloads.values()):
        raise Refusal(Failure.TEMPLATE, "buttonPayload is longer than 128 characters")
    cards = None
    if "carouselCards" in template:
        rows = reading.objects(template["carouselCards"], "carouselCards")
        for card in rows:
            _values(card.get("headerValues", []), "carouselCards.headerValues")
            _values(card.get("bodyValues", []), "carouselCards.bodyValues")
            _indexed(card.get("buttonValues", {}), "carouselCards.buttonValues")
        cards = len(rows)
    return TemplateUse(name, language, header, body, frozenset(links | payloads), cards)


def _values(values: object, name: str) -> int:
    if not isinstance(values, list):
        raise Refusal(Failure.TEMPLATE, f"{name} must be a list")
    for n, value in enumerate(values, 1):
        reading.parameter(value, f"{name}[{n}]")
    return len(values)


def _indexed(values: object, name: str) -> dict[int, str]:
    """Values by button index, the index being a string and the value a list of one."""
    if not isinstance(values, dict):
        raise Refusal(Failure.TEMPLATE, f"{name} must be an object")
    found = {}
    for index, value in values.items():
        if not index.isdigit() or not isinstance(value, list) or len(value) != 1:
            raise Refusal(Failure.TEMPLATE, f"{name} maps a button's index to a list of one value")
        found[int(index)] = reading.parameter(value[0], f"{name}[{index}]")
    return found
