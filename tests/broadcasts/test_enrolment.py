"""Messages triggered by events, by their absence, and by dates."""

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from audience import properties
from audience.models import ContactDate, ContactEvent
from broadcasts.models import Broadcast, Recipient
from broadcasts.run import clock, enrolment, lifecycle, planning, worker
from callbacks import audit
from campaigns.models import Message
from providers.models import Provider
from tests.broadcasts.conftest import add, happen, launched, make_broadcast, make_variant, sums, work

Kind = Broadcast.Kind
State = Broadcast.State
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))


@pytest.fixture
def two(db: None) -> None:
    add("mira", phone="+919812300001", name="Mira", City="Pune")
    add("bo", phone="+919812300002", name="Bo", City="Goa")


def texts() -> list[str]:
    return [json.loads(message.content)["body"][1]["text"] for message in Message.objects.order_by("pk")]


def to() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("to", flat=True))


def action(provider: Provider, **values: Any) -> Broadcast:
    values.setdefault("variants", [make_variant(values={"body.1": "x", "body.2": "{{ event.Film | it }}"})])
    return launched(make_broadcast(provider, kind=Kind.ACTION, event_name="Booked", **values))


# Single action


def test_each_event_brings_a_message_with_its_properties(provider: Provider, two: None) -> None:
    happen("mira", "Booked", Film="Before the launch")
    broadcast = action(provider)
    assert sums(broadcast) == {}
    happen("mira", "Booked", Film="Alien")
    happen("bo", "Booked", Film="Heat")
    happen("mira", "Booked", Film="Ran")
    happen("mira", "Cancelled", Film="Ran")
    work(broadcast, timezone.now() + 2 * SECOND)
    assert texts() == ["Alien", "Heat", "Ran"]
    assert sums(broadcast) == {"queued": 3}
    work(broadcast, timezone.now() + 4 * SECOND)
    assert len(texts()) == 3
    assert broadcast.state == State.RUNNING


def test_only_for_those_meant_and_with_what_is_asked_of_the_event(provider: Provider, two: None) -> None:
    pune = {
        "groups": [{"conditions": [{"kind": "attribute", "name": "City", "op": "is", "values": ["Pune"]}]}]
    }
    where = [{"name": "Seats", "op": "at_least", "values": ["2"]}]
    broadcast = action(provider, who=Broadcast.Who.FILTER, filter=pune, event_where=where)
    happen("mira", "Booked", Film="Alien", Seats=1)
    happen("mira", "Booked", Film="Heat", Seats=2)
    happen("bo", "Booked", Film="Ran", Seats=2)
    work(broadcast, timezone.now() + 2 * SECOND)
    assert texts() == ["Heat"]
    assert sums(broadcast) == {"queued": 1}


def test_a_wait_after_the_event(provider: Provider, two: None) -> None:
    broadcast = action(provider, wait_minutes=30)
    event = happen("mira", "Booked")
    work(broadcast, event.at + 29 * MINUTE)
    assert sums(broadcast) == {"waiting": 1}
    work(broadcast, event.at + 31 * MINUTE)
    assert sums(broadcast) == {"queued": 1}


def test_what_is_told_a_day_late_sets_nothing_off(provider: Provider, two: None) -> None:
    broadcast = action(provider)
    begun = timezone.now() - 3 * DAY
    Broadcast.objects.update(started_at=begun)
    now = timezone.now().replace(microsecond=0) + 2 * SECOND
    happen("mira", "Booked", now - enrolment.LATE - SECOND)
    work(broadcast, now)
    assert sums(broadcast) == {}
    happen("mira", "Booked", now + SECOND - enrolment.LATE)
    work(broadcast, now + SECOND)
    assert broadcast.recipients == 1


def test_what_happened_before_it_began_sets_nothing_off(provider: Provider, two: None) -> None:
    broadcast = action(provider)
    assert broadcast.started_at
    begun = broadcast.started_at.replace(microsecond=0)
    happen("mira", "Booked", begun - SECOND)
    happen("bo", "Booked", begun)  # events are told by the second
    work(broadcast, timezone.now() + 2 * SECOND)
    assert to() == ["919812300002"]


