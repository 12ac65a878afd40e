"""Gupshup's Enterprise API: forms, two users for each business, and 200 for refusals as well."""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from simulator.accounts import Account, Accounts
from simulator.dialects import gupshup_enterprise_messages, reading
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
from simulator.templates import Catalogue, Template

Json = dict[str, Any]

_PATH = "/GatewayAPI/rest"
_AUTHENTICATION = "102"
# 102 and 105 are Gupshup's own. Its other numbers are not known.
_ERRORS = {
    Failure.CREDENTIALS: _AUTHENTICATION,
    Failure.NUMBER: "105",
    Failure.TEMPLATE: "9001",
    Failure.PAYLOAD: "9002",
}
_REPORTS = {
    "sent": ("SENT", "025", "SENT"),
    "delivered": ("DELIVERED", "000", "SUCCESS"),
    "read": ("READ", "026", "READ"),
}
_FAILURES = {131026: ("003", "UNKNOWN_SUBSCRIBER")}
_OTHER_FAILURE = ("00a", "OTHER")
_STATUSES = {"APPROVED": "ENABLED"}
_INDIA = timedelta(hours=5, minutes=30)
_LIMIT = 20


class GupshupEnterprise(Dialect):
    """The HSM user is the account's `username` and `password`, the two-way user `account_id` and `secret`."""

    name = "gupshup-enterprise"
    failures = frozenset({131000})  # its word for 131026 means something else
    send_path = _PATH
    needs = ("username", "password")
    reports_clicks = True

    def __init__(self) -> None:
        self.endpoints = (Endpoint("GET", _PATH, self._templates),)

    def identity(self, account: Account) -> str:
        return account.username

    def aliases(self, account: Account) -> Sequence[str]:
        return (account.account_id,) if account.account_id else ()

    def caller(self, call: Call) -> str:
        return _login(call)[0]

    def trusts(self, account: Account, call: Call) -> bool:
        users = {account.username: account.password, account.account_id: account.secret}
        userid, password = _login(call)
        return users.get(userid) == password

    # sends

    def read(self, call: Call) -> Send:
        form = reading.form(call)
        assert call.account is not None
        by_hsm_user = form["userid"] == call.account.username
        if by_hsm_user != (form.get("isHSM") == "true"):
            raise Refusal(Failure.PAYLOAD, "templates are the HSM user's, other messages the two-way user's")
        to = reading.digits(form.get("send_to"), "send_to")
        if to != form["send_to"]:
            raise Refusal(Failure.NUMBER, "send_to must be digits only")
        label, use = gupshup_enterprise_messages.read(form, call.templates)
        shown = {name: value for name, value in form.items() if name != "password"}
        return Send(to, form.get("extra", ""), label, shown, use)

    def new_id(self, send: Send) -> str:
        return f"{4 * 10**18 + secrets.randbelow(10**18)}-{39 * 10**16 + secrets.randbelow(10**16)}"

    def accept(self, message: Message) -> Answer:
        return _answer(message.id, message.send.to, "", "success")

    def refuse(self, refusal: Refusal) -> Answer:
        if refusal.failure is Failure.THROTTLED:
            return Answer(429, b"Too many requests", "text/plain")
        words = {Failure.CREDENTIALS: "authentication failed", Failure.TEMPLATE: "Template not found: "}
        detail = words.get(refusal.failure, "")
        if refusal.failure is not Failure.CREDENTIALS:
            detail += refusal.detail
        return _answer(_ERRORS[refusal.failure], "", detail, "error")

    # webhooks

    def statuses(self, account: Account, events: Sequence[Status]) -> Post:
        (event,) = events
        if event.status == "clicked":
            return _post(account, _click(account, event))
        return _post(account, {"response": json.dumps([_report(account, event)])})

    def inbound(self, account: Account, event: Inbound) -> Post:
        kind = "interactive" if event.type == "button_reply" else event.type
        fields = {
            "waNumber": account.number,
            "mobile": event.address,
            "name": event.name,
            "type": kind,
            "timestamp": str(int(event.at * 1000)),
            "messageId": event.id,
        }
        if event.reply_to:
            fields["replyId"], _, fields["messageId"] = event.reply_to.id.partition("-")
        if kind == "text":
            fields["text"] = event.text
        else:
            fields[kind] = json.dumps(_content(event), ensure_ascii=False)
        return _post(account, fields)

    # what else there is

    def _templates(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        account = accounts.identified(self.name, self.caller(call))
        if account is None or not self.trusts(account, call) or self.caller(call) != account.username:
            return self.stranger(call)
        if call.query.get("method") != "get_whatsapp_hsm":
            return self.refuse(Refusal(Failure.PAYLOAD, "method is not supported"))
        limit = call.query.get("limit", "")
        templates = catalogue.of(account.name)
        rows = [_row(one, call.query) for one in templates[: int(limit) if limit.isdigit() else _LIMIT]]
        return Answer.json(200, {"data": rows, "meta": {"total": len(templates)}})


def _login(call: Call) -> tuple[str, str]:
    form = call.query if call.method == "GET" else dict(parse_qsl(call.body.decode("utf-8", "replace")))
    return form.get("userid", ""), form.get("password", "")


def _answer(number: str, phone: str, details: str, status: str) -> Answer:
    response = {"id": number, "phone": phone, "details": details, "status": status}
    return Answer.json(200, {"response": response})


def _post(account: Account, fields: Mapping[str, str]) -> Post:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return Post(account.webhook_url, urlencode(fields).encode(), headers)


def _report(account: Account, event: Status) -> Json:
    failed = ("FAILED", *_FAILURES.get(event.failure, _OTHER_FAILURE))
    kind, code, cause = _REPORTS.get(event.status, failed)
    return {
        "srcAddr": account.number,
        "extra": event.message.send.reference,
        "channel": "WHATSAPP",
        "externalId": event.message.id,
        "cause": cause,
        "errorCode": code,
        "destAddr": event.message.send.to,
        "eventType": kind,
        "eventTs": int(event.at * 1000),
    }


def _click(account: Account, event: Status) -> dict[str, str]:
    return {
        "deviceType": "Phone",
        "gsurl": "https://gs.example.test/88",
        "mobile": event.message.send.to,
        "clickTime": (datetime.fromtimestamp(event.at, UTC) + _INDIA).strftime("%Y-%m-%d %H:%M:%S"),
        "originalURL": "https://shop.example.test/t/88",
        "userId": account.username,
        "extra": event.message.send.reference,
        "browser": "Chrome",
        "device": "Pixel",
        "userAgent": "Mozilla/5.0 (Linux; Android 15)",
    }


def _content(event: Inbound) -> Json:
    """The object that is named after the message's type; it is JSON in a string."""
    if event.type == "button":
        return {"text": event.text, "payload": event.payload or event.text}
    if event.type == "button_reply":
        reply = {"id": event.payload or event.text, "title": event.text}
        return {"type": "button_reply", "button_reply": reply}
    if event.type == "location":
        return {"latitude": str(event.latitude), "longitude": str(event.longitude)}
    if event.type == "reaction":
        return {"emoji": event.text, "message_id": event.reply_to.id if event.reply_to else ""}
    signed = {"url": f"{event.media_url}?signature=", "signature": secrets.token_urlsafe(12)}
    optional = {"mime_type": event.mime_type, "caption": event.text}
    return signed | {key: value for key, value in optional.items() if value}


def _row(template: Template, query: Mapping[str, str]) -> Json:
    """The template as Gupshup lists it: flat. Buttons come only when they are asked for."""
    parts = {part["type"]: part for part in template["components"]}
    header, buttons = parts.get("HEADER", {}), parts.get("BUTTONS", {}).get("buttons", [])
    kinds = {button["type"] for button in buttons}
    kind = "CAROUSEL" if "CAROUSEL" in parts else header.get("format", "TEXT")
    row = {
        "id": int(template["id"]),
        "name": template["name"],
        "category": template["category"],
        "language": template["language"],
        "type": kind,
        "header": header.get("text", ""),
        "body": parts.get("BODY", {}).get("text", ""),
        "footer": parts.get("FOOTER", {}).get("text", ""),
        "button_type": "QUICK_REPLY" if kinds == {"QUICK_REPLY"} else "CALL_TO_ACTION" if kinds else "NONE",
        "status": _STATUSES.get(template["status"], template["status"]),
    }
    return row | ({"buttons": buttons} if '"buttons"' in query.get("fields", "") else {})
