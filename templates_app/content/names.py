"""The names of a template's variables, for messages that bring the values without names.

CleverTap sends values in the order of the template's variables, and never says their names. Meta takes
no value without its name where the template has named variables.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from providers.messages import Card, TemplateContent, Value
from templates_app.content.components import Shape


def named(content: TemplateContent, wanted: Shape) -> TemplateContent:
    """The content with a name at each value whose variable has one."""
    cards = [_card(card, its) for card, its in zip(content.cards, wanted.cards, strict=False)]
    fitted = (*cards, *content.cards[len(cards) :])
    header = content.header
    if header is not None and header.values:
        header = replace(header, values=_named(header.values, wanted.header_variables))
    return replace(content, header=header, body=_named(content.body, wanted.body), cards=fitted)


def has_names(wanted: Shape) -> bool:
    """Whether any variable of the template has a name."""
    names = (*wanted.header_variables, *wanted.body)
    return any(not name.isdecimal() for name in names) or any(map(has_names, wanted.cards))


def _card(card: Card, wanted: Shape) -> Card:
    return replace(card, body=_named(card.body, wanted.body))


def _named(values: tuple[Value, ...], names: Sequence[str]) -> tuple[Value, ...]:
    """The values as they are when one of them has a name, or when there are more or fewer than variables."""
    numbered = all(name.isdecimal() for name in names)
    if numbered or any(value.name for value in values) or len(values) != len(names):
        return values
    return tuple(Value(value.text, name) for value, name in zip(values, names, strict=True))
