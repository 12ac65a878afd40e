"""Infobip's webhooks, all of which may come to one URL: `{results: [item]}`, told apart by shape.

Source: Infobip, "Receive WhatsApp delivery reports", "… seen reports", "… inbound messages" and
"Receive URL click notifications". Dates are written 2026-10-01T09:00:01.900+0000.
"""

from typing import Any

from msgspec.structs import replace

from lib.phone import digits
from lib.reading import epoch, first, objects, text
from providers.dialects.cloud_api_webhook import unhandled, with_location
from providers.dialects.infobip_codes import DUPLICATE, GROUPS, failure
from providers.messages import (
    InboundMedia,
    Reply,
    ReplyKind,
    StatusKind,
    StatusUpdate,
    Unhandled,
    WebhookItem,
)

CLICKED = "CLICKED"
MEDIA: dict[str, ReplyKind] = {
    "IMAGE": "image",
    "VIDEO": "video",
    "DOCUMENT": "document",
    "AUDIO": "audio",
    "VOICE": "audio",
    "STICKER": "sticker",
}
CHOICES = ("INTERACTIVE_BUTTON_REPLY", "INTERACTIVE_LIST_REPLY")
MESSAGES = frozenset({"TEXT", "LOCATION", "BUTTON", *MEDIA, *CHOICES})


def webhook_items(payload: dict[str, Any]) -> list[WebhookItem]:
    """Everything in a webhook. A click, and whatever we do not know, is an item by itself."""
    return [_item(one) for one in objects(payload, "results") or [payload]]


def _item(item: dict[str, Any]) -> WebhookItem:
    if isinstance(item.get("message"), dict):
        return _reply(item, item["message"])
    told = _told(item)
    if isinstance(told, StatusUpdate) and not told.reference:
        return unhandled(told.kind, "names no message")
    return told


def _told(item: dict[str, Any]) -> StatusUpdate | Unhandled:
    bsp_id = text(item, "messageId")
    if "seenAt" in item:
        return _update("read", item, "seenAt")  # who its `from` and `to` are is not certain
    if isinstance(item.get("status"), dict):
        return _report(item)
    if text(item, "notificationType").upper() == CLICKED:
        return _click(item)
    if "deletedAt" in item:
        return unhandled("deleted", bsp_id)
    kind = first(text(item, "notificationType"), text(item, "event"), text(item, "type"))
    return unhandled(kind or "unknown", bsp_id)


def _update(kind: StatusKind, item: dict[str, Any], time_key: str) -> StatusUpdate:
    """`messageId` is the one we chose; `callbackData` repeats it, where Infobip sends it along."""
    bsp_id = text(item, "messageId")
    reference = first(text(item, "callbackData"), bsp_id)
    return StatusUpdate(kind, timestamp=epoch(item, time_key), reference=reference, bsp_id=bsp_id)


def _report(item: dict[str, Any]) -> StatusUpdate | Unhandled:
    bsp_id, group = text(item, "messageId"), text(item, "status", "groupId")
    if group not in GROUPS:
        return unhandled(text(item, "status", "groupName") or "report", bsp_id)
    if text(item, "status", "id") == DUPLICATE:
        # It names the message that Infobip took before, and that one has not failed.
        return unhandled("duplicate_message_id", bsp_id)
    time_key = "doneAt" if epoch(item, "doneAt") else "sentAt"
    update = replace(_update(GROUPS[group], item, time_key), to=digits(text(item, "to")))
    if update.kind != "failed":
        return update
    code, bsp_code, words = failure(item)
    return replace(update, code=code, bsp_code=bsp_code, text=words)


def _click(item: dict[str, Any]) -> StatusUpdate | Unhandled:
    url = text(item, "url")
    if not url:
        return unhandled("click_without_link", text(item, "messageId"))
    # There is no user agent, only what was read from it.
    keys = ("deviceName", "os", "deviceType")
    agent = " ".join(filter(None, (text(item, "recipientInfo", key) for key in keys)))
    update = _update("clicked", item, "sendDateTime")
    return replace(update, to=digits(text(item, "recipient")), url=url, user_agent=agent)


def _reply(item: dict[str, Any], message: dict[str, Any]) -> WebhookItem:
    sender, kind = digits(text(item, "from")), text(message, "type").upper()
    if not sender:
        return unhandled("no_phone_number", text(item, "messageId"))  # a business-scoped id may come instead
    paired = text(item, "pairedMessageId")  # ours; the quoted id may be WhatsApp's own
    reply = Reply(
        "other",
        sender,
        bsp_id=text(item, "messageId"),
        to=digits(text(item, "to")),
        timestamp=epoch(item, "receivedAt"),
        context_bsp_id=first(paired, text(message, "context", "id")),
        context_reference=paired,
        profile_name=text(item, "contact", "name"),
    )
    if kind == "TEXT":
        return replace(reply, kind="text", text=text(message, "text"))
    if kind in MEDIA:
        media = InboundMedia(url=text(message, "url"), caption=text(message, "caption"))
        return replace(reply, kind=MEDIA[kind], text=media.caption, media=media)
    if kind == "BUTTON":
        return replace(reply, kind="button", text=text(message, "text"), payload=text(message, "payload"))
    if kind in CHOICES:
        return replace(reply, kind="interactive", text=text(message, "title"), payload=text(message, "id"))
    if kind == "LOCATION":
        return with_location(reply, message)
    return unhandled(kind, reply.bsp_id)
