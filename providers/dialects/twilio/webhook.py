"""Twilio's callbacks on WhatsApp messages, which are forms: a status or an inbound message each.

Source: Twilio, "Messages resource > Message statuses" and "Twilio's request to your incoming
message webhook URL". Parameters are added without notice, and none of them is a time.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from msgspec.structs import replace

from lib.phone import digits
from lib.reading import first, text
from providers.dialects.cloud_api.codes import LONGEST_CODE
from providers.dialects.cloud_api.inbound_content import flow_answers, flow_words, referral
from providers.dialects.cloud_api.inbound_kinds import reaction, unsupported, with_location
from providers.dialects.cloud_api.webhook import unhandled
from providers.dialects.twilio.codes import cause
from providers.messages import (
    Identity,
    InboundMedia,
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
from providers.outcomes import EXCERPT

REFERENCE = "ref"  # our own parameter in the query of StatusCallback

STATUSES: dict[str, StatusKind] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
    "undelivered": "failed",
}
_MEDIA: dict[str, ReplyKind] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "document": "document",
    "sticker": "sticker",
}
TYPES = frozenset(_MEDIA) | {"text", "location", "button", "interactive"}

Fields = Mapping[str, str]


def fields(body: bytes) -> list[tuple[str, str]]:
    """The form's fields as they came, empty ones included: all of them are signed."""
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


def webhook_items(body: bytes, query: Fields) -> list[WebhookItem]:
    """Everything in the callback. Raises Malformed if it is not one."""
    form = dict(fields(body))
    # Our number is in `To` of what people write, and in `From` of reports.
    ours = "From" if text(form, "MessageStatus") else "To"
    receiver = Receiver(_number(text(form, ours)), account=text(form, "AccountSid"))
    return [addressed(item, receiver) for item in _items(form, query)]


def _items(form: Fields, query: Fields) -> list[WebhookItem]:
    if not text(form, "MessageSid"):
        raise Malformed("a form with a MessageSid was expected")
    if status := text(form, "MessageStatus").lower():
        return [_status(status, form, text(query, REFERENCE))]
    status = text(form, "SmsStatus").lower()
    return _inbound(form) if status in ("received", "") else [unhandled(status, text(form, "MessageSid"))]


def _status(status: str, form: Fields, reference: str) -> WebhookItem:
    if status not in STATUSES:  # queued, sending, and what may come
        return unhandled(status, text(form, "MessageSid"))
    update = StatusUpdate(STATUSES[status], reference=reference, bsp_id=text(form, "MessageSid"))
    update = update.of(_person(form, "To"))
    if update.kind != "failed":
        return update
    code = text(form, "ErrorCode")[:LONGEST_CODE]
    words = first(text(form, "ErrorMessage"), text(form, "ChannelStatusMessage"))
    return update.failed(cause(code), code, words[:EXCERPT])


def _inbound(form: Fields) -> list[WebhookItem]:
    reply = Reply(
        "other",
        bsp_id=text(form, "MessageSid"),
        to=_number(text(form, "To")),
        text=text(form, "Body"),
        context_bsp_id=text(form, "OriginalRepliedMessageSid"),
        profile_name=text(form, "ProfileName"),
        referral=referral(_referral(form)),
    ).of(_person(form, "From"))
    return list(_with_media(reply, form)) or [_with_content(reply, form)]


def _referral(form: Fields) -> dict[str, str]:
    """The parameters about an ad, under Meta's names."""
    names = {
        "source_type": "SourceType", "source_id": "SourceId", "source_url": "SourceUrl",
        "headline": "Headline", "body": "Body", "image_url": "MediaUrl", "ctwa_clid": "CtwaClid",
    }  # fmt: skip
    return {name: text(form, f"Referral{parameter}") for name, parameter in names.items()}


def _with_media(reply: Reply, form: Fields) -> list[Reply]:
    """A message for each of MediaUrl0, MediaUrl1…; the text belongs to the first.

    WhatsApp sends one at a time, other channels of Twilio's several.
    """
    found: list[Reply] = []
    while url := text(form, f"MediaUrl{len(found)}"):
        number = len(found)
        mime_type = text(form, f"MediaContentType{number}")
        caption = "" if number else reply.text
        found.append(
            replace(
                reply,
                kind=_media_kind(text(form, "MessageType").lower(), mime_type),
                bsp_id=f"{reply.bsp_id}/{number}" if number else reply.bsp_id,
                text=caption,
                media=InboundMedia(url=url, mime_type=mime_type, caption=caption),
            )
        )
    return found


def _media_kind(word: str, mime_type: str) -> ReplyKind:
    if mime_type == "image/webp":  # WhatsApp turns every photo into a JPEG or PNG
        return "sticker"
    return _MEDIA.get(word) or _MEDIA.get(mime_type.partition("/")[0], "document")


def _with_content(reply: Reply, form: Fields) -> Reply:
    kind = text(form, "MessageType").lower()
    if kind == "location" or (text(form, "Latitude") and not kind):
        place = {name.lower(): text(form, name) for name in ("Latitude", "Longitude", "Address")}
        return with_location(reply, {**place, "name": text(form, "Label")})
    if kind == "reaction":
        return reaction(reply, reply.text, reply.context_bsp_id)
    if answers := flow_answers(first(text(form, "FlowData"), text(form, "InteractiveData"))):
        return replace(reply, text=flow_words(answers, reply.text), data=answers)
    label, payload = text(form, "ButtonText"), text(form, "ButtonPayload")
    if kind == "interactive":
        # A list's choice has an id and a title of its own.
        title = first(label, text(form, "ListTitle"), reply.text)
        return replace(reply, kind=kind, text=title, payload=first(payload, text(form, "ListId")))
    if kind == "button" or label or payload:
        return replace(reply, kind="button", text=first(label, reply.text), payload=payload)
    if kind in ("text", "") and reply.text:
        return replace(reply, kind="text")
    return reply if reply.text else unsupported(reply, kind or "untyped")


def _person(form: Fields, key: str) -> Identity:
    """Whoever is in `From` or `To`: a number or a user id. Two names are in use for the id beside it."""
    keys = (key, "WaId", "ExternalUserId", "ExternalUserIdentifier")
    return identity(*(text(form, name).rpartition(":")[2] for name in keys))


def _number(address: str) -> str:
    """The digits of `whatsapp:+919000000001`."""
    return digits(address.rpartition(":")[2])
