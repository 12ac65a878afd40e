"""Attributes, and the changes that profiles make to them. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from audience import kept_values
from audience.kept_values import Misfit
from audience.profiles import MOST_ITEMS, MOST_KEYS, Code, Invalid


def merge(current: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes after the changes. Raises Invalid when they are too many, or too large."""
    merged = dict(current)
    for key, change in changes.items():
        if not isinstance(change, dict):
            merged[key] = change
            continue
        ((operation, content),) = change.items()
        if operation == "$delete":
            merged.pop(key, None)
        elif operation == "$set":
            merged[key] = content
        elif operation in ("$incr", "$decr"):
            before = merged.get(key, 0)
            before = before if isinstance(before, int | Decimal) and not isinstance(before, bool) else 0
            try:
                merged[key] = kept_values.number(
                    before + content if operation == "$incr" else before - content
                )
            except Misfit as error:
                raise Invalid(Code.STRUCTURE, f"{key} {error}") from error
        else:
            items, before = _items(content), _items(merged.get(key, []))
            if operation == "$add":
                merged[key] = (before + [each for each in items if each not in before])[-MOST_ITEMS:]
            else:
                merged[key] = [each for each in before if each not in items]
    if len(merged) > MOST_KEYS:
        raise Invalid(Code.TOO_MANY, f"more than {MOST_KEYS} attributes with those that it has")
    return merged


def differ(one: Any, other: Any) -> bool:
    """Whether they are kept differently: true and 1 are, 1.50 and 1.5 are."""
    return kept_values.encode(one) != kept_values.encode(other)


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
