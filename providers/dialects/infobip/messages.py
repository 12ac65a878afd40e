"""The `content` of Infobip's WhatsApp messages. Placeholders are numbered by their position.

Source: Infobip, "Send WhatsApp template message" and its pages for text, media and location.
"""

from datetime import UTC, datetime
from typing import Any

from lib.reading import LAST_SECOND, at, objects, text
from providers.dialects.cloud_api.messages import button_value, file_name, needed_media, parameter_text
from providers.dialects.placeholders import body_texts
from providers.messages import (
    Button,
    Card,
    Freeform,
    Header,
    Offer,
    Registered,
    TemplateContent,
    Unsupported,
)

Components = list[dict[str, Any]]

LONGEST_PAYLOAD = 128
LONGEST_CODE = 15
LONGEST_FILE_NAME = 240


def template(content: TemplateContent, registered: Registered | None) -> dict[str, Any]:
    """`{templateName, language, templateData: {body, header?, buttons?, carousel?, limitedTimeOffer?}}`."""
    known = list(registered.components) if registered else None
    data: dict[str, Any] = {"body": {"placeholders": body_texts(content.body, known)}}
    data |= _header(content.header, "") | _buttons(content.buttons, known, "")
    if content.offer and content.offer.expires_ms:
        data["limitedTimeOffer"] = {"expirationTime": _moment(content.offer)}
    if content.cards:
        cards = [_card(index, card, _known_card(known, index)) for index, card in enumerate(content.cards)]
        data["carousel"] = {"cards": cards}
    return {"templateName": content.name, "language": content.language, "templateData": data}


def freeform(content: Freeform) -> dict[str, Any]:
    """What `POST /whatsapp/1/message/{kind}` takes as `content`."""
    kind = content.kind
    if kind == "text":
        if not content.text.strip():
            raise Unsupported("text: the message is empty")
        return {"text": content.text}
    if kind == "location":
        if content.location is None:
            raise Unsupported("location: latitude and longitude are missing")
        place = content.location
        named = {"name": place.name, "address": place.address}
        return {"latitude": place.latitude, "longitude": place.longitude, **_filled(named)}
    media = needed_media(content.media, kind)
    if media.caption and kind == "audio":
        raise Unsupported("audio: WhatsApp shows no caption with it")
    filename = media.filename if kind == "document" else ""
    return {"mediaUrl": media.url, **_filled({"caption": media.caption, "filename": filename})}


def _card(index: int, card: Card, known: Components | None) -> dict[str, Any]:
    """`{header, body, buttons}`; the header is an image or a video and never left out."""
    where = f"card {index}, "
    if card.header is None or card.header.kind not in ("image", "video"):
        kind = card.header.kind if card.header else "missing"
        raise Unsupported(f"{where}header {kind}: a card of Infobip's carousel shows an image or a video")
    if any(button.kind == "copy_code" for button in card.buttons):
        raise Unsupported(f"{where}copy code: Infobip's cards take URL and quick-reply buttons")
    body = {"body": {"placeholders": body_texts(card.body, known, where)}}
    return _header(card.header, where) | body | _buttons(card.buttons, known, where)


def _known_card(known: Components | None, index: int) -> Components | None:
    carousels = [part for part in known or () if text(part, "type") == "CAROUSEL"]
    return objects(at(carousels, 0, "cards", index), "components") if carousels else None


def _header(header: Header | None, where: str) -> dict[str, Any]:
    """A fixed text has no place in the request."""
    if header is None or (header.kind == "text" and not header.values):
        return {}
    slot = f"{where}header {header.kind}"
    found: dict[str, Any] = {"type": header.kind.upper()}
    if header.kind == "text":
        value, *more = header.values
        if more:
            raise Unsupported(f"{slot}: WhatsApp takes one variable in it")
        found["placeholder"] = parameter_text(value, f"{where}header variable {value.name or 1}")
    elif header.kind == "location":
        if header.location is None:
            raise Unsupported(f"{slot}: latitude and longitude are missing")
        found |= {"latitude": header.location.latitude, "longitude": header.location.longitude}
    elif header.kind == "audio":
        raise Unsupported(f"{slot}: a template's header cannot be audio")
    else:
        media = needed_media(header.media, slot)
        found["mediaUrl"] = media.url
        if header.kind == "document":
            found["filename"] = file_name(media, "document")[:LONGEST_FILE_NAME]
    return {"header": found}


def _buttons(buttons: tuple[Button, ...], known: Components | None, where: str) -> dict[str, Any]:
    """Only buttons that take a value, in the template's order. Quick replies always take one."""
    found = []
    for button in sorted(buttons, key=lambda button: button.index):
        if button.kind == "dynamic_url":
            found.append({"type": "URL", "parameter": button_value(button, where)})
        elif button.kind == "copy_code":
            code = button_value(button, where)
            _limit(code, LONGEST_CODE, f"{where}button {button.index}: the code")
            found.append({"type": "COPY_CODE", "parameter": code})
        elif button.kind == "quick_reply":
            payload = button.value or button.text or _label(known, button.index)
            if not payload:
                raise Unsupported(f"{where}button {button.index}: Infobip wants a payload for a quick reply")
            _limit(payload, LONGEST_PAYLOAD, f"{where}button {button.index}: the payload")
            found.append({"type": "QUICK_REPLY", "parameter": payload})
    return {"buttons": found} if found else {}


def _label(known: Components | None, index: int) -> str:
    """The button's text as registered, which is what WhatsApp sends back for want of a payload."""
    rows = [part for part in known or () if text(part, "type") == "BUTTONS"]
    return text(rows, 0, "buttons", index, "text")


def _limit(value: str, most: int, name: str) -> None:
    if len(value) > most:
        raise Unsupported(f"{name} exceeds {most} characters")


def _moment(offer: Offer) -> str:
    """Such as 2026-12-31T18:29:59.000+0000, in UTC."""
    seconds, milliseconds = divmod(offer.expires_ms, 1000)
    if not 0 <= seconds <= LAST_SECOND:
        raise Unsupported("limited-time offer: its end is not a date")
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}+0000"


def _filled(texts: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in texts.items() if value}
