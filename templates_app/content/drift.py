"""How a message that CleverTap sends differs from its template, and a template guessed from a message."""

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from lib.reading import text
from providers.messages import Button, Card, Header, TemplateContent, Value
from templates_app.content import components as parts_of
from templates_app.content.components import PLACEHOLDER, Component, buttons, cards, part, shape

_SPACES = re.compile(r"\s+")


class Difference(Struct, frozen=True):
    """One place where the two do not agree. `registered` is rendered with the values that were sent."""

    where: str
    registered: str
    sent: str


def differences(components: Sequence[Component], content: TemplateContent) -> list[Difference]:
    """Where a message says something else than the template would.

    The BSP sends the template's own words, so the person gets what is registered, while CleverTap
    shows its marketers what it sent. Only what the message spells out is compared.
    """
    found = list(_differences(components, content.header, content.body, content.body_text, ""))
    found += _unlike("footer", text(part(components, "FOOTER"), "text"), content.footer)
    found += _button_differences(components, content.buttons, "")
    for number, (card, sent) in enumerate(zip(cards(components), content.cards, strict=False)):
        where = f"card {number + 1}, "
        found += _differences(card, sent.header, sent.body, sent.body_text, where)
        found += _button_differences(card, sent.buttons, where)
    found += [
        Difference("values", problem, "") for problem in parts_of.problems(content, shape(components), 0)
    ]
    return found


def _differences(
    components: Sequence[Component], header: Header | None, body: Sequence[Value], body_text: str, where: str
) -> Iterator[Difference]:
    if header is not None and header.kind == "text":
        words = _filled(text(part(components, "HEADER"), "text"), header.values)
        yield from _unlike(f"{where}header", words, header.text)
    yield from _unlike(f"{where}body", _filled(text(part(components, "BODY"), "text"), body), body_text)


def _button_differences(
    components: Sequence[Component], sent: Sequence[Button], where: str
) -> Iterator[Difference]:
    registered = buttons(components)
    for button in sent:
        if button.index < len(registered):
            words = text(registered[button.index], "text")
            yield from _unlike(f"{where}button {button.index + 1}", words, button.text)


def _unlike(where: str, registered: str, sent: str) -> Iterator[Difference]:
    if sent and _even(registered) != _even(sent):
        yield Difference(where, registered, sent)


def _even(words: str) -> str:
    return _SPACES.sub(" ", words).strip()


def _filled(words: str, values: Sequence[Value]) -> str:
    given = {value.name: value.text for value in values if value.name}
    names = parts_of.variables(words)
    given |= {name: value.text for name, value in zip(names, values, strict=False) if not value.name}
    return PLACEHOLDER.sub(lambda found: given.get(found[1], found[0]), words)


# The other way round


def guessed(content: TemplateContent) -> list[Component]:
    """Components that such a message fits. A person completes what the message does not show: a URL button's
    address is only its variable, a button that it skips is a quick reply "?"."""
    found = _guessed(content.header, content.body, content.body_text, content.buttons)
    if content.footer:
        found.insert(-1 if content.buttons else len(found), {"type": "FOOTER", "text": content.footer})
    if content.offer:
        offer = {"text": content.offer.text, "has_expiration": bool(content.offer.expires_ms)}
        found.append({"type": "LIMITED_TIME_OFFER", "limited_time_offer": offer})
    if content.cards:
        found.append({"type": "CAROUSEL", "cards": [_guessed_card(card) for card in content.cards]})
    return found


def _guessed_card(card: Card) -> Component:
    return {"components": _guessed(card.header, card.body, card.body_text, card.buttons)}


def _guessed(
    header: Header | None, body: Sequence[Value], body_text: str, sent: Sequence[Button]
) -> list[Component]:
    found: list[Component] = []
    if header is not None:
        found.append(_guessed_header(header))
    if body or body_text:
        words = _with_variables(body_text, body)
        example = {"example": {"body_text": [[value.text for value in body]]}} if body else {}
        found.append({"type": "BODY", "text": words} | example)
    if sent:
        by_index = {button.index: button for button in sent}
        rows = [_guessed_button(by_index.get(index)) for index in range(max(by_index) + 1)]
        found.append({"type": "BUTTONS", "buttons": rows})
    return found


def _guessed_header(header: Header) -> Component:
    if header.kind == "text":
        example = {"example": {"header_text": [value.text for value in header.values]}}
        words = _with_variables(header.text, header.values)
        return {"type": "HEADER", "format": "TEXT", "text": words} | (example if header.values else {})
    example = {"example": {"header_handle": [header.media.url]}} if header.media else {}
    return {"type": "HEADER", "format": header.kind.upper()} | example


def _with_variables(words: str, values: Sequence[Value]) -> str:
    """The words with each value's own text replaced by its variable, the longest first; a value
    that is not to be found is added at the end."""
    names = [value.name or str(number) for number, value in enumerate(values, 1)]
    order = sorted(range(len(values)), key=lambda n: len(values[n].text), reverse=True)
    missing = []
    for n in order:
        # Replaced by marks until all are placed: a later value may look like the number of a variable.
        before, found, after = words.partition(values[n].text) if values[n].text else ("", "", "")
        if found:
            words = f"{before}\0{n}\0{after}"
        else:
            missing.append(n)
    words = " ".join([*([words] if words else []), *(f"\0{n}\0" for n in sorted(missing))])
    for n, name in enumerate(names):
        words = words.replace(f"\0{n}\0", f"{{{{{name}}}}}")
    return words


def _guessed_button(button: Button | None) -> Component:
    if button is None:
        return {"type": "QUICK_REPLY", "text": "?"}
    if button.kind == "dynamic_url":
        return {"type": "URL", "text": button.text, "url": "{{1}}", "example": [button.value]}
    if button.kind == "static_url":
        return {"type": "URL", "text": button.text, "url": button.value}
    if button.kind == "call":
        return {"type": "PHONE_NUMBER", "text": button.text, "phone_number": button.value}
    if button.kind == "copy_code":
        return {"type": "COPY_CODE", "text": button.text, "example": button.value}
    return {"type": "QUICK_REPLY", "text": button.text or "?"}
