"""Interakt's template list: pages by offset, flat rows."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from simulator.templates import Template

PAGE = 100  # Interakt's own; it ignores a limit

_APPROVAL = {"PENDING": "WAITING", "IN_APPEAL": "WAITING"}


def page(templates: list[Template], query: Mapping[str, str]) -> dict[str, Any]:
    if wanted := query.get("approval_status", ""):
        templates = [template for template in templates if _approval(template) == wanted]
    offset = query.get("offset", "0")
    start = int(offset) if offset.isdigit() else 0
    rows = [_row(template, start + n) for n, template in enumerate(templates[start : start + PAGE])]
    more = start + len(rows) < len(templates)
    return {"count": len(templates), "has_next": more, "results": {"templates": rows}}


def _approval(template: Template) -> str:
    status = str(template["status"])
    return _APPROVAL.get(status, status)


def _row(template: Template, position: int) -> dict[str, Any]:
    """A template as Interakt lists it: flat, with JSON inside strings, sometimes encoded twice."""
    parts = {part["type"]: part for part in template["components"]}
    header, body = parts.get("HEADER", {}), parts.get("BODY", {})
    examples = (body.get("example", {}).get("body_text") or [[]])[0]
    buttons = json.dumps(parts.get("BUTTONS", {}).get("buttons", []), ensure_ascii=False)
    cards = parts.get("CAROUSEL", {}).get("cards", [])
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, template["id"])),
        "name": template["name"],
        "display_name": template["name"].replace("_", " ").title(),
        "language": template["language"],
        "category": template["category"],
        "header_format": header.get("format"),
        "header": header.get("text"),
        "header_text": json.dumps(header.get("example", {}).get("header_text", [])),
        "header_handle_file_url": (header.get("example", {}).get("header_handle") or [None])[0],
        "body": body.get("text"),
        "body_text": json.dumps(examples, ensure_ascii=False),
        "footer": parts.get("FOOTER", {}).get("text"),
        "buttons": json.dumps(buttons) if position % 5 == 4 else buttons,
        "button_text": "[]",
        "approval_status": _approval(template),
        "wa_template_id": template["id"],
        "variable_present": "Yes" if "{{" in str(body.get("text")) else "No",
        "is_click_tracking_enabled": False,
        "limited_time_offer": parts.get("LIMITED_TIME_OFFER", {}).get("limited_time_offer"),
        "carousel_cards": json.dumps(cards, ensure_ascii=False),
        "is_carousel": bool(cards),
        "rejection_reason": None,
    }
