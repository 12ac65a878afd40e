"""Messages in the JSON of Meta's Cloud API, which several BSPs take as it is or wrapped.

Source: Meta, "Cloud API > Messages" and "Template messages". Slots in error texts are counted as
CleverTap sends them: variables from 1, buttons and cards from 0.
"""

import re
from typing import Any
from urllib.parse import unquote

from msgspec.structs import replace

from lib.user_ids import is_user_id
from providers.messages import (
    Button,
    Card,
    Content,
    Freeform,
    Header,
    Location,
    Media,
    Outbound,
    TemplateContent,
    Unsupported,
    Value,
)

_SPACE = re.compile(r"\s+")
_BREAKS = frozenset("\n\r\t\v\f\x85\u2028\u2029")
_MOST_SPACES = 4


def message_body(outbound: Outbound) -> dict[str, Any]:
    """The body of `POST /{phone-number-id}/messages`: `{messaging_product, to, type, <type>, …}`."""
    # Without "+", Meta may put the sender's own country code before the number.
    to = {"recipient": outbound.to} if is_user_id(outbound.to) else {"to": f"+{outbound.to}"}
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **to,
        **content_body(outbound.content),
        "biz_opaque_callback_data": outbound.reference,
    }


def content_body(content: Content) -> dict[str, Any]:
    """Only `{"type": …, "<type>": {…}}`, for BSPs that put their own envelope around it."""
    if isinstance(content, Freeform):
        return _freeform(content)
    return {"type": "template", "template": _template(content)}


def parameter_text(value: Value, slot: str) -> str:
    """The value as a template parameter may be. `slot` names it when it is refused as empty.

    Meta refuses parameters with a newline, a tab or more than four spaces in a row, while
    CleverTap fills in profile properties as they are: such a run becomes one space.
    """
    cleaned = _SPACE.sub(_one_space, value.text)
    if not cleaned.strip():
        raise Unsupported(f"{slot}: Meta takes no empty value")
    return cleaned


def button_value(button: Button, where: str = "") -> str:
    """The suffix or code of a button that cannot be sent without one."""
    name = f"{where}button {button.index}"
    what = "URL suffix" if button.kind == "dynamic_url" else "code"
    if not button.value.strip():
        raise Unsupported(f"{name}: the {what} is empty")
    if button.kind == "dynamic_url" and "{{" in button.value:
        raise Unsupported(f"{name}: the URL suffix still holds a placeholder")
    return button.value


def needed_media(media: Media | None, slot: str) -> Media:
    """The media, refused when there is none to send."""
    if media is None or not media.url:
        raise Unsupported(f"{slot}: the media URL is missing")
    return media


def file_name(media: Media, otherwise: str) -> str:
    """The name of a file, for BSPs that want one: what the message says, else the end of the URL."""
    path = re.split(r"[?#]", media.url.partition("://")[2])[0].partition("/")[2]
    return media.filename or unquote(path).rpartition("/")[2].strip() or otherwise


def _template(content: TemplateContent) -> dict[str, Any]:
    components = _header(content.header, "") + _texts("body", content.body, "")
    if content.offer and content.offer.expires_ms:
        expiry = {"expiration_time_ms": content.offer.expires_ms}
        parameter = {"type": "limited_time_offer", "limited_time_offer": expiry}
        components.append({"type": "limited_time_offer", "parameters": [parameter]})
    components += _buttons(content.buttons, "")
    if content.cards:
        cards = [_card(index, card) for index, card in enumerate(content.cards)]
        components.append({"type": "carousel", "cards": cards})
    template: dict[str, Any] = {
        "name": content.name,
        # Meta's own samples leave the policy out, its schema and the older WhatsApp API ask for it.
        "language": {"policy": "deterministic", "code": content.language},
    }
    if components:
        template["components"] = components
    return template


