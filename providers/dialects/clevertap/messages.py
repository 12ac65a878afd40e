"""CleverTap's send payload, written strictly: what the generic connector sends.

Source: CleverTap's Generic WhatsApp page ("API Payload for Template Message").
"""

from decimal import Decimal
from typing import Any

from providers.messages import (
    Button,
    ButtonKind,
    Card,
    Freeform,
    Header,
    Location,
    Media,
    Offer,
    Outbound,
    Value,
)

Json = dict[str, Any]


def clevertap_payload(outbound: Outbound) -> Json:
    """The payload as CleverTap itself would send it: the generic connector's request."""
    payload: Json = {
        "payloadVersion": 0.1,
        "to": outbound.to,
        "wabaNumber": outbound.sender,
        "msgId": outbound.msg_id,
    }
    content = outbound.content
    if isinstance(content, Freeform):
        return payload | {"isTemplate": False} | _write_freeform(content)
    components = _write_parts(content.header, content.body, content.body_text)
    if content.footer:
        components.append({"type": "footer", "footer": content.footer})
    if content.offer:
        components.append(_write_offer(content.offer))
    components += map(_write_button, content.buttons)
    if content.cards:
        components.append({"type": "carousel", "cards": [_write_card(card) for card in content.cards]})
    if outbound.custom_props:
        components.append({"customProps": [{key: value} for key, value in outbound.custom_props.items()]})
    template = {"namespace": content.namespace or content.name, "languageCode": content.language}
    return payload | {"isTemplate": True, "template": template, "components": components}


def _write_freeform(content: Freeform) -> Json:
    if content.kind == "text":
        return {"type": "text", "text": {"body": content.text}}
    if content.location:
        return {"type": "location", "location": _write_location(content.location)}
    name = "file" if content.kind == "document" else content.kind
    return {"type": name, name: _write_media(content.media)}


def _write_parts(header: Header | None, body: tuple[Value, ...], body_text: str) -> list[Json]:
    parts: list[Json] = []
    if header:
        name = "file" if header.kind == "document" else header.kind
        child: Json
        if header.kind == "text":
            child = {"text": header.text}
            if header.values:
                child["parameters"] = _write_values(header.values)
        elif header.location:
            child = _write_location(header.location)
        else:
            child = _write_media(header.media)
        parts.append({"type": "header", "header": {"type": name, name: child}})
    if body or body_text:
        parts.append({"type": "body", "body": {"text": body_text, "parameters": _write_values(body)}})
    return parts


def _write_values(values: tuple[Value, ...]) -> list[Json]:
    return [{"type": "text", "text": v.text} | ({"parameter_name": v.name} if v.name else {}) for v in values]


def _write_media(media: Media | None) -> Json:
    if media is None:
        return {}
    optional = {"filename": media.filename, "caption": media.caption}
    return {"mediaURL": media.url} | {key: value for key, value in optional.items() if value}


def _write_location(location: Location) -> Json:
    optional = {"name": location.name, "address": location.address}
    return {"latitude": _coordinate(location.latitude), "longitude": _coordinate(location.longitude)} | {
        key: value for key, value in optional.items() if value
    }


def _coordinate(value: float) -> str:
    return format(Decimal(str(value)), "f")  # str() alone would write a place near Greenwich as "1e-05"


_SUB_TYPES: dict[ButtonKind, str] = {
    "dynamic_url": "dynamicUrl",
    "static_url": "staticUrl",
    "quick_reply": "quickReply",
    "call": "callPhone",
    "copy_code": "copy_code",
}


def _write_button(button: Button) -> Json:
    part: Json = {"type": "button", "index": button.index, "subType": _SUB_TYPES[button.kind]}
    if button.text:
        part["buttonText"] = button.text
    if button.value:
        key = {"quick_reply": "payload", "copy_code": "coupon_code"}.get(button.kind, "text")
        part["parameters"] = [{"type": key, key: button.value}]
    return part


def _write_offer(offer: Offer) -> Json:
    part: Json = {"type": "limited_time_offer", "text": offer.text}
    if offer.expires_ms:
        inner = {"expiration_time_ms": offer.expires_ms}
        part["parameters"] = [{"type": "limited_time_offer", "limited_time_offer": inner}]
    return part


def _write_card(card: Card) -> Json:
    return {
        "components": [
            *_write_parts(card.header, card.body, card.body_text),
            *map(_write_button, card.buttons),
        ]
    }
