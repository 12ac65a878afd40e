"""What a template's components ask of a message: its slots, and whether a message fills them.

Components are Meta's ("Message templates": HEADER, BODY, FOOTER, BUTTONS, LIMITED_TIME_OFFER,
CAROUSEL). They are kept as they came; everything here reads them tolerantly.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from msgspec import Struct

from lib.reading import at, first, objects, text
from providers.messages import Button, Card, Header, TemplateContent, Value

Component = dict[str, Any]

PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
LONGEST_CODE = 15  # characters of a copy code, as Meta has it
MEDIA = {"IMAGE": "image", "VIDEO": "video", "DOCUMENT": "document"}
KINDS = frozenset({"HEADER", "BODY", "FOOTER", "BUTTONS", "LIMITED_TIME_OFFER", "CAROUSEL"})
FORMATS = frozenset({"TEXT", "LOCATION", *MEDIA})
# CleverTap's name of a button that fills what Meta's type asks for.
BUTTON_KINDS = {
    "URL": "dynamic_url",
    "QUICK_REPLY": "quick_reply",
    "PHONE_NUMBER": "call",
    "COPY_CODE": "copy_code",
}
# For other buttons, such as OTP, it is unknown what CleverTap would send.
_CHECKED = frozenset({"static_url", *BUTTON_KINDS.values()})


class Slot(Struct, frozen=True):
    """One value that a message brings. `path` is `header`, `body.1`, `button.0`, `card.2.body.name`, …

    `kind` is text, image, video, document, location, url, payload, code or expiry.
    """

    path: str
    kind: str
    label: str
    example: str = ""
    required: bool = True


class ButtonShape(NamedTuple):
    """What a message's button is checked against."""

    kind: str
    text: str
    takes_value: bool


class Shape(Struct, frozen=True):
    """What the values of a message, or of one card, are checked against."""

    header: str = ""  # "", text, image, video, document or location
    header_variables: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    buttons: tuple[ButtonShape, ...] = ()
    expires: bool = False
    cards: tuple["Shape", ...] = ()


def variables(words: str) -> tuple[str, ...]:
    """The names of the variables in a text, each once: numbers in order, names as mentioned."""
    found = dict.fromkeys(PLACEHOLDER.findall(words))
    # By length first, which sorts numbers without converting them: they may be very long.
    numbered = all(name.isdecimal() for name in found)
    return tuple(sorted(found, key=lambda name: (len(name), name)) if numbered else found)


def part(components: Sequence[Component], kind: str) -> Component:
    """The component of that type; an empty one when there is none."""
    return next((each for each in components if text(each, "type").upper() == kind), {})


def buttons(components: Sequence[Component]) -> list[Component]:
    return objects(part(components, "BUTTONS"), "buttons")


def cards(components: Sequence[Component]) -> list[list[Component]]:
    """The components of each card."""
    return [objects(card, "components") for card in objects(part(components, "CAROUSEL"), "cards")]


def kind_of(components: Sequence[Component]) -> str:
    """`carousel`, `limited-time offer` or `basic`."""
    if part(components, "CAROUSEL"):
        return "carousel"
    return "limited-time offer" if part(components, "LIMITED_TIME_OFFER") else "basic"


def levels(components: Sequence[Component]) -> Iterator[tuple[str, list[Component]]]:
    """The buttons of the template and of each card, with what their paths begin with: "", `card.0.`"""
    yield "", buttons(components)
    for number, card in enumerate(cards(components)):
        yield f"card.{number}.", buttons(card)


def dynamic_urls(components: Sequence[Component]) -> dict[str, str]:
    """Path of each URL button with a variable (button.0, card.1.button.0) → its URL."""
    return {
        f"{prefix}button.{index}": text(button, "url")
        for prefix, level in levels(components)
        for index, button in enumerate(level)
        if "{{" in text(button, "url")
    }


def holding(components: Sequence[Component], domain: str) -> list[str]:
    """The paths of the dynamic URL buttons whose URL holds the domain."""
    if not domain:
        return []
    return [path for path, url in dynamic_urls(components).items() if domain.lower() in url.lower()]


