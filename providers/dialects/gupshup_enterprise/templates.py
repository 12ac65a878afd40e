"""Gupshup Enterprise's template list: `{data: [item], meta: {total}}`, flat items made Meta's components.

Source: integrations in use; Gupshup Enterprise's own pages are not public.
"""

from typing import Any

from lib.http import HttpResponse
from lib.reading import at, decode, first, number, text
from providers.dialects import template_list
from providers.dialects.placeholders import parameter_format
from providers.messages import Malformed, TemplatePage
from providers.outcomes import excerpt, json_object

Json = dict[str, Any]

# The words that differ from Meta's.
STATUSES = {"ENABLED": "APPROVED"}
_READ = frozenset(
    {"id", "name", "language", "status", "category", "quality_score", "type", "header", "body", "footer",
     "buttons", "button_type"}
)  # fmt: skip


def read_page(response: HttpResponse) -> TemplatePage:
    """The whole list. Raises Malformed for a list cut short, and for an error, which comes with 200 too."""
    payload = json_object(response.body)
    items = at(payload, "data")
    if not isinstance(items, list):
        words = first(text(payload, "response", "details"), excerpt(response))
        raise Malformed(f"an object with a list 'data' was expected: {words}")
    total = number(payload, "meta", "total") or 0
    if total > len(items):
        raise Malformed(f"{len(items)} of {total:.0f} templates came: raise the option template_limit")
    return template_list.page_of([_as_meta(item) for item in items], "")


def _as_meta(item: object) -> Json:
    parts = _components(item)
    status = text(item, "status").upper()
    return {
        **template_list.unread(item, _READ),
        "id": text(item, "id"),
        "name": text(item, "name"),
        "language": text(item, "language").replace("-", "_"),
        "category": text(item, "category"),
        "status": STATUSES.get(status, status),
        "quality_score": text(item, "quality_score"),
        "parameter_format": parameter_format(parts),
        "components": parts,
    }


def _components(item: object) -> list[Json]:
    found: list[Json] = []
    kind, header = text(item, "type").upper(), text(item, "header")
    if kind not in ("", "TEXT"):
        found.append({"type": "HEADER", "format": kind})
    elif header:
        found.append({"type": "HEADER", "format": "TEXT", "text": header})
    for part in ("body", "footer"):
        if words := text(item, part):
            found.append({"type": part.upper(), "text": words})
    if buttons := _buttons(item):
        found.append({"type": "BUTTONS", "buttons": buttons})
    return found


def _buttons(item: object) -> list[Json]:
    found = at(item, "buttons")
    try:
        found = decode(found.encode("utf-8", "replace")) if isinstance(found, str) else found
    except ValueError:
        return []
    usual = "QUICK_REPLY" if text(item, "button_type").upper() == "QUICK_REPLY" else ""
    return [_button(one, usual) for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _button(button: Json, usual: str) -> Json:
    """The button with Meta's word for its type, which its own keys tell where it is left out."""
    named_by = "URL" if text(button, "url") else "PHONE_NUMBER" if text(button, "phone_number") else usual
    return {**button, "type": first(text(button, "type").upper(), named_by)}
