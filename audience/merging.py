"""Attributes and the changes that are told of them. Pure."""

from collections.abc import Mapping
from typing import Any

from audience.profiles import MOST_ITEMS, MOST_KEYS, Code, Invalid, storable


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
            before = before if isinstance(before, int | float) and not isinstance(before, bool) else 0
            merged[key] = storable(key, before + content if operation == "$incr" else before - content)
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
    """Whether they are two values; to Python, true and 1 are the same."""
    return bool(one != other or isinstance(one, bool) != isinstance(other, bool))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
