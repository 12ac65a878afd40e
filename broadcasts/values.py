"""What a slot of a template is filled with: text with references to the contact and the event. Pure.

    Hello {{ profile.name | there }}, your order {{ event.Order id }} comes on {{ event.Delivery date }}.

After `|` stands the fallback. `profile.` names a field of the contact (name, email, phone, gender,
identity) or an attribute; `event.` a property of the event that set the message off.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from audience.profiles import date_of
from broadcasts.filters import FIELDS

LONGEST = 2000

_BRACES = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_REFERENCE = re.compile(r"\s*(profile|event)\s*\.\s*([^|]*?)\s*(?:\|(.*))?", re.DOTALL | re.IGNORECASE)
_LISTED = 20  # items of a list that are written out


class Reference(Struct, frozen=True):
    """`fallback` is None when there is none."""

    source: str
    name: str
    fallback: str | None = None

    def __str__(self) -> str:
        return f"{self.source}.{self.name}"


class Missing(Exception):
    """A value that a contact or event does not have, and that has no fallback. The text names it."""


Parts = tuple[str | Reference, ...]


def parse(text: str) -> Parts:
    """Text and references in turn. Raises ValueError with a sentence."""
    if len(text) > LONGEST:
        raise ValueError(f"It is longer than {LONGEST} characters.")
    if "\0" in text:
        raise ValueError("It holds a null character.")
    parts: list[str | Reference] = []
    end = 0
    for found in _BRACES.finditer(text):
        match = _REFERENCE.fullmatch(found[1])
        if not match or not match[2]:
            raise ValueError(
                f"“{found[0][:60]}” is no reference. "
                "Write {{ profile.name | there }} or {{ event.Amount }}."
            )
        fallback = None if match[3] is None else match[3].strip()
        parts += [text[end : found.start()], Reference(match[1].lower(), match[2], fallback)]
        end = found.end()
    rest = text[end:]
    if "{{" in rest or "}}" in rest:
        raise ValueError("A pair of braces is not closed.")
    return tuple(part for part in (*parts, rest) if part)


def references(texts: Sequence[str]) -> list[Reference]:
    """The references in texts that parse."""
    return [part for text in texts for part in parse(text) if isinstance(part, Reference)]


def render(parts: Parts, profile: Mapping[str, Any], event: Mapping[str, Any], zone: ZoneInfo) -> str:
    """The text for one contact. `profile` has the attributes and the fields. Raises Missing."""
    return "".join(part if isinstance(part, str) else _value(part, profile, event, zone) for part in parts)


def _value(reference: Reference, profile: Mapping[str, Any], event: Mapping[str, Any], zone: ZoneInfo) -> str:
    values = event if reference.source == "event" else profile
    name = reference.name
    if reference.source == "profile" and name.lower() in FIELDS:
        name = name.lower()
    text = written(values.get(name), zone)
    if text:
        return text
    if reference.fallback is None:
        raise Missing(f"{reference} is not known")
    return reference.fallback


def written(value: Any, zone: ZoneInfo) -> str:
    """A value as a person reads it; a date by the clock of the zone."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, list):
        return ", ".join(filter(None, (written(item, zone) for item in value[:_LISTED])))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {written(item, zone)}" for name, item in list(value.items())[:_LISTED])
    at = date_of(value)
    if at is None:
        return str(value).strip()
    try:
        local = at.astimezone(zone)
    except OverflowError:  # 9999-12-31, by which people mean never, is past the last year in the east
        local = at
    return local.strftime("%Y-%m-%d" if (local.hour, local.minute) == (0, 0) else "%Y-%m-%d %H:%M")
