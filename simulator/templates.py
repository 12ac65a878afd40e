"""The template lists of the fake BSPs, kept in Meta's format, with Meta's paging."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from simulator.behaviour import Behaviour

Template = dict[str, Any]

_DEFAULT = Path(__file__).with_name("catalogue.json")
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_MEDIA = {"IMAGE", "VIDEO", "DOCUMENT", "LOCATION"}


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """Which values a send brings for a template. None where the dialect cannot know."""

    name: str
    language: str
    header: int | None = None
    body: int | None = None
    buttons: frozenset[int] | None = None  # indexes that bring a value
    cards: int | None = None


class BadCursor(Exception):
    """A cursor that no page gave."""


class Catalogue:
    """The template list of every account."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._own: dict[str, list[Template]] = {}

    def set(self, account: str, templates: list[Template]) -> None:
        self._own[account] = templates

    def clear(self) -> None:
        self._own.clear()

    def of(self, account: str) -> list[Template]:
        if account in self._own:
            return self._own[account]
        count = self._behaviour.templates_count
        return generated(count) if count else default()

    def problem(self, account: str, use: TemplateUse) -> tuple[int, str] | None:
        """Why this send does not fit the account's templates, with Meta's code, or None."""
        for template in self.of(account):
            if template["name"] == use.name and template["language"] == use.language:
                if template.get("status") != "APPROVED":
                    return 132001, f"template {use.name} ({use.language}) is {template.get('status')}"
                return _mismatch(template, use)
        return 132001, f"template name ({use.name}) does not exist in {use.language}"


def _mismatch(template: Template, use: TemplateUse) -> tuple[int, str] | None:
    parts = {part["type"]: part for part in template["components"]}
    wanted = _variables(parts.get("BODY", {}).get("text", ""))
    if use.body is not None and use.body != wanted:
        return 132000, f"body: expected {wanted} values, got {use.body}"
    header = parts.get("HEADER", {})
    wanted = 1 if header.get("format") in _MEDIA else _variables(header.get("text", ""))
    if use.header is not None and use.header != wanted:
        return 132000, f"header: expected {wanted} values, got {use.header}"
    cards = len(parts.get("CAROUSEL", {}).get("cards", []))
    if use.cards is not None and use.cards != cards:
        return 132000, f"carousel: expected {cards} cards, got {use.cards}"
    if use.buttons is not None:
        needed, allowed = _button_values(parts.get("BUTTONS", {}).get("buttons", []))
        if needed - use.buttons:
            return 132000, f"buttons without their value: {sorted(needed - use.buttons)}"
        if use.buttons - allowed:
            return 132018, f"buttons that take no value: {sorted(use.buttons - allowed)}"
    return None


def _variables(text: str) -> int:
    return len(set(_VARIABLE.findall(text)))


def _button_values(buttons: list[dict[str, Any]]) -> tuple[set[int], set[int]]:
    needed = {
        index
        for index, button in enumerate(buttons)
        if button["type"] in ("COPY_CODE", "OTP") or (button["type"] == "URL" and "{{" in button["url"])
    }
    optional = {index for index, button in enumerate(buttons) if button["type"] == "QUICK_REPLY"}
    return needed, needed | optional


@cache
def default() -> list[Template]:
    """The three kinds in CleverTap's import documentation, and others that real accounts have."""
    templates: list[Template] = json.loads(_DEFAULT.read_text(encoding="utf-8"))
    return templates


@cache
def generated(count: int) -> list[Template]:
    """A long list for load tests: the default ones over and over, each name used once."""
    seeds = default()
    return [
        {**seeds[n % len(seeds)], "name": f"{seeds[n % len(seeds)]['name']}_{n:05d}", "id": str(10**15 + n)}
        for n in range(count)
    ]


def page(templates: list[Template], query: Mapping[str, str], url: str, size: int) -> dict[str, Any]:
    """One page in Meta's shape. The last one has cursors but no `next`."""
    start = _offset(query["after"]) if query.get("after") else 0
    if query.get("limit", "").isdigit():
        size = max(1, int(query["limit"]))
    rows = templates[start : start + size]
    if not rows:
        return {"data": []}
    after = _cursor(start + len(rows))
    paging: dict[str, Any] = {"cursors": {"before": _cursor(start), "after": after}}
    if start + len(rows) < len(templates):
        paging["next"] = f"{url}?limit={size}&after={after}"
    return {"data": rows, "paging": paging}


def _cursor(offset: int) -> str:
    # Meta's cursors look like base64 with ZD for padding.
    return base64.b64encode(str(offset).encode()).decode().replace("=", "ZD")


def _offset(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor.replace("ZD", "="), validate=True))
    except ValueError:
        raise BadCursor(cursor) from None
