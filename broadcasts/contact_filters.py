"""The grammar of a segment's filter, its checks, and its words. Pure.

    {"match": "all", "groups": [{"match": "any", "conditions": [
        {"kind": "attribute", "name": "City", "op": "is", "values": ["Pune", "Goa"]},
        {"kind": "message", "what": "read", "did": false, "days": 30},
        {"kind": "event", "name": "Charged", "days": 7, "where": [
            {"name": "Amount", "op": "at_least", "values": ["100"]}]}]}]}

Every value is text, as it is typed; the operator says how it is compared. A filter without groups means
everybody.
"""

import re
from collections.abc import Iterator
from datetime import date
from math import isfinite
from typing import Any, Literal

import msgspec
from msgspec import Struct

Match = Literal["all", "any"]
Op = Literal[
    "is", "is_not", "contains", "begins", "known", "unknown", "more_than", "less_than", "at_least", "at_most",
    "before", "from", "last_days", "next_days",
]  # fmt: skip
What = Literal["sent", "received", "read", "clicked", "replied"]
State = Literal["reachable", "opted_in", "not_opted_in", "dnd", "not_dnd"]

PARTS = ("contains", "begins")
MANY = ("is", "is_not", *PARTS)
NUMBERS = ("more_than", "less_than", "at_least", "at_most")
DATES = ("before", "from")
DAYS = ("last_days", "next_days")
FIELDS = ("identity", "name", "email", "phone", "gender")
FIELD_OPS = (*MANY, "known", "unknown")
MOST_GROUPS = 20
MOST_CONDITIONS = 50
MOST_VALUES = 1000
MOST_PARTS = 200  # values of "contains" and "begins": each is a comparison, which SQLite nests
MOST_DAYS = 3650
MOST_TIMES = 1000
LONGEST = 512

OP_WORDS: dict[str, str] = {
    "is": "is", "is_not": "is not", "contains": "contains", "begins": "begins with", "known": "is known",
    "unknown": "is not known", "more_than": "is more than", "less_than": "is less than",
    "at_least": "is at least", "at_most": "is at most", "before": "is before", "from": "is on or after",
    "last_days": "was in the last", "next_days": "is in the next",
}  # fmt: skip
STATE_WORDS: dict[str, str] = {
    "reachable": "may be messaged (opted in, not do not disturb, with a number)",
    "opted_in": "is opted in to WhatsApp",
    "not_opted_in": "is not opted in to WhatsApp",
    "dnd": "do not disturb is set",
    "not_dnd": "may be disturbed",
}
WHAT_WORDS: dict[str, tuple[str, str]] = {  # who did, who did not
    "sent": ("was sent", "was not sent"),
    "received": ("received", "did not receive"),
    "read": ("read", "did not read"),
    "clicked": ("clicked in", "did not click in"),
    "replied": ("replied to", "did not reply to"),
}