def unsupported(category: str, components: Sequence[Component]) -> str:
    """Why CleverTap cannot use the template; empty when it can.

    Source: CleverTap, "WhatsApp Message Templates": authentication and product templates are not
    supported, and a flow exists only for its own integration.
    """
    if category.upper() == "AUTHENTICATION":
        return "authentication templates"
    if not components:
        return "a template without components"
    for level in (components, *cards(components)):
        for each in level:
            kind, form = text(each, "type").upper(), text(each, "format").upper()
            if kind not in KINDS:
                return f"the component {kind.lower() or 'without a type'}"
            if kind == "HEADER" and form not in FORMATS:
                return f"the header format {form.lower()}"
        for button in buttons(level):
            if text(button, "type").upper() not in BUTTON_KINDS:
                return f"the button type {text(button, 'type').lower() or 'without a type'}"
    return ""


def has_text(components: Sequence[Component]) -> bool:
    """Whether they have the text that every template has. Some BSPs' lists leave it out, and then it is
    unknown which values the template needs."""
    return bool(text(part(components, "BODY"), "text"))


def shape(components: Sequence[Component]) -> Shape:
    header = part(components, "HEADER")
    form = text(header, "format").upper() or ("TEXT" if header else "")
    return Shape(
        header=MEDIA.get(form, form.lower()),
        header_variables=variables(text(header, "text")),
        body=variables(text(part(components, "BODY"), "text")),
        buttons=tuple(_button(each) for each in buttons(components)),
        expires=at(part(components, "LIMITED_TIME_OFFER"), "limited_time_offer", "has_expiration") is True,
        cards=tuple(shape(card) for card in cards(components)),
    )


def _button(button: Component) -> ButtonShape:
    raw = text(button, "type").upper()
    dynamic = "{{" in text(button, "url")
    kind = "static_url" if raw == "URL" and not dynamic else BUTTON_KINDS.get(raw, raw.lower())
    return ButtonShape(kind, text(button, "text"), takes_value=kind in ("dynamic_url", "copy_code"))


def slots(components: Sequence[Component]) -> list[Slot]:
    """Every value a message may bring, in the order a person would fill them in."""
    found = list(_slots(components, "", ""))
    for number, card in enumerate(cards(components)):
        found += _slots(card, f"card.{number}.", f"Card {number + 1}, ")
    return found


def _slots(components: Sequence[Component], prefix: str, lead: str) -> Iterator[Slot]:
    wanted = shape(components)
    if wanted.header == "text":
        examples = _examples(part(components, "HEADER"), "header_text", wanted.header_variables)
        for name in wanted.header_variables:
            yield Slot(
                f"{prefix}header.{name}", "text", f"{lead}header {{{{{name}}}}}", examples.get(name, "")
            )
    elif wanted.header:
        handles = _examples(part(components, "HEADER"), "header_handle", ("",))
        yield Slot(f"{prefix}header", wanted.header, f"{lead}header {wanted.header}", handles.get("", ""))
    examples = _examples(part(components, "BODY"), "body_text", wanted.body)
    for name in wanted.body:
        yield Slot(f"{prefix}body.{name}", "text", f"{lead}body {{{{{name}}}}}", examples.get(name, ""))
    if wanted.expires:
        yield Slot(f"{prefix}offer", "expiry", f"{lead}offer expires at")
    kinds = {"dynamic_url": "url", "copy_code": "code", "quick_reply": "payload"}
    for index, (button, asks) in enumerate(zip(buttons(components), wanted.buttons, strict=True)):
        if asks.kind in kinds:
            label = f"{lead}button {index + 1} {asks.text}".rstrip()
            path = f"{prefix}button.{index}"
            yield Slot(path, kinds[asks.kind], label, _example_of(button), asks.takes_value)


def _examples(component: Component, key: str, names: Sequence[str]) -> dict[str, str]:
    """Meta's samples by the variables' names. Named samples come as objects with a name each, in any
    order. The others come in the order of the variables: `[[…]]`, `[…]`, one text, or `[[…], […]]` with
    a sample in each."""
    named = objects(component, "example", f"{key}_named_params")
    if named:
        return {text(one, "param_name"): text(one, "example") for one in named}
    found = at(component, "example", key)
    if isinstance(found, list) and found and all(isinstance(one, list) and len(one) == 1 for one in found):
        found = [one[0] for one in found]
    while isinstance(found, list) and found and isinstance(found[0], list):
        found = found[0]
    samples = [text(one) for one in found] if isinstance(found, list) else [text(found)]
    return dict(zip(names, samples, strict=False))


