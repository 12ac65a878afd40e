"""Infobip's WhatsApp API."""

import base64
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from simulator.accounts import Account, Accounts
from simulator.dialects import infobip_messages, infobip_templates, reading
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

# HTTP status, Infobip's word and the field that a validation error names.
_ERRORS = {
    Failure.CREDENTIALS: (401, "UNAUTHORIZED", ""),
    Failure.TEMPLATE: (400, "BAD_REQUEST", "messages[0].content.templateName"),
    Failure.NUMBER: (400, "BAD_REQUEST", "messages[0].to"),
    Failure.PAYLOAD: (400, "BAD_REQUEST", "request"),
    Failure.THROTTLED: (429, "TOO_MANY_REQUESTS", ""),
}
_PENDING = {"groupId": 1, "groupName": "PENDING", "id": 7, "name": "PENDING_ENROUTE"}
_STATUSES: dict[str, Json] = {
    "sent": {"groupId": 1, "groupName": "PENDING", "id": 3, "name": "PENDING_WAITING_DELIVERY"},
    "delivered": {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"},
    "failed": {
        "groupId": 2,
        "groupName": "UNDELIVERABLE",
        "id": 4,
        "name": "UNDELIVERABLE_REJECTED_OPERATOR",
    },
}
_NO_ERROR = (0, "NO_ERROR")
# Infobip's errors for Meta's codes.
_FAILURES = {131026: (7002, "EC_UNKNOWN_USER"), 131049: (7032, "EC_FREQUENCY_CAPPING")}
_OTHER_FAILURE = (7051, "EC_PROVIDER_TIMEOUT")
_REPLIES = {
    "text": "TEXT",
    "button": "BUTTON",
    "button_reply": "INTERACTIVE_BUTTON_REPLY",
    "location": "LOCATION",
}
_PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


_PREFERENCES = {
    kind: {
        "notificationMessagesStatus": word.upper(),
        "description": f"User requested to {word} marketing messages",
    }
    for kind, word in (("stop_marketing", "stop"), ("resume_marketing", "resume"))
}


class Infobip(Dialect):
    """Webhooks go out one by one: a real batch holds reports of a single kind."""

    name = "infobip"
    failures = frozenset(_FAILURES)
    plays = frozenset({"reaction", *_PREFERENCES})
    send_path = "/whatsapp/1/message/{kind:" + "|".join(infobip_messages.KINDS) + "}"
    needs = ("key",)
    reports_clicks = True

    def __init__(self) -> None:
        self.endpoints = (
            Endpoint("GET", "/whatsapp/1/templates", self._templates),
            Endpoint("GET", "/whatsapp/1/senders/{sender}/media/{media_id}", self._media),
        )

    def identity(self, account: Account) -> str:
        return account.key

    def caller(self, call: Call) -> str:
        scheme, _, key = call.headers.get("Authorization", "").partition(" ")
        return key if scheme == "App" else ""

    # sends

    def read(self, call: Call) -> Send:
        kind, body = call.params["kind"], reading.json_object(call)
        message = infobip_messages.only_message(body) if kind == "template" else body
        label, use = infobip_messages.read(kind, message)
        to = reading.digits(message.get("to"), "to")
        reference = reading.optional_text(message, "messageId", limit=200)
        return Send(to, reference, label, message, use)

    def new_id(self, send: Send) -> str:
        return send.reference or str(uuid.uuid4())

    def accept(self, message: Message) -> Answer:
        status = {**_PENDING, "description": "Message sent to next instance"}
        taken = {"to": message.send.to, "messageCount": 1, "messageId": message.id, "status": status}
        answer = {"messages": [taken], "bulkId": f"bulk-{message.id}"} if message.send.template else taken
        return Answer.json(200, answer)

    def refuse(self, refusal: Refusal) -> Answer:
        status, word, field = _ERRORS[refusal.failure]
        exception: Json = {"messageId": word, "text": refusal.failure.value.capitalize()}
        if field:
            exception["validationErrors"] = {field: [refusal.detail]}
        return Answer.json(status, {"requestError": {"serviceException": exception}})

    # webhooks

    def statuses(self, account: Account, events: Sequence[Status]) -> Post:
        (event,) = events
        message = event.message
        if event.status == "clicked":
            options = message.send.content.get("urlOptions", {})
            tracked = _post(account, _click(event), options.get("trackingUrl", ""))
            return tracked if options.get("trackClicks") else Post("", b"")
        written = _seen(event) if event.status == "read" else _delivery(event)
        return _post(account, {"results": [written]}, message.send.content.get("notifyUrl", ""))

    def inbound(self, account: Account, event: Inbound) -> Post:
        if event.type in _PREFERENCES:
            told = {"from": event.address, "sender": account.number, "receivedAt": _moment(event.at)}
            return _post(account, {"results": [told | _PREFERENCES[event.type]]})
        message = _content(event)
        if event.reply_to:
            message["context"] = {"from": account.number, "id": event.reply_to.id}
        result = {
            "from": event.address,
            "to": account.number,
            "integrationType": "WHATSAPP",
            "receivedAt": _moment(event.at),
            "messageId": event.id,
            "pairedMessageId": event.reply_to.id if event.reply_to else None,
            "callbackData": event.reply_to.send.content.get("callbackData") if event.reply_to else None,
            "message": message,
            "contact": {"name": event.name} | ({"phoneNumber": event.sender} if event.sender else {}),
            "price": {"pricePerMessage": 0, "currency": "EUR"},
        }
        content = {"results": [result], "messageCount": 1, "pendingMessageCount": 0}
        return _post(account, content)

    # what else there is

    def _templates(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        account = accounts.identified(self.name, self.caller(call))
        if account is None:
            return self.stranger(call)
        wanted = call.query.get("sender", account.number)
        templates = catalogue.of(account.name) if wanted == account.number else []
        try:
            return Answer.json(200, infobip_templates.page(templates, call.query))
        except Refusal as refusal:
            return self.refuse(refusal)

    def _media(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        account = accounts.identified(self.name, self.caller(call))
        if account is None or call.params["sender"] != account.number:
            return self.stranger(call)
        return Answer(200, _PICTURE, "image/png")


def _post(account: Account, content: Json, notify_url: str = "") -> Post:
    """To the URL that the message named, else to the account's subscription, with Basic authentication."""
    headers = {"Content-Type": "application/json"}
    if not notify_url and account.username:
        login = f"{account.username}:{account.secret}".encode()
        headers["Authorization"] = "Basic " + base64.b64encode(login).decode()
    return Post(notify_url or account.webhook_url, msgspec.json.encode(content), headers)


def _delivery(event: Status) -> Json:
    message = event.message
    failure = _FAILURES.get(event.failure, _OTHER_FAILURE) if event.status == "failed" else _NO_ERROR
    number, name = failure
    error = {"groupId": int(number > 0), "groupName": "CLIENT_ERRORS" if number else "OK", "id": number}
    return {
        "bulkId": f"bulk-{message.id}",
        "messageId": message.id,
        "to": message.send.to,
        "sentAt": _moment(message.at),
        "doneAt": _moment(event.at),
        "messageCount": 1,
        "price": {"pricePerMessage": 0.01, "currency": "EUR"},
        "status": {**_STATUSES[event.status], "description": event.status},
        "error": {**error, "name": name, "description": name, "permanent": number > 0},
        "callbackData": message.send.content.get("callbackData"),
    }


def _seen(event: Status) -> Json:
    message = event.message
    return {
        "messageId": message.id,
        "from": message.send.to,
        "to": message.account.number,
        "sentAt": _moment(message.at),
        "seenAt": _moment(event.at),
    }


def _click(event: Status) -> Json:
    return {
        "notificationType": "CLICKED",
        "recipient": event.message.send.to,
        "url": "https://shop.example.test/t/88",
        "sendDateTime": int(event.at * 1000),
        "messageId": event.message.id,
        "bulkId": f"bulk-{event.message.id}",
        "callbackData": event.message.send.content.get("callbackData"),
        "recipientInfo": {"deviceType": "Phone", "os": "Android 15", "deviceName": "Pixel"},
        "geoLocationInfo": {"countryName": "India", "city": "Pune"},
    }


def _content(event: Inbound) -> Json:
    message: Json = {"type": _REPLIES.get(event.type) or event.type.upper()}
    if event.type == "text":
        return message | {"text": event.text}
    if event.type == "button":
        return message | {"text": event.text, "payload": event.payload or event.text}
    if event.type == "button_reply":
        return message | {"id": event.payload or event.text, "title": event.text}
    if event.type == "location":
        return message | {"latitude": event.latitude, "longitude": event.longitude}
    if event.type == "reaction":
        return message | ({"emoji": event.text, "action": "REACT"} if event.text else {"action": "UNREACT"})
    return message | {"url": event.media_url} | ({"caption": event.text} if event.text else {})


def _moment(at: float) -> str:
    """UTC with milliseconds, such as 2026-10-01T09:00:01.900+0000."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
