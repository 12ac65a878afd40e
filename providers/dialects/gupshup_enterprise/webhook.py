"""Gupshup Enterprise's callbacks: delivery reports, clicks and inbound messages, as forms, JSON or GET.

Source: CleverTap, "WhatsApp: Gupshup" (reports in real time, clicks) and integrations in use; the
choice of CleverTap's code is ours. Gupshup Enterprise's own pages are not public.
"""

from typing import Any
from urllib.parse import parse_qsl

from lib.http import HttpRequest
from lib.reading import decode, epoch, first, objects, text
from providers.dialects.cloud_api.codes import LONGEST_CODE
from providers.dialects.cloud_api.webhook import in_words, unhandled, value_items
from providers.dialects.gupshup_enterprise.codes import cause
from providers.messages import (
    Malformed,
    StatusKind,
    StatusUpdate,
    WebhookItem,
    identity,
)
from providers.outcomes import EXCERPT

INDIA = "+05:30"
STATUSES: dict[str, StatusKind] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
    # As reports by GET have it. There the cause tells whether it was sent, delivered or read.
    "success": "delivered",
    "fail": "failed",
    "failure": "failed",
}
TYPES = frozenset({
    "text", "image", "video", "audio", "voice", "document", "location", "contacts", "button", "interactive",
})  # fmt: skip

_SHORTEST_CODE = 3  # characters


def webhook_items(request: HttpRequest, zone: str) -> list[WebhookItem]:
    """Everything in the callback. Raises Malformed if it has none of the known forms.

    `zone` is what clicks are told in, as an offset from UTC such as "+05:30".
    """
    payload = _payload(request)
    if isinstance(payload, dict) and payload.get("response") is not None:
        payload = _opened(payload["response"])
        payload = [payload] if isinstance(payload, dict) else payload
        if not isinstance(payload, list):
            raise Malformed("response: a list of reports was expected")
    if isinstance(payload, list):
        reports = [_report(report) for report in objects(payload)]
        return reports or [unhandled("response", "nothing in it could be read")]
    if not isinstance(payload, dict):
        raise Malformed("an object, a list of reports or a form was expected")
    if "clickTime" in payload or "originalURL" in payload:
        return [_click(payload, zone)]
    if "waNumber" in payload or ("mobile" in payload and "type" in payload):
        return _inbound(payload)
    if "externalId" in payload:
        return [_report(payload)]
    kind = first(*(text(payload, name) for name in ("type", "eventType", "event")))
    if not kind:
        raise Malformed("neither a report, a click nor an inbound message")
    return [unhandled(kind)]


def _payload(request: HttpRequest) -> object:
    if request.method == "GET":
        return request.query
    try:
        return decode(request.body)
    except ValueError:
        return dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))


def _opened(value: object) -> object:
    """A value that comes as such, or as JSON in a string; None when the JSON is broken."""
    try:
        return decode(value.encode("utf-8", "replace")) if isinstance(value, str) else value
    except ValueError:
        return None


def _report(report: dict[str, Any]) -> WebhookItem:
    words = text(report, "cause")
    word = first(text(report, "eventType"), text(report, "status"), words).strip().lower()
    bsp_id, reference = text(report, "externalId"), text(report, "extra")
    if word not in STATUSES:
        return unhandled(word, bsp_id)
    if not bsp_id and not reference:
        return unhandled(word, "names no message")
    if word == "success":
        word = words.lower() if words.lower() in ("sent", "read") else word
    update = StatusUpdate(
        STATUSES[word],
        timestamp=epoch(report, "eventTs") or epoch(report, "deliveredTS"),
        reference=reference,
        bsp_id=bsp_id,
    ).of(identity(text(report, "destAddr"), text(report, "phoneNo")))
    if update.kind != "failed":
        return update
    code = first(text(report, "errorCode"), text(report, "errCode")).strip().lower()[:LONGEST_CODE]
    code = code.zfill(_SHORTEST_CODE) if code else ""  # as a JSON number it has lost its zeros
    return update.failed(cause(code), code, words[:EXCERPT])


def _click(click: dict[str, Any], zone: str) -> WebhookItem:
    url, short_url = text(click, "originalURL"), text(click, "gsurl")
    if not text(click, "extra"):
        return unhandled("clicked", "names no message")
    if not url and not short_url:
        return unhandled("click_without_link")
    moment = text(click, "clickTime").strip()
    return StatusUpdate(
        "clicked",
        # The date has no zone; another spelling of time has no need of one.
        timestamp=epoch(f"{moment}{zone}") or epoch(moment),
        reference=text(click, "extra"),
        url=first(url, short_url),
        short_url=short_url,
        user_agent=text(click, "userAgent"),
    ).of(identity(text(click, "mobile")))


def _inbound(fields: dict[str, Any]) -> list[WebhookItem]:
    """Put into Meta's form, which its parts have already, and read as that."""
    kind, sender, words = text(fields, "type").lower(), text(fields, "mobile"), text(fields, "text")
    answered, message_id = text(fields, "replyId"), text(fields, "messageId")
    content: object = {"body": words} if kind == "text" else _opened(fields.get(kind))
    if kind == "reaction" and not isinstance(content, dict):
        content = {"emoji": words}
    if isinstance(content, dict) and text(content, "signature"):
        content = content | {"url": text(content, "url") + text(content, "signature")}
    message = {
        kind: content,
        "type": kind,
        "from": sender,
        # In a reply both ids are halves of the answered message's, so they do not tell two replies apart.
        "id": "" if answered else message_id,
        "timestamp": text(fields, "timestamp"),
        "context": {"id": answered if "-" in answered else f"{answered}-{message_id}"} if answered else None,
    }
    value = {
        "metadata": {"display_phone_number": text(fields, "waNumber")},
        "contacts": [{"wa_id": sender, "profile": {"name": text(fields, "name")}}],
        "messages": [message],
    }
    return [in_words(item, words) for item in value_items(value)]
