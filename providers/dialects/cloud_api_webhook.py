"""Webhooks in the JSON of Meta's Cloud API: statuses and inbound messages.

Source: Meta, "Webhooks > messages". One POST may hold up to 1000 updates, for several numbers,
in no particular order, and is repeated until it is answered with 200.
"""

from typing import Any

from msgspec.structs import replace

from lib.phone import digits
from lib.reading import at, epoch, first, number, objects, text
from providers.dialects import template_updates
from providers.dialects.cloud_api_errors import error_words, report_code
from providers.messages import (
    InboundMedia,
    Location,
    Malformed,
    Reply,
    StatusKind,
    StatusUpdate,
    Unhandled,
    WebhookItem,
)
from providers.outcomes import webhook_object

STATUSES: dict[str, StatusKind] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
}
# fmt: off
MESSAGES = frozenset({
    "text", "image", "video", "audio", "document", "sticker", "location", "button", "interactive",
    "reaction", "contacts", "order", "system", "unsupported",
})
# fmt: on
_CHOICES = ("button_reply", "list_reply")  # Exotel's pages show them without the type beside them
_LONGEST_KIND = 60


def read_body(body: bytes) -> list[WebhookItem]:
    """Everything in a webhook of Meta's. Raises Malformed."""
    return webhook_items(webhook_object(body))


def webhook_items(payload: dict[str, Any]) -> list[WebhookItem]:
    """Everything in `{entry: [{changes: [{field, value}]}]}`. Raises Malformed without `entry`."""
    if not isinstance(payload.get("entry"), list):
        raise Malformed("entry: a list was expected")
    found: list[WebhookItem] = []
    for entry in objects(payload, "entry"):
        for change in objects(entry, "changes"):
            field = text(change, "field")
            if field in ("messages", ""):
                found += value_items(at(change, "value"))
            elif update := template_updates.read(field, at(change, "value"), epoch(entry, "time")):
                found.append(update)
            else:
                found.append(unhandled(field, text(change, "value", "event")))
    return found


def value_items(value: object) -> list[WebhookItem]:
    """Everything in one `value`: `{metadata, contacts, statuses | messages | errors}`."""
    found: list[WebhookItem] = [_status(status) for status in objects(value, "statuses")]
    names = {digits(text(one, "wa_id")): text(one, "profile", "name") for one in objects(value, "contacts")}
    number_here = digits(text(value, "metadata", "display_phone_number"))
    found += [_message(message, names, number_here) for message in objects(value, "messages")]
    found += [unhandled("errors", " ".join(error_words(error))) for error in objects(value, "errors")]
    return found or [Unhandled("messages", "nothing in it could be read")]


def unhandled(kind: str, words: str = "") -> Unhandled:
    """`kind` is counted by, so a hostile or broken one must not grow without bound."""
    return Unhandled(kind[:_LONGEST_KIND] or "unnamed", words)


def _status(status: dict[str, Any]) -> WebhookItem:
    kind = text(status, "status").lower()
    bsp_id, reference = text(status, "id"), text(status, "biz_opaque_callback_data")
    if kind not in STATUSES:
        return unhandled(kind, bsp_id)
    if not bsp_id and not reference:
        return unhandled(kind, "names no message")
    update = StatusUpdate(
        STATUSES[kind],
        timestamp=epoch(status, "timestamp"),
        reference=reference,
        bsp_id=bsp_id,
        # Left out, or a group's id, where Meta knows no phone number.
        to=digits(text(status, "recipient_id")),
    )
    if kind != "failed":
        return update
    code, words = error_words(at(status, "errors", 0))
    return replace(update, code=report_code(code), bsp_code=code, text=words)


def _message(message: dict[str, Any], names: dict[str, str], number_here: str) -> WebhookItem:
    kind = text(message, "type")
    if kind == "system":
        return unhandled(kind, text(message, "system", "body"))
    sender = digits(text(message, "from"))
    if not sender:
        # Users with a username may come with a business-scoped id only (Meta, 2026).
        return unhandled("no_phone_number", text(message, "from_user_id"))
    reply = Reply(
        "other",
        sender,
        bsp_id=text(message, "id"),
        to=number_here,
        timestamp=epoch(message, "timestamp"),
        context_bsp_id=text(message, "context", "id"),
        profile_name=names.get(sender, ""),
    )
    return _with_content(reply, kind, message)


def _with_content(reply: Reply, kind: str, message: dict[str, Any]) -> Reply:
    content = at(message, kind)
    match kind:
        case "text":
            return replace(reply, kind="text", text=text(content, "body"))
        case "image" | "video" | "audio" | "document" | "sticker":
            return replace(reply, kind=kind, text=text(content, "caption"), media=_media(content))
        case "voice":  # the name of older WhatsApp APIs for a recorded audio
            return replace(reply, kind="audio", media=_media(content))
        case "button":
            return replace(reply, kind="button", text=text(content, "text"), payload=text(content, "payload"))
        case "interactive":
            return _interactive(reply, content)
        case "location":
            return with_location(reply, content)
        case "reaction":
            emoji = text(content, "emoji") or "(reaction removed)"
            return replace(reply, text=emoji, context_bsp_id=text(content, "message_id"))
        case "contacts":
            return replace(reply, text=", ".join(_contact(one) for one in objects(content)))
        case "order":
            return replace(reply, text=_order(content))
        case "unsupported":
            what = first(text(content, "type"), error_words(at(message, "errors", 0))[1])
            return replace(reply, text=f"(unsupported: {what})" if what else "(unsupported)")
    return replace(reply, text=f"({kind or 'untyped'})")


def _media(content: object) -> InboundMedia:
    return InboundMedia(
        url=text(content, "url"),
        id=text(content, "id"),
        mime_type=text(content, "mime_type"),
        filename=text(content, "filename"),
        caption=text(content, "caption"),
    )


def _interactive(reply: Reply, content: object) -> Reply:
    kind = text(content, "type") or next((choice for choice in _CHOICES if at(content, choice)), "")
    chosen = at(content, kind)
    if kind in _CHOICES:
        return replace(reply, kind="interactive", text=text(chosen, "title"), payload=text(chosen, "id"))
    # A filled-in flow or address form ("nfm_reply") carries its answers as a JSON string.
    return replace(reply, text=text(chosen, "body") or f"({kind})", payload=text(chosen, "response_json"))


def with_location(reply: Reply, content: object) -> Reply:
    """The reply with the place in `{latitude, longitude, name?, address?, url?}`."""
    name, address = text(content, "name"), text(content, "address")
    latitude, longitude = number(content, "latitude"), number(content, "longitude")
    reply = replace(reply, text=first(name, address, "(location)"))
    if latitude is None or longitude is None:
        return reply
    place = Location(latitude, longitude, name, address)
    return replace(reply, kind="location", location=place, location_url=text(content, "url"))


def _contact(contact: dict[str, Any]) -> str:
    phone = objects(contact, "phones")[:1]
    return " ".join(filter(None, (text(contact, "name", "formatted_name"), text(phone, 0, "phone"))))


def _order(content: object) -> str:
    products = [
        f"{text(item, 'quantity')} × {text(item, 'product_retailer_id')}"
        for item in objects(content, "product_items")
    ]
    return " ".join(filter(None, (text(content, "text"), ", ".join(products)))) or "(order)"
