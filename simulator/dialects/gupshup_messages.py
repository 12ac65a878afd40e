"""What Gupshup accepts as a message: JSON in the fields of a form."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from simulator.dialects import reading
from simulator.dialects.base import Failure, Refusal
from simulator.dialects.gupshup_templates import parts, template_id, variables
from simulator.templates import Template, TemplateUse

Json = dict[str, Any]

_CODE = 15
_MOST_CARDS = 10


def field(form: dict[str, str], name: str) -> Any:
    try:
        return msgspec.json.decode(form[name])
    except (KeyError, msgspec.DecodeError):
        raise Refusal(Failure.PAYLOAD, f"{name} must be JSON") from None


def _message(form: dict[str, str]) -> Json:
    message = field(form, "message")
    if not isinstance(message, dict):
        raise Refusal(Failure.PAYLOAD, "message must be an object")
    return message


def session(form: dict[str, str]) -> str:
    """Checks a session message; its label for people."""
    message = _message(form)
    reader = _SESSION.get(message.get("type"))
    if reader is None:
        raise Refusal(Failure.PAYLOAD, f"message.type is not supported: {message.get('type')!r}")
    if "caption" in message:
        reading.text(message, "caption", limit=1024)  # null is refused
    return reader(message)


def _text(message: Json) -> str:
    return reading.text(message, "text", limit=4096)


def _image(message: Json) -> str:
    reading.link(message, "previewUrl")
    return reading.link(message, "originalUrl")


def _media(message: Json) -> str:
    return reading.link(message, "url")


def _audio(message: Json) -> str:
    if "caption" in message:
        raise Refusal(Failure.PAYLOAD, "audio takes no caption")
    return reading.link(message, "url")


def _location(message: Json) -> str:
    for axis in ("latitude", "longitude"):
        if not isinstance(message.get(axis), int | float):
            raise Refusal(Failure.PAYLOAD, f"{axis} must be a number")
    return f"location {message['latitude']}, {message['longitude']}"


_SESSION: dict[object, Callable[[Json], str]] = {
    "text": _text,
    "image": _image,
    "video": _media,
    "audio": _audio,
    "file": _media,
    "sticker": _media,
    "location": _location,
}


def template(form: dict[str, str], templates: Sequence[Template]) -> TemplateUse:
    """Checks a template message against the one of the account's templates that its id names.

    The values come in one list, so whatever is too many or too few counts as the body's.
    """
    named = field(form, "template")
    if not isinstance(named, dict) or not isinstance(named.get("params"), list):
        raise Refusal(Failure.PAYLOAD, "template must have an id and a list of params")
    given = reading.text(named, "id")
    wanted = next((one for one in templates if template_id(one) == given), None)
    if wanted is None:
        raise Refusal(Failure.TEMPLATE, "Template Not Found")
    params = named["params"]
    for position, value in enumerate(params):
        reading.parameter(value, f"params[{position}]")
    found = parts(wanted["components"])
    carousel = found.get("CAROUSEL", {}).get("cards", [])
    valued = _valued(found)
    taken = _header_values(found) + len(valued) + sum(_card_values(card) for card in carousel)
    _check_code(found, valued, params[len(params) - len(valued) :] if not carousel else [])
    message = _message(form) if "message" in form else {}
    cards = _cards(message) if carousel else 0
    media = 0 if carousel else _header(message, found)
    if "LIMITED_TIME_OFFER" in found:
        _expiration(named, found["LIMITED_TIME_OFFER"])
    header = _header_values(found) or media
    buttons = frozenset({*valued, *_postbacks(form)})
    return TemplateUse(wanted["name"], wanted["language"], header, len(params) - taken, buttons, cards)


def _valued(found: dict[str, Json]) -> list[int]:
    """The indexes of the buttons that take a value in the params."""
    buttons = found.get("BUTTONS", {}).get("buttons", [])
    return [
        index
        for index, button in enumerate(buttons)
        if button["type"] in ("COPY_CODE", "OTP") or (button["type"] == "URL" and "{{" in button["url"])
    ]


def _header_values(found: dict[str, Json]) -> int:
    return len(variables(found.get("HEADER", {}).get("text", "")))


def _card_values(card: Json) -> int:
    found = parts(card["components"])
    return len(variables(found.get("BODY", {}).get("text", ""))) + len(_valued(found))


def _check_code(found: dict[str, Json], valued: list[int], values: list[str]) -> None:
    buttons = found.get("BUTTONS", {}).get("buttons", [])
    for index, value in zip(valued, values, strict=False):
        kind = buttons[index]["type"]
        if kind == "COPY_CODE" and len(value) > _CODE:
            raise Refusal(Failure.TEMPLATE, f"a coupon code has at most {_CODE} characters")
        if kind == "URL" and value.startswith("http"):
            raise Refusal(Failure.TEMPLATE, "a URL button takes the part after its fixed address")


def _header(message: Json, found: dict[str, Json]) -> int:
    """1 where the message has the medium that the template's header shows."""
    wanted = found.get("HEADER", {}).get("format", "TEXT").lower()
    kind = message.get("type", "")
    if not message:
        return 0
    if kind != wanted:
        raise Refusal(Failure.TEMPLATE, f"message.type is {kind!r}, the template's header is {wanted}")
    shown = reading.child(message, kind)
    if kind == "location":
        _location(shown)
        reading.text(shown, "name")
        reading.text(shown, "address")
    else:
        reading.link(shown, "link")
    return 1


def _cards(message: Json) -> int:
    if message.get("type") != "carousel" or message.get("cardHeaderType") not in ("IMAGE", "VIDEO"):
        raise Refusal(Failure.TEMPLATE, "a carousel needs its message, with cardHeaderType IMAGE or VIDEO")
    cards = reading.objects(message.get("cards"), "cards")
    if not 2 <= len(cards) <= _MOST_CARDS:
        raise Refusal(Failure.TEMPLATE, f"a carousel has 2 to {_MOST_CARDS} cards")
    for card in cards:
        reading.link(card, "link")
    return len(cards)


def _expiration(given: Json, offer: Json) -> None:
    expires = bool(offer["limited_time_offer"].get("has_expiration"))
    if expires and not isinstance(given.get("expiration"), int):
        raise Refusal(Failure.TEMPLATE, "expiration must be a number of milliseconds")


def _postbacks(form: dict[str, str]) -> set[int]:
    if "postbackTexts" not in form:
        return set()
    found = reading.objects(field(form, "postbackTexts"), "postbackTexts")
    for one in found:
        if not isinstance(one.get("index"), int):
            raise Refusal(Failure.PAYLOAD, "postbackTexts: index must be a number")
        reading.text(one, "text")
    return {one["index"] for one in found}
