"""Haptik's older notification API: it takes templates, and posts no webhooks."""

import secrets
from collections.abc import Sequence

from simulator.accounts import Account
from simulator.dialects import meta_messages, reading
from simulator.dialects.base import (
    Answer,
    Call,
    Dialect,
    Failure,
    Inbound,
    Message,
    Post,
    Refusal,
    Send,
    Status,
)

_NOWHERE = Post("", b"")
_HTTP_STATUS = {Failure.CREDENTIALS: 401, Failure.THROTTLED: 429}
_SHOWN = {"header", "body", "button"}  # the components that Haptik documents
_SUB_TYPES = {"url", "quick_reply"}


class HaptikLegacy(Dialect):
    name = "haptik-legacy"
    plays = frozenset()
    send_path = "/whatsapp/notification/v2/"
    needs = ("key", "app_id")

    def identity(self, account: Account) -> str:
        return account.key

    def caller(self, call: Call) -> str:
        scheme, _, token = call.headers.get("Authorization", "").partition(" ")
        return token if scheme == "Bearer" else ""

    def trusts(self, account: Account, call: Call) -> bool:
        return call.headers.get("client-id", "") == account.app_id

    def read(self, call: Call) -> Send:
        body = reading.json_object(call)
        if not isinstance(body.get("business_id"), int):
            raise Refusal(Failure.PAYLOAD, "business_id must be a number")
        to = reading.digits(body.get("to"), "contact")
        if body.get("type") != "template":
            raise Refusal(Failure.PAYLOAD, f"type is not supported: {body.get('type')!r}")
        template = reading.child(body, "template")
        reading.text(template, "namespace")
        if reading.child(template, "language").get("policy") != "deterministic":
            raise Refusal(Failure.TEMPLATE, "language policy must be deterministic")
        for component in reading.objects(template.get("components", []), "components"):
            known = component.get("type") in _SHOWN and component.get("sub_type", "url") in _SUB_TYPES
            if not known or any("parameter_name" in one for one in component.get("parameters", [])):
                raise Refusal(Failure.TEMPLATE, "component is not supported")
        label, use = meta_messages.read(body)
        return Send(to, "", label, body, use)

    def new_id(self, send: Send) -> str:
        return "gBEG" + secrets.token_urlsafe(12)

    def accept(self, message: Message) -> Answer:
        meta = {"api_status": "stable", "version": "2.41"}
        return Answer.json(200, {"meta": meta, "messages": [{"id": message.id}]})

    def refuse(self, refusal: Refusal) -> Answer:
        if refusal.code:  # refused by WhatsApp: Haptik passes its words on
            error = {"code": refusal.code, "title": refusal.failure.value, "details": refusal.detail}
            return Answer.json(400, {"errors": [error]})
        return Answer.json(_HTTP_STATUS.get(refusal.failure, 400), {"error_message": refusal.detail})

    def statuses(self, account: Account, events: Sequence[Status]) -> Post:
        return _NOWHERE

    def inbound(self, account: Account, event: Inbound) -> Post:
        return _NOWHERE
