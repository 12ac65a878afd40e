"""What a slot of a template is filled with: text with references to the contact and the event. Pure.

    Hello {{ profile.name | there }}, your order {{ event.Order id }} comes on {{ event.Delivery date }}.

After `|` stands the fallback. `profile.` names a field of the contact (name, email, phone, gender, identity)
or an attribute; `event.` a property of the event that triggered the message. A number is sent with the digits
that were written. A date is sent in the broadcast's format and is the same day in every zone. A moment is
sent by the clock of the broadcast's zone.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from audience import kept_values
from broadcasts.contact_filters import FIELDS

LONGEST = 2000

# The formats of dates, by their names in Broadcast.date_format.
FORMATS = {
    "iso": "{0.year:04d}-{0.month:02d}-{0.day:02d}",
    "dmy": "{0.day:02d}/{0.month:02d}/{0.year:04d}",
    "mdy": "{0.month:02d}/{0.day:02d}/{0.year:04d}",
    "dots": "{0.day:02d}.{0.month:02d}.{0.year:04d}",
    "long": "{0.day} {0:%B} {0.year:04d}",
    "us": "{0:%B} {0.day}, {0.year:04d}",
}

_REFERENCE = re.compile(r"\s*+(profile|event)\s*+\.([^|]*)(?:\|(.*))?", re.DOTALL | re.IGNORECASE)
_DATED = ("date", "moment")  # types of properties; a moment may also stand in a list
_LISTED = 20  # items of a list that are written out


class Reference(Struct, frozen=True):
    """`fallback` is None when there is none."""

    source: str
    name: str
    fallback: str | None = None

    def __str__(self) -> str:
        return f"{self.source}.{self.name}"


class Style(Struct, frozen=True):
    """How a broadcast writes dates: the zone of its moments, one of FORMATS, and which values are dates.

    `kinds` are the types of properties, by the references that name them.
    """

    zone: ZoneInfo
    format: str = "iso"
    kinds: Mapping[str, str] = {}


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
    while (start := text.find("{{", end)) >= 0 and (close := text.find("}}", start)) >= 0:
        match = _REFERENCE.fullmatch(text, start + 2, close)
        if not match or not match[2].strip():
            raise ValueError(
                f"“{text[start : close + 2][:60]}” is not a reference. "
                "Write {{ profile.name | there }} or {{ event.Amount }}."
            )
        fallback = None if match[3] is None else match[3].strip()
        parts += [text[end:start], Reference(match[1].lower(), match[2].strip(), fallback)]
        end = close + 2
    rest = text[end:]
    if "{{" in rest or "}}" in rest:
        raise ValueError("A pair of braces is not closed.")
    return tuple(part for part in (*parts, rest) if part)


def references(texts: Sequence[str]) -> list[Reference]:
    """The references in texts that parse."""
    return [part for text in texts for part in parse(text) if isinstance(part, Reference)]


def rendered(parts: Parts, profile: Mapping[str, Any], event: Mapping[str, Any], style: Style) -> str:
    """The text for one contact. `profile` has the attributes and the fields. Raises Missing."""
    return "".join(part if isinstance(part, str) else _value(part, profile, event, style) for part in parts)


def _value(reference: Reference, profile: Mapping[str, Any], event: Mapping[str, Any], style: Style) -> str:
    values = event if reference.source == "event" else profile
    name = reference.name
    if reference.source == "profile" and name.lower() in FIELDS:
        name = name.lower()
    text = written(values.get(name), style, style.kinds.get(str(reference), ""))
    if text:
        return text
    if reference.fallback is None:
        raise Missing(f"{reference} is not known")
    return reference.fallback


def written(value: Any, style: Style, kind: str) -> str:
    """A value as a person reads it, by the type of its property. A text that only looks like a date stays as
    it was written."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return kept_values.spelled(value)
    if isinstance(value, list):
        return ", ".join(filter(None, (written(item, style, kind) for item in value[:_LISTED])))
    if isinstance(value, dict):
        items = list(value.items())[:_LISTED]
        return ", ".join(f"{name}: {written(item, style, kind)}" for name, item in items)
    if kind in _DATED and (day := kept_values.day_of(value)):
        return day_text(day, style.format)
    at = kept_values.moment_of(value) if kind in (*_DATED, "list") else None
    if at is None:
        return str(value).strip()
    try:
        local = at.astimezone(style.zone)
    except (
        OverflowError
    ):  # 9999-12-31, which people use for never, is past Python's last year in eastern time zones
        local = at
    return f"{day_text(local.date(), style.format)} {local:%H:%M}"


def day_text(day: date, name: str) -> str:
    return FORMATS[name].format(day)
