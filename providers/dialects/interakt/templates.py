"""Interakt's template list: flat rows with JSON inside strings, read into Meta's components.

Source: Interakt, "Get all templates". `{count, has_next, results: {templates: [row]}}`, pages by
`offset`, which counts rows; every filter is ignored in practice.
"""

from typing import Any

from lib.http import HttpResponse
from lib.reading import at, decode, first, text
from providers.dialects.placeholders import parameter_format
from providers.dialects.template_list import components, offset, page_of, unread
from providers.messages import ListedTemplate, Malformed, TemplatePage
from providers.outcomes import json_object

# The words that differ from Meta's.
STATUSES = {"WAITING": "PENDING"}
_MOST_ENCODINGS = 3
_HEADER = frozenset({"header", "header_format", "header_text", "header_handle_file_url"})
_TEXTS = frozenset({"body", "body_text", "footer"})
_READ_IN_CARD = _HEADER | _TEXTS | {"components", "buttons"}
_READ = (
    _HEADER | _TEXTS
    | {"name", "language", "category", "approval_status", "wa_template_id", "id", "rejection_reason",
       "limited_time_offer",
       "buttons", "carousel_cards"}
)  # fmt: skip


def read_page(response: HttpResponse, cursor: str) -> TemplatePage:
    """The page that starts at the row `cursor`. Raises Malformed when there is no list in it."""
    payload = json_object(response.body)
    rows = at(payload, "results", "templates")
    if not isinstance(rows, list):
        raise Malformed("a JSON object with a list results.templates was expected")
    more = bool(rows) and at(payload, "has_next") is not False
    return page_of(rows, str(offset(cursor) + len(rows)) if more else "", _listed)


def _listed(row: object) -> ListedTemplate | None:
    name, language = text(row, "name"), text(row, "language")
    if not name or not language:
        return None
    status, parts = text(row, "approval_status").upper(), tuple(_components(row))
    return ListedTemplate(
        name,
        language,
        category=text(row, "category").upper(),
        status=STATUSES.get(status, status),
        components=parts,
        parameter_format=parameter_format(parts),
        bsp_id=first(text(row, "wa_template_id"), text(row, "id")),
        reason=text(row, "rejection_reason"),
        extra=unread(row, _READ),
    )


def _components(row: object) -> list[dict[str, Any]]:
    found = [*_header(row), *_texts(row), *_offer(row), *_buttons(row)]
    cards = [
        unread(card, _READ_IN_CARD) | {"components": _card(card)} for card in _list(row, "carousel_cards")
    ]
    return [*found, {"type": "CAROUSEL", "cards": cards}] if cards else found


def _card(card: dict[str, Any]) -> list[dict[str, Any]]:
    """Interakt shows no filled-in card: it may be Meta's, or flat as the row is."""
    parts = card.get("components")
    return components(parts) if isinstance(parts, list) else [*_header(card), *_texts(card), *_buttons(card)]


def _header(row: object) -> list[dict[str, Any]]:
    words = text(row, "header")
    kind = text(row, "header_format").upper() or ("TEXT" if words else "")
    if not kind or kind == "NONE":
        return []
    header: dict[str, Any] = {"type": "HEADER", "format": kind}
    if kind == "TEXT":
        header["text"] = words
        examples = _strings(row, "header_text")
        return [header | ({"example": {"header_text": examples}} if examples else {})]
    sample = text(row, "header_handle_file_url")
    return [header | ({"example": {"header_handle": [sample]}} if sample else {})]


def _texts(row: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if body := text(row, "body"):
        examples = _strings(row, "body_text")
        example = {"example": {"body_text": [examples]}} if examples else {}
        found.append({"type": "BODY", "text": body, **example})
    if footer := text(row, "footer"):
        found.append({"type": "FOOTER", "text": footer})
    return found


def _offer(row: object) -> list[dict[str, Any]]:
    """Interakt shows no filled-in offer either; a bare text is read as its heading."""
    found = _unwrapped(at(row, "limited_time_offer"))
    offer = {"text": found} if isinstance(found, str) else found
    if not isinstance(offer, dict) or not any(offer.values()):
        return []
    return [{"type": "LIMITED_TIME_OFFER", "limited_time_offer": offer}]


def _buttons(row: object) -> list[dict[str, Any]]:
    buttons = [{**one, "type": text(one, "type").upper()} for one in _list(row, "buttons")]
    return [{"type": "BUTTONS", "buttons": buttons}] if buttons else []


def _list(row: object, key: str) -> list[dict[str, Any]]:
    found = _unwrapped(at(row, key))
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _strings(row: object, key: str) -> list[str]:
    """Examples, which a single one may be without its list."""
    found = _unwrapped(at(row, key))
    return [text(one) for one in (found if isinstance(found, list) else [found]) if text(one)]


def _unwrapped(value: object) -> object:
    """The value in a string of JSON, which is sometimes encoded twice; None when the JSON is cut off."""
    for _ in range(_MOST_ENCODINGS):
        if not isinstance(value, str):
            break
        words = value
        try:
            value = decode(words.encode("utf-8", "replace"))
        except ValueError:
            return None if words.startswith(("[", "{")) else words
    return value
