"""Messages as the forms of Gupshup's Enterprise API.

Source: CleverTap, "WhatsApp: Gupshup", and integrations in use. A template is found by its rendered
text, which therefore goes out whole; its name, its language and its variables do not.
"""

from collections.abc import Sequence
from typing import Any

from lib.reading import first, text
from providers.dialects.cloud_api.messages import button_value, needed_media, parameter_text
from providers.dialects.placeholders import filled
from providers.messages import Button, Freeform, Header, TemplateContent, Unsupported, Value

NO_FIELD = "no public page names its field in Gupshup's Enterprise API"

Form = dict[str, str]
Components = Sequence[dict[str, Any]]


def template(content: TemplateContent, registered: Components) -> Form:
    """The fields of a template message; `registered` are the components known of it, empty when none are."""
    if content.cards:
        raise Unsupported(f"carousel: {NO_FIELD}")
    if content.offer is not None:
        raise Unsupported(f"limited-time offer: {NO_FIELD}")
    header, footer = content.header, first(content.footer, _registered("FOOTER", registered))
    parts = {text(part, "type") for part in registered}
    words = _words("body", content.body_text, content.body, _registered("BODY", registered))
    fields = {"isHSM": "true", **_buttons(content.buttons)}
    if header or footer or content.buttons or not parts.isdisjoint(("HEADER", "FOOTER", "BUTTONS")):
        fields["isTemplate"] = "true"
    if footer:
        fields["footer"] = footer
    if header is None or header.kind == "text":
        given = header or Header("text")
        fixed = _registered("HEADER", registered)
        if header or fixed:
            fields["header"] = _words("header", given.text, given.values, fixed)
        return {"method": "SendMessage", "msg_type": "HSM", "msg": words, **fields}
    slot = f"header {header.kind}"
    if header.kind in ("location", "audio"):
        raise Unsupported(f"{slot}: Gupshup's Enterprise API takes text, image, video and document headers")
    media = needed_media(header.media, slot)
    return {**_media(header.kind, media.url, words, media.filename), **fields}


def _registered(kind: str, registered: Components) -> str:
    return next((text(part, "text") for part in registered if text(part, "type") == kind), "")


def _words(part: str, rendered: str, values: Sequence[Value], registered: str) -> str:
    """The text that Gupshup is to find the template by.

    CleverTap has put the values in; the registered text serves where one of them had to be cleaned,
    or where there is no rendered text.
    """
    slots = [f"{part} variable {value.name or position}" for position, value in enumerate(values, 1)]
    cleaned = [parameter_text(value, slot) for value, slot in zip(values, slots, strict=True)]
    untouched = cleaned == [value.text for value in values]
    if rendered.strip() and (untouched or not registered):
        return rendered
    if not registered:
        raise Unsupported(f"{part}: its rendered text is missing; import the provider's templates")
    return filled(registered, values, part)


def _buttons(buttons: Sequence[Button]) -> Form:
    fields: Form = {}
    for button in buttons:
        where = f"button {button.index}"
        if button.kind == "copy_code":
            raise Unsupported(f"{where}: a copy code, for which {NO_FIELD}")
        if button.kind == "quick_reply" and button.value:
            raise Unsupported(f"{where}: Gupshup's Enterprise API has no known field for a payload")
        if button.kind != "dynamic_url":
            continue
        if fields:
            raise Unsupported(f"{where}: Gupshup's Enterprise API takes one URL suffix")
        fields["buttonUrlParam"] = button_value(button)
    return fields


def freeform(content: Freeform) -> Form:
    """The fields of a message in the 24-hour window."""
    session = {"isHSM": "false"}
    if content.kind == "location":
        raise Unsupported(f"location: {NO_FIELD}")
    if content.kind == "text":
        if not content.text.strip():
            raise Unsupported("text: the message is empty")
        return {"method": "SendMessage", "msg_type": "TEXT", "msg": content.text, **session}
    media = needed_media(content.media, content.kind)
    if media.caption and content.kind == "audio":
        raise Unsupported("audio: WhatsApp shows no caption with it")
    return {**_media(content.kind, media.url, media.caption, media.filename), **session}


def _media(kind: str, url: str, caption: str, filename: str) -> Form:
    fields = {"method": "SendMediaMessage", "msg_type": kind.upper(), "media_url": url, "caption": caption}
    if kind == "document":
        fields["filename"] = filename
    return {name: value for name, value in fields.items() if value}