def with_place(outbound: Outbound, name: str, address: str) -> Outbound:
    """The message with its location header named, where CleverTap left that out.

    CleverTap sends coordinates alone ("does not support Name, Address, or URL key in location
    object"), and Meta takes no location header without both texts.
    """
    content = outbound.content
    header = content.header if isinstance(content, TemplateContent) else None
    if header is None or header.location is None:
        return outbound
    place = header.location
    named = replace(place, name=place.name or name, address=place.address or address)
    return replace(outbound, content=replace(content, header=replace(header, location=named)))


def _card(index: int, card: Card) -> dict[str, Any]:
    where = f"card {index}, "
    components = (
        _header(card.header, where) + _texts("body", card.body, where) + _buttons(card.buttons, where)
    )
    return {"card_index": index, "components": components}


def _header(header: Header | None, where: str) -> list[dict[str, Any]]:
    if header is None:
        return []
    slot = f"{where}header {header.kind}"
    if header.kind == "text":
        return _texts("header", header.values, where)
    if header.kind == "location":
        place = header.location
        if place is None or not place.name or not place.address:
            hint = "CleverTap sends neither, so set them in the provider's options"
            raise Unsupported(f"{slot}: name and address are required by Meta; {hint}")
        parameter: dict[str, Any] = {"type": "location", "location": _location(place)}
    elif header.kind == "audio":
        raise Unsupported(f"{slot}: a template's header cannot be audio")
    else:
        media = needed_media(header.media, slot)
        shown = {"link": media.url}
        if header.kind == "document" and media.filename:
            shown["filename"] = media.filename
        parameter = {"type": header.kind, header.kind: shown}
    return [{"type": "header", "parameters": [parameter]}]


def _texts(part: str, values: tuple[Value, ...], where: str) -> list[dict[str, Any]]:
    parameters = []
    for position, value in enumerate(values, 1):
        parameter = {"type": "text"}
        if value.name:
            parameter["parameter_name"] = value.name
        parameter["text"] = parameter_text(value, f"{where}{part} variable {value.name or position}")
        parameters.append(parameter)
    return [{"type": part, "parameters": parameters}] if parameters else []


def _buttons(buttons: tuple[Button, ...], where: str) -> list[dict[str, Any]]:
    components = []
    for button in buttons:
        if button.kind == "dynamic_url":
            sub_type, parameter = "url", {"type": "text", "text": button_value(button, where)}
        elif button.kind == "copy_code":
            code = button_value(button, where)
            sub_type, parameter = "copy_code", {"type": "coupon_code", "coupon_code": code}
        elif button.kind == "quick_reply" and button.value:
            # Without a payload Meta sends the button's text back, so the component is optional.
            sub_type, parameter = "quick_reply", {"type": "payload", "payload": button.value}
        else:
            continue  # a static URL or a phone number is part of the template and takes no value
        index = str(button.index)
        components.append({"type": "button", "sub_type": sub_type, "index": index, "parameters": [parameter]})
    return components


def _freeform(content: Freeform) -> dict[str, Any]:
    kind = content.kind
    if kind == "text":
        if not content.text.strip():
            raise Unsupported("text: the message is empty")
        return {"type": kind, kind: {"body": content.text}}
    if kind == "location":
        if content.location is None:
            raise Unsupported("location: latitude and longitude are missing")
        return {"type": kind, kind: _location(content.location)}
    media = needed_media(content.media, kind)
    if media.caption and kind == "audio":
        raise Unsupported("audio: WhatsApp shows no caption with it")
    shown = {"link": media.url, "caption": media.caption}
    if kind == "document":
        shown["filename"] = media.filename
    return {"type": kind, kind: {key: value for key, value in shown.items() if value}}


def _location(place: Location) -> dict[str, str]:
    found = {
        "latitude": coordinate(place.latitude),
        "longitude": coordinate(place.longitude),
        "name": place.name,
        "address": place.address,
    }
    return {key: value for key, value in found.items() if value}


def coordinate(value: float) -> str:
    """Fixed point: str() would write a place near Greenwich as "1e-05". Seven digits are a centimetre."""
    return f"{value:.7f}".rstrip("0").rstrip(".")


def _one_space(run: re.Match[str]) -> str:
    return " " if len(run[0]) > _MOST_SPACES or not _BREAKS.isdisjoint(run[0]) else run[0]
