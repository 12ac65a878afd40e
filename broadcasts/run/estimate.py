"""Before a launch: what is missing, how many people it would reach, whom it leaves out and why, and how long
it takes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, reduce
from math import ceil
from operator import or_

from django.db import OperationalError, connection, transaction
from django.db.models import Count, Q, QuerySet

from audience.models import Contact, ContactEvent
from broadcasts import contact_filters
from broadcasts.contact_filters import Attribute, Field
from broadcasts.message import composing, values
from broadcasts.message.composing import Composer
from broadcasts.message.values import Missing
from broadcasts.models import Broadcast, Recipient
from broadcasts.people import selecting
from broadcasts.people.selecting import REACHABLE
from broadcasts.run import enrolment, planning
from broadcasts.run.release_limits import PERIOD, capped
from lib.phone_sql import Person
from providers.messages import Refused
from providers.models import Provider

SECONDS = 20  # that counting may take
SAMPLES = 8
Sample = tuple[Contact, ContactEvent | None]
EXPECTED_DAYS = 7

Kind = Broadcast.Kind
Reason = Recipient.Reason


class TooSlow(Exception):
    """The contacts could not be counted in time."""


@contextmanager
def patiently() -> Iterator[None]:
    """Limits how long the database may take to look at all contacts. Raises TooSlow."""
    try:
        with transaction.atomic():
            if connection.vendor == "postgresql":
                with connection.cursor() as cursor:
                    cursor.execute(f"SET LOCAL statement_timeout = '{SECONDS}s'")
            yield
    except OperationalError as error:
        raise TooSlow(f"Counting took longer than {SECONDS} seconds.") from error


@dataclass(frozen=True, slots=True)
class Head:
    """How many people a filter finds, and how many of them may be messaged."""

    people: int
    reachable: int


def heads(found: contact_filters.Filter, now: datetime) -> Head:
    """Raises TooSlow."""
    with patiently():
        people = selecting.contacts(found, now)
        return Head(**people.aggregate(people=Count("pk"), reachable=Count("pk", filter=REACHABLE)))


@dataclass(slots=True)
class Estimate:
    """The result of a launch now. `excluded` has a count for each reason in words. For a triggered broadcast
    all people are counted who could trigger it, and `expected` is how often that is likely to happen in
    EXPECTED_DAYS days."""

    people: int = 0
    excluded: list[tuple[str, int]] = field(default_factory=list)
    control: int = 0
    messages: int = 0
    expected: int | None = None
    takes: timedelta | None = None
    unknown: int = 0  # identities of the list that are no contact's


def estimate(broadcast: Broadcast, now: datetime) -> Estimate:
    """Raises TooSlow."""
    with patiently():
        people = planning.audience(broadcast, now)
        counted = people.aggregate(
            people=Count("pk"),
            no_phone=Count("pk", filter=Q(phone="")),
            not_opted_in=Count("pk", filter=~Q(phone="") & Q(opted_in=False)),
            left_alone=Count("pk", filter=~Q(phone="") & Q(opted_in=True, dnd=True)),
            in_whatsapp=Count("pk", filter=~Q(phone="") & Q(opted_in=True, dnd=False, stopped=True)),
            reachable=Count("pk", filter=REACHABLE),
            numbers=Count(Person("phone"), filter=REACHABLE, distinct=True),
        )
        listed = (
            broadcast.who == Broadcast.Who.LIST
        )  # a list may remain from before another audience was chosen
        made = Estimate(counted["people"], unknown=broadcast.list_unknown if listed else 0)
        excluded = {name: counted[name] for name in ("no_phone", "not_opted_in")}
        excluded |= {"dnd": counted["left_alone"], "whatsapp": counted["in_whatsapp"]}
        left = counted["reachable"]
        if not broadcast.triggered:
            left = counted["numbers"]
            excluded["same_number"] = counted["reachable"] - left
            made.control = round(left * broadcast.control_percent / 100)
            # The control group is chosen first; of the others, some are excluded later.
            others = 1 - broadcast.control_percent / 100
            often = _often(broadcast, now)
            excluded["capped"] = round(_numbers(people.filter(REACHABLE & often)) * others) if often else 0
            rarely = people.filter(~often) if often else people
            excluded["value"] = round(_lacking(broadcast, rarely, now) * others)
            left -= made.control + excluded["capped"] + excluded["value"]
        else:
            made.expected = enrolment.expected(broadcast, EXPECTED_DAYS, now)
        made.excluded = [(Reason(name).label, number) for name, number in excluded.items() if number]
        made.messages = max(left, 0)
        made.takes = _takes(broadcast, made.messages) if not broadcast.triggered else None
    return made


def _numbers(people: QuerySet[Contact]) -> int:
    """How many messages they would get: one a person, however many contacts have the number."""
    return people.aggregate(n=Count(Person("phone"), distinct=True))["n"] or 0


def _often(broadcast: Broadcast, now: datetime) -> Q | None:
    """The numbers that have had as many messages as the frequency cap allows; None without a cap."""
    if not broadcast.cap_count or not broadcast.cap_days:
        return None
    return selecting.among(capped(broadcast, now), "person", "person", broadcast.cap_count, True)


def _lacking(broadcast: Broadcast, people: QuerySet[Contact], now: datetime) -> float:
    """People without an attribute that their variant needs, as far as counting can show."""
    lacking = 0.0
    for variant in broadcast.messages:
        references = values.references(list(variant.values.values()))
        named = {ref.name for ref in references if ref.source == "profile" and ref.fallback is None}
        if named:
            unknown = reduce(or_, (_unknown(name, now) for name in named))
            lacking += _numbers(people.filter(REACHABLE & unknown)) * variant.percent / 100
    return lacking


def _unknown(name: str, now: datetime) -> Q:
    known = name.lower() in contact_filters.FIELDS
    kind = Field(name.lower(), "unknown") if known else Attribute(name, "unknown")
    return selecting.of(kind, now)


def _takes(broadcast: Broadcast, messages: int) -> timedelta:
    """How long sending takes, not counting quiet hours."""
    seconds = 0.0
    if broadcast.throttle:
        seconds = (ceil(messages / broadcast.throttle) - 1) * PERIOD
    provider = broadcast.provider
    if provider.rate_count:
        seconds = max(seconds, messages / provider.rate_count * provider.rate_period)
    return timedelta(seconds=max(seconds, 0))


# What is missing


class Rehearsal:
    """What the checks of a broadcast need, each read once: its composer, and some of its people."""

    def __init__(self, broadcast: Broadcast, now: datetime) -> None:
        self.broadcast, self.now = broadcast, now

    @cached_property
    def composer(self) -> Composer:
        return Composer(self.broadcast)

    @cached_property
    def samples(self) -> list[Sample]:
        return samples(self.broadcast, self.now)


def problems(
    broadcast: Broadcast, now: datetime, rehearsal: Rehearsal | None = None
) -> list[tuple[str, str]]:
    """Why it cannot be launched: for each reason the step that corrects it, and a sentence."""
    return [
        *_of_trigger(broadcast),
        *_of_who(broadcast),
        *_of_message(broadcast, rehearsal or Rehearsal(broadcast, now)),
        *_of_times(broadcast, now),
    ]


def _of_trigger(broadcast: Broadcast) -> Iterator[tuple[str, str]]:
    if broadcast.provider.state == Provider.State.PAUSED:
        yield "basics", f"{broadcast.provider} is paused: {broadcast.provider.paused_reason} Resume it first."
    if broadcast.kind in (Kind.ACTION, Kind.INACTION) and not broadcast.event_name:
        yield "trigger", "Choose the event that triggers a message."
    if broadcast.kind == Kind.INACTION and not (broadcast.without and broadcast.wait_minutes):
        yield "trigger", "Choose the event that must not happen, and within which time."
    if broadcast.kind == Kind.DATE and not broadcast.date_name:
        yield "trigger", "Choose the date that triggers a message."
    try:
        _ = broadcast.conditions
    except contact_filters.Wrong as wrong:
        yield "trigger", str(wrong)


def _of_who(broadcast: Broadcast) -> Iterator[tuple[str, str]]:
    if broadcast.who == Broadcast.Who.SEGMENT and broadcast.segment is None:
        yield "who", "No segment is chosen."
    if broadcast.who == Broadcast.Who.LIST and not broadcast.list_name:
        yield "who", "No list has been uploaded."
    try:
        _ = broadcast.meant
    except contact_filters.Wrong as wrong:
        yield "who", str(wrong)


def _of_message(broadcast: Broadcast, rehearsal: Rehearsal) -> Iterator[tuple[str, str]]:
    if not broadcast.messages:
        yield "message", "There is no message yet."
        return
    if sum(variant.percent for variant in broadcast.messages) != 100:
        yield "message", "The variants' percentages do not sum to 100."
    composer = rehearsal.composer
    if composer.problem:
        yield "message", composer.problem
        return
    if broadcast.kind == Kind.ONE_TIME or not broadcast.event_name:
        for variant in broadcast.messages:
            for reference in values.references(list(variant.values.values())):
                if reference.source == "event":
                    yield (
                        "message",
                        f"Variant {variant.name}: no event triggers it, so {reference} is never known.",
                    )
    if not list(_of_trigger(broadcast)) and not list(_of_who(broadcast)):
        yield from (("message", words) for words in _tried(rehearsal))


def _tried(rehearsal: Rehearsal) -> Iterator[str]:
    """Makes messages for real contacts, as they would be sent. A refusal may be the fault of one person's
    values. If nobody's message can be sent, the message itself is wrong."""
    composer, now = rehearsal.composer, rehearsal.now
    for variant in rehearsal.broadcast.messages:
        refusal = ""
        for contact, event in rehearsal.samples:
            who, properties = composing.profile(contact), event.properties if event else {}
            try:
                composer.compose(
                    variant.name, "wp|wp-0|0|0|A", contact.phone, who, properties, now.timestamp()
                )
            except Missing:
                continue
            except Refused as refused:
                refusal = refusal or f"tried on {contact.identity}: {refused.message}"
            else:
                break
        else:
            if refusal:
                yield f"Variant {variant.name}, {refusal}"


