"""Gupshup's webhooks, in the two versions a subscription may choose.

Version 2: `{app, timestamp, version, type, payload}`, one event a POST. Version 3: Meta's own object in
which `gs_id` is the id that sending answered with. Source: Gupshup, "Inbound events", "Message events",
"System events".
"""

from typing import Any

from msgspec.structs import replace

from lib.reading import at, epoch, first, objects, text
from providers.dialects.cloud_api import webhook as cloud_api_webhook
from providers.dialects.cloud_api.codes import LONGEST_CODE
from providers.dialects.cloud_api.inbound_content import (
    contact_words,
    flow_answers,
    flow_words,
    order_words,
    pricing,
    referral,
)
from providers.dialects.cloud_api.inbound_kinds import reaction, unsupported, with_location
from providers.dialects.cloud_api.webhook import unhandled
from providers.dialects.gupshup.codes import cause
from providers.messages import (
    InboundMedia,
    Malformed,
    Receiver,
    Reply,
    ReplyKind,
    StatusKind,
    StatusUpdate,
    TemplateUpdate,
    WebhookItem,
    addressed,
    identity,
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
_IDS = ("userId", "parentUserId", "user_id", "parent_user_id")  # the first two are Gupshup's own spelling
CHOICES = ("button_reply", "list_reply")
MESSAGES = frozenset({
    "text", "location", "quick_reply", "contact", "order", "reaction", *MEDIA, *CHOICES,
})  # fmt: skip


def webhook_items(body: bytes) -> list[WebhookItem]:
    """Everything in a webhook of either version. Raises Malformed."""
    payload = webhook_object(body)
    if "entry" in payload:
        return _version_3(payload)
    kind = text(payload, "type")
    if not kind:
        raise Malformed("an object with a type, or Meta's entry, was expected")
    return [addressed(item, Receiver(account=text(payload, "app"))) for item in _version_2(kind, payload)]


def _version_2(kind: str, payload: dict[str, Any]) -> list[WebhookItem]:
    match kind:
        case "message-event":
            return [_status(payload)]
        case "message":
            return [_reply(payload)]
        case "template-event":
            return [_template(payload)]
        case "billing-event":
            return [_bill(payload)]
    return [_other(kind, payload)]


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
        pricing=pricing(at(event, "payload", "pricing")) or pricing(at(event, "pricing")),
    ).of(identity(*(text(event, key) for key in ("destination", *_IDS))))
    if kind != "failed":
        return update
    code = text(event, "payload", "code")[:LONGEST_CODE]
    words = text(event, "payload", "reason")[:EXCERPT]
    return update.failed(cause(code), code, words)


def _bill(payload: dict[str, Any]) -> WebhookItem:
    """How a message is charged. Before July 2025, with the model CBP, the category stood in `type`.

    Source: Gupshup, "Billing events" and "PMP events".
    """
    charge, names = at(payload, "payload", "deductions"), at(payload, "payload", "references")
    found, bsp_id = pricing(charge), first(text(names, "gsId"), text(names, "id"))
    if found is None or not bsp_id:
        return _other("billing-event", payload)
    if not found.category:
        found = replace(found, type="", category=found.type)
    return StatusUpdate("priced", timestamp=epoch(payload, "timestamp"), bsp_id=bsp_id, pricing=found).of(
        identity(text(names, "destination"))
    )


def _reply(payload: dict[str, Any]) -> WebhookItem:
    message = at(payload, "payload")
    sender = at(message, "sender")
    names = (text(sender, key) for key in ("phone", *_IDS))
    reply = Reply(
        "other",
        bsp_id=text(message, "id"),
        timestamp=epoch(payload, "timestamp"),
        context_bsp_id=first(text(message, "context", "gsId"), text(message, "context", "id")),
        profile_name=text(sender, "name"),
        referral=referral(at(message, "referral")) or referral(at(message, "payload", "referral")),
    ).of(identity(text(message, "source"), *names))
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
        case "contact" | "contacts":
            contacts = objects(content, "contacts")
            return replace(reply, text=contact_words(contacts), data={"contacts": contacts})
        case "order":
            order = content if isinstance(content, dict) else {}
            return replace(reply, text=order_words(order), data=order)
        case "reaction":
            answered = first(reply.context_bsp_id, text(content, "gsId"), text(content, "id"))
            return reaction(reply, text(content, "emoji"), answered)
    if answers := flow_answers(at(content, "response_json")):
        return replace(reply, text=flow_words(answers, text(content, "body")), data=answers)
    words = text(content, "text")
    return replace(reply, text=words) if words else unsupported(reply, kind or "untyped")


def _template(payload: dict[str, Any]) -> WebhookItem:
    """A template's new status. What its other updates hold is on no page of Gupshup's that we know: the
    list of templates tells."""
    event = at(payload, "payload")
    status, bsp_id = text(event, "status").upper(), text(event, "id")
    if not bsp_id:
        return _other("template-event", payload)
    return TemplateUpdate(
        name=text(event, "elementName"),
        language=text(event, "languageCode").replace("-", "_"),
        bsp_id=bsp_id,
        status=status,
        reason=first(text(event, "rejectedReason"), text(event, "description"))[:EXCERPT],
        edited=not status,
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
        return item.failed(cause(item.bsp_code), item.bsp_code, item.text)
    return item
