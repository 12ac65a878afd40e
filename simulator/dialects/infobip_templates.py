"""Infobip's template list: numbered pages, each template's parts by name in `structure`."""

from collections.abc import Mapping
from typing import Any

from simulator.dialects.base import Failure, Refusal
from simulator.templates import Template

Json = dict[str, Any]

_PAGE, _MOST = 10, 100
_STATUSES = {"PAUSED": "FIRST_PAUSED"}


def page(templates: list[Template], query: Mapping[str, str]) -> Json:
    number, size = _whole(query, "page", 0), _whole(query, "size", _PAGE)
    if not 1 <= size <= _MOST:
        raise Refusal(Failure.PAYLOAD, f"size must be from 1 to {_MOST}")
    rows = [_row(template) for template in templates[number * size : (number + 1) * size]]
    pages = -(-len(templates) // size)
    paging = {"page": number, "size": size, "totalPages": pages, "totalResults": len(templates)}
    return {"results": rows, "paging": paging}


def _whole(query: Mapping[str, str], name: str, usual: int) -> int:
    given = query.get(name, str(usual))
    if not given.isdecimal():
        raise Refusal(Failure.PAYLOAD, f"{name} must be a whole number")
    return int(given)


def _row(template: Template) -> Json:
    status = str(template["status"])
    return {
        "id": template["id"],
        "businessAccountId": 102290129340003,
        "name": template["name"],
        "language": template["language"],
        "status": _STATUSES.get(status, status),
        "category": template["category"],
        "structure": _structure(template["components"]),
        "quality": "UNKNOWN",
        "createdAt": "2026-01-05T08:00:00.000+0000",
        "lastUpdatedAt": "2026-01-05T08:00:00.000+0000",
    }


def _structure(components: list[Json]) -> Json:
    parts = {part["type"]: part for part in components}
    found: Json = {}
    if header := parts.get("HEADER"):
        examples = header.get("example", {})
        example = (examples.get("header_text") or examples.get("header_handle") or [None])[0]
        found["header"] = _given({"format": header["format"], "text": header.get("text"), "example": example})
    if body := parts.get("BODY"):
        found["body"] = _given({"text": body.get("text"), "examples": _examples(body.get("example", {}))})
    if footer := parts.get("FOOTER"):
        found["footer"] = _given({"text": footer.get("text")})
    if buttons := parts.get("BUTTONS"):
        found["buttons"] = [_button(button) for button in buttons["buttons"]]
    if carousel := parts.get("CAROUSEL"):
        found["carousel"] = {"cards": [_structure(card["components"]) for card in carousel["cards"]]}
    if offer := parts.get("LIMITED_TIME_OFFER", {}).get("limited_time_offer"):
        found["limitedTimeOffer"] = _given(
            {"hasExpiration": offer.get("has_expiration"), "text": offer.get("text")}
        )
    return found


def _examples(example: Json) -> list[str] | None:
    named = [one["example"] for one in example.get("body_text_named_params", [])]
    return named or (example.get("body_text") or [None])[0]


def _button(button: Json) -> Json:
    example = button.get("example")
    return _given(
        {
            "type": button["type"],
            "text": button.get("text"),
            "url": button.get("url"),
            "phoneNumber": button.get("phone_number"),
            "example": example[0] if isinstance(example, list) and example else example,
        }
    )


def _given(content: Json) -> Json:
    return {key: value for key, value in content.items() if value is not None}
