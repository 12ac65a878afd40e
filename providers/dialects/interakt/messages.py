"""Messages in the JSON of Interakt's public API.

Source: Interakt, "Template sending APIs". Interakt hands everything on to Meta's Cloud API, so Meta's
rules for values hold here too.
"""

from typing import Any

from providers.dialects.cloud_api.messages import button_value, file_name, needed_media, parameter_text
from providers.messages import Button, Card, Freeform, Header, TemplateContent, Unsupported, Value

LONGEST_PAYLOAD = 128


def template(content: TemplateContent) -> dict[str, Any]:
    if content.offer is not None:
        raise Unsupported("limited-time offer: Interakt's API has no field for it")
    template: dict[str, Any] = {"name": content.name, "languageCode": content.language}
    template |= _header(content.header, "") | _body(content.body, "") | _buttons(content.buttons, "")
    if content.cards:
        template["carouselCards"] = [_card(index, card) for index, card in enumerate(content.cards)]
    return {"type": "Template", "template": template}


def _card(index: int, card: Card) -> dict[str, Any]:
    where = f"card {index}, "
    return _header(card.header, where) | _body(card.body, where) | _buttons(card.buttons, where)


def _header(header: Header | None, where: str) -> dict[str, Any]:
    if header is None:
        return {}
    slot = f"{where}header {header.kind}"
    if header.kind == "text":
        values = _values("header", header.values, where)
        return {"headerValues": values} if values else {}
    if header.kind in ("location", "audio"):
        raise Unsupported(f"{slot}: Interakt takes text, image, video and document headers")
    media = needed_media(header.media, slot)
    found: dict[str, Any] = {"headerValues": [media.url]}
    if header.kind == "document" and media.filename:
        found["fileName"] = media.filename
    return found


def _body(values: tuple[Value, ...], where: str) -> dict[str, Any]:
    return {"bodyValues": _values("body", values, where)} if values else {}


def _values(part: str, values: tuple[Value, ...], where: str) -> list[str]:
    found = []
    for position, value in enumerate(values, 1):
        slot = f"{where}{part} variable {value.name or position}"
        if value.name:
            raise Unsupported(f"{slot}: Interakt takes numbered variables only")
        found.append(parameter_text(value, slot))
    return found


def _buttons(buttons: tuple[Button, ...], where: str) -> dict[str, Any]:
    """`{buttonValues: {"<index>": [value]}, buttonPayload: {"<index>": [payload]}}`.

    Codes go by buttonValues as one-time passwords do, and cards take the same two keys as the
    template; Interakt's pages show neither.
    """
    values: dict[str, list[str]] = {}
    payloads: dict[str, list[str]] = {}
    for button in buttons:
        if button.kind in ("dynamic_url", "copy_code"):
            values[str(button.index)] = [button_value(button, where)]
        elif button.kind == "quick_reply" and button.value:
            if len(button.value) > LONGEST_PAYLOAD:
                raise Unsupported(f"{where}button {button.index}: the payload exceeds 128 characters")
            payloads[str(button.index)] = [button.value]
    found = {"buttonValues": values, "buttonPayload": payloads}
    return {key: by_index for key, by_index in found.items() if by_index}


def freeform(content: Freeform) -> dict[str, Any]:
    """`{type, data}`; the caption is `message`, also where there is none."""
    if content.kind == "location":
        raise Unsupported("location: Interakt sends none")
    if content.kind == "text":
        if not content.text.strip():
            raise Unsupported("text: the message is empty")
        return {"type": "Text", "data": {"message": content.text}}
    media = needed_media(content.media, content.kind)
    if media.caption and content.kind == "audio":
        raise Unsupported("audio: WhatsApp shows no caption with it")
    filename = media.filename
    if content.kind in ("video", "audio"):
        # No page asks for it, but integrations in use always send one with these two.
        filename = file_name(media, content.kind)
    data = {"message": media.caption, "mediaUrl": media.url}
    if filename and content.kind != "image":
        data["fileName"] = filename
    return {"type": content.kind.capitalize(), "data": data}
