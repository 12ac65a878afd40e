"""A filter as a condition on contacts, for PostgreSQL and SQLite.

JSON values are compared in SQL of our own: Django treats a key such as "2024" as a list's position, and
compares numbers with texts.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from functools import reduce
from operator import and_, or_
from typing import Any, Literal, NamedTuple

from django.db import connection, models
from django.db.models import Count, Exists, F, Func, Model, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Lower
from django.db.models.lookups import In
from django.utils import timezone

from audience.models import Contact, ContactEvent
from broadcasts import contact_filters
from broadcasts.contact_filters import (
    Attribute,
    Behaviour,
    Comparison,
    Condition,
    Consent,
    Did,
    Field,
    Filter,
)
from campaigns.models import Event, Message, Status
from lib import phone
from lib.phone_sql import Person

Mine = Literal["pk", "person"]  # the columns of a contact that other tables refer to
REACHABLE = Q(opted_in=True, dnd=False, stopped=False) & ~Q(phone="")
_CONSENT = {
    "reachable": REACHABLE,
    "opted_in": Q(opted_in=True),
    "not_opted_in": Q(opted_in=False),
    "dnd": Q(dnd=True),
    "not_dnd": Q(dnd=False),
}
_EVENTS = {
    # WhatsApp may leave out that it was delivered when it is read at once.
    "received": (Event.Kind.DELIVERED, Event.Kind.READ, Event.Kind.CLICKED, Event.Kind.REPLIED),
    "read": (Event.Kind.READ,),
    "clicked": (Event.Kind.CLICKED,),
    "replied": (Event.Kind.REPLIED,),
}
_COMPARE = {"more_than": ">", "less_than": "<", "at_least": ">=", "at_most": "<="}
_MOMENT_SHAPE = "____-__-__T__:__:__Z"
_DAY_SHAPE = "____-__-__"


def contacts(found: Filter, now: datetime) -> QuerySet[Contact]:
    """The contacts whom the filter means. Its days count back from `now`."""
    return Contact.objects.filter(condition(found, now))


def condition(found: Filter, now: datetime) -> Q:
    groups = [_joined([of(each, now) for each in group.conditions], group.match) for group in found.groups]
    return _joined(groups, found.match) if groups else Q()


def _joined(conditions: list[Q], match: contact_filters.Match) -> Q:
    return reduce(and_ if match == "all" else or_, conditions)


def of(each: Condition, now: datetime) -> Q:
    if isinstance(each, Consent):
        return _CONSENT[each.state]
    if isinstance(each, Attribute):
        return comparison(each, "attributes", now)
    if isinstance(each, Field):
        return _field(each)
    return _did(each, now) if isinstance(each, Did) else _behaviour(each, now)


def _field(each: Field) -> Q:
    if each.op in ("known", "unknown"):
        return ~Q(**{each.name: ""}) if each.op == "known" else Q(**{each.name: ""})
    values = list(each.values)
    if each.name == "phone":
        values = [number for value in values for number in _numbers(value, each.op)]
    if each.op in ("contains", "begins"):
        lookup = "icontains" if each.op == "contains" else "istartswith"
        return reduce(or_, (Q(**{f"{each.name}__{lookup}": value}) for value in values))
    if each.name in ("identity", "phone"):  # exact: an index finds them
        found = Q(**{f"{each.name}__in": values})
    else:  # not one OR each: SQLite nests them, and gives up at a thousand
        found = Q(In(Lower(each.name), [Lower(Value(value)) for value in values]))
    return found if each.op == "is" else ~found


def _numbers(value: str, op: str) -> tuple[str, ...]:
    """A phone number as contacts may have it, in every spelling; or the part of one that is looked for."""
    digits = phone.digits(value) or phone.typed(value)
    if not digits:
        return (value,)
    if op == "contains":
        return (digits,)
    return phone.beginnings(digits) if op == "begins" else phone.spellings(digits)


# What contacts did, and what became of our messages


def _did(each: Did, now: datetime) -> Q:
    rows = ContactEvent.objects.filter(*comparisons(each.where, now), name=each.name, at__lte=now)
    if each.days is not None:
        rows = rows.filter(at__gt=now - timedelta(days=each.days))
    return among(rows, "contact_id", "pk", each.times, each.did)


def _behaviour(each: Behaviour, now: datetime) -> Q:
    since = now - timedelta(days=each.days) if each.days is not None else None
    about = {"campaign": each.campaign, "template": each.template}
    given = {name: value for name, value in about.items() if value}
    rows: QuerySet[Any]
    if each.what == "sent":
        rows = Message.objects.filter(untracked=False, **given).exclude(status=Status.FAILED)
        rows = rows.filter(accepted_at__gt=since) if since else rows
        return among(rows, "person", "person", 1, each.did)
    through = {f"message__{name}": value for name, value in given.items()}
    rows = Event.objects.filter(kind__in=_EVENTS[each.what], message__untracked=False, **through)
    rows = rows.filter(at__gt=since) if since else rows
    return among(rows, "message__person", "person", 1, each.did)


def _own(mine: Mine, reference: type[F]) -> F | Person:
    return Person(reference("phone")) if mine == "person" else reference(mine)


def among(rows: QuerySet[Model], column: str, mine: Mine, times: int, wanted: bool) -> Q:
    """Whether at least `times` of the rows are the contact's: their `column` is its key, or its number in
    any spelling.

    PostgreSQL joins an EXISTS, but asks a NOT IN row by row; SQLite does the reverse.
    """
    if connection.vendor == "postgresql":
        rows = rows.filter(**{column: _own(mine, OuterRef)})
    if times > 1:
        rows = rows.order_by().values(column).annotate(n=Count("pk")).filter(n__gte=times)
    if connection.vendor == "postgresql":
        found = Q(Exists(rows))
    else:
        found = Q(In(_own(mine, F), rows.order_by().values(column).query))
    return found if wanted else ~found


# Values in JSON


def comparisons(where: Iterable[Comparison], now: datetime) -> list[Q]:
    """Conditions on the properties of an event."""
    return [comparison(each, "properties", now) for each in where]


def comparison(each: Comparison, column: str, now: datetime) -> Q:
    """Whether the JSON object in the column has, under the comparison's name, what it asks for."""
    if each.op in ("is_not", "unknown"):
        opposite = Comparison(each.name, "is" if each.op == "is_not" else "known", each.values)
        return ~comparison(opposite, column, now)
    return Q(_PropertyHolds(column, each, now))


