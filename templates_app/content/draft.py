"""A template as the editor holds it: Meta's components taken apart into what a person fills in.

`read` and `write` are each other's inverse for what the editor knows; what it does not know (other
components, further keys, other button types) stays in `kept` and is written back unchanged.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct, field, to_builtins

from lib.reading import at, objects, text
from templates_app.content.components import KINDS, MEDIA, Component, buttons, kind_of, part, slots, variables

_WRITTEN = frozenset({"type", "format", "text", "example"})
_BUTTON_KEYS = frozenset({"type", "text", "url", "phone_number", "example"})


class Header(Struct):
    """`format` is Meta's, empty for none. `media` is a sample's URL."""

    format: str = ""
    text: str = ""
    examples: dict[str, str] = field(default_factory=dict)
    media: str = ""


class Words(Struct):
    """A text, and an example by name for each of its variables."""

    text: str = ""
    examples: dict[str, str] = field(default_factory=dict)


class Button(Struct):
    """`type` is Meta's. `tracked`: the URL becomes a short link of ours in every message."""

    type: str
    text: str = ""
    url: str = ""
    phone: str = ""
    example: str = ""
    tracked: bool = False
    kept: Component = field(default_factory=dict)


class Card(Struct):
    """`kept` holds the components as they came, by type; `others` those of types unknown here."""

    header: Header = field(default_factory=Header)
    body: Words = field(default_factory=Words)
    buttons: list[Button] = field(default_factory=list)
    kept: dict[str, Component] = field(default_factory=dict)
    others: list[Component] = field(default_factory=list)


class Draft(Card):
    kind: str = "basic"
    footer: str = ""
    offer: str = ""
    expires: bool = False
    cards: list[Card] = field(default_factory=list)


def read(components: Sequence[Component], tracked: Iterable[str] = ()) -> Draft:
    """The draft of a template. `tracked` are the paths of its tracked buttons."""
    paths = frozenset(tracked)
    examples = {slot.path: slot.example for slot in slots(components)}
    draft = Draft()
    _read_level(draft, components, examples, paths, "")
    offer = part(components, "LIMITED_TIME_OFFER")
    draft.kind = kind_of(components)
    draft.footer = text(part(components, "FOOTER"), "text")
    draft.offer = text(offer, "limited_time_offer", "text")
    draft.expires = at(offer, "limited_time_offer", "has_expiration") is True
    for number, each in enumerate(objects(part(components, "CAROUSEL"), "cards")):
        card = Card()
        _read_level(card, objects(each, "components"), examples, paths, f"card.{number}.")
        draft.cards.append(card)
    return draft


def _read_level(
    level: Card, components: Sequence[Component], examples: dict[str, str], tracked: frozenset[str], at: str
) -> None:
    header, body = part(components, "HEADER"), part(components, "BODY")
    words = text(header, "text")
    level.header = Header(
        format=text(header, "format").upper() or ("TEXT" if header else ""),
        text=words,
        examples={name: examples.get(f"{at}header.{name}", "") for name in variables(words)},
        media=examples.get(f"{at}header", ""),
    )
    words = text(body, "text")
    level.body = Words(words, {name: examples.get(f"{at}body.{name}", "") for name in variables(words)})
    level.buttons = [
        Button(
            type=text(each, "type").upper(),
            text=text(each, "text"),
            url=text(each, "url"),
            phone=text(each, "phone_number"),
            example=_example(each),
            tracked=f"{at}button.{index}" in tracked,
            kept=each,
        )
        for index, each in enumerate(buttons(components))
    ]
    level.kept = {kind: found for kind in sorted(KINDS - {"CAROUSEL"}) if (found := part(components, kind))}
    level.others = [each for each in components if text(each, "type").upper() not in KINDS]


