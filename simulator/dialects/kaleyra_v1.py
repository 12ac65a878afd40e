"""Kaleyra's older WhatsApp API V1, which takes forms."""

import json
import re
import uuid
from collections.abc import Sequence
from urllib.parse import urlencode

from simulator.accounts import Account
from simulator.dialects import kaleyra_callbacks, reading
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
from simulator.templates import TemplateUse

_COMMON = {"channel", "from", "to", "type", "ref", "ref1", "ref2", "callback_url", "callback_profile_id"}
_TEMPLATE = {"template_name", "params", "lang_code"}
_OWN = {
    "template": _TEMPLATE,
    "mediatemplate": _TEMPLATE
    | {"param_header", "media_url", "param_url", "coupon_code", "limited_time_offer"},
    "text": {"body", "preview_url"},
    "media": {"media_url", "caption"},
}
_QUOTED = re.compile(r'"([^"]+)"')
_LIST = re.compile(r'"[^"]+"(,"[^"]+")*')
_FIELDS = {Failure.TEMPLATE: "template_name", Failure.NUMBER: "to", Failure.PAYLOAD: "type"}


class KaleyraV1(Dialect):
    name = "kaleyra-v1"
    failures = frozenset({131000})
    send_path = r"/v1/{sid:HX\w+}/messages"
    needs = ("account_id",)

    def identity(self, account: Account) -> str:
        return account.account_id

    def caller(self, call: Call) -> str:
        return call.params["sid"]

    def trusts(self, account: Account, call: Call) -> bool:
        return call.headers.get("api-key", "") == account.key

    def stranger(self, call: Call) -> Answer:
        return self.refuse(Refusal(Failure.CREDENTIALS, "Invalid SID"))

    # sends

    def read(self, call: Call) -> Send:
        form = reading.form(call)
        if form.get("channel") != "whatsapp":
            raise Refusal(Failure.PAYLOAD, "channel must be whatsapp")
        own = _OWN.get(form.get("type", ""))
        if own is None:
            raise Refusal(Failure.PAYLOAD, f"type is not supported: {form.get('type')!r}")
        if unknown := form.keys() - _COMMON - own:
            raise Refusal(Failure.PAYLOAD, f"unknown: {sorted(unknown)}")
        for name in ("from", "to"):
            if not form.get(name, "").startswith("+"):
                raise Refusal(Failure.NUMBER, f"{name} must be E.164")
        reading.digits(form["from"], "from")
        to, reference = reading.digits(form["to"], "to"), form.get("ref", "")
        if form["type"] == "text":
            return Send(to, reference, reading.text(form, "body", limit=4096), form)
        if form["type"] == "media":
            return Send(to, reference, reading.link(form, "media_url"), form)
        use = _template(form)
        return Send(to, reference, use.name, form, use)

    def new_id(self, send: Send) -> str:
        return f"{uuid.uuid4()}:0"

    def accept(self, message: Message) -> Answer:
        return Answer.json(202, {"id": message.id})

    def refuse(self, refusal: Refusal) -> Answer:
        if refusal.failure is Failure.THROTTLED:
            return Answer.json(429, {"message": refusal.detail})
        if refusal.failure is Failure.CREDENTIALS:
            return Answer.json(401, {"code": "RBC001", "message": refusal.detail})
        return Answer.json(400, {"code": "E13001", "error": {_FIELDS[refusal.failure]: refusal.detail}})

    # webhooks

    def statuses(self, account: Account, events: Sequence[Status]) -> Post:
        (event,) = events
        form = event.message.send.content
        if "callback_profile_id" in form:
            return kaleyra_callbacks.status(account, event, event.message.send.reference)
        # A forger knows the account's URL, but not the message's.
        forged = account.secret != event.message.account.secret
        url = account.webhook_url if forged else form.get("callback_url", "")
        if not url:
            return Post("", b"")
        query = {
            "id": kaleyra_callbacks.with_index(event.message.id),
            "status": "0" if event.status == "failed" else event.status,
        }
        return Post(f"{url}{'&' if '?' in url else '?'}{urlencode(query)}", b"", method="GET")

    def inbound(self, account: Account, event: Inbound) -> Post:
        return kaleyra_callbacks.inbound(account, event)


def _template(form: dict[str, str]) -> TemplateUse:
    name, language = reading.text(form, "template_name"), reading.text(form, "lang_code")
    values = []
    if "params" in form:
        if not _LIST.fullmatch(form["params"]):
            raise Refusal(Failure.TEMPLATE, 'params must be "A","B"')
        values = [reading.parameter(value, "params") for value in _QUOTED.findall(form["params"])]
    header = 0
    if "param_header" in form:
        reading.parameter(form["param_header"], "param_header")
        header += 1
    if "media_url" in form:
        reading.link(form, "media_url")
        header += 1
    if "coupon_code" in form and not _QUOTED.fullmatch(form["coupon_code"]):
        raise Refusal(Failure.TEMPLATE, "coupon_code must be in double quotes")
    if "limited_time_offer" in form:
        _offer(form["limited_time_offer"])
    return TemplateUse(name, language, header, len(values), cards=0)


def _offer(written: str) -> None:
    try:
        (offer,) = json.loads(written)
        expires = offer["limited_time_offer"]["expiration_time_ms"]
    except (ValueError, TypeError, KeyError):
        raise Refusal(Failure.TEMPLATE, "limited_time_offer must be a list with one offer") from None
    if offer.get("type") != "limited_time_offer" or not isinstance(expires, int):
        raise Refusal(Failure.TEMPLATE, "expiration_time_ms must be a number of milliseconds")
