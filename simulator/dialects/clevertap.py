"""CleverTap's own generic format, which some BSPs speak natively."""

import base64
import hmac
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from simulator.accounts import Account, Accounts
from simulator.dialects import reading
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
from simulator.templates import BadCursor, Catalogue, TemplateUse, page

VERIFY = "whatsapp:hsm:technology:generic:verify"

_CODES = {
    Failure.CREDENTIALS: 2000,
    Failure.TEMPLATE: 2001,
    Failure.NUMBER: 2002,
    Failure.PAYLOAD: 2004,
}
# Meta's reasons in CleverTap's numbers; anything else is 1009, other.
_FAILURES = {
    131042: (1000, "Invalid credentials"),
    132000: (1001, "Invalid template parameters"),
    131021: (1002, "Invalid phone number"),
    1003: (1003, "The number is no longer active"),
    131056: (1004, "Too many messages to this number"),
    131026: (1005, "Not in the provider's network"),
    131050: (1006, "Blacklisted"),
    1026: (1007, "The device cannot receive it"),
    131047: (1008, "Outside the chat window"),
    131049: (1010, "Blocked by Meta"),
}
_COMPONENTS = {"header", "body", "footer", "button", "limited_time_offer", "carousel"}
_PAGE = 50
_FREEFORM = {"text", "image", "video", "audio", "file"}


