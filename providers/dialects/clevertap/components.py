"""The components of CleverTap's template messages, and of the cards of a carousel: header, body, buttons…

Source: CleverTap's Generic WhatsApp page ("API Payload for Template Message").
"""

import re
from collections.abc import Iterator

from providers.dialects.clevertap.fields import (
    Json,
    checked_object,
    checked_objects,
    read_integer,
    read_location,
    read_media,
    read_text,
    read_word,
)
from providers.messages import AnswerCode, Button, ButtonKind, Card, Header, HeaderKind, Offer, Refused, Value

_BUTTON_KINDS: dict[str, ButtonKind] = {
    "dynamicurl": "dynamic_url",
    "url": "dynamic_url",
    "staticurl": "static_url",
    "quickreply": "quick_reply",
    "callphone": "call",
    "phonenumber": "call",
    "copycode": "copy_code",
}
HEADER_KINDS: dict[str, HeaderKind] = {
    "text": "text",
    "image": "image",
    "video": "video",
    "audio": "audio",
    "file": "document",
    "document": "document",
    "location": "location",
}
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")


def read_parts(components: object, where: str, notes: list[str], is_test: bool) -> Json:
    """Header, body, buttons… of a template or of one carousel card, whatever their order."""
    parts: Json = {}
    buttons: list[Json] = []
    for position, part in enumerate(checked_objects(components or [], where)):
        kind = read_word(part.get("type")).lower()
        at = f"{where}[{position}]"
        if kind == "header":
            parts["header"] = _header(checked_object(part.get("header"), f"{at}.header"), f"{at}.header")
        elif kind == "body":
            body = checked_object(part.get("body"), f"{at}.body")
            parts["body_text"] = read_text(body.get("text"))
            parts["body"] = _values(body.get("parameters"), f"{at}.body.parameters")
        elif kind == "footer":
            texts = (part.get(key) for key in ("footer", "footertext", "footerText", "text"))
            parts["footer"] = next(filter(None, map(read_word, texts)), "")
        elif kind == "button":
            buttons.append(part)
        elif kind == "limited_time_offer":
            parts["offer"] = _offer(part, at)
        elif kind == "carousel":
            cards = checked_objects(part.get("cards") or [], f"{at}.cards")
            parts["cards"] = tuple(
                Card(**read_parts(card.get("components"), f"{at}.cards[{n}].components", notes, is_test))
                for n, card in enumerate(cards)
            )
        elif "customProps" not in part:  # the one component that has no type
            notes.append(f"{at}: component type {kind or 'missing'!r} ignored")
    if buttons:
        parts["buttons"] = tuple(_buttons(buttons, where, is_test))
    return parts


def _header(header: Json, where: str) -> Header:
    kind = HEADER_KINDS.get(read_word(header.get("type")).lower())
    if kind is None:
        raise Refused(AnswerCode.TEMPLATE, f"{where}.type: {header.get('type')!r} is not a header type")
    child = header.get(read_word(header.get("type"))) or header.get(kind)
    if kind == "text":
        if isinstance(child, str):
            return Header("text", text=read_text(child))
        text = checked_object(child or {}, f"{where}.text")
        return Header(
            "text",
            text=read_text(text.get("text")),
            values=_values(text.get("parameters"), f"{where}.text.parameters"),
        )
    if not isinstance(child, dict):
        # An older schema names the object "image" whatever the type says.
        child = next((v for v in header.values() if isinstance(v, dict) and "mediaURL" in v), None)
    if kind == "location":
        return Header("location", location=read_location(child, f"{where}.location"))
    return Header(kind, media=read_media(child, f"{where}.{kind}"))


def _buttons(parts: list[Json], where: str, is_test: bool) -> Iterator[Button]:
    """Buttons in order. A repeated or unreadable index is replaced by the position."""
    indexes = [read_integer(part.get("index")) for part in parts]
    usable = None not in indexes and len(set(indexes)) == len(indexes)
    for position, part in enumerate(parts):
        raw = read_word(part.get("subType") or part.get("sub_type") or part.get("subtype"))
        kind = _BUTTON_KINDS.get(raw.replace("_", "").lower())
        if kind is None:
            raise Refused(AnswerCode.TEMPLATE, f"{where}: button {position} has unknown subType {raw!r}")
        value = ""
        at = f"{where}: button {position}.parameters"
        for parameter in checked_objects(part.get("parameters") or [], at):
            named = (parameter.get(key) for key in ("coupon_code", "payload", "text"))
            value = next(filter(None, map(read_word, named)), "")
            break
        if is_test and kind == "dynamic_url":
            # Saving a template sends the URL as registered, its placeholder unresolved.
            value = _PLACEHOLDER.sub("0", value)
        index = indexes[position] if usable else position
        yield Button(index or 0, kind, text=read_word(part.get("buttonText")), value=value)


def _offer(part: Json, where: str) -> Offer:
    expires = 0
    for parameter in checked_objects(part.get("parameters") or [], f"{where}.parameters"):
        inner = parameter.get("limited_time_offer")
        raw = inner.get("expiration_time_ms") if isinstance(inner, dict) else None
        if raw is not None:
            expires = read_integer(raw) or 0
            if expires <= 0:
                raise Refused(AnswerCode.TEMPLATE, f"{where}: expiration_time_ms {raw!r} is not a time")
    return Offer(text=read_word(part.get("text")), expires_ms=expires)


def _values(parameters: object, where: str) -> tuple[Value, ...]:
    values = []
    for position, parameter in enumerate(checked_objects(parameters or [], where)):
        text = parameter.get("text")
        if isinstance(text, dict | list | None):
            raise Refused(AnswerCode.TEMPLATE, f"{where}[{position}].text: missing")
        name = read_word(parameter.get("parameter_name")) or read_word(parameter.get("name"))
        values.append(Value(read_text(text), name=name))
    return tuple(values)
