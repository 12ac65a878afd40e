"""The form fields of Kaleyra's older API V1. API V2 takes Meta's messages as they are.

Source: Kaleyra, "WhatsApp API".
"""

from typing import Any

import msgspec

from providers.dialects.cloud_api.messages import button_value, needed_media, parameter_text
from providers.dialects.placeholders import body_texts
from providers.messages import Button, Freeform, Header, Offer, TemplateContent, Unsupported, Value

_FIELDS = {"dynamic_url": "param_url", "copy_code": "coupon_code"}


def template(content: TemplateContent, *, drop: bool) -> dict[str, str]:
    if content.cards:
        raise Unsupported("carousel: only Kaleyra's API V2 has it")
    fields = {
        "type": "mediatemplate" if content.header or content.buttons else "template",
        "template_name": content.name,
        "lang_code": content.language,
    }
    if content.body:
        fields["params"] = _params(content.body)
    return fields | _header(content.header) | _buttons(content.buttons, drop) | _offer(content.offer)


def _params(values: tuple[Value, ...]) -> str:
    """`"A","B"`: without the quotes a comma would part a value in two."""
    for value in values:
        _numbered(value, "body")
    return ",".join(map(_quoted, body_texts(values, None)))


def _quoted(words: str) -> str:
    # How to escape a quote is not documented.
    return '"' + words.replace('"', "”") + '"'


def _numbered(value: Value, part: str) -> None:
    if value.name:
        raise Unsupported(f"{part} variable {value.name}: Kaleyra's API V1 numbers its variables")


def _header(header: Header | None) -> dict[str, str]:
    if header is None:
        return {}
    slot = f"header {header.kind}"
    if header.kind == "text":
        return _header_text(header.values)
    if header.kind in ("location", "audio"):
        raise Unsupported(f"{slot}: Kaleyra's API V1 takes text, image, video and document headers")
    return {"media_url": needed_media(header.media, slot).url}


def _header_text(values: tuple[Value, ...]) -> dict[str, str]:
    if len(values) > 1:
        raise Unsupported("header variable 2: Meta takes a single one")
    if not values:
        return {}
    _numbered(values[0], "header")
    return {"param_header": parameter_text(values[0], "header variable 1")}


def _buttons(buttons: tuple[Button, ...], drop: bool) -> dict[str, str]:
    fields: dict[str, str] = {}
    for button in buttons:
        if button.kind == "quick_reply" and button.value and not drop:
            raise Unsupported(
                f"button {button.index}: Kaleyra's API V1 has no field for a payload; "
                "the provider's option drop_payloads sends without it"
            )
        field = _FIELDS.get(button.kind)
        if field is None:
            continue
        if field in fields:
            raise Unsupported(f"button {button.index}: Kaleyra's API V1 takes one {field}")
        value = button_value(button)
        fields[field] = _quoted(value) if button.kind == "copy_code" else value
    return fields


def _offer(offer: Offer | None) -> dict[str, str]:
    """JSON text in a form field, with the component as Meta has its parameter."""
    if offer is None or not offer.expires_ms:
        return {}
    expiry = {"expiration_time_ms": offer.expires_ms}
    written: list[dict[str, Any]] = [{"type": "limited_time_offer", "limited_time_offer": expiry}]
    return {"type": "mediatemplate", "limited_time_offer": msgspec.json.encode(written).decode()}


def freeform(content: Freeform) -> dict[str, str]:
    if content.kind == "location":
        raise Unsupported("location: Kaleyra's pages name no fields for it in API V1")
    if content.kind == "text":
        if not content.text.strip():
            raise Unsupported("text: the message is empty")
        return {"type": "text", "body": content.text}
    media = needed_media(content.media, content.kind)
    if media.caption and content.kind == "audio":
        raise Unsupported("audio: WhatsApp shows no caption with it")
    caption = {"caption": media.caption} if media.caption else {}
    return {"type": "media", "media_url": media.url, **caption}
