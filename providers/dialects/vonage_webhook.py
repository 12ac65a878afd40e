"""Vonage's webhooks: the status of a message, or an inbound message, one a POST.

Source: Vonage, "Messages API > Webhooks" (v1). An application's URLs may serve several channels.
"""

from typing import Any

from msgspec.structs import replace

from lib.phone import digits
from lib.reading import at, epoch, first, number, text
from providers.dialects.cloud_api_webhook import unhandled
from providers.dialects.vonage_codes import error_words, report_code
from providers.messages import (
    InboundMedia,
    Location,
    Malformed,
    Reply,
    ReplyKind,
    StatusKind,
    StatusUpdate,
    Unhandled,
    WebhookItem,
)
from providers.outcomes import json_object

CHANNEL = "whatsapp"
STATUSES: dict[str, StatusKind] = {
    "submitted": "sent",
    "delivered": "delivered",
    "read": "read",
    "rejected": "failed",
    "undeliverable": "failed",
}
MEDIA: dict[str, ReplyKind] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "file": "document",
    "sticker": "sticker",
}
OTHERS = frozenset({"text", "location", "button", "reply", "reaction", "order", "contact", "unsupported"})


def read_body(body: bytes) -> WebhookItem:
    """What a webhook tells. Raises Malformed."""
    payload = json_object(body)
    kind, status = text(payload, "message_type"), text(payload, "status")
    if payload is None or not (kind or status):
        raise Malformed("a JSON object with a status or a message_type was expected")
    channel = text(payload, "channel").lower()
    if channel not in (CHANNEL, ""):
        return unhandled(channel, "another channel than WhatsApp")
    return _reply(kind, payload) if kind else _status(status, payload)


def _status(status: str, payload: dict[str, Any]) -> WebhookItem:
    bsp_id, reference = text(payload, "message_uuid"), text(payload, "client_ref")
    kind = STATUSES.get(status.lower())
    if kind is None:
        return unhandled(status, bsp_id)
    if not bsp_id and not reference:
        return unhandled(status, "names no message")
    update = StatusUpdate(
        kind,
        timestamp=epoch(payload, "timestamp"),
        reference=reference,
        bsp_id=bsp_id,
        to=digits(text(payload, "to")),
    )
    if kind != "failed":
        return update
    code, words = error_words(at(payload, "error"))
    return replace(update, code=report_code(code, words), bsp_code=code, text=words)


def _reply(kind: str, payload: dict[str, Any]) -> WebhookItem:
    sender = digits(text(payload, "from"))
    if not sender:
        return Unhandled("no_phone_number", text(payload, "message_uuid"))
    reply = Reply(
        "other",
        sender,
        bsp_id=text(payload, "message_uuid"),
        to=digits(text(payload, "to")),
        timestamp=epoch(payload, "timestamp"),
        context_bsp_id=text(payload, "context", "message_uuid"),
        profile_name=text(payload, "profile", "name"),
    )
    return _with_content(reply, kind, at(payload, kind))


def _with_content(reply: Reply, kind: str, content: object) -> Reply:
    if kind in MEDIA:
        media = InboundMedia(
            url=text(content, "url"), filename=text(content, "name"), caption=text(content, "caption")
        )
        return replace(reply, kind=MEDIA[kind], text=media.caption, media=media)
    match kind:
        case "text":
            return replace(reply, kind="text", text=text(content))
        case "button":  # a template's quick reply
            return replace(reply, kind="button", text=text(content, "text"), payload=text(content, "payload"))
        case "reply":  # a list's row or a reply button
            return replace(
                reply, kind="interactive", text=text(content, "title"), payload=text(content, "id")
            )
        case "location":
            return _location(reply, content)
        case "reaction":
            return replace(reply, text=text(content, "emoji") or "(reaction removed)")
    return replace(reply, text=text(content, "text") or f"({kind})")


def _location(reply: Reply, content: object) -> Reply:
    name, address = text(content, "name"), text(content, "address")
    latitude, longitude = number(content, "lat"), number(content, "long")
    reply = replace(reply, text=first(name, address, "(location)"))
    if latitude is None or longitude is None:
        return reply
    return replace(reply, kind="location", location=Location(latitude, longitude, name, address))
