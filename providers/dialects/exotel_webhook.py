"""Exotel's WhatsApp webhooks: delivery receipts (`dlr`) and inbound messages, several a POST.

Source: Exotel, developer.exotel.com, "WhatsApp API": callbacks and status codes. Its newer pages show
other envelopes for the same things, which are read as well. An inbound message's content is Meta's.
"""

from typing import Any

from msgspec.structs import replace

from lib.phone import digits
from lib.reading import at, epoch, first, objects, text
from providers.dialects.cloud_api_errors import LONGEST_CODE, report_code
from providers.dialects.cloud_api_webhook import unhandled, value_items
from providers.messages import Malformed, ReportCode, StatusKind, StatusUpdate, Unhandled, WebhookItem
from providers.outcomes import EXCERPT

# By Exotel's number, its name, and the bare word of newer webhooks.
KINDS: dict[str, StatusKind] = {
    "30001": "sent",
    "30002": "delivered",
    "30003": "read",
    "EX_MESSAGE_SENT": "sent",
    "EX_MESSAGE_DELIVERED": "delivered",
    "EX_MESSAGE_SEEN": "read",
    "SENT": "sent",
    "DELIVERED": "delivered",
    "READ": "read",
    "FAILED": "failed",
}
FAILURES: dict[str, tuple[str, ReportCode]] = {
    "30004": ("EX_SYSTEM_ERROR", ReportCode.CREDENTIALS),
    "30005": ("EX_NUMBER_ERROR", ReportCode.PHONE),
    "30006": ("EX_SETUP_ERROR", ReportCode.CREDENTIALS),
    "30007": ("EX_RATE_LIMIT_HIT", ReportCode.TOO_MANY),
    "30008": ("EX_SPAM_RATE_LIMIT_HIT", ReportCode.BLOCKED_BY_META),
    "30009": ("EX_TOO_MANY_REQUEST", ReportCode.TOO_MANY),
    "30010": ("EX_INVALID_REQUEST", ReportCode.OTHER),
    "30011": ("EX_UNKNOWN_ERROR", ReportCode.OTHER),
    "30012": ("EX_INVALID_RECIPIENT", ReportCode.PHONE),
    "30013": ("EX_INCAPABLE_RECIPIENT", ReportCode.DEVICE),
    "30014": ("EX_RECIPIENT_BLOCKED", ReportCode.BLACKLISTED),
    "30015": ("EX_UNSUPPORTED_MESSAGE", ReportCode.OTHER),
    "30016": ("EX_MEDIA_DOWNLOAD_ERROR", ReportCode.OTHER),
    "30017": ("EX_MEDIA_UPLOAD_ERROR", ReportCode.OTHER),
    "30018": ("EX_REENGAGEMENT_ERROR", ReportCode.OUTSIDE_WINDOW),
    "30019": ("EX_INVALID_PARAM", ReportCode.TEMPLATE),
    "30020": ("EX_MISSING_PARAM", ReportCode.TEMPLATE),
    "30021": ("EX_INVALID_PARAM_VALUE", ReportCode.TEMPLATE),
    "30022": ("EX_TEMPLATE_ERROR", ReportCode.TEMPLATE),
    "30023": ("EX_TEMPLATE_PARAM_ERROR", ReportCode.TEMPLATE),
    "30024": ("EX_TEMPLATE_NOT_FOUND", ReportCode.TEMPLATE),
    "30025": ("EX_TEMPLATE_TEXT_TOO_LONG", ReportCode.TEMPLATE),
    "30026": ("EX_INVALID_TEMPLATE_NAMESPACE", ReportCode.TEMPLATE),
    "30027": ("EX_MESSAGE_PENDING_TOO_LONG", ReportCode.UNAVAILABLE),
    "30028": ("EX_MESSAGE_EXPIRED", ReportCode.UNAVAILABLE),
    "30029": ("EX_MESSAGE_TOO_LONG", ReportCode.OTHER),
    "30030": ("EX_WEBHOOK_ERROR", ReportCode.OTHER),
    "30031": ("EX_SECTION_COUNT_ERROR", ReportCode.OTHER),
    "30032": ("EX_ROWS_COUNT_ERROR", ReportCode.OTHER),
    "30033": ("EX_PRODUCT_COUNT_ERROR", ReportCode.OTHER),
    "30034": ("EX_CATALOGUE_NOT_FOUND", ReportCode.OTHER),
    "30035": ("EX_CATALOGUE_NOT_LINKED", ReportCode.OTHER),
    "30036": ("EX_MISSING_PRODUCT", ReportCode.OTHER),
    "30037": ("EX_PRODUCT_NOT_FOUND", ReportCode.OTHER),
    "30038": ("EX_PRODUCT_COMPLIANCE_ERROR", ReportCode.OTHER),
    "30039": ("EX_INVALID_HEADER", ReportCode.TEMPLATE),
    "30040": ("EX_MISSING_COMPLIANCE", ReportCode.OTHER),
    "30041": ("EX_CHAR_POLICY_VIOLATION", ReportCode.OTHER),
}
MEANINGS: dict[str, tuple[StatusKind, ReportCode]] = {
    **{word: (kind, ReportCode.OTHER) for word, kind in KINDS.items()},
    **{number: ("failed", code) for number, (_, code) in FAILURES.items()},
    **{name: ("failed", code) for name, code in FAILURES.values()},
    "EX_RESTRICTED_BY_META": ("failed", ReportCode.BLOCKED_BY_META),  # its number is on no page
}
PAYMENTS = frozenset({"30049", "30050"})  # pending and done; every other number from 30004 on is a failure


