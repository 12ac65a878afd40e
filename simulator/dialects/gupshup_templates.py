"""Gupshup's template list: numbered pages, each template's parts as JSON in the string `containerMeta`."""

import re
import uuid
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from simulator.dialects.base import Failure, Refusal
from simulator.templates import Template

Json = dict[str, Any]

_PAGE, _MOST = 10, 100
_SPACE = uuid.UUID("5d0c2f6e-7e0b-4a53-9c1a-6d8a1f0b7e11")
_MEDIA = ("IMAGE", "VIDEO", "DOCUMENT", "LOCATION")
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_BUTTON = ("type", "text", "url", "phone_number", "example")


def template_id(template: Template) -> str:
    return _id(template["name"], template["language"])


@cache
def _id(name: str, language: str) -> str:
    return str(uuid.uuid5(_SPACE, f"{name} {language}"))


def variables(text: str) -> list[str]:
    """The names of the variables, each once, in the order of the text."""
    return list(dict.fromkeys(_VARIABLE.findall(text)))


def parts(components: list[Json]) -> dict[str, Json]:
    return {part["type"]: part for part in components}


def page(templates: list[Template], query: Mapping[str, str], app_id: str) -> Json:
    number, size = _whole(query, "pageNo", 0), _whole(query, "pageSize", _PAGE)
    if not 1 <= size <= _MOST:
        raise Refusal(Failure.PAYLOAD, f"pageSize must be from 1 to {_MOST}")
    rows = [_row(template, app_id) for template in templates[number * size : (number + 1) * size]]
    return {"status": "success", "templates": rows}


def _whole(query: Mapping[str, str], name: str, usual: int) -> int:
    given = query.get(name, str(usual))
    if not given.isdecimal():
        raise Refusal(Failure.PAYLOAD, f"{name} must be a whole number")
    return int(given)


def _row(template: Template, app_id: str) -> Json:
    found = parts(template["components"])
    meta = _container(found) | _offer(found)
    return {
        "id": template_id(template),
        "externalId": template["id"],
        "appId": app_id,
        "elementName": template["name"],
        "languageCode": template["language"],
        "languagePolicy": "deterministic",
        "category": template["category"],
        "templateType": "CAROUSEL" if "CAROUSEL" in found else _format(found),
        "status": template["status"],
        "quality": "UNKNOWN",
        "data": meta["data"],
        "meta": _text({"example": meta.get("sampleText", meta["data"])}),
        "containerMeta": _text(meta),
        "createdOn": 1767600000000,
        "modifiedOn": 1767600000000,
    }


def _format(found: dict[str, Json]) -> str:
    kind = str(found.get("HEADER", {}).get("format", "TEXT"))
    return kind if kind in _MEDIA else "TEXT"


def _container(found: dict[str, Json]) -> Json:
    header, body = found.get("HEADER", {}), found.get("BODY", {})
    examples = header.get("example", {})
    meta: Json = {
        "data": body.get("text", ""),
        "sampleText": _sample(body),
        "header": header.get("text"),
        "mediaUrl": (examples.get("header_handle") or [None])[0],
        "footer": found.get("FOOTER", {}).get("text"),
        "buttons": _buttons(found),
        "enableSample": True,
    }
    if carousel := found.get("CAROUSEL"):
        meta["cards"] = [_card(parts(card["components"])) for card in carousel["cards"]]
    return {key: value for key, value in meta.items() if value not in (None, [])}


def _card(found: dict[str, Json]) -> Json:
    meta = _container(found)
    return {
        "headerType": _format(found),
        "mediaUrl": meta.get("mediaUrl"),
        "body": meta["data"],
        "sampleText": meta["sampleText"],
        "buttons": meta.get("buttons", []),
    }


def _offer(found: dict[str, Json]) -> Json:
    offer = found.get("LIMITED_TIME_OFFER", {}).get("limited_time_offer")
    if offer is None:
        return {}
    return {
        "isLTO": True,
        "limitedOfferText": offer.get("text", ""),
        "hasExpiration": bool(offer.get("has_expiration")),
    }


def _buttons(found: dict[str, Json]) -> list[Json]:
    buttons = found.get("BUTTONS", {}).get("buttons", [])
    return [{key: button[key] for key in _BUTTON if button.get(key)} for button in buttons]


def _sample(body: Json) -> str:
    """The body as Gupshup shows it, with its example values."""
    example = body.get("example", {})
    named = {one["param_name"]: one["example"] for one in example.get("body_text_named_params", [])}
    numbered = {str(n): value for n, value in enumerate((example.get("body_text") or [[]])[0], 1)}
    values = named | numbered
    return _VARIABLE.sub(lambda found: str(values.get(found[1], found[1])), body.get("text", ""))


def _text(content: object) -> str:
    return msgspec.json.encode(content).decode()