def test_an_event_told_by_a_clock_that_is_ahead_is_of_now(provider: Provider, two: None) -> None:
    broadcast = action(provider, wait_minutes=30)
    now = timezone.now()
    happen("mira", "Booked", now + 5 * HOUR)
    happen("bo", "Booked", datetime(9999, 12, 31, 23, 50, tzinfo=UTC))
    work(broadcast, now + 2 * SECOND)
    assert (broadcast.state, sums(broadcast)) == (State.RUNNING, {"waiting": 2})
    work(broadcast, now + 31 * MINUTE)
    assert sums(broadcast) == {"queued": 2}


def test_an_event_committed_after_a_later_one_is_found(provider: Provider, two: None) -> None:
    broadcast = action(provider)
    happen("mira", "Booked", Film="Heat")
    event = ContactEvent.objects.get()
    gone = ContactEvent.objects.filter(pk=event.pk).values().get()
    event.delete()  # not committed yet
    happen("bo", "Booked", Film="Ran")
    now = timezone.now()
    work(broadcast, now + 2 * SECOND)
    assert texts() == ["Ran"]
    ContactEvent.objects.create(**gone)
    work(broadcast, now + 30 * SECOND)
    assert texts() == ["Ran"]
    work(broadcast, now + 62 * SECOND)
    assert texts() == ["Ran", "Heat"]
    work(broadcast, now + 190 * SECOND)
    assert sums(broadcast) == {"queued": 2}


def test_many_events_are_planned_some_at_a_time(
    provider: Provider, two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "CHUNK", {"postgresql": 3, "sqlite": 3})
    broadcast = action(provider)
    for n in range(8):
        happen("mira", "Booked", Film=str(n))
    work(broadcast, timezone.now() + 2 * SECOND)
    assert texts() == [str(n) for n in range(8)]


def test_events_during_a_pause_are_not_lost(provider: Provider, two: None) -> None:
    broadcast = action(provider)
    lifecycle.pause(broadcast, "A pause.")
    happen("mira", "Booked", Film="Alien")
    work(broadcast, timezone.now() + HOUR)
    assert sums(broadcast) == {}
    lifecycle.resume(broadcast)
    work(broadcast, timezone.now() + HOUR)
    assert sums(broadcast) == {"queued": 1}


def test_after_a_long_pause_it_is_too_late(provider: Provider, two: None) -> None:
    broadcast = action(provider, wait_minutes=5)
    happen("mira", "Booked")
    work(broadcast, timezone.now() + 2 * SECOND)
    lifecycle.pause(broadcast, "A pause.")
    lifecycle.resume(broadcast)
    work(broadcast, timezone.now() + 25 * HOUR)
    assert broadcast.rows.get().reason == Recipient.Reason.LATE


def test_it_ends_when_it_is_told_to_and_sends_what_waits(provider: Provider, two: None) -> None:
    broadcast = action(provider, wait_minutes=30)
    happen("mira", "Booked")
    work(broadcast, timezone.now() + 2 * SECOND)
    assert lifecycle.end(broadcast)
    happen("bo", "Booked")
    work(broadcast, timezone.now() + 2 * SECOND)
    assert (broadcast.state, sums(broadcast)) == (State.RUNNING, {"waiting": 1})
    work(broadcast, timezone.now() + 31 * MINUTE)
    assert (broadcast.state, sums(broadcast)) == (State.DONE, {"queued": 1})
    assert to() == ["919812300001"]


def test_nothing_set_it_off_until_its_end(provider: Provider, two: None) -> None:
    broadcast = action(provider, ends_at=timezone.now() + HOUR)
    work(broadcast, timezone.now() + HOUR)
    assert (broadcast.state, broadcast.reason) == (State.DONE, "Nothing triggered a message.")


