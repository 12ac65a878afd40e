"""The type of each property: set by its first value, changed by operators only."""

from collections.abc import Iterable, Mapping
from typing import Any

from audience import kept_values
from audience.kept_values import Misfit
from audience.models import KnownProperty
from lib import sql

Named = tuple[str, str]  # an event (empty for a contact's attributes) and the name of a property


def types(names: Iterable[Named]) -> dict[Named, str]:
    """The types of those that have one."""
    wanted = set(names)
    rows = KnownProperty.objects.filter(name__in={name for _, name in wanted}).exclude(type="")
    rows = rows.filter(event__in={event for event, _ in wanted})
    found = {(event, name): kind for event, name, kind in rows.values_list("event", "name", "type")}
    return {named: found[named] for named in wanted if named in found}


def types_of(event: str) -> dict[str, str]:
    """The types of all properties of an event, or of all attributes of contacts."""
    rows = KnownProperty.objects.filter(event=event).exclude(type="")
    return dict(rows.values_list("name", "type"))


def attribute_types() -> dict[str, str]:
    return types_of("")


def note(found: Mapping[Named, str]) -> dict[Named, str]:
    """Adds the properties that are new, with these types. Returns the types that all of them have now.

    An event without properties is known by a row without a name. Another writer may have been faster:
    then its type counts.
    """
    known = types(found)
    fresh = sorted((event, name, kind) for (event, name), kind in found.items() if (event, name) not in known)
    if fresh:
        sql.insert(KnownProperty, ("event", "name", "type"), fresh, ignore_conflicts=True)
        known |= types((event, name) for event, name, _ in fresh)
    return known


def declare(kinds: Mapping[str, str]) -> None:
    """Sets the types of attributes, as an operator says. Values that are there stay as they are."""
    for name, kind in sorted(kinds.items()):
        KnownProperty.objects.update_or_create(event="", name=name, defaults={"type": kind})


def first_types(named: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[Named, str]:
    """The type that its first value gives to each property: of contacts (with an empty name of the event)
    and of events."""
    found: dict[Named, str] = {}
    for event, values in named:
        if event:
            found.setdefault((event, ""), "")
        for name, value in values.items():
            if kind := kept_values.change_type(value):
                found.setdefault((event, name), kind)
    return found


def fit(
    event: str, values: Mapping[str, Any], types: Mapping[Named, str]
) -> tuple[dict[str, Any], list[str]]:
    """The values in the types of their properties, and a sentence about each that does not fit."""
    fitted, warnings = {}, []
    for name, value in values.items():
        try:
            kind = types.get((event, name))
            fitted[name] = kept_values.fitted(value, kind) if kind else value
        except Misfit as error:
            warnings.append(f"{name} “{kept_values.spelled(value)[:40]}” {error}")
    return fitted, warnings
