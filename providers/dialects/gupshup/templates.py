"""Gupshup's template list: `{status, templates: [item]}`, pages by number, made Meta's components.

Source: Gupshup, "Get templates"; the keys of cards and limited-time offers are those a template is created
with. An item's `containerMeta` is JSON in a string and missing on old templates, where only the display
text `data` is left.
"""

from typing import Any

from lib.http import HttpResponse
from lib.reading import at, decode, first, objects, text
from providers.dialects import template_list
from providers.dialects.placeholders import parameter_format, sampled
from providers.messages import Malformed, TemplatePage
from providers.outcomes import json_object

Json = dict[str, Any]

SIZE = 100
FORMATS = frozenset({"IMAGE", "VIDEO", "DOCUMENT", "LOCATION", "GIF", "PRODUCT"})
_OF_TEXTS = frozenset({"", "TEXT", "CAROUSEL"})
_READ = frozenset(
    {"id", "elementName", "languageCode", "category", "status", "quality", "reason", "templateType", "data",
     "containerMeta"}
)  # fmt: skip
_MEDIA = frozenset({"header", "sampleHeader", "mediaUrl", "sampleMedia", "exampleMedia"})
_READ_IN_META = _MEDIA | {
    "data", "sampleText", "footer", "limitedOfferText", "isLTO", "hasExpiration", "buttons", "cards",
}  # fmt: skip
_READ_IN_CARD = _MEDIA | {"headerType", "body", "sampleText", "buttons"}
_READ_IN_BUTTON = frozenset(
    {"type", "text", "url", "phone_number", "phoneNumber", "otp_type", "otpType", "example"}
)


def page_number(cursor: str) -> int:
    """The cursor is the page's number and the first id of the page before, `2.<id>`."""
    return template_list.offset(cursor.partition(".")[0])


def read_page(response: HttpResponse, cursor: str) -> TemplatePage:
    """The page that the cursor asked for. Raises Malformed when there is no list in it.

    Whether Gupshup counts from 0 or 1 is not documented, so there may be nothing at 0, or the first page
    comes again at 1 and is left out there.
    """
    payload = json_object(response.body)
    items = at(payload, "templates")
    if not isinstance(items, list):
        raise Malformed("a JSON object with a list 'templates' was expected")
    number, first_id = page_number(cursor), text(items, 0, "id")
    again = number == 1 and first_id == cursor.partition(".")[2]
    more = len(items) == SIZE or (not items and number == 0)
    found = [] if again else [_as_meta(item) for item in items]
    return template_list.page_of(found, f"{number + 1}.{first_id}" if more else "")


def _as_meta(item: object) -> Json:
    meta = _meta(item)
    parts = _components(item, meta)
    more = template_list.unread(meta, _READ_IN_META)
    return {
        **template_list.unread(item, _READ),
        **({"containerMeta": more} if more else {}),
        "id": text(item, "id"),
        "name": text(item, "elementName"),
        "language": text(item, "languageCode").replace("-", "_"),
        "category": text(item, "category"),
        "status": text(item, "status"),
        "quality_score": text(item, "quality"),
        "rejected_reason": text(item, "reason"),
        "parameter_format": parameter_format(parts),
        "components": parts,
    }


def _meta(item: object) -> object:
    try:
        return decode(text(item, "containerMeta").encode())
    except ValueError:
        return None


def _components(item: object, meta: object) -> list[Json]:
    found = _header(text(item, "templateType").upper(), meta) + _body(
        first(text(meta, "data"), text(item, "data")), text(meta, "sampleText")
    )
    if footer := text(meta, "footer"):
        found.append({"type": "FOOTER", "text": footer})
    offer = text(meta, "limitedOfferText")
    if offer or at(meta, "isLTO") is True:
        listed = {"text": offer, "has_expiration": at(meta, "hasExpiration") is True}
        found.append({"type": "LIMITED_TIME_OFFER", "limited_time_offer": listed})
    found += _buttons(meta)
    if cards := [_card(card) for card in objects(meta, "cards")]:
        found.append({"type": "CAROUSEL", "cards": cards})
    return found


def _card(card: Json) -> Json:
    body = _body(text(card, "body"), text(card, "sampleText"))
    parts = _header(text(card, "headerType").upper(), card) + body + _buttons(card)
    return template_list.unread(card, _READ_IN_CARD) | {"components": parts}


def _header(kind: str, meta: object) -> list[Json]:
    if kind in FORMATS:
        sample = first(text(meta, "mediaUrl"), text(meta, "sampleMedia"), text(meta, "exampleMedia"))
        return [{"type": "HEADER", "format": kind, **_example("header_handle", [sample] if sample else [])}]
    if kind not in _OF_TEXTS:
        return [{"type": kind}]  # CATALOG, or what is new: named as something that CleverTap cannot use
    words = text(meta, "header")
    if not words:
        return []
    samples = list(sampled(words, text(meta, "sampleHeader")).values())
    return [{"type": "HEADER", "format": "TEXT", "text": words, **_example("header_text", samples)}]


def _body(words: str, sample: str) -> list[Json]:
    if not words:
        return []
    found = sampled(words, sample)
    if any(not name.isdecimal() for name in found):
        named = [{"param_name": name, "example": value} for name, value in found.items()]
        return [{"type": "BODY", "text": words, **_example("body_text_named_params", named)}]
    values = [found[name] for name in sorted(found, key=lambda name: (len(name), name))]
    return [{"type": "BODY", "text": words, **_example("body_text", [values] if values else [])}]


def _example(key: str, values: list[Any]) -> Json:
    return {"example": {key: values}} if values else {}


def _buttons(meta: object) -> list[Json]:
    found = [_button(button) for button in objects(meta, "buttons")]
    return [{"type": "BUTTONS", "buttons": found}] if found else []


def _button(button: Json) -> Json:
    example = at(button, "example")
    listed = {
        "type": text(button, "type").upper(),
        "text": text(button, "text"),
        "url": text(button, "url"),
        "phone_number": first(text(button, "phone_number"), text(button, "phoneNumber")),
        "otp_type": first(text(button, "otp_type"), text(button, "otpType")),
        "example": [example] if isinstance(example, str) and example else example,
    }
    found = {key: value for key, value in listed.items() if value}
    return template_list.unread(button, _READ_IN_BUTTON) | found
