"""Kaleyra's callbacks, whose form its customers write themselves, in API V1 and V2.

Source: Kaleyra, "Callback Profiles": a URL, a method, headers and a body with `<variables>` in it.
docs/providers/kaleyra.md has the bodies to paste; the same names may come in a query or a form.
Beside them there are the calls of V1's `callback_url`, and Meta's webhooks handed on as they are.
"""

import hmac
import json
import re
from base64 import b64decode
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from lib.http import HttpRequest
from lib.reading import decode, epoch, first, objects, text
from lib.signatures import same_secret, signed_sha256
from providers.dialects.cloud_api import webhook as cloud_api_webhook
from providers.dialects.cloud_api.codes import LONGEST_CODE
from providers.dialects.cloud_api.webhook import in_words, unhandled, value_items
from providers.dialects.kaleyra.codes import bare_id, cause
from providers.messages import (
    Malformed,
    StatusKind,
    StatusUpdate,
    WebhookItem,
    identity,
)
from providers.outcomes import EXCERPT, json_object

STATUSES: dict[str, StatusKind] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "failed": "failed",
    "not-sent": "failed",  # it never left Kaleyra
    "not_sent": "failed",
    "notsent": "failed",
    "0": "failed",  # as callback_url gets it
}
TYPES = frozenset({
    "text", "image", "video", "audio", "voice", "document", "sticker", "location", "contacts", "button",
    "interactive",
})  # fmt: skip

# The variables of our two bodies, in their order.
_VARIABLES = {
    "status": ("kind", "id", "status", "timestamp", "mobile", "ref", "error_code", "error"),
    "inbound": (
        "kind", "from", "wanumber", "name", "type", "created_at", "media_url", "mime_type", "reply_to",
        "body", "location", "contacts", "message",
    ),
}  # fmt: skip
_KIND = re.compile(r'"kind"\s*+:\s*+"(status|inbound)"')
# "*+" never gives spaces back: otherwise a value of quotation marks and spaces would take for ever.
_BEGINNING_OF_VALUE = {
    name: re.compile(rf'"{name}"\s*+:\s*+"') for names in _VARIABLES.values() for name in names
}
_END_OF_VALUE = re.compile(r'"\s*+[,}]?\s*+\Z')
_CONTROLS = {ord("\n"): r"\n", ord("\r"): r"\r", ord("\t"): r"\t"}

# Our own parameters of a callback_url, and CleverTap's of the Incoming URL.
_PROOF, _REFERENCE = "proof", "reference"
_SET_UP = frozenset({"inbound_message_callback_url", "payload_version"})
# A "?" after them is Kaleyra's own query, put behind ours as if there were none.
_SECOND_QUERY = re.compile(rf"(?:^|(?<=&)){_REFERENCE}=[^&?]*(\?)")


def callback_url(webhook_url: str, reference: str, secret: str) -> str:
    """The webhook URL for one message. Where no header can be added, its proof is in the URL.

    The proof is valid only for the reports of this message, so a leaked URL is of no other use.
    """
    proof = {_PROOF: _proof(reference, secret)} if secret else {}
    joint = "&" if "?" in webhook_url else "?"
    return f"{webhook_url}{joint}{urlencode(proof | {_REFERENCE: reference})}"


def verified(request: HttpRequest, header: str, secrets: tuple[str, ...]) -> bool:
    """Whether the secret is in a header or in Basic authentication, or the URL has callback_url's proof of
    it.

    That proof is only for reports: it allows nothing that changes the provider's set-up.
    """
    query = _query(request.url)
    proof = query.get(_PROOF, "") if _SET_UP.isdisjoint(query) else ""
    reference = query.get(_REFERENCE, "").encode("utf-8", "surrogatepass")
    return (
        same_secret(request.header(header), secrets)
        or same_secret(_basic_password(request.header("Authorization")), secrets)
        or signed_sha256(proof, reference, secrets, prefix="")
    )


def webhook_items(request: HttpRequest) -> list[WebhookItem]:
    """Everything in the callback. Raises Malformed if it has none of the known forms."""
    query = _query(request.url)
    payload = _payload(request.body)
    if _REFERENCE in query:
        # Its proof is for this message alone, whatever else the request says.
        return [_status(query | payload, text(query, _REFERENCE))]
    if "entry" in payload:
        return cloud_api_webhook.webhook_items(payload)
    if objects(payload, "messages") or objects(payload, "statuses"):
        return value_items(payload)  # the older WhatsApp API had no envelope
    fields = {name: value for name, value in (payload or query).items() if value != f"<{name}>"}
    kind = text(fields, "kind").lower() or _kind(fields)
    if kind == "status":
        return [_status(fields, first(*(text(fields, name) for name in ("ref", "ref1", "ref2"))))]
    if kind == "inbound":
        return _inbound(fields)
    if not kind:
        raise Malformed("neither a status nor an inbound message")
    return [unhandled(kind, text(fields, "event"))]


def _proof(reference: str, secret: str) -> str:
    return hmac.new(secret.encode(), reference.encode(), sha256).hexdigest()


