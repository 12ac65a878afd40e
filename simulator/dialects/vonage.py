"""Vonage's Messages API, version 1.

An account with an `app_id` is an application, known by tokens that fit its `public_key`; one
without is known by its API key and secret (`username` and `password`).
"""

import base64
import binascii
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import jwt
import msgspec

from simulator.accounts import Account, Accounts
from simulator.dialects import reading, signing, vonage_messages
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
from simulator.templates import BadCursor, Catalogue, page

_ERRORS = "https://developer.vonage.com/api-errors"
# HTTP status, the fragment of the page of errors, and the title.
_REFUSALS = {
    Failure.CREDENTIALS: (401, "#unauthorized", "Unauthorized"),
    Failure.TEMPLATE: (422, "/messages#1022", "Invalid template"),
    Failure.NUMBER: (422, "/messages#1170", "Invalid recipient"),
    Failure.PAYLOAD: (422, "/messages#1020", "Invalid params"),
    Failure.THROTTLED: (429, "/messages#1000", "Throttled"),
}
_NOT_FOUND = {
    "type": f"{_ERRORS}#not-found",
    "title": "Not found",
    "detail": "no such account",
    "instance": "-",
}
_STATUSES = {"sent": "submitted", "failed": "rejected"}
# What Meta's numbers become.
_FAILURES = {
    131026: (1300, "Not part of the provider network"),
    131049: (1461, "Marketing limit of the user"),
}
_OTHER_FAILURE = (1330, "Unknown")
_TYPES = {"document": "file", "button_reply": "reply"}
_MEDIA = ("image", "video", "audio", "document", "sticker")
_PAGE = 25
_LONGEST_LIFE = 24 * 3600
_CLAIMS = ["application_id", "iat", "exp", "jti"]


