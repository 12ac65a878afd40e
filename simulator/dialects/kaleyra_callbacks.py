"""Kaleyra's callback profiles, as a customer of Waypost has filled them in."""

import json
from collections.abc import Mapping

from simulator.accounts import Account
from simulator.dialects.base import Inbound, Post, Status

_HEADER = "X-Waypost-Secret"
_STATUS = (
    '{"kind":"status","id":"<id>","status":"<status>","timestamp":"<timestamp>","mobile":"<mobile>",'
    '"ref":"<ref>","error_code":"<error_code>","error":"<error>"}'
)
_INBOUND = (
    '{"kind":"inbound","from":"<from>","wanumber":"<wanumber>","name":"<name>","type":"<type>",'
    '"created_at":"<created_at>","media_url":"<media_url>","mime_type":"<mime_type>",'
    '"reply_to":"<reply_to>","body":"<body>","location":"<location>","contacts":"<contacts>",'
    '"message":"<message>"}'
)
_ERRORS = {131026: "Message undeliverable", 131049: "Held back by Meta"}


def status(account: Account, event: Status, reference: str) -> Post:
    failed = event.status == "failed"
    values = {
        "id": with_index(event.message.id),
        "status": event.status.upper(),
        "timestamp": str(int(event.at)),
        "mobile": event.message.send.to,
        "ref": reference,
        "error_code": str(event.failure) if failed else "",
        "error": _ERRORS.get(event.failure, "Message failed") if failed else "",
    }
    return _post(account, _STATUS, values)


def inbound(account: Account, event: Inbound) -> Post:
    values = {
        "from": event.address,
        "wanumber": f"+{account.number}",
        "name": event.name,
        "type": "interactive" if event.type == "button_reply" else event.type,
        "created_at": str(int(event.at)),
        "media_url": event.media_url,
        "mime_type": event.mime_type,
        "reply_to": with_index(event.reply_to.id) if event.reply_to else "",
        "body": event.text,
    }
    if event.type == "location":
        values["location"] = json.dumps({"latitude": event.latitude, "longitude": event.longitude})
    if event.type in ("button", "button_reply"):
        values["message"] = json.dumps(_tapped(event))
    return _post(account, _INBOUND, values)


def with_index(message_id: str) -> str:
    """The id as callbacks have it, with the index of the recipient."""
    return message_id if message_id.endswith(":0") else f"{message_id}:0"


def _tapped(event: Inbound) -> dict[str, object]:
    if event.type == "button":
        return {"type": "button", "button": {"text": event.text, "payload": event.payload or event.text}}
    chosen = {"id": event.payload or event.text, "title": event.text}
    return {"type": "interactive", "interactive": {"type": "button_reply", "button_reply": chosen}}


def _post(account: Account, body: str, values: Mapping[str, str]) -> Post:
    """The body with the values put in unescaped, as Kaleyra does: an object within quotes is not JSON."""
    for name, value in values.items():
        body = body.replace(f'"<{name}>"', f'"{value}"')
    for name in ("location", "contacts", "message"):
        body = body.replace(f'"<{name}>"', '""')
    headers = {"Content-Type": "application/json"}
    if account.secret:
        headers[_HEADER] = account.secret
    return Post(account.webhook_url, body.encode(), headers)
