"""Infobip's template list: `{results: [item], paging: {page, totalPages}}`, pages counted from 0.

Source: Infobip, "Get account templates". An item's `structure` becomes Meta's components.
"""

import re
from typing import Any

from lib.http import HttpResponse
from lib.reading import at, first, number, objects, text
from providers.dialects import template_list
from providers.dialects.placeholders import mentioned, named, parameter_format
from providers.messages import Malformed, TemplatePage
from providers.outcomes import json_object

SIZE = 100  # the most Infobip gives
STATUSES = {
    "REINSTATED": "APPROVED",
    "FLAGGED": "APPROVED",  # low quality, but sent
    "FIRST_PAUSED": "PAUSED",
    "SECOND_PAUSED": "PAUSED",
}
_READ = frozenset({"id", "name", "language", "status", "category", "quality", "structure"})
_PARTS = frozenset({"header", "body", "footer", "buttons", "carousel", "limitedTimeOffer"})
_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")


def read_page(response: HttpResponse, cursor: str) -> TemplatePage:
    """The page of the number `cursor`. Raises Malformed when there is no list in it."""
    payload = json_object(response.body)
    items = at(payload, "results")
    if not isinstance(items, list):
        raise Malformed("a JSON object with a list 'results' was expected")
    following = template_list.offset(cursor) + 1
    more = bool(items) and following < (number(payload, "paging", "totalPages") or 0)
    return template_list.page_of([_as_meta(item) for item in items], str(following) if more else "")


def _as_meta(item: object) -> dict[str, Any]:
    structure = at(item, "structure")
    parts, more = components(structure), _scalars(structure)
    status = text(item, "status").upper()
    return {
        **template_list.unread(item, _READ),
        **({"structure": more} if more else {}),
        "id": text(item, "id"),
        "name": text(item, "name"),
        "language": text(item, "language"),
        "category": text(item, "category"),
        "status": STATUSES.get(status, status),
        "parameter_format": parameter_format(parts),
        "quality_score": text(item, "quality"),
        "components": parts,
    }


def components(structure: object) -> list[dict[str, Any]]:
    """`{header, body, footer, buttons, carousel, limitedTimeOffer}`, of a template or of a card. What else
    it holds becomes a component of that name, so that it is named as something CleverTap cannot use."""
    found = [*_header(at(structure, "header")), *_body(at(structure, "body"))]
    if footer := first(text(structure, "footer", "text"), text(structure, "footer")):
        more = template_list.unread(at(structure, "footer"), {"text"})
        found.append(more | {"type": "FOOTER", "text": footer})
    offer = at(structure, "limitedTimeOffer")
    if isinstance(offer, dict):
        listed = {"text": text(offer, "text"), "has_expiration": at(offer, "hasExpiration") is True}
        more = template_list.unread(offer, {"text", "hasExpiration"})
        found.append({"type": "LIMITED_TIME_OFFER", "limited_time_offer": more | listed})
    if buttons := [_button(one) for one in objects(structure, "buttons")]:
        found.append({"type": "BUTTONS", "buttons": buttons})
    if cards := objects(structure, "carousel", "cards"):
        listed_cards = [_scalars(card) | {"components": components(card)} for card in cards]
        more = template_list.unread(at(structure, "carousel"), {"cards"})
        found.append(more | {"type": "CAROUSEL", "cards": listed_cards})
    for key, value in template_list.unread(structure, _PARTS).items():
        if isinstance(value, dict | list):
            name = _metas_word(key)
            found.append({"type": name.upper(), name: value})
    return found


def _scalars(structure: object) -> dict[str, Any]:
    """What a structure says of itself, apart from its parts."""
    more = template_list.unread(structure, _PARTS)
    return {key: value for key, value in more.items() if not isinstance(value, dict | list)}


def _metas_word(key: object) -> str:
    """Infobip's keys are Meta's in another case: `phoneNumber`, `otpType`."""
    return _CAPITAL.sub(r"_\1", str(key)).lower()


def _header(header: object) -> list[dict[str, Any]]:
    kind, example = text(header, "format").upper(), text(header, "example")
    if not kind:
        return []
    more = template_list.unread(header, {"format", "text", "example"})
    found: dict[str, Any] = more | {"type": "HEADER", "format": kind}
    if kind == "TEXT":
        found["text"] = text(header, "text")
    if example:
        found["example"] = {"header_text" if kind == "TEXT" else "header_handle": [example]}
    return [found]


def _body(body: object) -> list[dict[str, Any]]:
    words = first(text(body, "text"), text(body))  # older lists hold the bare text
    examples = at(body, "examples")
    shown = [text(one) for one in examples] if isinstance(examples, list) else []
    more = template_list.unread(body, {"text", "examples"})
    found: dict[str, Any] = more | {"type": "BODY", "text": words}
    if shown and named(words):
        pairs = zip(mentioned(words), shown, strict=False)
        found["example"] = {
            "body_text_named_params": [{"param_name": name, "example": one} for name, one in pairs]
        }
    elif shown:
        found["example"] = {"body_text": [shown]}
    return [found] if words else []


def _button(button: dict[str, Any]) -> dict[str, Any]:
    found = {_metas_word(key): value for key, value in button.items()}
    found["type"] = text(button, "type").upper()
    if example := text(button, "example"):
        found["example"] = [example]
    return found