class _PropertyHolds(Func):
    output_field = models.BooleanField()
    arity = 1

    def __init__(self, column: str, each: Comparison, now: datetime) -> None:
        super().__init__(F(column))
        self.each = each
        self.now = now

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **named: Any) -> Any:
        """SQLite: every key and item of the object is a row of json_each."""
        column, parameters = compiler.compile(self.get_source_expressions()[0])
        scalar, values = _holds(self.each, self.now, _sqlite("j"))
        item = _holds(self.each, self.now, _sqlite("i"))[0]
        items = f"EXISTS (SELECT 1 FROM json_each(j.value) AS i WHERE {item})"
        return (
            f"EXISTS (SELECT 1 FROM json_each({column}) AS j WHERE j.key = %s"
            f" AND CASE WHEN j.type = 'array' THEN {items} ELSE {scalar} END)",
            [*parameters, self.each.name, *values, *values],
        )

    def as_postgresql(self, compiler: Any, connection: Any, **named: Any) -> Any:
        column, parameters = compiler.compile(self.get_source_expressions()[0])
        value, word = f"({column} -> %s::text)", f"({column} ->> %s::text)"
        name = [*parameters, self.each.name]
        if self.each.op == "known":
            return f"({value} IS NOT NULL)", name
        scalar, values = _holds(self.each, self.now, _postgresql("v.kind", "v.word"))
        item = _holds(self.each, self.now, _postgresql("jsonb_typeof(i)", "(i #>> '{}')"))[0]
        items = f"EXISTS (SELECT 1 FROM jsonb_array_elements(v.value) AS i WHERE {item})"
        holds = f"CASE WHEN v.kind IS NULL THEN false WHEN v.kind = 'array' THEN {items} ELSE {scalar} END"
        source = f"SELECT jsonb_typeof({value}) AS kind, {word} AS word, {value} AS value"
        return f"(SELECT {holds} FROM ({source}) AS v)", [*values, *values, *name, *name, *name]


