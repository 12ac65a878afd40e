"""Named variables for BSPs that only number them: the registered texts tell their order."""

import re
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from lib.reading import objects, text
from providers.dialects.cloud_api.messages import parameter_text
from providers.messages import Registered, TemplateContent, Unsupported, Value

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}\s]+)\s*\}\}")


def mentioned(words: str) -> list[str]:
    """The names in `{{…}}`, each once, in the order of their first mention."""
    return list(dict.fromkeys(_PLACEHOLDER.findall(words)))


def named(words: str) -> bool:
    return any(not name.isdecimal() for name in mentioned(words))


def parameter_format(components: Sequence[dict[str, Any]]) -> str:
    """Meta's word for how the variables are called, from the texts: not every list tells it."""
    cards = [card for part in components for card in objects(part, "cards")]
    levels = (components, *(objects(card, "components") for card in cards))
    texts = (text(part, "text") for level in levels for part in level)
    return "NAMED" if any(map(named, texts)) else "POSITIONAL"


def body_texts(
    values: Sequence[Value], components: Sequence[dict[str, Any]] | None, where: str = ""
) -> list[str]:
    """The body's values in the order of their numbers.

    `components` are those of the registered template, or card, None when there is no record of it.
    Values without names are in order already. Raises Unsupported, naming the variable.
    """
    slots = [f"{where}body variable {value.name or position}" for position, value in enumerate(values, 1)]
    texts = [parameter_text(value, slot) for value, slot in zip(values, slots, strict=True)]
    if not any(value.name for value in values):
        return texts
    bodies = (text(part, "text") for part in components or () if text(part, "type") == "BODY")
    order = mentioned(next(bodies, ""))
    for value, slot in zip(values, slots, strict=True):
        if value.name not in order:
            hint = "does not mention it" if components is not None else "is unknown"
            raise Unsupported(
                f"{slot}: this BSP numbers variables, and the template's text {hint}; "
                "import the provider's templates"
            )
    named = {value.name: words for value, words in zip(values, texts, strict=True)}
    for name in order:
        if name not in named:
            raise Unsupported(f"{where}body variable {name}: no value was sent for it")
    return [named[name] for name in order]


def numbered(content: TemplateContent, registered: Registered | None) -> TemplateContent:
    """The content with its named values in the order in which the registered texts mention them, and
    without their names. Values with other names than those keep them; a dialect without names refuses them.
    """
    known = registered.components if registered else ()
    carousel = next((part for part in known if text(part, "type") == "CAROUSEL"), {})
    header = content.header
    if header is not None:
        header = replace(header, values=_numbered(header.values, known, "HEADER"))
    cards = tuple(
        replace(card, body=_numbered(card.body, objects(carousel, "cards", index, "components"), "BODY"))
        for index, card in enumerate(content.cards)
    )
    return replace(content, header=header, body=_numbered(content.body, known, "BODY"), cards=cards)


def _numbered(
    values: tuple[Value, ...], components: Sequence[dict[str, Any]], kind: str
) -> tuple[Value, ...]:
    given = {value.name: value for value in values if value.name}
    names = mentioned(next((text(part, "text") for part in components if text(part, "type") == kind), ""))
    if not given or given.keys() != set(names):
        return values
    return tuple(Value(given[name].text) for name in names)


def filled(words: str, values: Sequence[Value], part: str) -> str:
    """The text with its values put in: by their names, or in the order of its numbers or first mentions.

    `part` names the text in refusals. Raises Unsupported for a variable without a value.
    """
    names = mentioned(words)
    if all(name.isdecimal() for name in names):
        names.sort(key=int)
    given = {value.name: value for value in values if value.name}
    if not given.keys() >= set(names):
        given = dict(zip(names, values, strict=False))
    for name in names:
        if name not in given:
            raise Unsupported(f"{part} variable {name}: no value was sent for it")
    texts = {name: parameter_text(given[name], f"{part} variable {name}") for name in names}
    return _PLACEHOLDER.sub(lambda placeholder: texts[placeholder[1]], words)


def sampled(words: str, sample: str) -> dict[str, str]:
    """The value of each placeholder in a sample of the text; empty when the sample does not fit the text."""
    pieces = _PLACEHOLDER.split(words)  # what is fixed, and the names between it
    if not sample.startswith(pieces[0]):
        return {}
    found: dict[str, str] = {}
    position = len(pieces[0])
    for name, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        end = sample.find(piece, position) if piece else len(sample)
        if end <= position:
            return {}
        found.setdefault(name, sample[position:end])
        position = end + len(piece)
    return found
