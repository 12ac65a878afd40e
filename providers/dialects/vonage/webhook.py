"""Vonage's webhooks: the status of a message, or an inbound message, one a POST.

Source: Vonage, "Messages API > Webhooks" (v1). An application's URLs may serve several channels.
"""

from typing import Any

from msgspec.structs import replace

from lib.phone import digits
from lib.reading import at, epoch, first, number, objects, text
from providers.dialects.cloud_api.inbound_content import (
    contact_words,
    flow_answers,
    flow_words,
    order_words,
    pricing,
    referral,
)
from providers.dialects.cloud_api.inbound_kinds import reaction, unsupported
from providers.dialects.cloud_api.webhook import unhandled
from providers.dialects.vonage.codes import DUPLICATE, cause, error_words
from providers.messages import (
    Identity,
    InboundMedia,
    Location,
    Malformed,
    Receiver,
    Reply,
    ReplyKind,
    StatusKind,
    StatusUpdate,
    WebhookItem,
    addressed,
    identity,
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


def webhook_item(body: bytes) -> WebhookItem:
    """What a webhook tells. Raises Malformed."""
    payload = json_object(body)
    kind, status = text(payload, "message_type"), text(payload, "status")
    if payload is None or not (kind or status):
        raise Malformed("a JSON object with a status or a message_type was expected")
    channel = text(payload, "channel").lower()
    if channel not in (CHANNEL, ""):
        return unhandled(channel, "another channel than WhatsApp")
    # Statuses turn the two numbers round: `from` is ours there.
    ours = digits(text(payload, "to" if kind else "from"))
    item = _reply(kind, payload) if kind else _status(status, payload)
    return addressed(item, Receiver(number=ours))


def _person(payload: dict[str, Any], address: str, role: str) -> Identity:
    """Whoever the address is, a number or a user id, with what `whatsapp.<role>` says besides."""
    party = at(payload, "whatsapp", role)
    names = (text(party, key) for key in ("wa_id", "user_id", "parent_user_id"))
    return identity(address, *names, username=text(payload, "profile", "username"))


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
        pricing=pricing(at(payload, "whatsapp", "pricing")),
    ).of(_person(payload, text(payload, "to"), "recipient"))
    if kind != "failed":
        return update
    code, words = error_words(at(payload, "error"))
    if code == DUPLICATE:
        # The message that Vonage accepted before has not failed.
        return unhandled("duplicate", bsp_id)
    return update.failed(cause(code, words), code, words)


def _reply(kind: str, payload: dict[str, Any]) -> WebhookItem:
    reply = Reply(
        "other",
        bsp_id=text(payload, "message_uuid"),
        to=digits(text(payload, "to")),
        timestamp=epoch(payload, "timestamp"),
        context_bsp_id=text(payload, "context", "message_uuid"),
        profile_name=text(payload, "profile", "name"),
        referral=referral(at(payload, "whatsapp", "referral")),
    ).of(_person(payload, text(payload, "from"), "sender"))
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
        case "button" if text(content, "subtype") == "flow":
            answers = flow_answers(at(content, "payload"))
            return replace(reply, text=flow_words(answers, text(content, "text")), data=answers)
        case "button":  # a template's quick reply
            return replace(reply, kind="button", text=text(content, "text"), payload=text(content, "payload"))
        case "reply":  # a list's row or a reply button
            return replace(
                reply, kind="interactive", text=text(content, "title"), payload=text(content, "id")
            )
        case "location":
            return _location(reply, content)
        case "reaction":
            emoji = "" if text(content, "action") == "unreact" else text(content, "emoji")
            return reaction(reply, emoji, reply.context_bsp_id)
        case "order":
            order = content if isinstance(content, dict) else {}
            return replace(reply, text=order_words(order), data=order)
        case "contact":
            contacts = objects(content) or objects(content, "contacts")
            contacts = contacts or ([content] if isinstance(content, dict) else [])
            return replace(reply, text=contact_words(contacts), data={"contacts": contacts})
        case "unsupported":
            return unsupported(reply)
    words = text(content, "text")
    return replace(reply, text=words) if words else unsupported(reply, kind)


def _location(reply: Reply, content: object) -> Reply:
    name, address = text(content, "name"), text(content, "address")
    latitude, longitude = number(content, "lat"), number(content, "long")
    reply = replace(reply, text=first(name, address, "(location)"))
    if latitude is None or longitude is None:
        return reply
    return replace(reply, kind="location", location=Location(latitude, longitude, name, address))
