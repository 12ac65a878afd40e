"""CleverTap's send payload, read tolerantly.

Source: CleverTap's Generic WhatsApp page ("API Payload for Template Message", "… Freeform
Message"). The page contradicts itself in many places; each leniency below names what it is
there for. Reading raises `Refused` (a well-formed request that cannot be sent, with
CleverTap's code) or `Malformed` (not a request at all), nothing else.
"""

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from lib import phone, reading
from providers.messages import (
    AnswerCode,
    Button,
    ButtonKind,
    Card,
    Content,
    Freeform,
    FreeformKind,
    Header,
    HeaderKind,
    Location,
    Malformed,
    Media,
    Offer,
    Refused,
    TemplateContent,
    Value,
)

VERIFY_NAMESPACE = "whatsapp:hsm:technology:generic:verify"
MAX_MSG_ID = 255

Json = dict[str, Any]

_BUTTON_KINDS: dict[str, ButtonKind] = {
    "dynamicurl": "dynamic_url",
    "url": "dynamic_url",
    "staticurl": "static_url",
    "quickreply": "quick_reply",
    "callphone": "call",
    "phonenumber": "call",
    "copycode": "copy_code",
}
_HEADER_KINDS: dict[str, HeaderKind] = {
    "text": "text",
    "image": "image",
    "video": "video",
    "audio": "audio",
    "file": "document",
    "document": "document",
    "location": "location",
}
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[_-]([A-Za-z]{2,4})|\s*\(\s*([A-Za-z]{2,4})\s*\))?")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,5}$")
_URL_EXTENSION = re.compile(r"https?://[^/?#]+/[^?#]*(\.[A-Za-z0-9]{1,5})(?:[?#].*)?")
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")


class Send(Struct, frozen=True):
    """One send request as read. `to` is digits; `notes` are oddities worth showing an operator."""

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


def read(payload: Json, default_country: str = "") -> Send:
    """The send request in an unwrapped payload. Raises Refused."""
    notes: list[str] = []
    msg_id = _msg_id(payload)
    is_test = set(msg_id.split("|")) == {"0"}
    to_raw = _scalar(payload.get("to"))
    to = phone.digits(to_raw, default_country)
    if not to:
        raise Refused(AnswerCode.PHONE, f"to: {to_raw!r} is not a phone number" if to_raw else "to: missing")
    props: dict[str, str] = {}
    _collect_props(payload.get("customProps"), props)
    template = _is_template(payload)
    content: Content = _template(payload, props, notes, is_test) if template else _freeform(payload)
    campaign, batch, variant = campaign_parts(msg_id)
    return Send(
        msg_id,
        to,
        to_raw,
        _scalar(payload.get("wabaNumber")),
        content,
        props,
        is_test,
        campaign,
        batch,
        variant,
        tuple(notes),
    )


def campaign_parts(msg_id: str) -> tuple[str, str, str]:
    """Campaign, batch and variant of `i|campaign|batch|j[|variant]`, as far as they are there."""
    parts = msg_id.split("|")
    if len(parts) < 4 or set(parts) == {"0"}:
        return "", "", ""
    batch = parts[2] if len(parts[2]) == 8 and parts[2].isdigit() else ""
    return parts[1][:64], batch, parts[4][:32] if len(parts) > 4 else ""


def belongs_to(payload: Json) -> tuple[str, str, str, bool]:
    """Campaign, variant and template of a payload that may be no send request, and whether it is a test."""
    try:
        msg_id = _msg_id(payload)
    except Refused:
        msg_id = ""
    if not _is_template(payload):
        return "", "", "", set(msg_id.split("|")) == {"0"}
    campaign, _, variant = campaign_parts(msg_id)
    template = payload.get("template")
    template = template if isinstance(template, dict) else {}
    namespace = _scalar(template.get("namespace")) or _scalar(template.get("name"))
    return campaign, variant, namespace.rsplit(":", 1)[-1][:512], set(msg_id.split("|")) == {"0"}


def language(raw: str) -> str:
    """CleverTap's language in Meta's spelling: `en(uk)` and `en-GB` are `en_GB`."""
    match = _LANGUAGE.fullmatch(raw.strip())
    if not match:
        return raw.strip()
    region = (match[2] or match[3] or "").upper()
    region = "GB" if region == "UK" else region
    return f"{match[1].lower()}_{region}" if region else match[1].lower()