def _basic_password(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(value.strip(), validate=True).decode("utf-8", "replace").partition(":")[2]
    except ValueError:
        return ""


def _query(url: str) -> dict[str, str]:
    query = urlsplit(url).query
    if second := _SECOND_QUERY.search(query):
        query = f"{query[: second.start(1)]}&{query[second.end(1) :]}"
    return _form(query)


def _payload(body: bytes) -> dict[str, Any]:
    """The body's values by name: from JSON, from one of our own bodies that is not valid JSON, or from a
    form.

    Kaleyra may put values in as they are. Then a line break or an object breaks the JSON, and a user
    who writes `","from":"…` would be another sender: a name that is there twice breaks it as well.
    """
    found = json_object(body)
    words = body.decode("utf-8", "replace").strip()
    if found is not None and _each_once(body):
        return found
    whole = words.startswith("{") and words.endswith("}")
    return dict(_pieces(words)) if whole else _form(words)


def _each_once(body: bytes) -> bool:
    def check(pairs: list[tuple[str, object]]) -> None:
        if len(dict(pairs)) < len(pairs):
            raise ValueError

    try:
        json.loads(body, object_pairs_hook=check)
    except (ValueError, RecursionError):
        return False
    return True


def _form(words: str) -> dict[str, str]:
    return dict(reversed(parse_qsl(words, keep_blank_values=True)))  # the first of a name counts


def _pieces(words: str) -> Iterator[tuple[str, str]]:
    """What lies between the variables' names, each looked for behind the last one."""
    kind = _KIND.search(words)
    marks = []
    position = 0
    for name in _VARIABLES[kind[1]] if kind else ():
        if mark := _BEGINNING_OF_VALUE[name].search(words, position):
            marks.append((name, mark))
            position = mark.end()
    ends = [*(mark.start() for _, mark in marks[1:]), len(words)]
    for (name, mark), end in zip(marks, ends, strict=False):
        yield name, _unescaped(_END_OF_VALUE.sub("", words[mark.end() : end]))


def _unescaped(value: str) -> str:
    try:
        return text(decode(f'"{value.translate(_CONTROLS)}"'.encode("utf-8", "replace")))
    except ValueError:
        return value


def _kind(fields: dict[str, Any]) -> str:
    """What it is without our word for it: only inbound messages have a `from`."""
    if text(fields, "from"):
        return "inbound"
    return "status" if text(fields, "status") else text(fields, "event")


def _status(fields: dict[str, Any], reference: str) -> WebhookItem:
    word = text(fields, "status").strip().lower()
    bsp_id = bare_id(text(fields, "id"))
    if word not in STATUSES:
        return unhandled(word, bsp_id)
    if not bsp_id and not reference:
        return unhandled(word, "names no message")
    update = StatusUpdate(
        STATUSES[word],
        timestamp=epoch(fields, "timestamp"),
        reference=reference,
        bsp_id=bsp_id,
    ).of(identity(text(fields, "mobile")))
    if update.kind != "failed":
        return update
    code = text(fields, "error_code")[:LONGEST_CODE]
    words = text(fields, "error")[:EXCERPT]
    return update.failed(cause(code), code, words)


def _inbound(fields: dict[str, Any]) -> list[WebhookItem]:
    """The variables put back into Meta's form, and read as that."""
    kind = text(fields, "type").lower() or "text"
    content: dict[str, Any] = {"type": kind, kind: _content(kind, fields)}
    message = _parsed(fields, "message")
    if isinstance(message, dict) and text(message, "type") in message:
        content = message
    sender = text(fields, "from")
    answered = bare_id(text(fields, "reply_to"))
    own = {
        "from": sender,
        "id": bare_id(text(fields, "id")),
        "timestamp": text(fields, "created_at"),
        "context": {"id": answered} if answered else None,
    }
    value = {
        "metadata": {"display_phone_number": text(fields, "wanumber")},
        "contacts": [{"wa_id": sender, "profile": {"name": text(fields, "name")}}],
        "messages": [content | {name: value for name, value in own.items() if value}],
    }
    words = text(fields, "body")
    return [in_words(item, words) for item in value_items(value)]


def _content(kind: str, fields: dict[str, Any]) -> object:
    """The object that Meta would name like the message's type."""
    words = text(fields, "body")
    match kind:
        case "text":
            return {"body": words}
        case "button":
            return {"text": words}
        case "interactive":
            return {"type": "button_reply", "button_reply": {"title": words}}
        case "reaction":
            return {"emoji": words, "message_id": bare_id(text(fields, "reply_to"))}
        case "location" | "contacts":
            return _parsed(fields, kind)
    url = text(fields, "media_url")
    return {"url": url, "mime_type": text(fields, "mime_type"), "caption": "" if words == url else words}


def _parsed(fields: dict[str, Any], name: str) -> object:
    """A variable that is an object: as such, or as text."""
    value = fields.get(name)
    try:
        return decode(value.encode("utf-8", "replace")) if isinstance(value, str) else value
    except ValueError:
        return None
