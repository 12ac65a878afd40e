"""What Twilio accepts as a WhatsApp message."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import msgspec

from simulator.accounts import Account
from simulator.dialects import reading, twilio_contents
from simulator.dialects.base import Call, Failure, Refusal
from simulator.templates import Template, TemplateUse

_BODY = 1600
_GEO = re.compile(r"geo:(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)(?:\|.+)?", re.DOTALL)
_FIELDS = {
    "To", "From", "MessagingServiceSid", "ContentSid", "ContentVariables", "Body", "MediaUrl",
    "PersistentAction", "StatusCallback",
}  # fmt: skip

Form = Mapping[str, str]


def form(call: Call) -> dict[str, str]:
    fields = reading.form(call)  # a second MediaUrl is for other channels
    if unknown := fields.keys() - _FIELDS:
        raise Refusal(Failure.PAYLOAD, f"unknown: {sorted(unknown)}")
    return fields


def parties(fields: Form, account: Account) -> str:
    """The recipient's digits; the sender must be the account's own."""
    service = fields.get("MessagingServiceSid")
    if service is not None and service != account.app_id:
        raise Refusal(Failure.PAYLOAD, f"no messaging service {service!r}", 21701)
    if service is None and fields.get("From") != f"whatsapp:+{account.number}":
        raise Refusal(Failure.CREDENTIALS, f"From is not a sender of yours: {fields.get('From')!r}", 21606)
    channel, _, number = fields.get("To", "").partition(":")
    if channel != "whatsapp" or not number.startswith("+"):
        raise Refusal(Failure.NUMBER, f"To must be whatsapp:+ and digits: {fields.get('To')!r}")
    return reading.digits(number, "To")


def callback(fields: Form) -> str:
    """The caller's StatusCallback. Its query is the only place for a reference of the caller's own."""
    url = fields.get("StatusCallback", "")
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise Refusal(Failure.PAYLOAD, f"StatusCallback is not a URL: {url!r}", 21609)
    return url


def freeform(fields: Form) -> str:
    """The message's label for people."""
    if "ContentVariables" in fields:
        raise Refusal(Failure.PAYLOAD, "ContentVariables without ContentSid", 21656)
    if len(fields.get("Body", "")) > _BODY:
        raise Refusal(Failure.PAYLOAD, "Body is longer than 1600 characters", 21617)
    if "MediaUrl" in fields:
        return reading.link(dict(fields), "MediaUrl")
    action = fields.get("PersistentAction", "")
    if action and not _GEO.fullmatch(action):
        raise Refusal(Failure.PAYLOAD, f"PersistentAction is no location: {action!r}", 21629)
    return action or reading.text(dict(fields), "Body")


def template(fields: Form, templates: Sequence[Template]) -> TemplateUse:
    """The content and its variables: each with a value, and no other."""
    if other := fields.keys() & {"Body", "MediaUrl", "PersistentAction"}:
        raise Refusal(Failure.PAYLOAD, f"ContentSid takes no {sorted(other)} beside it")
    found = twilio_contents.find(templates, fields["ContentSid"])
    if found is None:
        raise Refusal(Failure.TEMPLATE, f"no content {fields['ContentSid']!r}")
    known, variables = found
    values = _values(fields.get("ContentVariables", "{}"))
    if values.keys() != variables.keys():
        wanted = ", ".join(variables) or "none"
        raise Refusal(Failure.TEMPLATE, f"ContentVariables: {wanted} wanted, got {list(values)}", 21656)
    return TemplateUse(known["name"], known["language"])


def _values(written: str) -> dict[str, str]:
    try:
        values = msgspec.json.decode(written, type=dict[str, str])
    except msgspec.DecodeError as error:
        raise Refusal(Failure.TEMPLATE, f"ContentVariables: {error}", 21656) from None
    return {number: reading.parameter(value, f"variable {number}") for number, value in values.items()}