def _msg_id(payload: Json) -> str:
    for key in ("msgId", "msg_id", "msgid", "messageId"):
        value = _scalar(payload.get(key))
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
    template = _object(payload.get("template"), "template")
    namespace = _scalar(template.get("namespace")) or _scalar(template.get("name"))
    if not namespace:
        raise Refused(AnswerCode.TEMPLATE, "template.namespace: missing")
    code = _scalar(template.get("languageCode")) or _scalar(template.get("language"))
    if not code:
        raise Refused(AnswerCode.TEMPLATE, "template.languageCode: missing")
    parts = _parts(payload.get("components"), "components", notes, is_test)
    for part in _objects(payload.get("components") or [], "components"):
        _collect_props(part.get("customProps"), props)
    return TemplateContent(
        name=namespace.rsplit(":", 1)[-1], namespace=namespace, language=language(code), **parts
    )


def _parts(components: object, where: str, notes: list[str], is_test: bool) -> Json:
    """Header, body, buttons… of a template or of one carousel card, whatever their order."""
    parts: Json = {}
    buttons: list[Json] = []
    for position, part in enumerate(_objects(components or [], where)):
        kind = _scalar(part.get("type")).lower()
        at = f"{where}[{position}]"
        if kind == "header":
            parts["header"] = _header(_object(part.get("header"), f"{at}.header"), f"{at}.header")
        elif kind == "body":
            body = _object(part.get("body"), f"{at}.body")
            parts["body_text"] = _text(body.get("text"))
            parts["body"] = _values(body.get("parameters"), f"{at}.body.parameters")
        elif kind == "footer":
            texts = (part.get(key) for key in ("footer", "footertext", "footerText", "text"))
            parts["footer"] = next(filter(None, map(_scalar, texts)), "")
        elif kind == "button":
            buttons.append(part)
        elif kind == "limited_time_offer":
            parts["offer"] = _offer(part, at)
        elif kind == "carousel":
            cards = _objects(part.get("cards") or [], f"{at}.cards")
            parts["cards"] = tuple(
                Card(**_parts(card.get("components"), f"{at}.cards[{n}].components", notes, is_test))
                for n, card in enumerate(cards)
            )
        elif "customProps" not in part:  # the one component that has no type
            notes.append(f"{at}: component type {kind or 'missing'!r} ignored")
    if buttons:
        parts["buttons"] = tuple(_buttons(buttons, where, is_test))
    return parts


def _header(header: Json, where: str) -> Header:
    kind = _HEADER_KINDS.get(_scalar(header.get("type")).lower())
    if kind is None:
        raise Refused(AnswerCode.TEMPLATE, f"{where}.type: {header.get('type')!r} is not a header type")
    child = header.get(_scalar(header.get("type"))) or header.get(kind)
    if kind == "text":
        if isinstance(child, str):
            return Header("text", text=_text(child))
        text = _object(child or {}, f"{where}.text")
        return Header(
            "text",
            text=_text(text.get("text")),
            values=_values(text.get("parameters"), f"{where}.text.parameters"),
        )
    if not isinstance(child, dict):
        # An older schema names the object "image" whatever the type says.
        child = next((v for v in header.values() if isinstance(v, dict) and "mediaURL" in v), None)
    if kind == "location":
        return Header("location", location=_location(child, f"{where}.location"))
    return Header(kind, media=_media(child, f"{where}.{kind}"))


def _buttons(parts: list[Json], where: str, is_test: bool) -> Iterator[Button]:
    """Buttons in order. A repeated or unreadable index is replaced by the position."""
    indexes = [_integer(part.get("index")) for part in parts]
    usable = None not in indexes and len(set(indexes)) == len(indexes)
    for position, part in enumerate(parts):
        raw = _scalar(part.get("subType") or part.get("sub_type") or part.get("subtype"))
        kind = _BUTTON_KINDS.get(raw.replace("_", "").lower())
        if kind is None:
            raise Refused(AnswerCode.TEMPLATE, f"{where}: button {position} has unknown subType {raw!r}")
        value = ""
        for parameter in _objects(part.get("parameters") or [], f"{where}: button {position}.parameters"):
            named = (parameter.get(key) for key in ("coupon_code", "payload", "text"))
            value = next(filter(None, map(_scalar, named)), "")
            break
        if is_test and kind == "dynamic_url":
            # Saving a template sends the URL as registered, its placeholder unresolved.
            value = _PLACEHOLDER.sub("0", value)
        index = indexes[position] if usable else position
        yield Button(index or 0, kind, text=_scalar(part.get("buttonText")), value=value)


def _offer(part: Json, where: str) -> Offer:
    expires = 0
    for parameter in _objects(part.get("parameters") or [], f"{where}.parameters"):
        inner = parameter.get("limited_time_offer")
        raw = inner.get("expiration_time_ms") if isinstance(inner, dict) else None
        if raw is not None:
            expires = _integer(raw) or 0
            if expires <= 0:
                raise Refused(AnswerCode.TEMPLATE, f"{where}: expiration_time_ms {raw!r} is not a time")
    return Offer(text=_scalar(part.get("text")), expires_ms=expires)


