"""Gupshup's self-serve API, with webhooks of version 2."""

import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from simulator.accounts import Account, Accounts
from simulator.dialects import gupshup_messages, gupshup_templates, reading
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

Json = dict[str, Any]

_JSON = {"message", "template", "postbackTexts"}
_FIELDS = {"channel", "source", "destination", "src.name", *_JSON}
_HTTP_STATUS = {Failure.CREDENTIALS: 401, Failure.THROTTLED: 429}
_WORDS = {
    Failure.CREDENTIALS: "Authentication Failed",
    Failure.THROTTLED: "Too Many Requests",
    Failure.NUMBER: "Invalid Destination",
}
# Gupshup's own code and text for Meta's code. It passes Meta's other codes on.
_FAILURES = {131026: (1002, "Number does not exist on WhatsApp")}
_REPLIES = {"document": "file", "button": "quick_reply"}


class Gupshup(Dialect):
    name = "gupshup"
    send_path = "/wa/api/v1/{kind:(?:template/)?msg}"
    needs = ("key", "app_name", "app_id")

    def __init__(self) -> None:
        self.endpoints = (Endpoint("GET", "/wa/app/{app_id}/template", self._templates),)

    def identity(self, account: Account) -> str:
        return account.key

    def caller(self, call: Call) -> str:
        return call.headers.get("apikey", "")

    def trusts(self, account: Account, call: Call) -> bool:
        form = dict(parse_qsl(call.body.decode("utf-8", "replace")))
        return form.get("src.name") == account.app_name and form.get("source") == account.number

    # sends

    def read(self, call: Call) -> Send:
        form = _form(call)
        if form.get("channel") != "whatsapp":
            raise Refusal(Failure.PAYLOAD, "channel must be whatsapp")
        to = _plain_digits(form, "destination")
        if call.params["kind"] == "msg":
            return Send(to, "", gupshup_messages.session(form), _read(form))
        use = gupshup_messages.template(form, call.templates)
        return Send(to, "", use.name, _read(form), use)

    def new_id(self, send: Send) -> str:
        return str(uuid.uuid4())

    def accept(self, message: Message) -> Answer:
        return Answer.json(202, {"status": "submitted", "messageId": message.id})

    def refuse(self, refusal: Refusal) -> Answer:
        status = _HTTP_STATUS.get(refusal.failure, 400)
        words = _WORDS.get(refusal.failure, "")
        if refusal.failure is Failure.TEMPLATE:
            words = f"Template: {refusal.detail}"
        return Answer.json(status, {"status": "error", "message": words or refusal.detail})

    # webhooks

    def statuses(self, account: Account, events: Sequence[Status]) -> Post:
        (event,) = events
        details: Json = {"ts": int(event.at)}
        ids = {"id": _whatsapp_id(event.message), "gsId": event.message.id}
        if event.status == "failed":
            code, words = _FAILURES.get(event.failure, (event.failure, "Message failed to send"))
            details = {"code": code, "reason": words}
            if code in (known for known, _ in _FAILURES.values()):
                ids = {"id": event.message.id}  # WhatsApp has not seen it
        payload = {**ids, "type": event.status, "destination": event.message.send.to, "payload": details}
        return _post(account, "message-event", event.at, payload)

    def inbound(self, account: Account, event: Inbound) -> Post:
        payload: Json = {
            "id": event.id,
            "source": event.address,
            "type": _REPLIES.get(event.type, event.type),
            "payload": _content(event),
            "sender": {"phone": event.address, "name": event.name, "userId": event.user_id},
        }
        if event.reply_to:
            payload["context"] = {"id": _whatsapp_id(event.reply_to), "gsId": event.reply_to.id}
        return _post(account, "message", event.at, payload)

    # what else there is

    def _templates(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        account = accounts.identified(self.name, self.caller(call))
        if account is None or account.app_id != call.params["app_id"]:
            return self.stranger(call)
        try:
            rows = gupshup_templates.page(catalogue.of(account.name), call.query, account.app_id)
        except Refusal as refusal:
            return self.refuse(refusal)
        return Answer.json(200, rows)


def _form(call: Call) -> dict[str, str]:
    form = reading.form(call)
    if not form.keys() <= _FIELDS:
        raise Refusal(Failure.PAYLOAD, f"unknown fields: {sorted(form.keys() - _FIELDS)}")
    return form


def _plain_digits(form: dict[str, str], name: str) -> str:
    given = form.get(name, "")
    if given.startswith("+"):
        raise Refusal(Failure.NUMBER, f"{name} must be digits only")
    return reading.digits(given, name)


def _read(form: dict[str, str]) -> Json:
    """The form as the journal keeps it, its JSON strings decoded."""
    return {name: gupshup_messages.field(form, name) if name in _JSON else form[name] for name in form}


def _whatsapp_id(message: Message) -> str:
    return f"gBEG{message.id.replace('-', '')}"


def _post(account: Account, kind: str, at: float, payload: Json) -> Post:
    content = {
        "app": account.app_name,
        "timestamp": int(at * 1000),
        "version": 2,
        "type": kind,
        "payload": payload,
    }
    headers = {"Content-Type": "application/json"}
    return Post(account.webhook_url, msgspec.json.encode(content), headers)


def _content(event: Inbound) -> Json:
    if event.type == "text":
        return {"text": event.text}
    if event.type == "button":
        return {"text": event.text, "type": "button", "postbackText": event.payload or event.text}
    if event.type == "button_reply":
        return {"title": event.text, "id": event.payload or event.text, "reply": f"{event.text} 1"}
    if event.type == "location":
        return {"latitude": event.latitude, "longitude": event.longitude}
    if event.type == "reaction":
        return {"emoji": event.text, "id": _whatsapp_id(event.reply_to) if event.reply_to else ""}
    optional = {"caption": event.text, "name": event.filename}
    return {
        "url": event.media_url,
        "contentType": event.mime_type or "application/octet-stream",
        "urlExpiry": int(event.at * 1000) + 604_800_000,
        **{key: value for key, value in optional.items() if value},
    }
