"""Exotel's WhatsApp webhooks: delivery receipts (`dlr`) and inbound messages, several a POST.

Source: Exotel, developer.exotel.com, "WhatsApp API": callbacks and status codes. Its newer pages show
other envelopes for the same things, which are read as well. An inbound message's content is Meta's.
"""

from typing import Any

from lib.phone import digits
from lib.reading import at, epoch, first, objects, text
from providers.dialects.cloud_api.codes import LONGEST_CODE
from providers.dialects.cloud_api.webhook import unhandled, value_items
from providers.dialects.exotel.codes import CODES, Meaning, cause, failure_code
from providers.messages import (
    Malformed,
    Receiver,
    StatusUpdate,
    Unhandled,
    WebhookItem,
    addressed,
    identity,
)
from providers.outcomes import EXCERPT

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
        return value_items(_as_meta(event), text(event, "account_sid"))
    ours = Receiver(digits(text(event, "from")), account=text(event, "account_sid"))
    return [addressed(_status(event), ours)] if receipt else [unhandled(kind)]


def _status(event: dict[str, Any]) -> WebhookItem:
    name, number = text(event, "exo_detailed_status"), text(event, "exo_status_code")
    error = at(event, "errors", 0)
    # The name goes first: what the numbers mean differs between revisions of the page.
    named = [word for word in (name, number, text(event, "status")) if word]
    known = (CODES.get(word.upper()) for word in named)
    meaning = next(filter(None, known), None)
    if meaning is None and number.startswith("300") and number not in PAYMENTS:
        meaning = Meaning("failed")
    bsp_id, reference = first(text(event, "sid"), text(event, "message_sid")), text(event, "custom_data")
    if meaning is None or not (bsp_id or reference):
        return unhandled(
            first(*named, text(event, "callback_type")), "names no message" if meaning else bsp_id
        )
    update = StatusUpdate(
        meaning.kind,
        timestamp=epoch(event, "timestamp"),
        reference=reference,
        bsp_id=bsp_id,
    ).of(identity(text(event, "to"), text(event, "to_user_id"), text(event, "recipient_user_id")))
    if update.kind != "failed":
        return update
    code = first(name, number, text(error, "code"))[:LONGEST_CODE]
    words = ": ".join(filter(None, (text(error, "title"), text(error, "detail"))))
    listed = next((one for one in (name, number) if failure_code(one)), code)
    return update.failed(cause(listed), code, first(text(event, "description"), words)[:EXCERPT])


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
