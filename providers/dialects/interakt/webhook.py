"""Interakt's webhooks: delivery reports, clicks and inbound messages, one event a POST.

Source: Interakt, "Webhooks". Dates have no zone and are UTC. The business number is not in them.
"""

from typing import Any, NamedTuple

from msgspec.structs import replace

from lib.reading import at, epoch, first, number, objects, text
from lib.user_ids import is_user_id
from providers.dialects.cloud_api.codes import LONGEST_CODE, cause
from providers.dialects.cloud_api.inbound_content import (
    contact_words,
    flow_answers,
    flow_words,
    order_words,
    referral,
)
from providers.dialects.cloud_api.inbound_kinds import reaction, unsupported
from providers.dialects.cloud_api.webhook import unhandled
from providers.dialects.template_updates import read_update
from providers.messages import (
    Identity,
    InboundMedia,
    Location,
    Reply,
    ReplyKind,
    StatusKind,
    StatusUpdate,
    Unhandled,
    WebhookItem,
    identity,
)
from providers.outcomes import EXCERPT, json_object


class Status(NamedTuple):
    """A status event, and where it keeps its own time; the others have only the webhook's time."""

    kind: StatusKind
    time_key: str


STATUSES: dict[str, Status] = {
    "message_api_sent": Status("sent", "received_at_utc"),
    "message_api_delivered": Status("delivered", "delivered_at_utc"),
    "message_api_read": Status("read", "seen_at_utc"),
    "message_api_failed": Status("failed", ""),
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
    if update := read_update(event, at(payload, "data"), epoch(payload, "timestamp")):
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
    return update.failed(cause(code), code, reason)


def _click(payload: dict[str, Any]) -> WebhookItem:
    """A URL button's click lies in `data.event`, a quick reply's in `message.meta_data`.

    A quick reply comes as an inbound message too, and CleverTap's click needs a URL.
    """
    details = at(payload, "data", "event") or at(payload, "event")
    details = details or at(payload, "data", "message", "meta_data")
    link = at(payload, "data", "message", "meta_data", "cta_click_info", "link")
    url = first(text(details, "button_link"), text(link, "url"))
    if text(details, "click_type").upper() == "QR":
        return Unhandled("quick_reply_click", text(details, "button_text"))
    if not url:
        return Unhandled("click_without_link", text(details, "button_text"))
    moment = epoch(details, "click_timestamp") or epoch(link, "clicked_at_utc")
    return replace(_update("clicked", payload, moment), url=url)


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
    ).of(_customer(payload))


def _customer(payload: object) -> Identity:
    customer = at(payload, "data", "customer")
    national = text(customer, "phone_number")
    is_number = national and not is_user_id(national)  # a country code alone is nobody's number
    whole = text(customer, "country_code") + national if is_number else national
    names = (text(customer, key) for key in ("user_id", "channel_user_id"))
    return identity(text(customer, "channel_phone_number"), whole, *names)


def _reply(payload: dict[str, Any]) -> WebhookItem:
    message = at(payload, "data", "message")
    words = text(message, "message")
    reply = Reply(
        "other",
        bsp_id=text(message, "id"),
        timestamp=epoch(message, "received_at_utc") or epoch(payload, "timestamp"),
        text="" if words == "None" else words,  # Python's None, where there is no caption
        context_bsp_id=text(message, "source_message_id"),
        context_reference=text(message, "meta_data", "source_data", "callback_data"),
        profile_name=text(payload, "data", "customer", "traits", "name"),
        referral=referral(at(message, "referral")),
    ).of(_customer(payload))
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
    # Taps on lists and reply buttons come as an object, or as JSON within a string.
    inner = at(message, "message")
    said = inner if isinstance(inner, dict) else json_object(reply.text.encode("utf-8", "replace"))
    chosen = at(said, text(said, "type"))
    if chosen is not None and text(chosen, "title"):
        return replace(reply, kind="interactive", text=text(chosen, "title"), payload=text(chosen, "id"))
    if answers := flow_answers(at(chosen, "response_json")):
        return replace(reply, text=flow_words(answers, text(chosen, "body")), data=answers)
    if kind == "location":
        return _location(reply, at(message, "location") or said or message)
    if kind == "reaction":
        return reaction(reply, reply.text or text(said, "emoji"), reply.context_bsp_id)
    if kind == "order" and said:
        return replace(reply, text=order_words(said), data=said)
    if kind in ("contact", "contacts"):
        contacts = objects(said, "contacts") or objects(inner)
        return replace(reply, text=contact_words(contacts), data={"contacts": contacts})
    return reply if reply.text else unsupported(reply, kind or "untyped")


def _location(reply: Reply, place: object) -> Reply:
    name, address = text(place, "name"), text(place, "address")
    latitude, longitude = number(place, "latitude"), number(place, "longitude")
    words = "" if reply.text.startswith("{") else reply.text  # the place itself may be the text
    reply = replace(reply, text=first(words, name, address, "(location)"))
    if latitude is None or longitude is None:
        return reply
    return replace(reply, kind="location", location=Location(latitude, longitude, name, address))