def test_what_happened_before_the_end_counts_when_nobody_looked_until_after(
    provider: Provider, two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the worker was down, or the broadcast paused."""
    monkeypatch.setattr(planning, "CHUNK", {"postgresql": 2, "sqlite": 2})
    now = timezone.now()
    broadcast = action(provider, ends_at=now + 10 * MINUTE)
    for minutes in (5, 6, 7, 10, 11):
        happen("mira", "Booked", now + minutes * MINUTE, Film=str(minutes))
    work(broadcast, now + 12 * MINUTE)
    assert (broadcast.state, texts()) == (State.DONE, ["5", "6", "7"])


# Inaction


def inaction(provider: Provider, **values: Any) -> Broadcast:
    values = {"event_name": "Cart", "without": "Bought", "wait_minutes": 30} | values
    return launched(make_broadcast(provider, kind=Kind.INACTION, **values))


def test_who_did_one_thing_and_not_the_other_in_time(provider: Provider, two: None) -> None:
    broadcast = inaction(provider)
    now = timezone.now()
    happen("mira", "Bought", now - 5 * SECOND)  # before: for another cart
    happen("mira", "Cart", now)
    happen("bo", "Cart", now)
    work(broadcast, now + 29 * MINUTE)
    assert sums(broadcast) == {"waiting": 2}
    happen("bo", "Bought", now + 29 * MINUTE)
    work(broadcast, now + 31 * MINUTE)
    assert sums(broadcast) == {"queued": 1, "excluded": 1}
    assert to() == ["919812300001"]
    assert broadcast.rows.get(state=Recipient.State.EXCLUDED).reason == Recipient.Reason.ACTED


def test_several_carts_bring_one_reminder(provider: Provider, two: None) -> None:
    broadcast = inaction(provider)
    now = timezone.now()
    for minutes in (0, 0.5, 5):
        happen("mira", "Cart", now + minutes * MINUTE)
    for minutes in range(0, 45, 4):
        work(broadcast, now + minutes * MINUTE)
    assert sums(broadcast) == {"queued": 1, "excluded": 2}
    assert set(broadcast.excluded_for) == {Recipient.Reason.TOLD}
    again = Recipient.objects.get(state=Recipient.State.QUEUED).decided_at + MINUTE
    happen("mira", "Cart", again)
    for minutes in range(0, 45, 4):
        work(broadcast, again + minutes * MINUTE)
    assert sums(broadcast)["queued"] == 2


def test_who_bought_and_filled_another_cart_is_reminded_of_that(provider: Provider, two: None) -> None:
    """Both are looked at in one round, as after quiet hours."""
    broadcast = inaction(provider)
    now = timezone.now()
    happen("mira", "Cart", now)
    happen("mira", "Bought", now + 5 * MINUTE)
    happen("mira", "Cart", now + 10 * MINUTE)
    happen("mira", "Cart", now + 15 * MINUTE)
    work(broadcast, now + 11 * MINUTE)
    work(broadcast, now + HOUR)
    assert sums(broadcast) == {"queued": 1, "excluded": 2}
    assert broadcast.excluded_for == {Recipient.Reason.ACTED: 1, Recipient.Reason.TOLD: 1}


def test_a_cart_without_the_value_leaves_the_next_one_its_reminder(provider: Provider, two: None) -> None:
    values = {"body.1": "x", "body.2": "{{ event.Item }}"}
    broadcast = inaction(provider, variants=[make_variant(values=values)])
    now = timezone.now()
    happen("mira", "Cart", now)
    happen("mira", "Cart", now + MINUTE, Item="tea")
    work(broadcast, now + 2 * MINUTE)
    work(broadcast, now + HOUR)
    assert texts() == ["tea"]
    assert broadcast.excluded_for == {Recipient.Reason.VALUE: 1}


def test_the_control_group_is_of_those_who_would_be_reminded(provider: Provider, two: None) -> None:
    broadcast = inaction(provider, control_percent=100)
    now = timezone.now()
    for minutes in (0, 5):
        happen("mira", "Cart", now + minutes * MINUTE)
    happen("bo", "Cart", now)
    happen("bo", "Bought", now + MINUTE)
    work(broadcast, now + 6 * MINUTE)
    assert sums(broadcast) == {"waiting": 3}
    work(broadcast, now + HOUR)
    work(broadcast, now + HOUR + SECOND)
    assert sums(broadcast) == {"control": 1, "excluded": 2}
    assert broadcast.excluded_for == {Recipient.Reason.ACTED: 1, Recipient.Reason.TOLD: 1}
    assert to() == []
    assert [finding for finding in audit.run() if finding.problems] == []


# Dates


def flight(provider: Provider, begin: datetime, **values: Any) -> Broadcast:
    """A reminder before the departure of those who booked, begun at a given time."""
    values = {
        "event_name": "Booked",
        "date_name": "Departure",
        "offset": -1,
        "zone": "Europe/Berlin",
    } | values
    broadcast = make_broadcast(provider, kind=Kind.DATE, **values)
    lifecycle.launch(broadcast)
    Broadcast.objects.filter(pk=broadcast.pk).update(next_step_at=begin)
    work(broadcast, begin)
    return broadcast


def stamp(at: datetime) -> str:
    return f"$D_{int(at.timestamp())}"


def looks(broadcast: Broadcast, begin: datetime, end: datetime, every: timedelta) -> None:
    at = begin
    while at <= end:
        work(broadcast, at)
        at += every


def test_a_day_before_departure(provider: Provider, two: None) -> None:
    begin = timezone.now().replace(microsecond=0)
    departure = begin + 3 * DAY
    broadcast = flight(provider, begin, zone="UTC")
    happen("mira", "Booked", begin, Departure=stamp(departure))
    happen("bo", "Booked", begin, Departure=stamp(departure + 5 * DAY), Return=stamp(departure))
    looks(broadcast, begin, departure - DAY, 6 * HOUR)
    assert sums(broadcast) == {}
    looks(broadcast, departure - DAY, departure, 6 * HOUR)
    assert to() == ["919812300001"]
    row = broadcast.rows.get()
    assert (row.due_at, row.since) == (departure - DAY, departure)


@pytest.mark.parametrize(
    ("departure", "values", "due"),
    [
        ("2026-03-29T12:00+00:00", {}, "2026-03-28T13:00+00:00"),  # 14:00 on both days' clocks
        ("2026-03-29T12:00+00:00", {"offset": -24, "offset_unit": "hours"}, "2026-03-28T12:00+00:00"),
        ("2026-10-25T13:00+00:00", {}, "2026-10-24T12:00+00:00"),
        ("2026-10-25T13:00+00:00", {"offset": -2, "at_time": time(10)}, "2026-10-23T08:00+00:00"),
        ("2026-10-23T21:30+00:00", {"offset": 1, "at_time": time(10)}, "2026-10-24T08:00+00:00"),
        ("2026-10-24T22:30+00:00", {"offset": 1, "at_time": time(10)}, "2026-10-26T09:00+00:00"),
        ("2026-03-28T20:00+00:00", {"offset": 1, "at_time": time(2, 30)}, "2026-03-29T01:00+00:00"),
    ],
)
def test_clock_changes_move_nothing(
    provider: Provider, two: None, departure: str, values: dict[str, Any], due: str
) -> None:
    at, expected = datetime.fromisoformat(departure), datetime.fromisoformat(due)
    begin = min(at, expected) - 3 * DAY
    broadcast = flight(provider, begin, **values)
    happen("mira", "Booked", begin, Departure=stamp(at))
    looks(broadcast, begin, expected, 7 * HOUR)
    work(broadcast, expected)
    assert sums(broadcast) == {}
    looks(broadcast, expected + 11 * SECOND, expected + 3 * DAY, 7 * HOUR)
    assert broadcast.rows.get().due_at == expected
    assert sums(broadcast) == {"queued": 1}


def test_an_attribute_that_moves_moves_the_message(provider: Provider, two: None) -> None:
    begin = timezone.now().replace(microsecond=0)
    broadcast = flight(provider, begin, event_name="", date_name="Renewal", offset=-2, offset_unit="hours")
    add("mira", Renewal=stamp(begin + 5 * HOUR))
    work(broadcast, begin + HOUR)
    add("mira", Renewal=stamp(begin + 9 * HOUR))
    looks(broadcast, begin + HOUR, begin + 6 * HOUR, HOUR)
    assert sums(broadcast) == {}
    add(
        "mira", City="Goa", Renewal=stamp(begin + 9 * HOUR)
    )  # the rows are written anew, the date is the same
    looks(broadcast, begin + 7 * HOUR, begin + 12 * HOUR, HOUR)
    assert sums(broadcast) == {"queued": 1}
    add("mira", Renewal=stamp(begin + 20 * HOUR))
    looks(broadcast, begin + 13 * HOUR, begin + 20 * HOUR, HOUR)
    assert sums(broadcast) == {"queued": 2}


def test_many_dates_are_planned_some_at_a_time(
    provider: Provider, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "CHUNK", {"postgresql": 4, "sqlite": 4})
    begin = timezone.now().replace(microsecond=0)
    day = (begin + 2 * DAY).replace(hour=9)
    for n, contact in enumerate(people(11)):
        happen(contact.identity, "Booked", begin, Departure=stamp(day + n // 2 * MINUTE))
    assert ContactDate.objects.count() == 11
    broadcast = flight(
        provider, begin, zone="UTC", at_time=time(10), event_where=[{"name": "Departure", "op": "known"}]
    )
    looks(broadcast, begin, day, 6 * HOUR)
    assert sums(broadcast) == {"queued": 11}


def test_before_the_broadcast_began_nothing_is_due(provider: Provider, two: None) -> None:
    begin = timezone.now().replace(microsecond=0)
    happen("mira", "Booked", begin, Departure=stamp(begin + 23 * HOUR))
    broadcast = flight(provider, begin, zone="UTC")
    looks(broadcast, begin, begin + 2 * DAY, 5 * HOUR)
    assert sums(broadcast) == {}


def test_a_date_due_just_before_the_end_is_not_lost(provider: Provider, two: None) -> None:
    begin = timezone.now().replace(microsecond=0)
    end = begin + 2 * DAY
    happen("mira", "Booked", begin, Departure=stamp(end + DAY - SECOND))
    happen("bo", "Booked", begin, Departure=stamp(end + DAY))
    broadcast = flight(provider, begin, zone="UTC", ends_at=end)
    looks(broadcast, end - 20 * SECOND, end + 9 * SECOND, 3 * SECOND)
    assert broadcast.state == State.RUNNING
    work(broadcast, end + 15 * SECOND)
    assert (broadcast.state, to()) == (State.DONE, ["919812300001"])


def test_how_often_to_expect_it(provider: Provider, two: None) -> None:
    now = datetime.now(UTC)
    happen("mira", "Booked", now - DAY, Departure=stamp(now + 3 * DAY))
    happen("bo", "Booked", now - 9 * DAY, Departure=stamp(now + 30 * DAY))
    event = make_broadcast(provider, kind=Kind.ACTION, event_name="Booked")
    assert (enrolment.expected(event, 7, now), enrolment.expected(event, 30, now)) == (1, 2)
    date = make_broadcast(provider, kind=Kind.DATE, event_name="Booked", date_name="Departure", offset=-1)
    assert (enrolment.expected(date, 7, now), enrolment.expected(date, 40, now)) == (1, 2)


def test_running_is_due_again_soon(provider: Provider, two: None) -> None:
    broadcast = action(provider)
    assert broadcast.next_step_at is not None
    assert broadcast.next_step_at <= timezone.now() + 2 * SECOND
    assert not worker.due()


@pytest.mark.parametrize(
    ("zone", "due"),
    [
        ("UTC", datetime(2026, 12, 5, 10, 0, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 12, 5, 15, 0, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2026, 12, 5, 4, 30, tzinfo=UTC)),
    ],
)
def test_a_date_without_a_time_is_due_on_its_day_in_the_broadcasts_zone(
    provider: Provider, two: None, zone: str, due: datetime
) -> None:
    """0 days before, at ten: on that calendar day, and the message names that day."""
    add("mira", Trip="2026-12-05")
    with time_machine.travel(due - 20 * HOUR, tick=False):
        broadcast = launched(
            make_broadcast(
                provider,
                kind=Kind.DATE,
                date_name="Trip",
                offset=0,
                at_time=time(10),
                zone=zone,
                date_format="long",
                variants=[make_variant(values={"body.1": "x", "body.2": "{{ profile.Trip }}"})],
            )
        )
    for moment, messages in ((due - SECOND, []), (due + MINUTE, ["5 December 2026"])):
        with time_machine.travel(moment, tick=False):
            work(broadcast, moment)
            assert texts() == messages


def test_a_text_that_looks_like_a_date_is_sent_as_written(provider: Provider) -> None:
    """Only a property that is a date gets the format which the broadcast chooses."""
    properties.declare({"Batch": "text", "Trip": "date"})
    add("mira", phone="+14155550100", Batch="2026-12-05", Trip="2026-12-05")
    words = {"body.1": "x", "body.2": "{{ profile.Batch }} on {{ profile.Trip }}"}
    work(launched(make_broadcast(provider, date_format="long", variants=[make_variant(values=words)])))
    assert texts() == ["2026-12-05 on 5 December 2026"]


def test_a_date_without_a_time_and_a_broadcast_without_one_meet_in_the_morning() -> None:
    zone = ZoneInfo("Asia/Kolkata")
    day = date(2026, 12, 5)
    assert clock.day_due(day, -1, 0, None, zone) == datetime(2026, 12, 4, 9, 0, tzinfo=zone)
    assert clock.day_due(day, 0, -2, None, zone) == datetime(2026, 12, 4, 22, 0, tzinfo=zone)
