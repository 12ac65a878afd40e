"""Meta's Cloud API."""

import base64
import json
import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

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
from simulator.templates import BadCursor, Catalogue, TemplateUse, page

# HTTP status, code and title of the errors that are not about one field.
_ERRORS = {
    Failure.CREDENTIALS: (401, 190, "Invalid OAuth access token"),
    Failure.TEMPLATE: (404, 132001, "Template name does not exist in the translation"),
    Failure.NUMBER: (400, 131009, "Parameter value is not valid"),
    Failure.PAYLOAD: (400, 100, "Invalid parameter"),
    Failure.THROTTLED: (429, 130429, "Rate limit hit"),
}
_TITLES = {131026: "Message undeliverable", 131049: "Message held back to keep engagement healthy"}
_MEDIA = ("image", "video", "audio", "document", "sticker")
_PAGE = 25
_PREFERENCES = {"stop_marketing": "stop", "resume_marketing": "resume"}


class Meta(Dialect):
    name = "meta"
    send_path = r"/v{version:\d+\.\d+}/{phone_number_id}/{edge:messages|marketing_messages}"
    needs = ("phone_number_id",)
    batches = True
    plays = frozenset({"reaction", "edit", "revoke", *_PREFERENCES})

    def __init__(self) -> None:
        self.endpoints = (
            Endpoint("GET", r"/v{version:\d+\.\d+}/{waba_id}/message_templates", self._templates),
            Endpoint("GET", r"/v{version:\d+\.\d+}/{media_id:\d+}", self._media),
            Endpoint("GET", self._media_path, self._media_content),
        )

    @property
    def _media_path(self) -> str:
        """The path of the media. At Meta it is on another host, here on the simulator's."""
        return f"/attachments/{self.name}/"

    def identity(self, account: Account) -> str:
        return account.phone_number_id

    def caller(self, call: Call) -> str:
        return call.params["phone_number_id"]

    def trusts(self, account: Account, call: Call) -> bool:
        return call.headers.get("Authorization", "") == f"Bearer {account.key}"

    def stranger(self, call: Call) -> Answer:
        path_id = call.params.get("phone_number_id") or call.params.get("waba_id")
        return self.refuse(Refusal(Failure.PAYLOAD, f"no object with the id {path_id}", 33))

    # sends

    def read(self, call: Call) -> Send:
        body = reading.json_object(call)
        if body.get("messaging_product") != "whatsapp":
            raise Refusal(Failure.PAYLOAD, "messaging_product must be whatsapp")
        to = "".join(char for char in str(body.get("to") or "") if char not in "+ -()")
        to = to or reading.user_id(body.get("recipient"), "recipient")
        to = to if "." in to else reading.digits(to, "to")
        reference = reading.optional_text(body, "biz_opaque_callback_data", limit=512)
        label, use = meta_messages.read(body)
        by_marketing = call.params.get("edge") == "marketing_messages"
        _check_edge(by_marketing, use, call)
        return Send(to, reference, label, body, use, marketing=by_marketing)

    def new_id(self, send: Send) -> str:
        return "wamid." + base64.b64encode(f"{send.to}:".encode() + secrets.token_bytes(14)).decode()

    def accept(self, message: Message) -> Answer:
        known: dict[str, Any] = {"id": message.id}
        if message.send.template:
            known["message_status"] = "accepted"
        content, to = message.send.content, message.send.to
        contact = {"input": to, "user_id": to} if "." in to else {"input": content["to"], "wa_id": to}
        return Answer.json(200, {"messaging_product": "whatsapp", "contacts": [contact], "messages": [known]})

    def refuse(self, refusal: Refusal) -> Answer:
        status, code, title = _ERRORS[refusal.failure]
        if refusal.code and refusal.code != code:
            status, code, title = 400, refusal.code, refusal.failure.value.capitalize()
        error: dict[str, Any] = {
            "message": f"(#{code}) {title}",
            "type": "OAuthException",
            "code": code,
            "error_data": {"messaging_product": "whatsapp", "details": refusal.detail},
            "fbtrace_id": "A" + secrets.token_urlsafe(12),
        }
        if refusal.failure is Failure.CREDENTIALS:
            del error["error_data"]  # plain Graph errors carry none
        return Answer.json(status, {"error": error})

    # webhooks

    def statuses(self, account: Account, events: Sequence[Status]) -> Post:
        # A batch is spread over entries and changes, as Meta may do: each of the first two statuses in a
        # change of its own, all others together in a second entry.
        changes = [self._told(account, [event]) for event in events[:2]]
        entries = [{"id": account.waba_id, "changes": changes}]
        if events[2:]:
            entries.append({"id": account.waba_id, "changes": [self._told(account, events[2:])]})
        return self._post(account, entries)

    def _told(self, account: Account, events: Sequence[Status]) -> dict[str, Any]:
        """The status also names the recipient, except for failures."""
        reached = {event.message.send.to for event in events if event.status != "failed"}
        contacts = [{"user_id" if "." in to else "wa_id": to} for to in sorted(reached)]
        known = {"contacts": contacts} if contacts else {}
        return self._change(account, **known, statuses=[_status(event) for event in events])

    def inbound(self, account: Account, event: Inbound) -> Post:
        if event.type in _PREFERENCES:
            return self._preference(account, event)
        # Unknown and withheld fields are left out.
        who = {"from": event.sender, "from_user_id": event.user_id}
        message: dict[str, Any] = {
            **{key: value for key, value in who.items() if value},
            "id": event.id,
            "timestamp": str(int(event.at)),
            "type": "interactive" if event.type == "button_reply" else event.type,
        }
        message[message["type"]] = _content(event)
        if event.reply_to:
            message["context"] = {"from": account.number, "id": event.reply_to.id}
        profile = {"name": event.name} | ({"username": event.username} if event.username else {})
        ids = {"wa_id": event.sender, "user_id": event.user_id}
        contact = {"profile": profile, **{key: value for key, value in ids.items() if value}}
        change = self._change(account, contacts=[contact], messages=[message])
        return self._post(account, [{"id": account.waba_id, "changes": [change]}])

    def _preference(self, account: Account, event: Inbound) -> Post:
        """The user stops or resumes marketing messages by WhatsApp's own control."""
        value = _PREFERENCES[event.type]
        ids = {"wa_id": event.sender, "user_id": event.user_id}
        who = {key: value for key, value in ids.items() if value}
        told = {
            **who,
            "detail": f"User requested to {value} marketing messages",
            "category": "marketing_messages",
            "value": value,
            "timestamp": int(event.at),
        }
        contact = {"profile": {"name": event.name}, **who}
        change = self._change(account, contacts=[contact], user_preferences=[told])
        change["field"] = "user_preferences"
        return self._post(account, [{"id": account.waba_id, "changes": [change]}])

    def handshake(self, account: Account, challenge: str) -> str | None:
        token = account.verify_token
        query = urlencode({"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": token})
        return account.webhook_url + ("&" if "?" in account.webhook_url else "?") + query

    def _change(self, account: Account, **content: object) -> dict[str, Any]:
        metadata = {"display_phone_number": account.number, "phone_number_id": account.phone_number_id}
        value = {"messaging_product": "whatsapp", "metadata": metadata, **content}
        return {"value": value, "field": "messages"}

    def _post(self, account: Account, entries: list[dict[str, Any]]) -> Post:
        body = escaped({"object": "whatsapp_business_account", "entry": entries})
        headers = {"Content-Type": "application/json", "User-Agent": "facebookexternalua"}
        if account.secret:
            headers["X-Hub-Signature-256"] = signing.sha256(account.secret, body)
        return Post(account.webhook_url, body, headers)

    def _templates(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        owners = [
            one for one in accounts if one.dialect == self.name and one.waba_id == call.params["waba_id"]
        ]
        if not owners:
            return self.stranger(call)
        if not any(self.trusts(owner, call) for owner in owners):
            return self.refuse(Refusal(Failure.CREDENTIALS, "unknown token"))
        try:
            name = call.query.get("name", "")
            wanted = [one for one in catalogue.of(owners[0].name) if name in one["name"]]
            rows = page(wanted, call.query, call.origin + call.path, _PAGE)
        except BadCursor:
            return self.refuse(Refusal(Failure.PAYLOAD, "the cursor is not valid", 131059))
        if asked := call.query.get("fields"):
            names = {"id", *asked.split(",")}
            rows["data"] = [{key: one[key] for key in one if key in names} for one in rows["data"]]
        return Answer.json(200, rows)

    def _media(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        if not self.lets_in(call, accounts):
            return self.refuse(Refusal(Failure.CREDENTIALS, "unknown token"))
        number = call.params["media_id"]
        found = meta_media.described(number, self.media_origin(call) + self._media_path)
        if found is None:
            return self.refuse(Refusal(Failure.PAYLOAD, f"no object with the id {number}"))
        return Answer.json(200, found)

    def _media_content(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        if not self.lets_in(call, accounts):
            return Answer(401, b"", "text/plain")
        return meta_media.downloaded(call.query.get("mid", ""))

    def lets_in(self, call: Call, accounts: Accounts) -> bool:
        """Whether the credentials are those of any account."""
        return any(one.dialect == self.name and self.trusts(one, call) for one in accounts)

    def media_origin(self, call: Call) -> str:
        return call.origin


def _check_edge(by_marketing: bool, use: TemplateUse | None, call: Call) -> None:
    """The Marketing Messages API accepts only marketing templates. Some accounts send them only there."""
    category = next((one.get("category") for one in call.templates if use and one["name"] == use.name), "")
    if by_marketing and category != "MARKETING":
        raise Refusal(Failure.TEMPLATE, "only marketing templates may be sent here", 131055)
    account = call.account
    if not by_marketing and category == "MARKETING" and account and account.marketing_elsewhere:
        raise Refusal(Failure.TEMPLATE, "marketing messages are disabled on the Cloud API", 131063)


def escaped(content: object) -> bytes:
    r"""JSON as Meta sends and signs it: ASCII only, lower-case \u escapes, slashes as \/."""
    return json.dumps(content, separators=(",", ":")).replace("/", r"\/").encode("ascii")


def _status(event: Status) -> dict[str, Any]:
    send = event.message.send
    written: dict[str, Any] = {
        "id": event.message.id,
        "status": event.status,
        "timestamp": str(int(event.at)),
        ("recipient_user_id" if "." in send.to else "recipient_id"): send.to,
    }
    if send.reference:
        written["biz_opaque_callback_data"] = send.reference
    if event.status in ("sent", "delivered"):
        usual = "marketing" if send.template else "service"
        category = "marketing_lite" if send.marketing else usual
        kind = "regular" if send.template else "free_customer_service"
        written["pricing"] = {"billable": True, "pricing_model": "PMP", "type": kind, "category": category}
    if event.status == "failed":
        title = _TITLES.get(event.failure, "Message failed to send")
        details = {"details": f"{title}."}
        href = "/documentation/business-messaging/whatsapp/support/error-codes"
        written["errors"] = [
            {"code": event.failure, "title": title, "message": title, "error_data": details, "href": href}
        ]
    return written


def _content(event: Inbound) -> dict[str, Any]:
    """The object named like the inbound message's type."""
    if event.type == "text":
        return {"body": event.text}
    if event.type == "reaction":
        emoji = {"emoji": event.text} if event.text else {}  # taken back without
        return {"message_id": event.reply_to.id if event.reply_to else "", **emoji}
    if event.type == "edit":
        new = {"type": "text", "text": {"body": event.text}}
        return {"original_message_id": event.about, "message": new}
    if event.type == "revoke":
        return {"original_message_id": event.about}
    if event.type == "button":
        return {"payload": event.payload or event.text, "text": event.text}
    if event.type == "button_reply":
        reply = {"id": event.payload or event.text, "title": event.text}
        return {"type": "button_reply", "button_reply": reply}
    if event.type == "location":
        return {"latitude": event.latitude, "longitude": event.longitude}
    if event.type in _MEDIA:
        optional = {"caption": event.text, "filename": event.filename, "url": event.media_url}
        return {
            "id": meta_media.media_id(event),
            "mime_type": event.mime_type or "application/octet-stream",
            "sha256": base64.b64encode(bytes(32)).decode(),
            **{key: value for key, value in optional.items() if value},
        }
    return {}
