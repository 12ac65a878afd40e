"""`{% with chips=cl|chips %}`: the active filters of a list, each with the address of the list without it."""

from dataclasses import dataclass
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.template import Library

from lib.named_filter import NamedFilter

register = Library()


@dataclass(frozen=True, slots=True)
class Chip:
    title: str
    value: str
    without: str  # the query of the list without this filter


@register.filter
def chips(changelist: Any) -> list[Chip]:
    if changelist is None:
        return []
    found = []
    for each in changelist.filter_specs:
        names = [name for name in each.expected_parameters() if any(changelist.filter_params.get(name, ""))]
        if names and _known(each):
            without = changelist.get_query_string(remove=names)
            found.append(Chip(str(each.title), _value(each, names, changelist), without))
    return found


def _known(each: Any) -> bool:
    """A filter by a value that is not a choice of its list has no effect, so it has no chip."""
    if isinstance(each, NamedFilter) or not isinstance(each, SimpleListFilter):
        return True
    return each.value() in {str(value) for value, _ in _choices(each)}


def _value(each: Any, names: list[str], changelist: Any) -> str:
    given = [value for name in names for value in changelist.filter_params[name] if value]
    labels = {str(value): str(label) for value, label in _choices(each)}
    parts = [labels.get(value, value) for value in given]
    return (" ".join if len(parts) > 2 else ", ".join)(parts)


def _choices(each: Any) -> list[tuple[Any, Any]]:
    if isinstance(each, SimpleListFilter):
        return list(each.lookup_choices)
    field = getattr(each, "field", None)
    return list(getattr(field, "flatchoices", None) or getattr(each, "lookup_choices", None) or ())