class Comparison(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a property must be. Texts are compared without regard to case; of a list any item counts."""

    name: str
    op: Op
    values: tuple[str, ...] = ()


class Attribute(
    Comparison, frozen=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="kind", tag="attribute"
):
    """A contact's attribute."""


class Field(
    Comparison, frozen=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="kind", tag="field"
):
    """A contact's own field: one of FIELDS."""


class Consent(
    Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="kind", tag="consent"
):
    state: State


class Behaviour(
    Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="kind", tag="message"
):
    """What happened to a message of ours to the contact: to any, or to one of a campaign or a template."""

    what: What
    did: bool = True
    days: int | None = None
    campaign: str = ""
    template: str = ""


class Did(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="kind", tag="event"):
    """An event of the contact, from the upload API."""

    name: str
    did: bool = True
    days: int | None = None
    times: int = 1
    where: tuple[Comparison, ...] = ()


Condition = Attribute | Field | Consent | Behaviour | Did


class Group(Struct, frozen=True, forbid_unknown_fields=True):
    match: Match = "all"
    conditions: tuple[Condition, ...] = ()


class Filter(Struct, frozen=True, forbid_unknown_fields=True):
    match: Match = "all"
    groups: tuple[Group, ...] = ()


EVERYBODY = Filter()


class Wrong(Exception):
    """An invalid filter. `problems` maps places (`groups.0.conditions.1`, or empty) to sentences."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


def read(value: Any) -> Filter:
    """The filter in a JSON value. Raises Wrong."""
    try:
        found = msgspec.convert(value or {}, Filter)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at `$")
        where = ".".join(re.findall(r"\w+", place)[:4])  # the condition, not what is wrong inside it
        raise Wrong({where: f"This condition is not understood: {words}."}) from error
    problems = dict(_problems(found))
    if problems:
        raise Wrong(problems)
    return found


def plain(value: Filter | tuple[Comparison, ...]) -> Any:
    """As JSON has it."""
    return msgspec.to_builtins(value)


def read_comparisons(value: Any) -> tuple[Comparison, ...]:
    """Comparisons of an event's properties. Raises Wrong."""
    try:
        comparisons = msgspec.convert(value or (), tuple[Comparison, ...])
    except msgspec.ValidationError as error:
        raise Wrong({"": f"This condition is not understood: {error}."}) from error
    problems = {str(n): words for n, each in enumerate(comparisons) for words in _of_comparison(each)}
    if problems:
        raise Wrong(problems)
    return comparisons


def _problems(found: Filter) -> Iterator[tuple[str, str]]:
    if len(found.groups) > MOST_GROUPS:
        yield "", f"There are {len(found.groups)} groups; at most {MOST_GROUPS} are possible."
    if sum(len(group.conditions) for group in found.groups) > MOST_CONDITIONS:
        yield "", f"There are more than {MOST_CONDITIONS} conditions."
    for g, group in enumerate(found.groups):
        if not group.conditions:
            yield f"groups.{g}", "This group has no condition. Add one, or remove the group."
        for c, condition in enumerate(group.conditions):
            for words in _of(condition):
                yield f"groups.{g}.conditions.{c}", words


def _of(condition: Condition) -> Iterator[str]:
    if isinstance(condition, Field):
        if condition.name not in FIELDS:
            yield f"“{condition.name}” is not a field of a contact."
        elif condition.op not in FIELD_OPS:
            yield f"“{OP_WORDS[condition.op]}” does not go with {condition.name}."
    if isinstance(condition, Comparison):
        yield from _of_comparison(condition)
    elif isinstance(condition, Behaviour | Did) and condition.days not in (None, *range(1, MOST_DAYS + 1)):
        yield f"The days must be 1 to {MOST_DAYS}."
    if isinstance(condition, Behaviour):
        yield from _of_texts((condition.campaign, condition.template))
    if isinstance(condition, Did):
        if not condition.name.strip():
            yield "Choose an event."
        if not 1 <= condition.times <= MOST_TIMES:
            yield f"The number of times must be 1 to {MOST_TIMES}."
        yield from _of_texts((condition.name,))
        for test in condition.where:
            yield from _of_comparison(test)


def _of_comparison(test: Comparison) -> Iterator[str]:
    if not test.name.strip():
        yield "Choose a property."
    yield from _of_texts((test.name, *test.values))
    if test.op in ("known", "unknown"):
        return
    if not [value for value in test.values if value.strip()]:
        yield f"{test.name or 'The property'}: there is no value to compare with."
    elif len(test.values) > (MOST_PARTS if test.op in PARTS else MOST_VALUES if test.op in MANY else 1):
        yield f"{test.name}: there are too many values."
    elif test.op in NUMBERS and number(test.values[0]) is None:
        yield f"{test.name}: “{test.values[0]}” is not a number."
    elif test.op in DATES and day(test.values[0]) is None:
        yield f"{test.name}: “{test.values[0]}” is not a date. Write it as 2026-03-31."
    elif test.op in DAYS and not _are_days(test.values[0]):
        yield f"{test.name}: the days must be 1 to {MOST_DAYS}."


def _are_days(text: str) -> bool:
    return text.isdecimal() and len(text) < 9 and 1 <= int(text) <= MOST_DAYS


def _of_texts(texts: tuple[str, ...]) -> Iterator[str]:
    for text in texts:
        if len(text) > LONGEST:
            yield f"“{text[:40]}…” is longer than {LONGEST} characters."
        if "\0" in text:
            yield f"“{text[:40]}” holds a null character."


def number(text: str) -> float | None:
    try:
        found = float(text.strip())
    except ValueError:
        return None
    return found if isfinite(found) and "_" not in text else None


def day(text: str) -> date | None:
    try:
        return (
            date.fromisoformat(text.strip()) if re.fullmatch(r"[1-9]\d{3}-\d\d-\d\d", text.strip()) else None
        )
    except ValueError:
        return None


# In words


def describe(found: Filter) -> str:
    """The filter as one sentence for people."""
    if not found.groups:
        return "Everybody"
    groups = []
    for group in found.groups:
        words = _joined([_words(each) for each in group.conditions], group.match)
        several = len(group.conditions) > 1 and len(found.groups) > 1 and group.match != found.match
        groups.append(f"({words})" if several else words)
    sentence = _joined(groups, found.match)
    return sentence[:1].upper() + sentence[1:]


def _joined(words: list[str], match: Match) -> str:
    return (" and " if match == "all" else " or ").join(words)


def _words(condition: Condition) -> str:
    if isinstance(condition, Consent):
        return STATE_WORDS[condition.state]
    if isinstance(condition, Behaviour):
        about = f"the template {condition.template}" if condition.template else "a message"
        if condition.campaign:
            about += f" of the campaign {condition.campaign}"
        return f"{WHAT_WORDS[condition.what][not condition.did]} {about}{_when(condition.days)}"
    if isinstance(condition, Did):
        where = " and ".join(_comparison(each) for each in condition.where)
        times = f" at least {condition.times} times" if condition.times > 1 else ""
        negation = "did" if condition.did else "did not"
        with_words = f" where {where}" if where else ""
        return f"{negation} {condition.name}{times}{_when(condition.days)}{with_words}"
    return _comparison(condition)


def _comparison(test: Comparison) -> str:
    if test.op in ("known", "unknown"):
        return f"{test.name} {OP_WORDS[test.op]}"
    shown = ", ".join(test.values[:5]) + (f" and {len(test.values) - 5} more" if len(test.values) > 5 else "")
    words = f"{test.name} {OP_WORDS[test.op]} {shown.replace(', ', ' or ') if test.op in MANY else shown}"
    return words + (" days" if test.op in DAYS else "")


def _when(days: int | None) -> str:
    if days is None:
        return ""
    return " in the last day" if days == 1 else f" in the last {days} days"
