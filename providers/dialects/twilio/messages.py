"""The form fields that make a message for Twilio: a content template's variables, or freeform.

Source: Twilio, "Messages resource" and "Send templates created with the Content Template Builder".
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from lib.reading import at, text
from providers.dialects.cloud_api.messages import button_value, coordinate, needed_media, parameter_text
from providers.dialects.placeholders import numbered
from providers.dialects.twilio.templates import variables
from providers.messages import (
    Button,
    Freeform,
    Header,
    Registered,
    TemplateContent,
    Unsupported,
    Value,
)

LONGEST_BODY = 1600

Slots = Mapping[str, Any]


class _Filled(NamedTuple):
    """What one of Twilio's variables is to be, and which part of the message says so."""

    variable: str
    value: str
    part: str


def template(content: TemplateContent, registered: Registered | None) -> dict[str, str]:
    """`ContentSid`, and `ContentVariables` where there are any. The slots are those of twilio_templates."""
    if content.offer is not None:
        raise Unsupported("limited-time offer: Twilio's content types have none")
    if content.header and content.header.kind == "location":
        raise Unsupported("header location: Twilio's templates have none")
    slots = at(registered.details, "slots") if registered else None
    if registered is None or not registered.bsp_id or not isinstance(slots, dict):
        raise Unsupported(
            f"template {content.name} ({content.language}): Twilio's id and numbering of it are not known "
            "here; import the provider's templates"
        )
    values = _values(numbered(content, registered), slots)
    fields = {"ContentSid": registered.bsp_id}
    if values:
        fields["ContentVariables"] = msgspec.json.encode(values, order="sorted").decode()
    return fields


def freeform(content: Freeform) -> dict[str, str]:
    """`Body`, `MediaUrl` or `PersistentAction`. WhatsApp names a document after its URL."""
    if content.kind == "location":
        return _location(content)
    if content.kind == "text":
        if not content.text.strip():
            raise Unsupported("text: the message is empty")
        return {"Body": _short(content.text, "text")}
    media = needed_media(content.media, content.kind)
    if media.caption and content.kind == "audio":
        raise Unsupported("audio: WhatsApp shows no caption with it")
    caption = {"Body": _short(media.caption, f"{content.kind} caption")} if media.caption else {}
    return caption | {"MediaUrl": media.url}


def _location(content: Freeform) -> dict[str, str]:
    """`geo:latitude,longitude|label`. Twilio takes no message without Body or media."""
    place = content.location
    if place is None:
        raise Unsupported("location: latitude and longitude are missing")
    point = f"{coordinate(place.latitude)},{coordinate(place.longitude)}"
    label = place.address or place.name
    action = f"geo:{point}|{label}" if label else f"geo:{point}"
    return {"Body": _short(place.name or place.address or point, "location name"), "PersistentAction": action}


def _short(words: str, part: str) -> str:
    if len(words) > LONGEST_BODY:
        raise Unsupported(f"{part}: Twilio takes {LONGEST_BODY} characters")
    return words


def _values(content: TemplateContent, slots: Slots) -> dict[str, str]:
    """A value for every variable of the template: Twilio would show its sample for one left out."""
    filled = list(_part(content.header, content.body, content.buttons, slots, "", ""))
    for index, card in enumerate(content.cards):
        path, where = f"card.{index}.", f"card {index}, "
        filled += _part(card.header, card.body, card.buttons, slots, path, where)
    values: dict[str, str] = {}
    for one in filled:
        if values.setdefault(one.variable, one.value) != one.value:
            raise Unsupported(
                f"{one.part}: another part has Twilio's variable {one.variable} too, and another value for it"
            )
    for path, slot in slots.items():
        for variable in variables(slot):
            if default := text(slot, "default"):
                values.setdefault(variable, default)
            if variable not in values:
                raise Unsupported(f"{path}: no value was sent for Twilio's variable {variable}")
    return values


def _part(
    header: Header | None,
    body: tuple[Value, ...],
    buttons: tuple[Button, ...],
    slots: Slots,
    path: str,
    where: str,
) -> Iterator[_Filled]:
    if header is not None and header.kind == "text":
        yield from _texts("header", header.values, slots, path, where)
    elif header is not None:
        part = f"{where}header {header.kind}"
        if header.kind not in ("image", "video", "document"):
            raise Unsupported(f"{part}: Twilio's templates have none")
        media = needed_media(header.media, part)
        yield from _single(f"{part} {media.url}", media.url, slots.get(f"{path}media"))
    yield from _texts("body", body, slots, path, where)
    for button in buttons:
        slot, part = slots.get(f"{path}button.{button.index}"), f"{where}button {button.index}"
        if button.kind in ("dynamic_url", "copy_code"):
            yield from _single(part, button_value(button, where), slot)
        elif button.kind == "quick_reply" and button.value:
            yield from _single(part, button.value, slot)


def _texts(name: str, values: tuple[Value, ...], slots: Slots, path: str, where: str) -> Iterator[_Filled]:
    wanted = variables(slots.get(path + name, []))
    for position, value in enumerate(values, 1):
        part = f"{where}{name} variable {value.name or position}"
        if value.name:
            raise Unsupported(f"{part}: Twilio numbers its variables")
        if position > len(wanted):
            raise Unsupported(f"{part}: Twilio's template has {len(wanted)} variables here")
        yield _Filled(wanted[position - 1], parameter_text(value, part), part)


def _single(part: str, value: str, slot: object) -> Iterator[_Filled]:
    """The part of the value that stands for the variable; nothing where the template has just this value."""
    if not isinstance(slot, dict):
        raise Unsupported(f"{part}: Twilio's template takes no value here")
    variable, start, end = text(slot, "variable"), text(slot, "start"), text(slot, "end")
    if not variable:
        if value != start:
            raise Unsupported(f"{part}: Twilio's template always has {start} here")
        return
    inner = value.removeprefix(start).removesuffix(end)
    if not inner or value != start + inner + end:
        shape = f"{start}{{{{{variable}}}}}{end}"
        raise Unsupported(f"{part}: it does not fit Twilio's template, which has {shape} here")
    yield _Filled(variable, inner, part)
