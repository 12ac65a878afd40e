"""Kaleyra's WhatsApp API V2."""

import uuid
from collections.abc import Sequence

from simulator.accounts import Account, Accounts
from simulator.dialects import kaleyra_callbacks, meta_messages, reading
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

_ACCOUNT = r"/v2/{sid:HX\w+}/whatsapp"
_PAYLOAD = (400, "WA400")
_ERRORS = {
    Failure.CREDENTIALS: (401, "RBC001"),
    Failure.TEMPLATE: (401, "WA401"),
    Failure.NUMBER: _PAYLOAD,
    Failure.PAYLOAD: _PAYLOAD,
}
_PAGE = 20


class Kaleyra(Dialect):
    name = "kaleyra"
    send_path = _ACCOUNT + r"/{number:\+\d+}/messages"
    needs = ("account_id",)

    def __init__(self) -> None:
        self.endpoints = (Endpoint("GET", _ACCOUNT + "/{waba_id}/message_templates", self._templates),)

    def identity(self, account: Account) -> str:
        return account.account_id

    def caller(self, call: Call) -> str:
        return call.params["sid"]

    def trusts(self, account: Account, call: Call) -> bool:
        number = call.params.get("number", f"+{account.number}")
        return call.headers.get("api-key", "") == account.key and number == f"+{account.number}"

    # sends

    def read(self, call: Call) -> Send:
        body = reading.json_object(call)
        if unknown := body.keys() - {"messaging_object", "extra_info"}:
            raise Refusal(Failure.PAYLOAD, f"unknown: {sorted(unknown)}")
        message = reading.child(body, "messaging_object")
        if message.get("messaging_product") != "whatsapp" or message.get("recipient_type") != "individual":
            raise Refusal(Failure.PAYLOAD, "messaging_product must be whatsapp, recipient_type individual")
        to = reading.digits(message.get("to"), "to")
        reference = reading.optional_text(reading.child(body, "extra_info"), "ref")
        label, use = meta_messages.read(message)
        return Send(to, reference, label, message, use)

    def new_id(self, send: Send) -> str:
        return str(uuid.uuid4())

    def accept(self, message: Message) -> Answer:
        # Kaleyra's documentation has the code, but no whole answer.
        answer = {"code": "WA200", "message": "Accepted", "data": {"message_id": message.id}}
        return Answer.json(200, answer)

    def refuse(self, refusal: Refusal) -> Answer:
        if refusal.failure is Failure.THROTTLED:
            return Answer.json(429, {"message": refusal.detail})
        # A template that is filled in wrongly counts as a wrong payload.
        status, code = _PAYLOAD if refusal.code else _ERRORS[refusal.failure]
        return Answer.json(status, {"code": code, "message": refusal.detail})

    # webhooks

    def statuses(self, account: Account, events: Sequence[Status]) -> Post:
        (event,) = events
        return kaleyra_callbacks.status(account, event, event.message.send.reference)

    def inbound(self, account: Account, event: Inbound) -> Post:
        return kaleyra_callbacks.inbound(account, event)

    def _templates(self, call: Call, accounts: Accounts, catalogue: Catalogue) -> Answer:
        account = accounts.identified(self.name, self.caller(call))
        if account is None or not self.trusts(account, call) or call.params["waba_id"] != account.waba_id:
            return self.stranger(call)
        try:
            rows = page(catalogue.of(account.name), call.query, call.origin + call.path, _PAGE)
        except BadCursor:
            return self.refuse(Refusal(Failure.PAYLOAD, "the cursor is not valid"))
        rows.get("paging", {}).pop("next", None)  # Meta's holds a token
        return Answer.json(200, rows)
