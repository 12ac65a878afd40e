"""Gupshup's webhooks, in the two versions a subscription may choose.

Version 2: `{app, timestamp, version, type, payload}`, one event a POST. Version 3: Meta's own object in
which `gs_id` is the id that sending answered with. Source: Gupshup, "Inbound events", "Message events",
"System events", "Error codes"; the choice of CleverTap's code is ours.
"""

from typing import Any

from msgspec.structs import replace

from lib.phone import digits
from lib.reading import at, epoch, first, objects, text
from providers.dialects import cloud_api_webhook
from providers.dialects.cloud_api_errors import LONGEST_CODE, report_code
from providers.dialects.cloud_api_webhook import unhandled, with_location
from providers.messages import (
    InboundMedia,
    Malformed,
    Reply,
    ReplyKind,
    ReportCode,
    StatusKind,
    StatusUpdate,
    TemplateUpdate,
    WebhookItem,
)
from providers.outcomes import EXCERPT, webhook_object

STATUSES: dict[str, StatusKind] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
}
MEDIA: dict[str, ReplyKind] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "voice": "audio",
    "file": "document",
    "sticker": "sticker",
}
CHOICES = ("button_reply", "list_reply")
MESSAGES = frozenset({"text", "location", "quick_reply", *MEDIA, *CHOICES})

# Gupshup's own codes. What is not among them is Meta's, passed on.
CODES: dict[str, ReportCode] = {
    "500": ReportCode.OTHER,
    "1001": ReportCode.OTHER,
    "1002": ReportCode.UNAVAILABLE,  # not on WhatsApp
    "1003": ReportCode.CREDENTIALS,  # the wallet is empty
    "1004": ReportCode.OUTSIDE_WINDOW,
    # A text for which no template was found. We send templates by their id, so it was freeform.
    "1005": ReportCode.OUTSIDE_WINDOW,
    "1006": ReportCode.BLACKLISTED,  # not opted in
    "1007": ReportCode.BLACKLISTED,
    "1008": ReportCode.OUTSIDE_WINDOW,
    "1010": ReportCode.TEMPLATE,  # media: address
    "1011": ReportCode.TEMPLATE,  # media: size
    "1012": ReportCode.BLACKLISTED,  # opted out
    "4001": ReportCode.TOO_MANY,
    "4002": ReportCode.OTHER,
    "4003": ReportCode.TEMPLATE,
    "4004": ReportCode.OTHER,
    "4005": ReportCode.TEMPLATE,  # paused
}


def read_body(body: bytes) -> list[WebhookItem]:
    """Everything in a webhook of either version. Raises Malformed."""
    payload = webhook_object(body)
    if "entry" in payload:
        return _version_3(payload)
    kind = text(payload, "type")
    if not kind:
        raise Malformed("an object with a type, or Meta's entry, was expected")
    match kind:
        case "message-event":
            return [_status(payload)]
        case "message":
            return [_reply(payload)]
        case "template-event":
            return [_template(payload)]
    return [_other(kind, payload)]


def failure_code(code: str) -> ReportCode:
    """CleverTap's code for a failed status."""
    return CODES.get(code) or report_code(code)


def _other(kind: str, payload: dict[str, Any]) -> WebhookItem:
    return unhandled(f"{kind} {text(payload, 'payload', 'type')}".rstrip())


def _status(payload: dict[str, Any]) -> WebhookItem:
    """`payload.id` is Gupshup's id before WhatsApp took the message, and WhatsApp's own afterwards.

    Then Gupshup's is in `gsId`, which is left out for events a week and more after sending.
    """
    event = at(payload, "payload")
    word, bsp_id = text(event, "type").lower(), first(text(event, "gsId"), text(event, "id"))
    kind = STATUSES.get(word)
    if kind is None:  # "enqueued" tells WhatsApp's id, of which no other event has need
        return unhandled(word, bsp_id)
    if not bsp_id:
        return unhandled(word, "names no message")
    update = StatusUpdate(
        kind,
        # Beside the type instead of inside, on some of Gupshup's pages.
        timestamp=epoch(event, "payload", "ts") or epoch(event, "ts") or epoch(payload, "timestamp"),
        bsp_id=bsp_id,
        to=digits(text(event, "destination")),
    )
    if kind != "failed":
        return update
    code = text(event, "payload", "code")[:LONGEST_CODE]
    words = text(event, "payload", "reason")[:EXCERPT]
    return replace(update, code=failure_code(code), bsp_code=code, text=words)


def _reply(payload: dict[str, Any]) -> WebhookItem:
    message = at(payload, "payload")
    sender = first(digits(text(message, "source")), digits(text(message, "sender", "phone")))
    if not sender:
        return unhandled("no_phone_number", text(message, "id"))
    reply = Reply(
        "other",
        sender,
        bsp_id=text(message, "id"),
        timestamp=epoch(payload, "timestamp"),
        context_bsp_id=first(text(message, "context", "gsId"), text(message, "context", "id")),
        profile_name=text(message, "sender", "name"),
    )
    return _with_content(reply, text(message, "type"), at(message, "payload"))


def _with_content(reply: Reply, kind: str, content: object) -> Reply:
    if kind in MEDIA:
        media = InboundMedia(
            url=text(content, "url"),
            mime_type=text(content, "contentType"),
            filename=text(content, "name"),
            caption=text(content, "caption"),
        )
        return replace(reply, kind=MEDIA[kind], text=media.caption, media=media)
    postback = text(content, "postbackText")
    if kind in CHOICES:
        payload = first(postback, text(content, "id"))
        return replace(reply, kind="interactive", text=text(content, "title"), payload=payload)
    match kind:
        case "text":
            return replace(reply, kind="text", text=text(content, "text"))
        case "quick_reply":  # a template's
            return replace(reply, kind="button", text=text(content, "text"), payload=postback)
        case "location":
            return with_location(reply, content)
    return replace(reply, text=first(text(content, "emoji"), text(content, "text"), f"({kind or 'untyped'})"))


def _template(payload: dict[str, Any]) -> WebhookItem:
    """A template's new status. What its other updates hold is on no page of Gupshup's that we know."""
    event = at(payload, "payload")
    status, bsp_id = text(event, "status").upper(), text(event, "id")
    if not status or not bsp_id:
        return _other("template-event", payload)
    return TemplateUpdate(
        name=text(event, "elementName"),
        language=text(event, "languageCode").replace("-", "_"),
        bsp_id=bsp_id,
        status=status,
        reason=first(text(event, "rejectedReason"), text(event, "description"))[:EXCERPT],
        timestamp=epoch(payload, "timestamp"),
    )


def _version_3(payload: dict[str, Any]) -> list[WebhookItem]:
    for entry in objects(payload, "entry"):
        for change in objects(entry, "changes"):
            _name_ours(at(change, "value"))
    return [_recoded(item) for item in cloud_api_webhook.webhook_items(payload)]


def _name_ours(value: object) -> None:
    """Puts Gupshup's id in the place of WhatsApp's, and a failure told without a list into one."""
    for status in objects(value, "statuses"):
        status["id"] = first(text(status, "gs_id"), text(status, "id"))
        if not objects(status, "errors"):
            status["errors"] = [{"code": text(status, "code"), "title": text(status, "reason")}]
    for message in objects(value, "messages"):
        context = message.get("context")
        if isinstance(context, dict):
            context["id"] = first(text(context, "gs_id"), text(context, "id"))


def _recoded(item: WebhookItem) -> WebhookItem:
    if isinstance(item, StatusUpdate) and item.kind == "failed":
        return replace(item, code=failure_code(item.bsp_code))
    return item
