"""Interakt's public API."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from simulator.accounts import Account, Accounts
from simulator.dialects import interakt_messages, interakt_templates, reading, signing
from simulator.dialects.base import (
    Answer,
    Call,
    Dialect,
    Endpoint,
    Failure,
    Inbound,
    Message,
    Post,
    Refusal,
    Send,
    Status,
)
from simulator.templates import Catalogue

_TAP = "tap"
_HTTP_STATUS = {Failure.CREDENTIALS: 401, Failure.THROTTLED: 429}
_REASONS = {
    131026: "Message undeliverable",
    131049: "Held back by Meta to keep engagement healthy",
}


class Interakt(Dialect):
    name = "interakt"
    send_path = "/v1/public/message/"
    needs = ("key",)
    reports_clicks = True

    def __init__(self) -> None:
        self.endpoints = (Endpoint("GET", "/v1/public/track/organization/templates", self._templates),)

    def identity(self, account: Account) -> str:
        return account.key

    def caller(self, call: Call) -> str:
        # The key follows "Basic " as it is: Interakt does not expect the base64 of real Basic auth.
        scheme, _, key = call.headers.get("Authorization", "").partition(" ")
        return key if scheme == "Basic" else ""

    # sends

    def read(self, call: Call) -> Send:
        body = reading.json_object(call)
        to = interakt_messages.recipient(body)
        reference = reading.optional_text(body, "callbackData", limit=512)
        label, use = interakt_messages.read(body)
        return Send(to, reference, label, body, use)

    def new_id(self, send: Send) -> str:
        return str(uuid.uuid4())

    def accept(self, message: Message) -> Answer:
        done = "created" if message.send.template else "queued for sending"
        return Answer.json(201, {"result": True, "message": f"Message {done} successfully", "id": message.id})

    def refuse(self, refusal: Refusal) -> Answer:
        if refusal.failure is Failure.THROTTLED:
            return Answer.json(429, {"message": "Rate limit exceeded for this resource"})
        status = _HTTP_STATUS.get(refusal.failure, 400)
        return Answer.json(status, {"result": False, "message": refusal.detail})

    # webhooks

    def statuses(self, account: Account, events: Sequence[Status]) -> Post:
        (event,) = events
        message, status, moment = event.message, event.status, _moment(event.at)
        content = message.send.content
        record: dict[str, Any] = {
            "id": message.id,
            "chat_message_type": "PublicApiMessage",
            "message_status": "Read" if status == "clicked" else status.capitalize(),
            "received_at_utc": moment if status == "sent" else _moment(message.at),
            "delivered_at_utc": moment if status in ("delivered", "read") else None,
            "seen_at_utc": moment if status == "read" else None,
            "channel_failure_reason": None,
            "channel_error_code": None,
            "campaign_id": None,
            "is_template_message": message.send.template is not None,
            "raw_template": _raw_template(content),
            "message_content_type": content["type"],
            "media_url": None,
            "message": _content(content),
            "meta_data": _meta_data(message),
        }
        data = {"customer": _customer(message.send.to, content.get("countryCode", "")), "message": record}
        if status == "failed":
            record["channel_failure_reason"] = _REASONS.get(event.failure, "Message failed to send")
            record["channel_error_code"] = str(event.failure)  # Meta's code, but as a string
        if status == "clicked":
            data["event"] = {
                "callbackData": message.send.reference,
                "click_type": "CTA",
                "button_text": "Open",
                "button_link": "https://shop.example.test/t/88",
                "click_timestamp": moment.replace("T", " "),
            }
        return self._post(account, f"message_api_{status}", event.at, data)

    def inbound_events(self, event: Inbound) -> Sequence[Inbound]:
        """Interakt posts the quick reply of a template twice: as a click and as a message."""
        return (replace(event, type=_TAP), event) if event.type == "button" and event.reply_to else (event,)

    def inbound(self, account: Account, event: Inbound) -> Post:
        if event.type == _TAP and event.reply_to:
            return self._tapped(account, event, event.reply_to)
        message: dict[str, Any] = {
            "id": event.id,
            "chat_message_type": "CustomerMessage",
            "message_status": "Sent",
            "received_at_utc": _moment(event.at),
            "is_template_message": False,
            "raw_template": None,
            "message_content_type": event.type.capitalize(),
            "media_url": event.media_url or None,
            # For a medium without a caption, Interakt really writes "None".
            "message": event.text or "None",
            "meta_data": {},
        }
        if event.reply_to:
            # Interakt lists this field without saying what it holds; the name suggests it.
            message["source_message_id"] = event.reply_to.id
        if event.type == "button":
            message["message_content_type"] = "Text"
            message["meta_data"] = {"button_payload": _button_payload(event)}
        if event.type == "button_reply":
            reply = {"id": event.payload or event.text, "title": event.text}
            message["message_content_type"] = "InteractiveButtonReply"
            message["message"] = _text({"type": "button_reply", "button_reply": reply})
        if event.type == "location":
            message["location"] = {"latitude": event.latitude, "longitude": event.longitude}
        data = {"customer": _customer(event.address, name=event.name), "message": message}
        return self._post(account, "message_received", event.at, data)

    def _tapped(self, account: Account, event: Inbound, message: Message) -> Post:
        """The click carries the tapped message's own data."""
        record = {
            "id": message.id,
            "chat_message_type": "PublicApiMessage",
            "message_status": "Read",
            "is_template_message": message.send.template is not None,
            "message_content_type": "Template",
            "message": _content(message.send.content),
            "meta_data": _meta_data(message)
            | {
                "click_type": "QR",
                "button_text": event.text,
                "button_link": "",
                "click_timestamp": _moment(event.at).replace("T", " "),
                "button_payload": _button_payload(event),
            },
        }
        data = {"customer": _customer(event.address, name=event.name), "message": record}
        return self._post(account, "message_api_clicked", event.at, data)

    def _post(self, account: Account, kind: str, at: float, data: dict[str, Any]) -> Post:
        content = {"version": "1.0", "timestamp": _moment(at), "type": kind, "data": data}
        body = msgspec.json.encode(content)
        headers = {"Content-Type": "application/json"}
        if account.secret:
            headers["Interakt-Signature"] = signing.sha256(account.secret, body)
        return Post(account.webhook_url, body, headers)

    def _templates(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        account = accounts.identified(self.name, self.caller(call))
        if account is None:
            return self.stranger(call)
        return Answer.json(200, interakt_templates.page(catalogue.of(account.name), call.query))


def _moment(at: float) -> str:
    """UTC with microseconds and no zone."""
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def _customer(number: str, country: str = "", name: str = "Asha") -> dict[str, Any]:
    customer: dict[str, Any] = {
        "id": f"c-{number}",
        "channel_phone_number": number,
        "traits": {"name": name, "whatsapp_opted_in": True},
    }
    if country:
        code = country.removeprefix("+")
        customer |= {"phone_number": number.removeprefix(code), "country_code": country}
    return customer


def _button_payload(event: Inbound) -> dict[str, Any]:
    payload = {"type": "QUICK_REPLY", "text": event.text}
    return {"payload": payload | {"payload": event.payload} if event.payload else payload}


def _meta_data(message: Message) -> dict[str, Any]:
    meta: dict[str, Any] = {"source": "PublicInterakt"}
    if message.send.reference:
        meta["source_data"] = {"callback_data": message.send.reference}
    return meta


def _raw_template(body: dict[str, Any]) -> str | None:
    template = body.get("template")
    return _text({"name": template["name"], "language": template["languageCode"]}) if template else None


def _content(body: dict[str, Any]) -> str:
    """The message as the webhooks repeat it: Meta components as JSON text, or the words themselves."""
    if body["type"] != "Template":
        return str(body["data"].get("message") or "None")
    values = [{"type": "text", "text": value} for value in body["template"].get("bodyValues", [])]
    return _text([{"type": "body", "parameters": values}])


def _text(content: object) -> str:
    """JSON inside a string, as Interakt often writes it."""
    return msgspec.json.encode(content).decode()
