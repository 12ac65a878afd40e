"""Cuts the values that CleverTap posts to what WhatsApp wants: the part that replaces the variable.

In buttons CleverTap posts either the suffix or the whole URL ("dynamicUrl" in its Generic WhatsApp
page), depending on how the template was entered there. In text headers that page names the whole
text only, and no parameters.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from lib.reading import text
from providers.messages import Button, Header, TemplateContent, Value
from templates_app.content.components import Component, cards, part, variables
from templates_app.content.components import buttons as buttons_of


def cut(content: TemplateContent, components: Sequence[Component]) -> TemplateContent:
    """The content with the suffix in each URL button and card whose URL the components tell, and with
    the value of a text header's variable."""
    header = _header(content.header, components)
    if header is content.header and not content.buttons and not content.cards:
        return content
    known = cards(components) if content.cards else []
    fitted = [
        replace(card, buttons=_cut(card.buttons, known[position] if position < len(known) else []))
        for position, card in enumerate(content.cards)
    ]
    buttons = _cut(content.buttons, components)
    return replace(content, header=header, buttons=buttons, cards=tuple(fitted))


def _header(header: Header | None, components: Sequence[Component]) -> Header | None:
    if header is None or header.kind != "text" or header.values or not header.text:
        return header
    registered = text(part(components, "HEADER"), "text")
    names = variables(registered)  # Meta allows one
    value = _between(header.text, registered) if len(names) == 1 else None
    if value is None:
        return header
    return replace(header, values=(Value(value, name="" if names[0].isdecimal() else names[0]),))


def _cut(buttons: tuple[Button, ...], components: Sequence[Component]) -> tuple[Button, ...]:
    known = buttons_of(components)
    return tuple(
        replace(button, value=value)
        if button.kind == "dynamic_url"
        and button.index < len(known)
        and (value := _between(button.value, text(known[button.index], "url"))) is not None
        else button
        for button in buttons
    )


def _between(value: str, pattern: str) -> str | None:
    """What stands in `value` where the pattern has its variable; None where it does not fit."""
    start, variable, rest = pattern.partition("{{")
    end = rest.partition("}}")[2]
    whole = value.startswith(start) and value.endswith(end) and len(value) >= len(start + end)
    return value[len(start) : len(value) - len(end)] if variable and whole else None
