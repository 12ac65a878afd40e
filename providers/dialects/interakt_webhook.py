"""Interakt's webhooks: delivery reports, clicks and inbound messages, one event a POST.

Source: Interakt, "Webhooks". Dates have no zone and are UTC. The business number is not in them.
"""

from typing import Any

from msgspec.structs import replace

from lib.phone import digits
from lib.reading import at, epoch, first, number, text
from providers.dialects import template_updates
from providers.dialects.cloud_api_errors import LONGEST_CODE, report_code
from providers.dialects.cloud_api_webhook import unhandled
from providers.messages import (
    InboundMedia,
    Location,
    Reply,
    ReplyKind,
    StatusKind,
    StatusUpdate,
    Unhandled,
    WebhookItem,
)
from providers.outcomes import EXCERPT, json_object

# The event and where it keeps its own time; the others have only the webhook's time.
STATUSES: dict[str, tuple[StatusKind, str]] = {
    "message_api_sent": ("sent", "received_at_utc"),
    "message_api_delivered": ("delivered", "delivered_at_utc"),
    "message_api_read": ("read", "seen_at_utc"),
    "message_api_failed": ("failed", ""),
}
CLICKED = "message_api_clicked"
RECEIVED = "message_received"

MEDIA: dict[str, ReplyKind] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "voice": "audio",
    "document": "document",
    "sticker": "sticker",
}
# Interakt names no type for inbound media; WhatsApp itself allows few. An own table, because
# the standard library's depends on the machine it runs on.
MIME_TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "mp4": "video/mp4",
    "3gp": "video/3gpp",
    "ogg": "audio/ogg",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "amr": "audio/amr",
    "pdf": "application/pdf",
    "txt": "text/plain",
}


def webhook_item(event: str, payload: dict[str, Any]) -> WebhookItem:
    """What `{type: event, timestamp, data: {customer, message, event?}}` tells."""
    if event == RECEIVED:
        return _reply(payload)
    if update := template_updates.read(event, at(payload, "data"), epoch(payload, "timestamp")):
        return update
    if event != CLICKED and event not in STATUSES:
        return unhandled(event)
    item = _click(payload) if event == CLICKED else _status(event, payload)
    if isinstance(item, StatusUpdate) and not item.bsp_id and not item.reference:
        return unhandled(event, "names no message")
    return item


def _status(event: str, payload: dict[str, Any]) -> StatusUpdate:
    kind, time_key = STATUSES[event]
    update = _update(kind, payload, epoch(payload, "data", "message", time_key))
    if kind != "failed":
        return update
    message = at(payload, "data", "message")
    code = text(message, "channel_error_code")[:LONGEST_CODE]  # Meta's, as a string
    reason = text(message, "channel_failure_reason")[:EXCERPT]
    return replace(update, code=report_code(code), bsp_code=code, text=reason)


def _click(payload: dict[str, Any]) -> WebhookItem:
    """A URL button's click lies in `data.event`, a quick reply's in `message.meta_data`.

    A quick reply comes as an inbound message too, and CleverTap's click needs a URL.
    """
    details = at(payload, "data", "event") or at(payload, "event")
    details = details or at(payload, "data", "message", "meta_data")
    url = text(details, "button_link")
    if text(details, "click_type").upper() == "QR":
        return Unhandled("quick_reply_click", text(details, "button_text"))
    if not url:
        return Unhandled("click_without_link", text(details, "button_text"))
    return replace(_update("clicked", payload, epoch(details, "click_timestamp")), url=url)


def _update(kind: StatusKind, payload: dict[str, Any], moment: int) -> StatusUpdate:
    message = at(payload, "data", "message")
    return StatusUpdate(
        kind,
        timestamp=moment or epoch(payload, "timestamp"),
        reference=first(
            text(message, "meta_data", "source_data", "callback_data"),
            text(payload, "data", "event", "callbackData"),
            text(payload, "event", "callbackData"),
        ),
        bsp_id=text(message, "id"),
        to=_customer_number(payload),
    )


def _customer_number(payload: object) -> str:
    customer = at(payload, "data", "customer")
    split = text(customer, "country_code") + text(customer, "phone_number")  # left out by older webhooks
    return digits(first(text(customer, "channel_phone_number"), split))


def _reply(payload: dict[str, Any]) -> WebhookItem:
    message = at(payload, "data", "message")
    sender = _customer_number(payload)
    if not sender:
        return Unhandled("no_phone_number", text(message, "id"))
    words = text(message, "message")
    reply = Reply(
        "other",
        sender,
        bsp_id=text(message, "id"),
        timestamp=epoch(message, "received_at_utc") or epoch(payload, "timestamp"),
        text="" if words == "None" else words,  # Python's None, where there is no caption
        context_bsp_id=text(message, "source_message_id"),
        context_reference=text(message, "meta_data", "source_data", "callback_data"),
        profile_name=text(payload, "data", "customer", "traits", "name"),
    )
    return _with_content(reply, message, text(message, "message_content_type").lower())


def _with_content(reply: Reply, message: object, kind: str) -> Reply:
    tapped = at(message, "meta_data", "button_payload", "payload")
    if tapped is not None:
        label = first(text(tapped, "text"), reply.text)
        return replace(reply, kind="button", text=label, payload=text(tapped, "payload"))
    if kind == "text":
        return replace(reply, kind="text")
    if kind in MEDIA:
        url = text(message, "media_url")
        extension = url.partition("?")[0].rpartition(".")[2].lower()
        media = InboundMedia(url=url, mime_type=MIME_TYPES.get(extension, ""), caption=reply.text)
        return replace(reply, kind=MEDIA[kind], media=media)
    # Taps on lists and reply buttons come as JSON within a string.
    said = json_object(reply.text.encode("utf-8", "replace"))
    chosen = at(said, text(said, "type"))
    if chosen is not None and text(chosen, "title"):
        return replace(reply, kind="interactive", text=text(chosen, "title"), payload=text(chosen, "id"))
    if kind == "location":
        return _location(reply, at(message, "location") or said or message)
    return reply if reply.text else replace(reply, text=f"({kind or 'untyped'})")


def _location(reply: Reply, place: object) -> Reply:
    name, address = text(place, "name"), text(place, "address")
    latitude, longitude = number(place, "latitude"), number(place, "longitude")
    words = "" if reply.text.startswith("{") else reply.text  # the place itself may be the text
    reply = replace(reply, text=first(words, name, address, "(location)"))
    if latitude is None or longitude is None:
        return reply
    return replace(reply, kind="location", location=Location(latitude, longitude, name, address))