def write(draft: Draft) -> tuple[list[Component], list[str]]:
    """The components in Meta's usual order, and the paths of the tracked buttons."""
    tracked: list[str] = []
    offer: list[Component] = []
    if draft.kind == "limited-time offer":
        kept = draft.kept.get("LIMITED_TIME_OFFER", {})
        terms = {"text": draft.offer, "has_expiration": draft.expires}
        before = at(kept, "limited_time_offer")
        terms = (before if isinstance(before, dict) else {}) | terms
        offer = [{**kept, "type": "LIMITED_TIME_OFFER", "limited_time_offer": terms}]
    components = [*_header(draft), *offer, *_body(draft), *_footer(draft), *_buttons(draft, tracked, "")]
    if draft.kind == "carousel":
        cards = []
        for number, card in enumerate(draft.cards):
            level = [*_header(card), *_body(card), *_buttons(card, tracked, f"card.{number}."), *card.others]
            cards.append({"components": level})
        components.append({"type": "CAROUSEL", "cards": cards})
    return [*components, *draft.others], tracked


def _header(level: Card) -> list[Component]:
    header = level.header
    if not header.format:
        return []
    kept = level.kept.get("HEADER", {})
    if header.format != "TEXT" and header.format not in MEDIA:
        same = text(kept, "format").upper() == header.format
        return [kept if same else {"type": "HEADER", "format": header.format}]
    found: Component = _rest(kept, _WRITTEN) | {"type": "HEADER", "format": header.format}
    if header.format == "TEXT":
        found["text"] = header.text
        return [found | _examples("header_text", header.text, header.examples, nested=False)]
    return [found | ({"example": {"header_handle": [header.media]}} if header.media else {})]


def _body(level: Card) -> list[Component]:
    found = _worded(level, "BODY", level.body.text)
    return [
        each | _examples("body_text", level.body.text, level.body.examples, nested=True) for each in found
    ]


def _footer(draft: Draft) -> list[Component]:
    return _worded(draft, "FOOTER", draft.footer)


def _worded(level: Card, kind: str, words: str) -> list[Component]:
    """A component that is its text. Those of authentication templates have none and stay."""
    kept = level.kept.get(kind, {})
    if not words:
        return [kept] if kept and not text(kept, "text") else []
    return [_rest(kept, _WRITTEN) | {"type": kind, "text": words}]


def _examples(key: str, words: str, examples: dict[str, str], *, nested: bool) -> Component:
    """Meta's samples of a text's variables: a list in their order, or named ones."""
    names = variables(words)
    if not any(examples.get(name) for name in names):
        return {}
    if not all(name.isdecimal() for name in names):
        named = [{"param_name": name, "example": examples.get(name, "")} for name in names]
        return {"example": {f"{key}_named_params": named}}
    values = [examples.get(name, "") for name in names]
    return {"example": {key: [values] if nested else values}}


def _buttons(level: Card, tracked: list[str], at: str) -> list[Component]:
    if not level.buttons:
        return []
    written = []
    for index, button in enumerate(level.buttons):
        written.append(_button(button))
        if button.tracked and button.type == "URL" and "{{" in button.url:
            tracked.append(f"{at}button.{index}")
    return [{**level.kept.get("BUTTONS", {}), "type": "BUTTONS", "buttons": written}]


def _button(button: Button) -> Component:
    kept = button.kept if text(button.kept, "type").upper() == button.type else {}
    rest: dict[str, Any] = _rest(kept, _BUTTON_KEYS) | {"type": button.type}
    label = {"text": button.text} if button.text else {}
    if button.type == "URL":
        example = _sample(kept, button, [button.example]) if "{{" in button.url else {}
        return rest | {"text": button.text, "url": button.url} | example
    if button.type == "PHONE_NUMBER":
        return rest | {"text": button.text, "phone_number": button.phone}
    if button.type == "COPY_CODE":
        return rest | label | _sample(kept, button, button.example)
    if button.type == "QUICK_REPLY":
        return rest | {"text": button.text}
    return kept | {"type": button.type} | label


def _sample(kept: Component, button: Button, fresh: str | list[str]) -> Component:
    """The example, in the shape it came in while it is the same: a text or a list of one."""
    if not button.example:
        return {}
    return {"example": kept["example"] if _example(kept) == button.example else fresh}


def _example(button: Component) -> str:
    return text(button, "example", 0) or text(button, "example")


def _rest(component: Component, known: frozenset[str]) -> Component:
    return {key: value for key, value in component.items() if key not in known}


def plain(draft: Draft) -> dict[str, Any]:
    """The draft as JSON has it."""
    found: dict[str, Any] = to_builtins(draft)
    return found
