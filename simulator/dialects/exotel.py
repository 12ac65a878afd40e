"""Exotel's WhatsApp API: Meta's messages within Exotel's envelope."""

import base64
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec

from simulator.accounts import Account, Accounts
from simulator.dialects import meta_media, meta_messages, reading, signing
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

_INDIA = timezone(timedelta(hours=5, minutes=30))
_STATUSES = {
    "sent": (30001, "EX_MESSAGE_SENT", "Message sent"),
    "delivered": (30002, "EX_MESSAGE_DELIVERED", "Message delivered"),
    "read": (30003, "EX_MESSAGE_SEEN", "Message seen"),
}
_FAILURES = {
    131026: (30013, "EX_INCAPABLE_RECIPIENT", "The recipient cannot receive it"),
    131047: (30018, "EX_REENGAGEMENT_ERROR", "The window is closed"),
    131049: (30008, "EX_SPAM_RATE_LIMIT_HIT", "Held back by Meta"),
}
_OTHER = (30011, "EX_UNKNOWN_ERROR", "Unknown error")
# HTTP status, Exotel's code and its message. The first two refuse the whole request.
_ERRORS = {
    Failure.CREDENTIALS: (401, 1010, "Authentication failed"),
    Failure.THROTTLED: (429, 1029, "Too many requests"),
    Failure.PAYLOAD: (400, 1001, "Mandatory Parameter missing"),
    Failure.TEMPLATE: (400, 1002, "Invalid template parameter"),
    Failure.NUMBER: (400, 1003, "Invalid phone number"),
}
_WITHIN_200 = (Failure.TEMPLATE, Failure.NUMBER)
_MEDIA = ("image", "video", "audio", "document", "sticker")
_PAGE = 20