class CleverTap(Dialect):
    name = "clevertap"
    failures = frozenset(_FAILURES) | {131000}
    plays = frozenset()
    send_path = "/clevertap/{account}/messages"
    batches = True
    reports_clicks = True

    def __init__(self) -> None:
        self.endpoints = (Endpoint("GET", "/templates/{account}", self._templates),)

    def identity(self, account: Account) -> str:
        return account.name

    def caller(self, call: Call) -> str:
        return call.params["account"]

    def trusts(self, account: Account, call: Call) -> bool:
        wanted = dict(account.headers)
        if account.username:
            pair = f"{account.username}:{account.password}".encode()
            wanted["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        return all(
            hmac.compare_digest(call.headers.get(name, "").encode(), value.encode())
            for name, value in wanted.items()
        )

    # sends

    def read(self, call: Call) -> Send:
        body = reading.json_object(call)
        if isinstance(body.get("body"), dict) and "to" not in body:
            body = body["body"]  # in a set-up check the message is inside `body`
        if body.get("payloadVersion") not in (0.1, "0.1"):
            raise Refusal(Failure.PAYLOAD, "payloadVersion must be 0.1")
        to = reading.digits(body.get("to"), "to")
        reference = reading.text(body, "msgId")
        if not isinstance(body.get("isTemplate"), bool):
            raise Refusal(Failure.PAYLOAD, "isTemplate must be true or false")
        if body["isTemplate"]:
            use = _template(body)
            return Send(to, reference, use.name, body, use, practice=use.name == VERIFY)
        return Send(to, reference, _freeform(body), body)

    def new_id(self, send: Send) -> str:
        return str(uuid.uuid4())

    def accept(self, message: Message) -> Answer:
        return Answer.json(200, {"status": "success"})

    def refuse(self, refusal: Refusal) -> Answer:
        if refusal.failure is Failure.THROTTLED:
            return Answer.json(429, {"message": refusal.detail})
        # Business errors come with HTTP 200; only bad credentials have a status of their own.
        status = 401 if refusal.failure is Failure.CREDENTIALS else 200
        error = {"code": _CODES[refusal.failure], "message": refusal.detail}
        return Answer.json(status, {"status": "failure", "error": error})

    # webhooks

    def statuses(self, account: Account, events: Sequence[Status]) -> Post:
        return _post(account.delivery_url, {"statuses": [_status(event) for event in events]})

    def inbound(self, account: Account, event: Inbound) -> Post:
        kind = {"document": "file", "button_reply": "button"}.get(event.type, event.type)
        content: dict[str, Any] = {
            "from": event.address,
            "wabaNumber": account.number,
            "timestamp": str(int(event.at)),
            "type": kind,
            # A document is of the type file, but its object is called document.
            "document" if kind == "file" else kind: _content(event),
        }
        if event.reply_to and event.reply_to.send.reference:
            content["context"] = {"id": event.reply_to.send.reference}
        return _post(account.inbound_url, content)

    def _templates(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        """The list that CleverTap imports, in Meta's format. An unknown account has one too."""
        account = accounts.identified(self.name, self.caller(call))
        if account is not None and not self.trusts(account, call):
            return self.stranger(call)
        try:
            rows = page(catalogue.of(self.caller(call)), call.query, call.origin + call.path, _PAGE)
        except BadCursor:
            return Answer.json(400, {"error": {"code": 131059, "message": "the cursor is not valid"}})
        return Answer.json(200, rows)


def _post(url: str, content: dict[str, Any]) -> Post:
    """CleverTap's callbacks are not signed: the URL is the secret."""
    body = msgspec.json.encode({"payloadVersion": "0.1", **content})
    return Post(url, body, {"Content-Type": "application/json"})


def _status(event: Status) -> dict[str, Any]:
    written: dict[str, Any] = {
        "msgId": event.message.send.reference,
        "status": event.status,
        "timestamp": str(int(event.at)),
    }
    if event.status == "failed":
        code, title = _FAILURES.get(event.failure, (1009, "Other"))
        written["error"] = {"code": code, "title": title}
    if event.status == "clicked":
        # Clicks differ: the status is capitalised, and the time is a number called ts.
        written = {
            "msgId": event.message.send.reference,
            "status": "Clicked",
            "ts": int(event.at),
            "url": "https://shop.example.test/t/88",
            "shortUrl": "https://go.example.test/a1",
            "userAgent": "Mozilla/5.0 (Linux; Android 14)",
        }
    return written


def _template(body: dict[str, Any]) -> TemplateUse:
    template = reading.child(body, "template")
    name, language = reading.text(template, "namespace"), reading.text(template, "languageCode")
    values = {"header": 0, "body": 0}
    cards = 0
    for component in reading.objects(body.get("components", []), "components"):
        kind = component.get("type")
        if kind is None and "customProps" in component:
            continue
        if kind not in _COMPONENTS:
            raise Refusal(Failure.TEMPLATE, f"unknown component: {kind!r}")
        if kind == "body":
            values["body"] = len(_parameters(reading.child(component, "body")))
        elif kind == "header":
            values["header"] = _header(reading.child(component, "header"))
        elif kind == "carousel":
            cards = len(reading.objects(component.get("cards"), "cards"))
    return TemplateUse(name, language, values["header"], values["body"], None, cards)


def _parameters(holder: dict[str, Any]) -> list[dict[str, Any]]:
    parameters = reading.objects(holder.get("parameters", []), "parameters")
    for parameter in parameters:
        if parameter.get("type") != "text" or not isinstance(parameter.get("text"), str):
            raise Refusal(Failure.TEMPLATE, "a body parameter has the type text and a text")
    return parameters


def _header(header: dict[str, Any]) -> int:
    kind = reading.text(header, "type")
    content = reading.child(header, kind)
    if kind == "text":
        return len(_parameters(content))
    if kind != "location":
        reading.text(content, "mediaURL")
    return 1


def _freeform(body: dict[str, Any]) -> str:
    kind = body.get("type")
    if kind not in _FREEFORM:
        raise Refusal(Failure.PAYLOAD, f"type is not supported: {kind!r}")
    content = reading.child(body, kind)
    return reading.text(content, "body") if kind == "text" else f"{kind}: {reading.text(content, 'mediaURL')}"


def _content(event: Inbound) -> dict[str, Any]:
    if event.type == "text":
        return {"body": event.text}
    if event.type in ("button", "button_reply"):
        return {"payload": event.payload or event.text, "text": event.text}
    if event.type == "location":
        return {"latitude": str(event.latitude), "longitude": str(event.longitude)}
    content = {"mediaURL": event.media_url, "mimeType": event.mime_type}
    return content | {"caption": event.text} if event.text else content
