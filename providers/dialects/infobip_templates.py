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
_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")


def read_page(response: HttpResponse, cursor: str) -> TemplatePage:
    """The page of the number `cursor`. Raises Malformed when there is no list in it."""
    payload = json_object(response.body)
    items = at(payload, "results")
    if not isinstance(items, list):
        raise Malformed("a JSON object with a list 'results' was expected")
    following = template_list.offset(cursor) + 1
    more = bool(items) and following < (number(payload, "paging", "totalPages") or 0)
    return template_list.page([_as_meta(item) for item in items], str(following) if more else "")


def _as_meta(item: object) -> dict[str, Any]:
    parts = components(at(item, "structure"))
    status = text(item, "status").upper()
    return {
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
    """`{header, body, footer, buttons, carousel, limitedTimeOffer}`, of a template or of a card."""
    found = [*_header(at(structure, "header")), *_body(at(structure, "body"))]
    if footer := first(text(structure, "footer", "text"), text(structure, "footer")):
        found.append({"type": "FOOTER", "text": footer})
    offer = at(structure, "limitedTimeOffer")
    if isinstance(offer, dict):
        told = {"text": text(offer, "text"), "has_expiration": at(offer, "hasExpiration") is True}
        found.append({"type": "LIMITED_TIME_OFFER", "limited_time_offer": told})
    if buttons := [_button(one) for one in objects(structure, "buttons")]:
        found.append({"type": "BUTTONS", "buttons": buttons})
    if cards := objects(structure, "carousel", "cards"):
        found.append({"type": "CAROUSEL", "cards": [{"components": components(card)} for card in cards]})
    return found


def _header(header: object) -> list[dict[str, Any]]:
    kind, example = text(header, "format").upper(), text(header, "example")
    if not kind:
        return []
    found: dict[str, Any] = {"type": "HEADER", "format": kind}
    if kind == "TEXT":
        found["text"] = text(header, "text")
    if example:
        found["example"] = {"header_text" if kind == "TEXT" else "header_handle": [example]}
    return [found]


def _body(body: object) -> list[dict[str, Any]]:
    words = first(text(body, "text"), text(body))  # older lists hold the bare text
    examples = at(body, "examples")
    shown = [text(one) for one in examples] if isinstance(examples, list) else []
    found: dict[str, Any] = {"type": "BODY", "text": words}
    if shown and named(words):
        pairs = zip(mentioned(words), shown, strict=False)
        found["example"] = {
            "body_text_named_params": [{"param_name": name, "example": one} for name, one in pairs]
        }
    elif shown:
        found["example"] = {"body_text": [shown]}
    return [found] if words else []


def _button(button: dict[str, Any]) -> dict[str, Any]:
    """Meta's keys are Infobip's in another case: `phoneNumber`, `otpType`."""
    found = {_CAPITAL.sub(r"_\1", str(key)).lower(): value for key, value in button.items()}
    found["type"] = text(button, "type").upper()
    if example := text(button, "example"):
        found["example"] = [example]
    return found
