"""Infobip's webhooks, all of which may come to one URL: `{results: [item]}`, told apart by shape.

Source: Infobip, "Receive WhatsApp delivery reports", "… seen reports", "… inbound messages" and
"Receive URL click notifications". Dates are written 2026-10-01T09:00:01.900+0000.
"""

from typing import Any

from msgspec.structs import replace

from lib.phone import digits
from lib.reading import epoch, first, objects, text
from providers.dialects.cloud_api import inbound_content as content
from providers.dialects.cloud_api.inbound_kinds import reaction, unsupported, with_location
from providers.dialects.cloud_api.webhook import unhandled
from providers.dialects.infobip.codes import DUPLICATE, GROUPS, failure
from providers.messages import (
    InboundMedia,
    Preference,
    Receiver,
    Reply,
    ReplyKind,
    StatusKind,
    StatusUpdate,
    TemplateUpdate,
    Unhandled,
    WebhookItem,
    addressed,
    identity,
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
MESSAGES = frozenset({
    "TEXT", "LOCATION", "BUTTON", "CONTACT", "ORDER", "REACTION", "INTERACTIVE_FLOW_REPLY", "UNSUPPORTED",
    "INFECTED_CONTENT", *MEDIA, *CHOICES,
})  # fmt: skip


def webhook_items(payload: dict[str, Any]) -> list[WebhookItem]:
    """Everything in a webhook. A click, and anything unknown, is one item."""
    return [addressed(_item(one), _receiver(one)) for one in objects(payload, "results") or [payload]]


def _receiver(item: dict[str, Any]) -> Receiver:
    """Our number: `to` of what people write, and `sender` of anything else, where it is there."""
    inbound = isinstance(item.get("message"), dict)
    return Receiver(number=digits(text(item, "to" if inbound else "sender")))


def _item(item: dict[str, Any]) -> WebhookItem:
    if isinstance(item.get("message"), dict):
        return _reply(item, item["message"])
    if wish := text(item, "notificationMessagesStatus").upper():
        return _preference(item, wish)
    if isinstance(item.get("change"), dict):
        return _template(item)
    read = _report_or_event(item)
    if isinstance(read, StatusUpdate) and not read.reference:
        return unhandled(read.kind, "names no message")
    return read


def _report_or_event(item: dict[str, Any]) -> StatusUpdate | Unhandled:
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


def _preference(item: dict[str, Any], wish: str) -> WebhookItem:
    """WhatsApp's own "stop marketing": the person is in `from`, the business number in `sender`."""
    person = identity(text(item, "from"))
    if wish not in ("STOP", "RESUME") or not person.names:
        return unhandled("marketing_preference", wish)
    moment = epoch(item, "receivedAt") or epoch(item, "timestamp")
    proof = first(text(item, "description"), wish)
    return Preference(wish == "STOP", timestamp=moment, proof=proof).of(person)


def _template(item: dict[str, Any]) -> WebhookItem:
    """What changed in a template: its status, or something that the list of templates tells."""
    name, kind = text(item, "messageTemplateName"), text(item, "change", "type").upper()
    status = text(item, "change", "newStatus").upper() if kind == "STATUS" else ""
    language, bsp_id = text(item, "messageTemplateLanguage"), text(item, "messageTemplateId")
    if not kind or not ((name and language) or bsp_id):
        return unhandled(f"template {kind}".rstrip(), name)
    reason, moment = text(item, "change", "reason"), epoch(item, "timestamp")
    return TemplateUpdate(name, language, bsp_id, status, reason=reason, edited=not status, timestamp=moment)


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
        # It names the message that Infobip accepted before, and that one has not failed.
        return unhandled("duplicate_message_id", bsp_id)
    time_key = "doneAt" if epoch(item, "doneAt") else "sentAt"
    update = _update(GROUPS[group], item, time_key).of(identity(text(item, "to")))
    if update.kind != "failed":
        return update
    return update.failed(*failure(item))


def _click(item: dict[str, Any]) -> StatusUpdate | Unhandled:
    url = text(item, "url")
    if not url:
        return unhandled("click_without_link", text(item, "messageId"))
    # There is no user agent, only what was read from it.
    keys = ("deviceName", "os", "deviceType")
    agent = " ".join(filter(None, (text(item, "recipientInfo", key) for key in keys)))
    update = _update("clicked", item, "sendDateTime")
    return replace(update, url=url, user_agent=agent).of(identity(text(item, "recipient")))


def _reply(item: dict[str, Any], message: dict[str, Any]) -> WebhookItem:
    kind = text(message, "type").upper()
    paired = text(item, "pairedMessageId")  # ours; the quoted id may be WhatsApp's own
    reply = Reply(
        "other",
        bsp_id=text(item, "messageId"),
        to=digits(text(item, "to")),
        timestamp=epoch(item, "receivedAt"),
        context_bsp_id=first(paired, text(message, "context", "id")),
        context_reference=paired,
        profile_name=text(item, "contact", "name"),
        referral=content.referral(message.get("referral")),
    ).of(identity(text(item, "from"), text(item, "contact", "phoneNumber")))
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
    return _of_other_kinds(reply, kind, message)


def _of_other_kinds(reply: Reply, kind: str, message: dict[str, Any]) -> WebhookItem:
    match kind:
        case "CONTACT":
            contacts = objects(message, "contacts")
            return replace(reply, text=content.contact_words(contacts), data={"contacts": contacts})
        case "ORDER":
            return replace(reply, text=content.order_words(message), data=message)
        case "INTERACTIVE_FLOW_REPLY":
            answers = content.flow_answers(message.get("response"))
            return replace(reply, text=content.flow_words(answers, text(message, "text")), data=answers)
        case "REACTION":
            emoji = "" if text(message, "action").upper() == "UNREACT" else text(message, "emoji")
            return reaction(reply, emoji, reply.context_bsp_id)
        case "INFECTED_CONTENT":
            return unsupported(reply, f"infected, {text(message, 'malware')}".rstrip(", "))
        case "UNSUPPORTED":
            return unsupported(reply)
    return unsupported(reply, kind.lower() or "untyped")
