"""Twilio's Programmable Messaging with WhatsApp.

An account has its SID as `account_id` and its auth token as `secret`; `username` and `password`
are an API key, `app_id` a messaging service, where it has them.
"""

import base64
import hmac
import secrets
from collections.abc import Mapping, Sequence
from hashlib import sha1
from typing import Any
from urllib.parse import urlencode

from simulator.accounts import Account, Accounts
from simulator.dialects import meta_media, twilio_contents, twilio_messages
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

_VERSION = "2010-04-01"
# HTTP status and code, where the reason has none of its own.
_ERRORS = {
    Failure.CREDENTIALS: (401, 20003),
    Failure.TEMPLATE: (400, 21655),
    Failure.NUMBER: (400, 21211),
    Failure.PAYLOAD: (400, 21619),
    Failure.THROTTLED: (429, 20429),
}
# What Meta's numbers become, in answers and in reports.
_CODES = {
    131026: 63003,
    131047: 63016,
    131049: 63049,
    132000: 63028,
    132001: 63027,
    132018: 63030,
}
_UNKNOWN_FAILURE = 63023
_MEDIA = ("image", "video", "audio", "document", "sticker")


class Twilio(Dialect):
    name = "twilio"
    failures = frozenset(_CODES) | {131000}
    send_path = f"/{_VERSION}/Accounts/{{account}}/Messages.json"
    needs = ("account_id", "secret")

    def __init__(self) -> None:
        media = f"/{_VERSION}/Accounts/{{account}}/Messages/{{message}}/Media/{{media}}"
        self.endpoints = (
            Endpoint("GET", "/v1/ContentAndApprovals", self._contents),
            Endpoint("GET", media, self._media),
        )

    def identity(self, account: Account) -> str:
        return account.account_id

    def caller(self, call: Call) -> str:
        return call.params["account"]

    def trusts(self, account: Account, call: Call) -> bool:
        given = call.headers.get("Authorization", "")
        logins = [(account.account_id, account.secret)]
        if account.username:
            logins.append((account.username, account.password))
        return given in [f"Basic {base64.b64encode(':'.join(one).encode()).decode()}" for one in logins]

    # sends

    def read(self, call: Call) -> Send:
        assert call.account is not None
        form = twilio_messages.form(call)
        to = twilio_messages.parties(form, call.account)
        callback = twilio_messages.callback(form)
        if "ContentSid" not in form:
            return Send(to, callback, twilio_messages.freeform(form), form)
        use = twilio_messages.template(form, call.templates)
        return Send(to, callback, use.name, form, use)

    def new_id(self, send: Send) -> str:
        return ("MM" if "MediaUrl" in send.content else "SM") + secrets.token_hex(16)

    def accept(self, message: Message) -> Answer:
        form = message.send.content
        service = form.get("MessagingServiceSid")
        content = {
            "sid": message.id,
            "account_sid": message.account.account_id,
            "api_version": _VERSION,
            "status": "accepted" if service else "queued",
            "error_code": None,
            "error_message": None,
            "to": form["To"],
            "from": form.get("From"),
            "messaging_service_sid": service,
            "body": form.get("Body", ""),
            "num_media": str(int("MediaUrl" in form)),
            "num_segments": "1",
            "direction": "outbound-api",
            "date_sent": None,
        }
        return Answer.json(201, content)

    def refuse(self, refusal: Refusal) -> Answer:
        status, code = _ERRORS[refusal.failure]
        if refusal.code:
            code = _CODES.get(refusal.code, refusal.code)
        error = {"code": code, "message": refusal.detail, "status": status}
        return Answer.json(status, error | {"more_info": f"https://www.twilio.com/docs/errors/{code}"})

    # webhooks

    def statuses(self, account: Account, events: Sequence[Status]) -> Post:
        (event,) = events
        message, form = event.message, event.message.send.content
        fields = {
            "MessageSid": message.id,
            "SmsSid": message.id,
            "MessageStatus": event.status,
            "SmsStatus": event.status,
            "To": form["To"],
            "From": f"whatsapp:+{account.number}",
            "ChannelPrefix": "whatsapp",
            "ChannelToAddress": f"+{message.send.to}",
        }
        if event.status in ("delivered", "read"):
            fields["EventType"] = event.status.upper()
        if event.status == "failed":
            fields["MessageStatus"] = fields["SmsStatus"] = "undelivered"
            fields["ErrorCode"] = str(_CODES.get(event.failure, _UNKNOWN_FAILURE))
            fields["ErrorMessage"] = "The message could not be delivered"
        return _post(account, form.get("StatusCallback") or account.webhook_url, fields)

    def inbound(self, account: Account, event: Inbound) -> Post:
        sid = "SM" + event.id.removeprefix("in-")
        fields = {
            "MessageSid": sid,
            "SmsSid": sid,
            "SmsMessageSid": sid,
            "SmsStatus": "received",
            "From": f"whatsapp:+{event.sender}" if event.sender else f"whatsapp:{event.user_id}",
            "To": f"whatsapp:+{account.number}",
            **({"WaId": event.sender} if event.sender else {}),
            **({"ExternalUserId": f"whatsapp:{event.user_id}"} if event.user_id else {}),
            "ProfileName": event.name,
            "MessageType": "interactive" if event.type == "button_reply" else event.type,
            "Body": event.text,
            "NumMedia": "0",
            "NumSegments": "1",
            **_content(account, event, sid),
        }
        if event.reply_to:
            fields["OriginalRepliedMessageSid"] = event.reply_to.id
            fields["OriginalRepliedMessageSender"] = f"whatsapp:+{account.number}"
        return _post(account, account.webhook_url, fields)

    # what else there is

    def _contents(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        owner = next((one for one in accounts if one.dialect == self.name and self.trusts(one, call)), None)
        if owner is None:
            return self.stranger(call)
        try:
            return Answer.json(
                200, twilio_contents.page(catalogue.of(owner.name), call.query, call.origin + call.path)
            )
        except Refusal as refusal:
            return self.refuse(refusal)

    def _media(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        account = accounts.identified(self.name, self.caller(call))
        if account is None or not self.trusts(account, call):
            return self.stranger(call)
        return meta_media.downloaded(call.params["media"])


def _content(account: Account, event: Inbound, sid: str) -> dict[str, str]:
    if event.type in ("button", "button_reply"):
        return {"ButtonText": event.text, "ButtonPayload": event.payload or event.text}
    if event.type == "location":
        return {"Latitude": str(event.latitude), "Longitude": str(event.longitude)}
    if event.type not in _MEDIA:
        return {}
    # The media URL is Twilio's own. The id says what the media is.
    path = f"/{_VERSION}/Accounts/{account.account_id}/Messages/{sid}/Media/{meta_media.media_id(event)}"
    mime_type = event.mime_type or "application/octet-stream"
    return {"NumMedia": "1", "MediaUrl0": f"https://api.twilio.com{path}", "MediaContentType0": mime_type}


def _post(account: Account, url: str, fields: Mapping[str, Any]) -> Post:
    """A form, signed with the auth token together with the URL it goes to."""
    form = {"AccountSid": account.account_id, "ApiVersion": _VERSION, **fields}
    written = url + "".join(name + form[name] for name in sorted(form))
    signature = hmac.new(account.secret.encode(), written.encode(), sha1).digest()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
        "X-Twilio-Signature": base64.b64encode(signature).decode(),
    }
    return Post(url, urlencode(form).encode(), headers)