class _Scalar(NamedTuple):
    """A JSON scalar in SQL: whether it is a number, its text, the text sorted by bytes, and the number."""

    is_number: str
    word: str
    sorted: str
    number: str


def _sqlite(row: str) -> _Scalar:
    text = f"CAST({row}.value AS TEXT)"
    word = f"CASE {row}.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE {text} END"
    return _Scalar(f"{row}.type IN ('integer', 'real')", word, word, f"{row}.value")


def _postgresql(kind: str, word: str) -> _Scalar:
    return _Scalar(f"{kind} = 'number'", word, f'{word} COLLATE "C"', f"CAST({word} AS numeric)")


def _holds(each: Comparison, now: datetime, scalar: _Scalar) -> tuple[str, list[Any]]:
    """The condition on one scalar, and its parameters."""
    if each.op == "known":
        return "1 = 1", []
    if each.op in contact_filters.NUMBERS:
        compared = f"{scalar.number} {_COMPARE[each.op]} %s"
        return f"CASE WHEN {scalar.is_number} THEN {compared} ELSE 1 = 0 END", [
            contact_filters.number(each.values[0])
        ]
    if each.op in (*contact_filters.DATES, *contact_filters.DAYS):
        bounds, moments, days = _dates(each, now)
        compared = " AND ".join(f"{scalar.sorted} {bound} %s" for bound in bounds)
        return (
            f"CASE WHEN {scalar.word} LIKE '{_MOMENT_SHAPE}' THEN {compared}"
            f" WHEN {scalar.word} LIKE '{_DAY_SHAPE}' THEN {compared} ELSE 1 = 0 END"
        ), [*moments, *days]
    if each.op in ("contains", "begins"):
        lead = "%" if each.op == "contains" else ""
        like = f"LOWER({scalar.word}) LIKE LOWER(%s) ESCAPE '!'"
        return "(" + " OR ".join([like] * len(each.values)) + ")", [
            f"{lead}{_escaped(value)}%" for value in each.values
        ]
    same = f"LOWER({scalar.word}) IN ({', '.join(['LOWER(%s)'] * len(each.values))})"
    numbers = [number for value in each.values if (number := contact_filters.number(value)) is not None]
    if not numbers:
        return same, list(each.values)
    equal = f"{scalar.number} IN ({', '.join(['%s'] * len(numbers))})"
    return f"({same} OR CASE WHEN {scalar.is_number} THEN {equal} ELSE 1 = 0 END)", [*each.values, *numbers]


def _dates(each: Comparison, now: datetime) -> tuple[list[str], list[str], list[str]]:
    """The bounds between which a moment lies and those of a date without a time, as texts that sort like
    them. A date is compared with calendar days: "in the last 7 days" begins 7 days before today."""
    zone = timezone.get_default_timezone()
    if each.op in contact_filters.DATES:
        day = contact_filters.day(each.values[0])
        assert day is not None
        begin = datetime.combine(day, time(), zone)
        return (["<"] if each.op == "before" else [">="]), [_text(begin)], [day.isoformat()]
    span = timedelta(days=int(each.values[0]))
    today = now.astimezone(zone).date()
    if each.op == "last_days":
        moments, days = (now - span, now), (today - span, today)
    else:
        moments, days = (now, now + span), (today, today + span)
    return [">=", "<="], [_text(one) for one in moments], [one.isoformat() for one in days]


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _escaped(value: str) -> str:
    for mark in ("!", "%", "_"):
        value = value.replace(mark, "!" + mark)
    return value