def _of_times(broadcast: Broadcast, now: datetime) -> Iterator[tuple[str, str]]:
    if broadcast.starts_at and broadcast.starts_at < now:
        yield "delivery", "The time to begin has passed. Choose another, or leave it empty to begin now."
    if broadcast.ends_at and broadcast.ends_at <= max(broadcast.starts_at or now, now):
        yield "delivery", "It would end before it begins."


def key(sample: Sample) -> str:
    """How a form names a sample. Its position would change, because newer samples come first."""
    contact, event = sample
    return f"{contact.pk}-{event.pk if event else 0}"


def samples(broadcast: Broadcast, now: datetime, chosen: str = "") -> list[Sample]:
    """Some people whom it would reach, each with the triggering event, to try the message with; and the one
    chosen by its key, if the broadcast would reach that contact."""
    people = planning.audience(broadcast, now).filter(REACHABLE)
    found = _newest(broadcast, people, now) or [
        (contact, None) for contact in people.order_by("pk")[:SAMPLES]
    ]
    if chosen and chosen not in map(key, found):
        found = [*_chosen(people, chosen), *found]
    return found


def _newest(broadcast: Broadcast, people: QuerySet[Contact], now: datetime) -> list[Sample]:
    if not broadcast.event_name:
        return []
    events = ContactEvent.objects.filter(
        *selecting.comparisons(broadcast.conditions, now), name=broadcast.event_name
    )
    newest = events.order_by("-at").select_related("contact")[: SAMPLES * 10]
    meant = set(people.filter(pk__in=[event.contact_id for event in newest]).values_list("pk", flat=True))
    found: list[Sample] = [(event.contact, event) for event in newest if event.contact_id in meant]
    return found[:SAMPLES]


def _chosen(people: QuerySet[Contact], chosen: str) -> list[Sample]:
    if not re.fullmatch(r"[0-9]{1,18}-[0-9]{1,18}", chosen):
        return []
    who, _, what = chosen.partition("-")
    contact = people.filter(pk=int(who)).first()
    event = ContactEvent.objects.filter(pk=int(what), contact=contact).first()
    return [(contact, event)] if contact else []
