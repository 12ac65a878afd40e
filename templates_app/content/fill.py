"""Values for a template's slots made into a message, as CleverTap makes one from a campaign's."""

from collections.abc import Mapping, Sequence
from typing import Any

from lib.reading import number, text
from providers.messages import Button, Card, Header, Location, Media, Offer, TemplateContent, Value
from templates_app.content.components import (
    PLACEHOLDER,
    Component,
    Shape,
    Slot,
    buttons,
    cards,
    levels,
    part,
    shape,
    slots,
)

SAMPLE_MEDIA = {
    "image": "https://www.example.com/sample.png",
    "video": "https://www.example.com/sample.mp4",
    "document": "https://www.example.com/sample.pdf",
}
SAMPLE_CODE = "SAMPLE10"
SAMPLE_PLACE = "0, 0"  # CleverTap sends coordinates alone
DAY = 86_400_000


def samples(components: Sequence[Component], now_ms: int) -> dict[str, str]:
    """What CleverTap fills in when a template is saved: "0", "1", …, the samples of media and codes, and
    URLs as they are registered, with their placeholder."""
    values = {
        f"{at}button.{n}": text(each, "url")
        for at, level in levels(components)
        for n, each in enumerate(level)
    }
    for slot in slots(components):
        if slot.kind != "url":
            start, body, _ = slot.path.partition("body.")
            position = sum(path.startswith(start + body) for path in values) if body else 0
            values[slot.path] = _sample(slot, position, now_ms)
    return values


def _sample(slot: Slot, position: int, now_ms: int) -> str:
    if slot.kind in SAMPLE_MEDIA:
        return media_sample(slot)
    others = {
        "text": str(position),
        "code": slot.example or SAMPLE_CODE,
        "location": SAMPLE_PLACE,
        "expiry": str(now_ms + DAY),
    }
    return others.get(slot.kind, "")


def media_sample(slot: Slot) -> str:
    """The template's sample, where it is a URL and not one of Meta's upload handles."""
    return slot.example if slot.example.startswith(("http://", "https://")) else SAMPLE_MEDIA[slot.kind]


def fill(
    name: str, language: str, components: Sequence[Component], values: Mapping[str, str]
) -> TemplateContent:
    """The message with the values by slot. An offer's end is in epoch milliseconds; a location is
    `latitude, longitude, name, address`, of which the last two may be left out."""
    offer = part(components, "LIMITED_TIME_OFFER")
    parts = _parts(components, values, "")
    return TemplateContent(
        name=name,
        namespace=name,
        language=language,
        footer=text(part(components, "FOOTER"), "text"),
        offer=Offer(text(offer, "limited_time_offer", "text"), int(values.get("offer") or 0))
        if offer
        else None,
        cards=tuple(Card(**_parts(card, values, f"card.{n}.")) for n, card in enumerate(cards(components))),
        **parts,
    )


def _parts(components: Sequence[Component], values: Mapping[str, str], at: str) -> dict[str, Any]:
    wanted = shape(components)
    body = text(part(components, "BODY"), "text")
    return {
        "header": _header(components, wanted, values, at),
        "body": _values(wanted.body, values, f"{at}body."),
        "body_text": _rendered(body, values, f"{at}body."),
        "buttons": tuple(
            _button(index, each, asks.kind, values.get(f"{at}button.{index}", ""))
            for index, (each, asks) in enumerate(zip(buttons(components), wanted.buttons, strict=True))
        ),
    }


def _header(
    components: Sequence[Component], wanted: Shape, values: Mapping[str, str], at: str
) -> Header | None:
    if not wanted.header:
        return None
    value = values.get(f"{at}header", "")
    if wanted.header == "text":
        words = _rendered(text(part(components, "HEADER"), "text"), values, f"{at}header.")
        return Header("text", text=words, values=_values(wanted.header_variables, values, f"{at}header."))
    if wanted.header == "location":
        return Header("location", location=place(value))
    return Header(wanted.header, media=Media(value))  # type: ignore[arg-type]


def place(value: str) -> Location | None:
    """`latitude, longitude, name, address` as a location; None when it does not begin with two numbers."""
    pieces = [piece.strip() for piece in value.split(",", 3)] + [""] * 3
    latitude, longitude = number(pieces[0]), number(pieces[1])
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return Location(latitude, longitude, pieces[2], pieces[3])


def _values(names: Sequence[str], values: Mapping[str, str], at: str) -> tuple[Value, ...]:
    """Without their names, which CleverTap does not send."""
    return tuple(Value(values.get(f"{at}{name}", "")) for name in names)


def _rendered(words: str, values: Mapping[str, str], at: str) -> str:
    return PLACEHOLDER.sub(lambda found: values.get(f"{at}{found[1]}", ""), words)


def _button(index: int, button: Component, kind: str, value: str) -> Button:
    fixed = {"static_url": text(button, "url"), "call": text(button, "phone_number")}
    return Button(index, kind, text=text(button, "text"), value=fixed.get(kind, value))  # type: ignore[arg-type]
