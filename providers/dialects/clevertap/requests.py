"""CleverTap's send payload, read tolerantly.

Source: CleverTap's Generic WhatsApp page ("API Payload for Template Message", "… Freeform
Message"). The page contradicts itself in many places; each leniency below names what it is
there for. Reading raises `Refused` (a well-formed request that cannot be sent, with
CleverTap's code) or `Malformed` (not a request at all), nothing else.
"""

import re
from typing import NamedTuple

from msgspec import Struct

from lib import phone, reading
from lib.user_ids import is_user_id
from providers.dialects.clevertap.components import HEADER_KINDS, read_parts
from providers.dialects.clevertap.fields import (
    Json,
    checked_object,
    checked_objects,
    read_location,
    read_media,
    read_text,
    read_word,
)
from providers.messages import (
    AnswerCode,
    Content,
    Freeform,
    FreeformKind,
    Malformed,
    Refused,
    TemplateContent,
)

VERIFY_NAMESPACE = "whatsapp:hsm:technology:generic:verify"
MAX_MSG_ID = 255

_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[_-]([A-Za-z]{2,4})|\s*\(\s*([A-Za-z]{2,4})\s*\))?")


class Send(Struct, frozen=True):
    """One send request as read. `to` is digits or a user id; `notes` are oddities that operators see."""

    msg_id: str
    to: str
    to_raw: str
    waba_number: str
    content: Content
    custom_props: dict[str, str]
    is_test: bool
    campaign: str
    batch: str
    variant: str
    notes: tuple[str, ...]


def decode(body: bytes) -> Json:
    """The request's JSON object. The charset is UTF-8 whatever the headers say."""
    try:
        value = reading.decode(body)
    except ValueError as error:
        raise Malformed(f"the body is not JSON in UTF-8: {error}") from error
    if not isinstance(value, dict):
        raise Malformed("the body is not a JSON object")
    return value


def unwrap(payload: Json) -> Json:
    """The payload inside `body`, where CleverTap's validation call wraps it once."""
    inner = payload.get("body")
    if "to" in payload or inner is None:
        return payload
    if isinstance(inner, str):
        try:
            inner = reading.decode(inner.encode())
        except ValueError:
            return payload
    return inner if isinstance(inner, dict) and ("to" in inner or "template" in inner) else payload


def is_verification(payload: Json) -> bool:
    """Whether this is the dummy message CleverTap sends when a provider is saved."""
    template = payload.get("template")
    return isinstance(template, dict) and template.get("namespace") == VERIFY_NAMESPACE


def read_send(payload: Json, default_country: str = "") -> Send:
    """The send request in an unwrapped payload. Raises Refused."""
    notes: list[str] = []
    msg_id = _msg_id(payload)
    is_test = set(msg_id.split("|")) == {"0"}
    to_raw = read_word(payload.get("to"))
    to = to_raw if is_user_id(to_raw) else phone.digits(to_raw, default_country)
    if not to or to.startswith("0"):  # no country code begins with it
        raise Refused(AnswerCode.PHONE, f"to: {to_raw!r} is not a phone number" if to_raw else "to: missing")
    props: dict[str, str] = {}
    _collect_props(payload.get("customProps"), props)
    template = _is_template(payload)
    content: Content = _template(payload, props, notes, is_test) if template else _freeform(payload)
    parts = campaign_parts(msg_id)
    return Send(
        msg_id,
        to,
        to_raw,
        read_word(payload.get("wabaNumber")),
        content,
        props,
        is_test,
        *parts,
        tuple(notes),
    )


class CampaignParts(NamedTuple):
    """What a msgId tells of the message's campaign, as far as it is there."""

    campaign: str = ""
    batch: str = ""
    variant: str = ""


def campaign_parts(msg_id: str) -> CampaignParts:
    """Campaign, batch and variant of `i|campaign|batch|j[|variant]`."""
    parts = msg_id.split("|")
    if len(parts) < 4 or set(parts) == {"0"}:
        return CampaignParts()
    _, campaign, batch, _, *more = parts
    return CampaignParts(
        campaign[:64],
        batch if len(batch) == 8 and batch.isdigit() else "",
        more[0][:32] if more else "",
    )