def webhook_items(payload: dict[str, Any]) -> list[WebhookItem]:
    """Everything in `{whatsapp: {messages: […]}}`, or in the one event that a newer webhook is."""
    if isinstance(at(payload, "whatsapp", "messages"), list):
        events = objects(payload, "whatsapp", "messages")
    elif any(text(payload, key) for key in ("event", "type", "sid")):
        events = [payload]
    else:
        raise Malformed("whatsapp.messages or a single event was expected")
    found = [item for event in events for item in _items(_flat(event))]
    return found or [Unhandled("messages", "nothing in it could be read")]


def failure_code(code: str) -> ReportCode | None:
    """CleverTap's code for a failure by Exotel's number or name; None for anything else."""
    kind, found = MEANINGS.get(code.upper(), ("", None))
    return found if kind == "failed" else None


def _flat(event: dict[str, Any]) -> dict[str, Any]:
    """The event with what lies within its envelopes, the innermost winning."""
    for layer in ("data", "message", "content"):
        inner = event.get(layer)
        if isinstance(inner, dict):
            event = event | inner
    return event


def _items(event: dict[str, Any]) -> list[WebhookItem]:
    kind = first(text(event, "callback_type"), text(event, "event"), text(event, "type"))
    receipt = kind in ("dlr", "message_status") or "exo_status_code" in event or "sid" in event
    if any(isinstance(event.get(layer), dict) for layer in ("message", "content")) and kind != "dlr":
        return value_items(_as_meta(event))
    return [_status(event)] if receipt else [unhandled(kind)]


def _status(event: dict[str, Any]) -> WebhookItem:
    name, number = text(event, "exo_detailed_status"), text(event, "exo_status_code")
    error = at(event, "errors", 0)
    # The name goes first: what the numbers mean differs between revisions of the page.
    told = [word for word in (name, number, text(event, "status")) if word]
    known = (MEANINGS.get(word.upper()) for word in told)
    meaning = next(filter(None, known), None)
    if meaning is None and number.startswith("300") and number not in PAYMENTS:
        meaning = "failed", ReportCode.OTHER
    bsp_id, reference = first(text(event, "sid"), text(event, "message_sid")), text(event, "custom_data")
    if meaning is None or not (bsp_id or reference):
        return unhandled(
            first(*told, text(event, "callback_type")), "names no message" if meaning else bsp_id
        )
    update = StatusUpdate(
        meaning[0],
        timestamp=epoch(event, "timestamp"),
        reference=reference,
        bsp_id=bsp_id,
        to=digits(text(event, "to")),
    )
    if update.kind != "failed":
        return update
    code = first(name, number, text(error, "code"))[:LONGEST_CODE]
    words = ": ".join(filter(None, (text(error, "title"), text(error, "detail"))))
    return replace(
        update,
        code=meaning[1] if name or number else failure_code(code) or report_code(code),
        bsp_code=code,
        text=first(text(event, "description"), words)[:EXCERPT],
    )


def _as_meta(event: dict[str, Any]) -> dict[str, Any]:
    """An inbound message as Meta's webhooks hold it."""
    sender, kind = text(event, "from"), text(event, "type")
    message = {
        **event,
        "id": first(text(event, "sid"), text(event, "message_sid"), text(event, "id")),
        "context": {"id": first(text(event, "context", "id"), text(event, "context", "sid"))},
    }
    if isinstance(media := event.get(kind), dict) and "link" in media:
        message[kind] = {**media, "url": first(text(media, "url"), text(media, "link"))}
    name = first(text(event, "profile_name"), text(event, "contact", "profile", "name"))
    return {
        "metadata": {"display_phone_number": text(event, "to")},
        "contacts": [{"wa_id": sender, "profile": {"name": name}}],
        "messages": [message],
    }