class Vonage(Dialect):
    name = "vonage"
    failures = frozenset(_FAILURES) | {131000}
    send_path = "/v1/messages"
    needs = ("username",)

    def __init__(self) -> None:
        self.endpoints = (
            Endpoint("GET", "/v2/whatsapp-manager/wabas/{waba_id}/templates", self._templates),
            Endpoint("GET", "/v3/media/{id}", self._media),
        )

    def identity(self, account: Account) -> str:
        return account.app_id or account.username

    def caller(self, call: Call) -> str:
        scheme, _, value = call.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            return _pair(value)[0]
        try:
            claims = jwt.decode(value, options={"verify_signature": False})
        except jwt.PyJWTError:
            return ""
        return str(claims.get("application_id", "")) if scheme == "Bearer" else ""

    def trusts(self, account: Account, call: Call) -> bool:
        scheme, _, value = call.headers.get("Authorization", "").partition(" ")
        if scheme == "Basic":
            return not account.app_id and _pair(value) == (account.username, account.password)
        try:
            claims = jwt.decode(value, account.public_key, algorithms=["RS256"], options={"require": _CLAIMS})
        except (jwt.PyJWTError, ValueError):
            return False
        return int(claims["exp"]) - int(claims["iat"]) <= _LONGEST_LIFE

    # sends

    def read(self, call: Call) -> Send:
        body = reading.json_object(call)
        vonage_messages.check_envelope(body)
        to = reading.digits(body.get("to"), "to")
        label, use = vonage_messages.read(body)
        return Send(to, str(body.get("client_ref", "")), label, body, use)

    def new_id(self, send: Send) -> str:
        return str(uuid.uuid4())

    def accept(self, message: Message) -> Answer:
        return Answer.json(202, {"message_uuid": message.id})

    def refuse(self, refusal: Refusal) -> Answer:
        status, code, title = _REFUSALS[refusal.failure]
        problem: dict[str, Any] = {"type": _ERRORS + code, "title": title, "detail": refusal.detail}
        if refusal.failure is Failure.PAYLOAD:
            problem["invalid_parameters"] = [{"name": "body", "reason": refusal.detail}]
        return Answer.json(status, problem | {"instance": str(uuid.uuid4())})

    # webhooks

    def statuses(self, account: Account, events: Sequence[Status]) -> Post:
        (event,) = events
        send = event.message.send
        written: dict[str, Any] = {
            "message_uuid": event.message.id,
            "to": send.to,
            "from": account.number,
            "timestamp": _moment(event.at),
            "status": _STATUSES.get(event.status, event.status),
            "channel": "whatsapp",
        }
        if send.reference:
            written["client_ref"] = send.reference
        if event.status == "sent":
            category = "marketing" if send.template else "service"
            pricing = {"type": "regular", "pricing_model": "PMP", "category": category}
            written["usage"] = {"currency": "EUR", "price": "0.0333"}
            written["whatsapp"] = {"pricing": pricing, "waba_id": account.waba_id}
        if event.status == "failed":
            code, detail = _FAILURES.get(event.failure, _OTHER_FAILURE)
            written["status"] = "undeliverable" if code == 1300 else "rejected"
            # The title is the number itself, sometimes as a text.
            title = str(code) if code == 1300 else code
            where = f"{_ERRORS}/messages#{code}"
            written["error"] = {"type": where, "title": title, "detail": detail, "instance": event.message.id}
        return self._post(account, written, event.at, send.content.get("webhook_url", ""))

    def inbound(self, account: Account, event: Inbound) -> Post:
        kind = _TYPES.get(event.type, event.type)
        written: dict[str, Any] = {
            "channel": "whatsapp",
            "message_uuid": event.id,
            "to": account.number,
            "from": event.address,
            "timestamp": _moment(event.at),
            "profile": {"name": event.name},
            "context_status": "available" if event.reply_to else "none",
            "message_type": kind,
            kind: _content(event),
        }
        if event.reply_to:
            written["context"] = {"message_uuid": event.reply_to.id, "message_from": account.number}
        return self._post(account, written, event.at)

    def _post(self, account: Account, content: dict[str, Any], at: float, url: str = "") -> Post:
        body = msgspec.json.encode(content)
        headers = {"Content-Type": "application/json"}
        if account.secret:
            claims = {"iat": int(at), "jti": str(uuid.uuid4()), "iss": "Vonage", "api_key": account.username}
            if account.app_id:
                claims["application_id"] = account.app_id
            headers["Authorization"] = "Bearer " + signing.token_hs256(account.secret, body, claims)
        return Post(url or account.webhook_url, body, headers)

    # the rest

    def _templates(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        account = self._known(call, accounts)
        if account is None:
            return self.stranger(call)
        if account.waba_id != call.params["waba_id"]:
            return Answer.json(404, _NOT_FOUND)
        try:
            rows = page(catalogue.of(account.name), call.query, call.origin + call.path, _PAGE)
        except BadCursor:
            return self.refuse(Refusal(Failure.PAYLOAD, "after: not a cursor"))
        rows["templates"] = rows.pop("data")
        return Answer.json(200, rows)

    def _media(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        """As with "Secure inbound media" switched on: only for the application's own token."""
        account = self._known(call, accounts)
        if account is None or not account.app_id:
            return self.stranger(call)
        return Answer(200, b"%PDF-1.4 " + call.params["id"].encode(), "application/pdf")

    def _known(self, call: Call, accounts: Accounts) -> Account | None:
        account = accounts.identified(self.name, self.caller(call))
        return account if account and self.trusts(account, call) else None


def _pair(value: str) -> tuple[str, str]:
    try:
        key, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return key, secret


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _content(event: Inbound) -> object:
    """The value under the inbound message's type."""
    if event.type == "button":
        return {"payload": event.payload or event.text, "text": event.text, "subtype": "quick_reply"}
    if event.type == "button_reply":
        return {"id": event.payload or event.text, "title": event.text}
    if event.type == "location":
        return {"lat": event.latitude, "long": event.longitude}
    if event.type == "reaction":
        return {"action": "react", "emoji": event.text} if event.text else {"action": "unreact"}
    if event.type in _MEDIA:
        optional = {"caption": event.text, "name": event.filename}
        return {"url": event.media_url, **{key: value for key, value in optional.items() if value}}
    return event.text