class BelongsTo(NamedTuple):
    """What a request belongs to, as far as it can be read."""

    campaign: str
    variant: str
    template: str
    is_test: bool


def belongs_to(payload: Json) -> BelongsTo:
    """What a payload belongs to that may be no send request."""
    try:
        msg_id = _msg_id(payload)
    except Refused:
        msg_id = ""
    is_test = set(msg_id.split("|")) == {"0"}
    if not _is_template(payload):
        return BelongsTo("", "", "", is_test)
    parts = campaign_parts(msg_id)
    template = payload.get("template")
    template = template if isinstance(template, dict) else {}
    namespace = read_word(template.get("namespace")) or read_word(template.get("name"))
    return BelongsTo(parts.campaign, parts.variant, namespace.rsplit(":", 1)[-1][:512], is_test)


def meta_language(raw: str) -> str:
    """CleverTap's language in Meta's spelling: `en(uk)` and `en-GB` are `en_GB`."""
    match = _LANGUAGE.fullmatch(raw.strip())
    if not match:
        return raw.strip()
    region = (match[2] or match[3] or "").upper()
    region = "GB" if region == "UK" else region
    return f"{match[1].lower()}_{region}" if region else match[1].lower()


def _msg_id(payload: Json) -> str:
    for key in ("msgId", "msg_id", "msgid", "messageId"):
        value = read_word(payload.get(key))
        if value:
            if len(value) > MAX_MSG_ID:
                raise Refused(AnswerCode.OTHER, f"{key}: longer than {MAX_MSG_ID} characters")
            return value
    raise Refused(AnswerCode.OTHER, "msgId: missing")


def _is_template(payload: Json) -> bool:
    flag = payload.get("isTemplate")
    if flag is None:
        return "template" in payload or "components" in payload
    return str(flag).strip().lower() in ("true", "1")


def _template(payload: Json, props: dict[str, str], notes: list[str], is_test: bool) -> TemplateContent:
    template = checked_object(payload.get("template"), "template")
    namespace = read_word(template.get("namespace")) or read_word(template.get("name"))
    if not namespace:
        raise Refused(AnswerCode.TEMPLATE, "template.namespace: missing")
    code = read_word(template.get("languageCode")) or read_word(template.get("language"))
    if not code:
        raise Refused(AnswerCode.TEMPLATE, "template.languageCode: missing")
    parts = read_parts(payload.get("components"), "components", notes, is_test)
    for part in checked_objects(payload.get("components") or [], "components"):
        _collect_props(part.get("customProps"), props)
    return TemplateContent(
        name=namespace.rsplit(":", 1)[-1], namespace=namespace, language=meta_language(code), **parts
    )


def _freeform(payload: Json) -> Freeform:
    raw = read_word(payload.get("type")).lower() or ("text" if "text" in payload else "")
    kinds: dict[str, FreeformKind] = {**HEADER_KINDS, "voice": "audio"}
    kind = kinds.get(raw)
    if kind is None:
        raise Refused(AnswerCode.OTHER, f"type: {raw!r} is not a freeform message type")
    child = payload.get(raw)
    if kind == "text":
        candidates = [payload.get("body"), payload.get("message")]
        candidates[:0] = [child.get("body"), child.get("text")] if isinstance(child, dict) else [child]
        text = next(filter(None, map(read_text, candidates)), "")
        if not text.strip():
            raise Refused(AnswerCode.OTHER, "text.body: missing")
        return Freeform("text", text=text)
    if kind == "location":
        return Freeform("location", location=read_location(child, "location"))
    return Freeform(kind, media=read_media(child if child is not None else payload.get(kind), raw))


def _collect_props(raw: object, into: dict[str, str]) -> None:
    for item in raw if isinstance(raw, list) else [raw]:
        if isinstance(item, dict):
            into.update((read_word(key), read_word(value)) for key, value in item.items())
