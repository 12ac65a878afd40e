"""A message as its recipient saw it: its content in, a WhatsApp bubble out. Pure."""

from collections.abc import Callable, Iterator, Sequence

from providers.messages import Content, Freeform, Header, TemplateContent, Value
from templates_app.content import drift
from templates_app.content.components import Component
from templates_app.content.preview import Bubble, bubble, formatted

Veil = Callable[[str], str]  # what hides phone numbers in a text


def bubble_of(content: Content, components: Sequence[Component] | None, veil: Veil) -> Bubble:
    """Uses the template's components. If the template is not registered, uses what the message shows of
    them."""
    if isinstance(content, Freeform):
        return _freeform(content, veil)
    values = {slot: veil(value) for slot, value in values_of(content)}
    return bubble(drift.guessed(content) if components is None else components, values)


def values_of(content: TemplateContent) -> Iterator[tuple[str, str]]:
    """The values by slot, as `fill` takes them: `body.1`, `header`, `card.0.button.1`."""
    levels = [("", content.header, content.body, content.buttons)]
    levels += [(f"card.{n}.", card.header, card.body, card.buttons) for n, card in enumerate(content.cards)]
    for at, header, body, buttons in levels:
        yield from _numbered(body, f"{at}body.")
        if header is not None:
            yield from _numbered(header.values, f"{at}header.")
            yield f"{at}header", _source(header)
        for button in buttons:
            yield f"{at}button.{button.index}", button.value
    if content.offer and content.offer.expires_ms:
        yield "offer", str(content.offer.expires_ms)


def _numbered(values: Sequence[Value], at: str) -> Iterator[tuple[str, str]]:
    for number, value in enumerate(values, 1):
        yield f"{at}{value.name or number}", value.text


def _source(header: Header) -> str:
    if header.location is not None:
        return header.location.name or f"{header.location.latitude}, {header.location.longitude}"
    return header.media.url if header.media else ""


def _freeform(content: Freeform, veil: Veil) -> Bubble:
    kind = "" if content.kind == "text" else content.kind
    words = content.text or (content.media.caption if content.media else "")
    source = content.media.url if content.media else ""
    if content.location is not None:
        source = content.location.name or f"{content.location.latitude}, {content.location.longitude}"
    return Bubble(kind=kind, source=veil(source), icon="attach_file", body=formatted(veil(words)))