class Exotel(Dialect):
    name = "exotel"
    failures = frozenset({131047, 131000})  # for others its words mean something else
    plays = frozenset()
    send_path = "/v2/accounts/{account_sid}/messages"
    needs = ("account_id", "username", "password")
    batches = True

    def __init__(self) -> None:
        self.endpoints = (
            Endpoint("GET", "/v2/accounts/{account_sid}/templates", self._templates),
            Endpoint("GET", "/v2/accounts/{account_sid}/media/{media_id}", self._media),
        )

    def identity(self, account: Account) -> str:
        return account.account_id

    def caller(self, call: Call) -> str:
        return call.params["account_sid"]

    def trusts(self, account: Account, call: Call) -> bool:
        pair = f"{account.username}:{account.password}".encode()
        wanted = b"Basic " + base64.b64encode(pair)
        return hmac.compare_digest(call.headers.get("Authorization", "").encode(), wanted)

    # sends

    def read(self, call: Call) -> Send:
        body = reading.json_object(call)
        if "whatsapp" not in body:
            raise Refusal(Failure.PAYLOAD, "channel")
        messages = reading.objects(reading.child(body, "whatsapp").get("messages"), "messages")
        if len(messages) != 1:  # Exotel accepts a hundred, and answers each separately
            raise Refusal(Failure.PAYLOAD, "the simulator takes one message a request")
        message = messages[0]
        _number(message, "from")
        to = _number(message, "to")
        content = reading.child(message, "content")
        if content.get("recipient_type", "individual") != "individual":
            raise Refusal(Failure.PAYLOAD, "recipient_type must be individual")
        if callback := _specific(body, "status_callback"):
            reading.link({"status_callback": callback}, "status_callback")
        label, use = meta_messages.read(content)
        return Send(to, _specific(body, "custom_data"), label, body, use)

    def new_id(self, send: Send) -> str:
        return secrets.token_urlsafe(18)

    def accept(self, message: Message) -> Answer:
        taken = {"code": 202, "error_data": None, "status": "success", "data": {"sid": message.id}}
        return _answer(200, 202, {"whatsapp": {"messages": [taken]}})

    def refuse(self, refusal: Refusal) -> Answer:
        status, code, title = _ERRORS[refusal.failure]
        error = {"code": code, "message": title, "description": refusal.detail}
        refused = {"code": status, "error_data": error, "status": "failure", "data": None}
        if refusal.failure in _WITHIN_200:
            return _answer(200, 202, {"whatsapp": {"messages": [refused]}})
        return _answer(status, status, refused)

    # webhooks

    def statuses(self, account: Account, events: Sequence[Status]) -> Post:
        return self._post(account, events[0].message, [_receipt(event) for event in events])

    def inbound(self, account: Account, event: Inbound) -> Post:
        kind = "interactive" if event.type == "button_reply" else event.type
        content: dict[str, Any] = {"type": kind, kind: _content(event)}
        if event.reply_to:
            content["context"] = {"sid": event.reply_to.id}
        message = {
            "callback_type": "incoming_message",
            "sid": event.id,
            "from": f"+{event.sender}" if event.sender else event.user_id,
            "to": f"+{account.number}",
            "profile_name": event.name,
            "timestamp": _moment(event.at),
            "content": content,
        }
        return self._post(account, event.reply_to, [message])

    def handshake(self, account: Account, challenge: str) -> Post:
        return _signed(account, account.webhook_url, {"type": "verification", "challenge": challenge})

    def proven(self, challenge: str, answer: bytes) -> bool:
        return answer == msgspec.json.encode({"challenge": challenge})

    def _post(self, account: Account, message: Message | None, events: list[dict[str, Any]]) -> Post:
        """To the URL that the message brought; to the account's own where there is none."""
        own = _specific(message.send.content, "status_callback") if message else ""
        return _signed(account, own or account.webhook_url, {"whatsapp": {"messages": events}})

    # the rest

    def _templates(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        account = self._known(call, accounts)
        if account is None:
            return self.stranger(call)
        if call.query.get("waba_id") != account.waba_id:
            return self.refuse(Refusal(Failure.PAYLOAD, "waba_id"))
        try:
            found = page(catalogue.of(account.name), call.query, call.origin + call.path, _PAGE)
        except BadCursor:
            return self.refuse(Refusal(Failure.PAYLOAD, "after"))
        rows = [
            {"code": 200, "error_data": None, "status": "success", "data": _listed(template, position)}
            for position, template in enumerate(found["data"])
        ]
        return _answer(200, 200, {"whatsapp": {"templates": rows, "paging": found.get("paging", {})}})

    def _media(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        if self._known(call, accounts) is None:
            return self.stranger(call)
        return meta_media.downloaded(call.params["media_id"])

    def _known(self, call: Call, accounts: Accounts) -> Account | None:
        account = accounts.identified(self.name, self.caller(call))
        return account if account and self.trusts(account, call) else None


def _answer(status: int, http_code: int, response: dict[str, Any]) -> Answer:
    about = {"request_id": secrets.token_hex(16), "method": "POST", "http_code": http_code}
    return Answer.json(status, {**about, "response": response})


def _signed(account: Account, url: str, content: dict[str, Any]) -> Post:
    body = msgspec.json.encode(content)
    headers = {"Content-Type": "application/json"}
    if account.secret:
        headers["X-Exotel-Signature"] = signing.sha256(account.secret, body)
    return Post(url, body, headers)


def _number(message: dict[str, Any], name: str) -> str:
    if not str(message.get(name, "")).startswith("+"):
        raise Refusal(Failure.NUMBER, f"{name} must start with +")
    return reading.digits(message[name], name)


def _specific(body: dict[str, Any], name: str) -> str:
    """The value on the innermost of the three levels that has it."""
    channel = body["whatsapp"]
    levels = (channel["messages"][0], channel, body)
    return next((reading.text(level, name) for level in levels if level.get(name)), "")


def _receipt(event: Status) -> dict[str, Any]:
    number, name, words = _STATUSES.get(event.status) or _FAILURES.get(event.failure, _OTHER)
    receipt = {
        "callback_type": "dlr",
        "sid": event.message.id,
        "to": f"+{event.message.send.to}",
        "exo_status_code": number,
        "exo_detailed_status": name,
        "description": words,
        "timestamp": _moment(event.at),
    }
    reference = event.message.send.reference
    return receipt | ({"custom_data": reference} if reference else {})


def _content(event: Inbound) -> dict[str, Any]:
    if event.type == "text":
        return {"body": event.text}
    if event.type == "button":
        return {"text": event.text, "payload": event.payload or event.text}
    if event.type == "button_reply":
        reply = {"id": event.payload or event.text, "title": event.text}
        return {"type": "button_reply", "button_reply": reply}
    if event.type == "location":
        return {"latitude": event.latitude, "longitude": event.longitude}
    medium = {"url": event.media_url, "mime_type": event.mime_type, "caption": event.text}
    return {key: value for key, value in medium.items() if value} if event.type in _MEDIA else {}


def _listed(template: dict[str, Any], position: int) -> dict[str, Any]:
    """Every fifth row calls the components containers, as some of Exotel's do."""
    if position % 5 != 4:
        return template
    return {"containers" if key == "components" else key: value for key, value in template.items()}


def _moment(at: float) -> str:
    """Indian time, to the second."""
    return datetime.fromtimestamp(at, _INDIA).isoformat(timespec="seconds")