def _freeform(payload: Json) -> Freeform:
    raw = _scalar(payload.get("type")).lower() or ("text" if "text" in payload else "")
    kinds: dict[str, FreeformKind] = {**_HEADER_KINDS, "voice": "audio"}
    kind = kinds.get(raw)
    if kind is None:
        raise Refused(AnswerCode.OTHER, f"type: {raw!r} is not a freeform message type")
    child = payload.get(raw)
    if kind == "text":
        candidates = [payload.get("body"), payload.get("message")]
        candidates[:0] = [child.get("body"), child.get("text")] if isinstance(child, dict) else [child]
        text = next(filter(None, map(_text, candidates)), "")
        if not text.strip():
            raise Refused(AnswerCode.OTHER, "text.body: missing")
        return Freeform("text", text=text)
    if kind == "location":
        return Freeform("location", location=_location(child, "location"))
    return Freeform(kind, media=_media(child if child is not None else payload.get(kind), raw))


def _media(child: object, where: str) -> Media:
    media = _object(child, where)
    raw = next(filter(None, (_scalar(media.get(key)) for key in ("mediaURL", "mediaUrl", "url", "link"))), "")
    if not raw:
        raise Refused(AnswerCode.TEMPLATE, f"{where}.mediaURL: missing")
    url = media_url(raw)
    if url is None:
        raise Refused(AnswerCode.TEMPLATE, f"{where}.mediaURL: {raw!r} is not an http(s) URL")
    filename = _scalar(media.get("filename"))
    extension = _URL_EXTENSION.fullmatch(url)
    if filename and extension and not _EXTENSION.search(filename):
        filename += extension[1]  # without it the recipient's phone does not know what opens the file
    return Media(url, filename=filename, caption=_text(media.get("caption")))


def media_url(raw: str) -> str | None:
    """The URL with a scheme; None when it is not http(s). "httpa" is the page's own typo."""
    url = raw.strip()
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "https", url
    scheme = "https" if scheme.lower() == "httpa" else scheme.lower()
    if scheme not in ("http", "https") or not rest or re.search(r"\s", rest):
        return None
    return f"{scheme}://{rest}"


def _location(child: object, where: str) -> Location:
    """Latitude and longitude by their first letters: the page also spells `lattitude`."""
    location = _object(child, where)
    found: dict[str, float] = {}
    for key, value in location.items():
        for name, limit in (("lat", 90), ("lon", 180)):
            if key.lower().startswith(name):
                try:
                    number = float(_scalar(value))
                except ValueError:
                    number = limit + 1.0
                if not abs(number) <= limit:
                    raise Refused(AnswerCode.TEMPLATE, f"{where}.{key}: {value!r} is out of range")
                found[name] = number
    if len(found) < 2:
        raise Refused(AnswerCode.TEMPLATE, f"{where}: latitude and longitude are required")
    return Location(
        found["lat"], found["lon"], _scalar(location.get("name")), _scalar(location.get("address"))
    )


def _values(parameters: object, where: str) -> tuple[Value, ...]:
    values = []
    for position, parameter in enumerate(_objects(parameters or [], where)):
        text = parameter.get("text")
        if isinstance(text, dict | list | None):
            raise Refused(AnswerCode.TEMPLATE, f"{where}[{position}].text: missing")
        name = _scalar(parameter.get("parameter_name")) or _scalar(parameter.get("name"))
        values.append(Value(_text(text), name=name))
    return tuple(values)


def _collect_props(raw: object, into: dict[str, str]) -> None:
    for item in raw if isinstance(raw, list) else [raw]:
        if isinstance(item, dict):
            into.update((_scalar(key), _scalar(value)) for key, value in item.items())


def _object(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise Refused(AnswerCode.TEMPLATE, f"{where}: {'missing' if value is None else 'not an object'}")
    return value


def _objects(value: object, where: str) -> list[Json]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Refused(AnswerCode.TEMPLATE, f"{where}: not a list of objects")
    return value


def _scalar(value: object) -> str:
    return _text(value).strip()


def _text(value: object) -> str:
    """Text as it is, numbers and booleans as text; else empty."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # "919999999999.0" would read as a number ten times as long
    return str(value) if isinstance(value, int | float) else ""


def _integer(value: object) -> int | None:
    """A whole number that is not negative and that JSON carries exactly; else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < 2**53 else None
