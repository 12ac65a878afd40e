"""Cutting full URLs to what WhatsApp wants for a button: the part that replaces the variable.

CleverTap posts either the suffix or the whole URL ("dynamicUrl" in its Generic WhatsApp page),
depending on how the template was entered there.
"""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from lib.reading import objects, text
from providers.messages import Button, TemplateContent


def cut(content: TemplateContent, components: Sequence[dict[str, Any]]) -> TemplateContent:
    """The content with the suffix in each URL button and card whose URL the components tell."""
    if not content.buttons and not content.cards:
        return content
    cards = _cards(components)
    fitted = [
        replace(card, buttons=_cut(card.buttons, cards[position] if position < len(cards) else []))
        for position, card in enumerate(content.cards)
    ]
    return replace(content, buttons=_cut(content.buttons, components), cards=tuple(fitted))


def _cards(components: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [
        objects(card, "components")
        for part in components
        if _is(part, "CAROUSEL")
        for card in objects(part, "cards")
    ]


def _cut(buttons: tuple[Button, ...], components: Sequence[dict[str, Any]]) -> tuple[Button, ...]:
    known = [button for part in components if _is(part, "BUTTONS") for button in objects(part, "buttons")]
    return tuple(
        replace(button, value=_suffix(button.value, text(known[button.index], "url")))
        if button.kind == "dynamic_url" and button.index < len(known)
        else button
        for button in buttons
    )


def _suffix(value: str, url: str) -> str:
    """`value` without what stands before the variable in the template's URL, and after it."""
    start, variable, rest = url.partition("{{")
    end = rest.partition("}}")[2]
    if (
        not variable
        or not value.startswith(start)
        or not value.endswith(end)
        or len(value) < len(start + end)
    ):
        return value
    return value[len(start) : len(value) - len(end)]


def _is(part: dict[str, Any], kind: str) -> bool:
    return text(part, "type").upper() == kind