def _example_of(button: Component) -> str:
    found = at(button, "example")
    return first(text(found, 0), text(found))


def problems(content: TemplateContent, wanted: Shape, now_ms: int) -> Iterator[str]:
    """What does not fit, each beginning with the slot's name. `now_ms` is epoch milliseconds."""
    yield from _part_problems(content.header, content.body, content.buttons, wanted, "")
    if wanted.expires:
        expires = content.offer.expires_ms if content.offer else 0
        if not expires:
            yield "limited_time_offer: expiration_time_ms is missing"
        elif expires <= now_ms:
            yield "limited_time_offer: expiration_time_ms is in the past"
    if len(content.cards) != len(wanted.cards):
        yield f"carousel: the template has {len(wanted.cards)} cards, the message has {len(content.cards)}"
        return
    for number, (card, card_wanted) in enumerate(zip(content.cards, wanted.cards, strict=True)):
        yield from _card_problems(card, card_wanted, f"card {number}, ")


def _card_problems(card: Card, wanted: Shape, where: str) -> Iterator[str]:
    yield from _part_problems(card.header, card.body, card.buttons, wanted, where)


def _part_problems(
    header: Header | None, body: Sequence[Value], given: Sequence[Button], wanted: Shape, where: str
) -> Iterator[str]:
    yield from _header_problems(header, wanted, where)
    yield from _value_problems("body", body, wanted.body, where)
    by_index = {button.index: button for button in given}
    for index, (kind, words, needs_value) in enumerate(wanted.buttons):
        button = by_index.pop(index, None)
        name = f"{where}button {index} ({words})" if words else f"{where}button {index}"
        if button is None:
            if needs_value:
                yield f"{name}: {_missing(kind)}"
        elif needs_value and (button.kind != kind or not button.value.strip()):
            yield f"{name}: {_missing(kind)}"
        elif kind == "dynamic_url" and "{{" in button.value:
            yield f"{name}: the URL suffix still holds a placeholder"
        elif kind == "copy_code" and len(button.value) > LONGEST_CODE:
            yield f"{name}: the code is longer than {LONGEST_CODE} characters"
        elif button.kind in ("dynamic_url", "copy_code") and button.kind != kind and kind in _CHECKED:
            yield f"{name}: the template has a {kind.replace('_', ' ')} button here"
    for index, button in by_index.items():
        if button.kind in ("dynamic_url", "copy_code"):
            yield f"{where}button {index}: the template has no such button"


def _missing(kind: str) -> str:
    return "the URL suffix is missing" if kind == "dynamic_url" else "the code is missing"


def _header_problems(header: Header | None, wanted: Shape, where: str) -> Iterator[str]:
    kind = header.kind if header else ""
    if wanted.header in ("", "text"):
        if kind not in ("", "text"):
            yield f"{where}header: the template has {'a text' if wanted.header else 'no'} header, not {kind}"
            return
        yield from _value_problems("header", header.values if header else (), wanted.header_variables, where)
    elif kind != wanted.header:
        yield f"{where}header: the template needs {_article(wanted.header)} header, not {kind or 'none'}"
    elif wanted.header != "location" and (header is None or header.media is None or not header.media.url):
        yield f"{where}header {kind}: the media URL is missing"


def _article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _value_problems(name: str, values: Sequence[Value], wanted: Sequence[str], where: str) -> Iterator[str]:
    named = {value.name for value in values if value.name}
    if named and named <= set(wanted):
        missing = [each for each in wanted if each not in named]
        if missing:
            yield f"{where}{name} variable {missing[0]}: missing"
    elif len(values) != len(wanted):
        yield f"{where}{name}: the template has {len(wanted)} variables, the message has {len(values)}"
    for each, value in zip(wanted, values, strict=False):
        if not value.text.strip():
            yield f"{where}{name} variable {value.name or each}: empty"
