"""A broadcast from its launch to its end: who gets what, who does not and why."""

import json
from datetime import datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.db import DataError
from django.utils import timezone

from audience.models import Contact
from broadcasts.models import Broadcast, Listed, Recipient, Segment
from broadcasts.run import enrolment, lifecycle, planning, release_limits, releasing, results, worker
from callbacks import audit
from campaigns.ledger import ledger
from campaigns.ledger.entries import Tried
from campaigns.models import Campaign, Event, Forward, Message, StatCount, Status
from providers.messages import Outcome, ReportCode, StatusUpdate
from providers.models import Provider
from templates_app.models import Template
from tests.broadcasts.conftest import (
    add,
    happen,
    launched,
    make_broadcast,
    make_template,
    make_variant,
    sums,
    work,
)
from tests.factories import MessageFactory, make_provider

State = Broadcast.State
Reason = Recipient.Reason
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def body(message: Message) -> list[str]:
    return [value["text"] for value in json.loads(message.content)["body"]]


def reasons(broadcast: Broadcast) -> dict[str, str]:
    rows = broadcast.rows.filter(state=Recipient.State.EXCLUDED)
    return dict(rows.values_list("contact__identity", "reason"))


def test_everybody_who_may_gets_one_message(provider: Provider) -> None:
    add("mira", phone="+919812300001", name="Mira")
    add("nameless", phone="+919812300002")
    add("out", phone="+919812300003", opted_in=False)
    add("left alone", phone="+919812300004", **{"MSG-dndWhatsApp": True})
    add("no number")
    add("mira again", phone="+919812300001")
    broadcast = launched(make_broadcast(provider))
    assert sums(broadcast) == {"queued": 2, "excluded": 4}
    assert reasons(broadcast) == {
        "out": "not_opted_in",
        "left alone": "dnd",
        "no number": "no_phone",
        "mira again": "same_number",
    }
    assert broadcast.state == State.DONE
    messages = {message.to: message for message in Message.objects.all()}
    assert {to: body(message) for to, message in messages.items()} == {
        "919812300001": ["Mira", "a parcel"],
        "919812300002": ["friend", "a parcel"],
    }
    first = messages["919812300001"]
    row = Recipient.objects.get(message=first)
    assert first.msg_id == f"wp|wp-{broadcast.pk}|{row.planned_at:%Y%m%d}|{row.pk}|A"
    assert (first.campaign, first.variant, first.template) == (broadcast.code, "A", "hello")
    assert (first.untracked, first.reported, first.status) == (False, False, Status.QUEUED)
    assert Campaign.objects.get().name == "Spring sale"
    assert not Listed.objects.exists()


def report(message: Message, *kinds: str) -> None:
    Message.objects.filter(pk=message.pk).update(status=Status.SENDING, attempt=1)
    now = timezone.now()
    ledger.record_attempts(
        message.provider_id, [Tried(message.pk, 1, now, Outcome.ACCEPTED, bsp_id=f"b{message.pk}")]
    )
    updates = [
        StatusUpdate(kind, bsp_id=f"b{message.pk}", code=ReportCode.OTHER if kind == "failed" else None)  # type: ignore[arg-type]
        for kind in kinds
    ]
    ledger.record(message.provider_id, updates)


@pytest.mark.parametrize("reported", [False, True])
def test_clevertap_hears_of_it_only_if_asked(provider: Provider, reported: bool) -> None:
    add("mira", phone="+919812300001")
    launched(make_broadcast(provider, reported=reported))
    report(Message.objects.get(), "sent", "delivered", "read")
    owed = set(Event.objects.values_list("forward", flat=True))
    assert owed == ({Forward.PENDING} if reported else {Forward.NONE})
    assert StatCount.objects.get(metric=StatCount.Metric.READ).count == 1
    assert [finding for finding in audit.run() if finding.problems] == []


def test_variants_and_control_group(provider: Provider, people: Any) -> None:
    people(400)
    make_template(provider)
    make_template(provider, "other", components=[{"type": "BODY", "text": "Hi"}])
    variants = [make_variant("A", 50), make_variant("B", 50, template="other", values={})]
    # Its number decides who is in which group.
    broadcast = launched(make_broadcast(provider, pk=7, variants=variants, control_percent=20))
    found = sums(broadcast)
    assert found["queued"] + found["control"] == 400
    assert 50 < found["control"] < 110
    by_variant = {
        name: Message.objects.filter(variant=name, template=template).count()
        for name, template in (("A", "hello"), ("B", "other"))
    }
    assert sum(by_variant.values()) == found["queued"]
    assert min(by_variant.values()) > 120
    control = set(broadcast.rows.filter(state=Recipient.State.CONTROL).values_list("phone", flat=True))
    assert not Message.objects.filter(to__in=control).exists()
    counted = StatCount.objects.filter(metric=StatCount.Metric.CONTROL_GROUP, campaign=broadcast.code)
    assert sum(counted.values_list("count", flat=True)) == found["control"]


def test_planning_goes_on_where_it_was_interrupted(
    provider: Provider, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(25)
    monkeypatch.setattr(planning, "CHUNK", {"postgresql": 10, "sqlite": 10})
    broadcast = make_broadcast(provider)
    lifecycle.launch(broadcast)
    now = timezone.now()
    for recipients in (0, 10):
        worker.step(broadcast.pk, now)
        broadcast.refresh_from_db()
        assert broadcast.recipients == recipients
        assert not Message.objects.exists()

    plain = planning.add

    def broken(*arguments: Any) -> int:
        plain(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(planning, "add", broken)
    with pytest.raises(KeyboardInterrupt):
        worker.step(broadcast.pk, now)
    monkeypatch.setattr(planning, "add", plain)
    add("late", phone="+12125550001")  # came after whom it is for was fixed
    work(broadcast)
    assert sums(broadcast) == {"queued": 25}


def test_a_number_goes_to_whoever_may_be_messaged_in_a_later_chunk(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "CHUNK", {"postgresql": 1, "sqlite": 1})
    add("out", phone="+919812300001", opted_in=False)
    add("first", phone="+919812300001")
    add("second", phone="+919812300001")
    broadcast = launched(make_broadcast(provider))
    assert reasons(broadcast) == {"out": "not_opted_in", "second": "same_number"}
    assert sums(broadcast) == {"queued": 1, "excluded": 2}


def test_nobody(provider: Provider) -> None:
    broadcast = launched(make_broadcast(provider))
    assert (broadcast.state, broadcast.reason, broadcast.recipients) == (
        State.DONE,
        "Nobody was in the audience.",
        0,
    )
    assert broadcast.finished_at


def test_a_segment_that_is_nobody_or_everybody(provider: Provider, people: Any) -> None:
    people(5)
    nowhere = {"kind": "attribute", "name": "City", "op": "is", "values": ["Nowhere"]}
    nobody = Segment.objects.create(name="Nobody", filter={"groups": [{"conditions": [nowhere]}]})
    unlike = nowhere | {"op": "is_not"}
    everybody = Segment.objects.create(name="Everybody", filter={"groups": [{"conditions": [unlike]}]})
    broadcast = launched(make_broadcast(provider, who=Broadcast.Who.SEGMENT, segment=nobody))
    assert (broadcast.state, broadcast.reason, broadcast.recipients) == (
        State.DONE,
        "Nobody was in the audience.",
        0,
    )
    broadcast = launched(make_broadcast(provider, who=Broadcast.Who.SEGMENT, segment=everybody))
    assert sums(broadcast) == {"queued": 5}


def test_every_slot_is_filled_from_the_contact_or_the_event(provider: Provider) -> None:
    components = [
        {"type": "HEADER", "format": "IMAGE"},
        {"type": "BODY", "text": "Hello {{1}}"},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "URL", "text": "Track", "url": "https://shop.example.test/track/{{1}}"},
                {"type": "QUICK_REPLY", "text": "Stop"},
            ],
        },
    ]
    make_template(provider, components=components)
    texts = {
        "header": "https://cdn.example.test/{{ profile.Picture | plain }}.jpg",
        "body.1": "{{ profile.name | friend }}",
        "button.0": "{{ event.Order | latest }}?from=wa",
        "button.1": "stop-{{ profile.City | anywhere }}",
    }
    for identity, name, number in (("mira", "Mira", "1"), ("bo", "", "2")):
        add(
            identity,
            phone=f"+91981230000{number}",
            name=name,
            **({"Picture": 7, "City": "Goa"} if name else {}),
        )
    broadcast = launched(
        make_broadcast(
            provider, kind=Broadcast.Kind.ACTION, event_name="Bought", variants=[make_variant(values=texts)]
        )
    )
    happen("mira", "Bought", Order="A-12")
    happen("bo", "Bought")
    work(broadcast, timezone.now() + timedelta(seconds=2))
    assert sums(broadcast) == {"queued": 2}
    found = {message.to[-1]: json.loads(message.content) for message in Message.objects.all()}
    assert [
        (
            each["header"]["media"]["url"],
            [value["text"] for value in each["body"]],
            [button["value"] for button in each["buttons"]],
        )
        for each in (found["1"], found["2"])
    ] == [
        ("https://cdn.example.test/7.jpg", ["Mira"], ["A-12?from=wa", "stop-Goa"]),
        ("https://cdn.example.test/plain.jpg", ["friend"], ["latest?from=wa", "stop-anywhere"]),
    ]


def test_a_list_of_identities(provider: Provider) -> None:
    chosen, _ = add("a", phone="+919812300001"), add("b", phone="+919812300002")
    broadcast = make_broadcast(provider, who=Broadcast.Who.LIST)
    Listed.objects.create(broadcast=broadcast, contact=chosen)
    launched(broadcast)
    assert [row.contact for row in broadcast.rows.all()] == [chosen]
    assert Listed.objects.count() == 1


@pytest.mark.parametrize(("name", "expected"), [("a", 1), ("b", 1), ("", 2)])
def test_a_list_uploaded_before_another_choice_is_of_no_account(
    provider: Provider, name: str, expected: int
) -> None:
    listed, _ = add("a", phone="+919812300001"), add("b", phone="+919812300002")
    condition = {"kind": "field", "name": "identity", "op": "contains", "values": [name]}
    chosen = {"groups": [{"conditions": [condition]}]} if name else {}
    broadcast = make_broadcast(provider, who=Broadcast.Who.FILTER, filter=chosen, list_name="a.csv")
    Listed.objects.create(broadcast=broadcast, contact=listed)
    launched(broadcast)
    assert sums(broadcast) == {"queued": expected}
    assert name in broadcast.rows.values_list("contact__identity", flat=True) or not name


def test_what_changed_before_the_message_left(provider: Provider) -> None:
    for n, identity in enumerate(("stays", "leaves", "moves", "is deleted")):
        add(identity, phone=f"+91981230000{n}")
    at = (timezone.now() + DAY).replace(hour=9)
    broadcast = make_broadcast(provider, starts_at=at, quiet_from=time(8), quiet_to=time(10))
    lifecycle.launch(broadcast)
    work(broadcast, at)
    assert sums(broadcast) == {"waiting": 4}
    add("leaves", opted_in=False)
    add("moves", phone="+919812399999")
    Contact.objects.get(identity="is deleted").delete()
    work(broadcast, at + timedelta(hours=2))
    assert sums(broadcast) == {"queued": 1, "excluded": 3}
    assert reasons(broadcast) == {"leaves": "not_opted_in", "moves": "changed", None: "gone"}


def test_a_value_that_is_not_known(provider: Provider) -> None:
    add("mira", phone="+919812300001", City="Pune")
    add("bo", phone="+919812300002")
    broadcast = launched(
        make_broadcast(
            provider, variants=[make_variant(values={"body.1": "you", "body.2": "{{ profile.City }}"})]
        )
    )
    assert sums(broadcast) == {"queued": 1, "excluded": 1}
    assert broadcast.rows.get(reason=Reason.VALUE).detail == "profile.City is not known"


@pytest.mark.parametrize("throttle", [None, 2])
def test_what_is_refused_for_everybody_pauses_it(
    provider: Provider, people: Any, throttle: int | None
) -> None:
    people(10)
    header = [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Look"}]
    make_template(provider, components=header)
    variants = [make_variant(values={"header": "no address"})]
    broadcast = launched(make_broadcast(provider, variants=variants, throttle=throttle))
    assert broadcast.state == State.PAUSED
    assert "No message can be sent: " in broadcast.reason
    assert sums(broadcast) == {"waiting": 10}


def test_the_throttle_holds_in_any_five_minutes(provider: Provider, people: Any) -> None:
    people(25)
    broadcast = make_broadcast(provider, throttle=10)
    lifecycle.launch(broadcast)
    now = timezone.now()
    sent = []
    for minute in range(13):
        work(broadcast, now + minute * MINUTE)
        sent.append(Message.objects.count())
    assert sent[0] == sent[4] == 10
    assert sent[5] == sent[9] == 20
    assert sent[10] == 25
    assert broadcast.state == State.DONE


def test_a_step_that_is_asked_for_during_another_is_taken(provider: Provider, people: Any) -> None:
    people(25)
    broadcast = make_broadcast(provider, throttle=10)
    lifecycle.launch(broadcast)
    now = timezone.now()
    work(broadcast, now)
    read_before = Broadcast.objects.get()  # by a worker that finds its throttle full
    Broadcast.objects.update(throttle=20, next_step_at=now + MINUTE)
    releasing.release(read_before, now)
    broadcast.refresh_from_db()
    assert broadcast.next_step_at == now + MINUTE, "not once the old throttle allows more"


def test_nothing_leaves_in_quiet_hours(provider: Provider, people: Any) -> None:
    people(3)
    zone = {"zone": "Asia/Kolkata", "quiet_from": time(21), "quiet_to": time(9)}
    evening = (timezone.now() + DAY).replace(hour=16, minute=30)  # 22:00 there
    broadcast = make_broadcast(provider, starts_at=evening, **zone)
    lifecycle.launch(broadcast)
    work(broadcast, evening)
    assert sums(broadcast) == {"waiting": 3}
    morning = (evening + DAY).replace(hour=3, minute=30, second=0, microsecond=0)
    assert broadcast.next_step_at == morning
    work(broadcast, morning - MINUTE)
    assert sums(broadcast) == {"waiting": 3}
    work(broadcast, morning)
    assert sums(broadcast) == {"queued": 3}


def test_the_frequency_cap_counts_what_everybody_got(provider: Provider, people: Any) -> None:
    everybody = people(7)
    here, elsewhere, before, tested, failed, talked, _ = everybody
    now = timezone.now()
    _sent(provider, here, now - 7 * DAY + MINUTE)
    _sent(make_provider(), elsewhere, now - DAY)
    _sent(provider, before, now - 7 * DAY)
    _sent(provider, tested, now - DAY, msg_id="0|0|0|0", untracked=True)
    _sent(provider, failed, now - DAY, status=Status.FAILED)
    _sent(provider, talked, now - DAY, kind=Message.Kind.FREEFORM)
    broadcast = launched(make_broadcast(provider, cap_count=1, cap_days=7))
    assert reasons(broadcast) == {here.identity: "capped", elsewhere.identity: "capped"}
    assert sums(broadcast) == {"queued": 5, "excluded": 2}
    again = launched(make_broadcast(provider, cap_count=1, cap_days=7))
    assert reasons(again) == {contact.identity: "capped" for contact in everybody}


def test_the_frequency_cap_leaves_as_many_messages_as_it_says(provider: Provider, people: Any) -> None:
    one, two, three = people(3)
    for contact, got in ((one, 1), (two, 2), (three, 3)):
        for _ in range(got):
            _sent(provider, contact, timezone.now() - DAY)
    broadcast = launched(make_broadcast(provider, cap_count=2, cap_days=7))
    assert reasons(broadcast) == {two.identity: "capped", three.identity: "capped"}
    assert sums(broadcast) == {"queued": 1, "excluded": 2}


def _sent(provider: Provider, contact: Contact, at: datetime, **values: Any) -> None:
    values = {"status": Status.ACCEPTED} | values
    MessageFactory(provider=provider, to=contact.phone, accepted_at=at, **values)


def test_it_waits_for_the_messages_ahead(
    provider: Provider, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(10)
    monkeypatch.setattr(release_limits, "MOST_AHEAD", 4)
    broadcast = launched(make_broadcast(provider))
    assert sums(broadcast) == {"waiting": 6, "queued": 4}
    Message.objects.update(status=Status.ACCEPTED)
    work(broadcast, timezone.now() + MINUTE)
    assert sums(broadcast) == {"waiting": 2, "queued": 8}


def test_a_slow_provider_gets_a_few_seconds_worth(provider: Provider, people: Any) -> None:
    """So that a pause, or errors, stop a broadcast while most of it still waits."""
    people(300)
    Provider.objects.update(rate_count=20, rate_period=1)
    broadcast = launched(make_broadcast(provider))
    assert sums(broadcast) == {"waiting": 200, "queued": 100}


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_is_set_while_it_runs(provider: Provider, people: Any, hours: int) -> None:
    people(50)
    begin = timezone.now()
    with time_machine.travel(begin, tick=False) as clock:
        broadcast = make_broadcast(provider, throttle=20)
        lifecycle.launch(broadcast)
        worker.drain()
        assert sums(broadcast) == {"waiting": 30, "queued": 20}
        # As the worker that wakes up then finds it: no more than the throttle allows, and no long silence.
        clock.move_to(begin + timedelta(hours=hours))
        worker.drain()
        assert sums(broadcast) == (
            {"waiting": 10, "queued": 40} if hours > 0 else {"waiting": 30, "queued": 20}
        )
        for minutes in (6, 12, 18):
            clock.move_to(begin + timedelta(hours=hours, minutes=minutes))
            worker.drain()
    assert (sums(broadcast), broadcast.state) == ({"queued": 50}, State.DONE)
    assert Message.objects.values("to").distinct().count() == 50


def test_a_paused_provider_holds_it(provider: Provider, people: Any) -> None:
    people(2)
    Provider.objects.update(state=Provider.State.PAUSED)
    broadcast = launched(make_broadcast(provider))
    assert (broadcast.state, sums(broadcast)) == (State.RUNNING, {"waiting": 2})
    Provider.objects.update(state=Provider.State.ACTIVE)
    work(broadcast, timezone.now() + MINUTE)
    assert sums(broadcast) == {"queued": 2}


# What stops it


def halfway(provider: Provider, people: Any, **values: Any) -> Broadcast:
    """A broadcast that has sent 30 of its 100 messages."""
    people(100)
    broadcast = launched(make_broadcast(provider, throttle=30, **values))
    assert sums(broadcast) == {"waiting": 70, "queued": 30}
    return broadcast


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"status": "PAUSED", "status_reason": "low quality"},
            "The template hello (en) is paused: low quality.",
        ),
        ({"status": "DISABLED"}, "The template hello (en) is disabled."),
        ({"vanished_at": timezone.now()}, "is no longer in the BSP's list"),
        (
            {"components": [{"type": "BODY", "text": "{{1}} {{2}} {{3}}"}]},
            "has no value for its body {{3}} here",
        ),
        (None, "is not registered with"),
    ],
)
def test_a_template_that_vanishes_or_stops_pauses_it(
    provider: Provider, people: Any, change: dict[str, Any] | None, words: str
) -> None:
    make_template(make_provider())  # the same name at another BSP
    broadcast = halfway(provider, people)
    rows = Template.objects.filter(provider=provider, name="hello")
    before = rows.values().get()
    if change is None:
        rows.delete()
    else:
        rows.update(**change)
    work(broadcast, timezone.now() + 6 * MINUTE)
    assert broadcast.state == State.PAUSED
    assert words in broadcast.reason
    assert sums(broadcast) == {"waiting": 70, "queued": 30}
    rows.delete()
    Template.objects.create(**before)
    assert lifecycle.resume(broadcast)
    work(broadcast, timezone.now() + 6 * MINUTE)
    assert sums(broadcast) == {"waiting": 40, "queued": 60}


def test_too_many_errors_pause_it_and_say_why(provider: Provider, people: Any) -> None:
    broadcast = halfway(provider, people, error_percent=20)
    messages = list(Message.objects.order_by("pk"))
    for message in messages[:5]:
        report(message, "failed")
    work(broadcast, timezone.now() + 6 * MINUTE)
    assert broadcast.state == State.RUNNING  # 5 of 30
    assert sums(broadcast) == {"waiting": 40, "queued": 60}
    for message in messages[5:12]:
        report(message, "failed")
    work(broadcast, timezone.now() + 12 * MINUTE)
    assert broadcast.state == State.PAUSED
    assert broadcast.reason == (
        "12 of 60 messages failed (20 %; the threshold is 20 %). Most often: 1009 other."
    )
    lifecycle.resume(broadcast)
    work(broadcast, timezone.now() + 18 * MINUTE)
    assert broadcast.state == State.RUNNING  # those are forgiven
    assert sums(broadcast) == {"waiting": 10, "queued": 90}
    assert [finding for finding in audit.run() if finding.problems] == []


def test_only_messages_of_its_own_are_held_against_it(provider: Provider, people: Any) -> None:
    """Another provider may have used its campaign id, and tests are no messages of it."""
    broadcast = halfway(provider, people, error_percent=20)
    for whose, number, about in (
        (make_provider(), 20, {}),
        (provider, 20, {"campaign": f"{broadcast.code}0"}),
        (provider, 1, {"msg_id": "0|0|0|0", "untracked": True}),
        (provider, 5, {}),
    ):
        for _ in range(number):
            message = MessageFactory(provider=whose, **{"campaign": broadcast.code} | about)
            report(message, "failed")
    assert results.failures(broadcast) == 5
    work(broadcast, timezone.now() + 6 * MINUTE)
    assert broadcast.state == State.RUNNING


@pytest.mark.parametrize(("failed", "state"), [(5, State.RUNNING), (6, State.PAUSED), (7, State.PAUSED)])
def test_the_error_threshold_is_reached_exactly(
    provider: Provider, people: Any, failed: int, state: str
) -> None:
    broadcast = halfway(provider, people, error_percent=20)  # of 30 messages
    for message in Message.objects.order_by("pk")[:failed]:
        report(message, "failed")
    work(broadcast, timezone.now() + 6 * MINUTE)
    assert broadcast.state == state


@pytest.mark.parametrize(("failed", "in_the_end"), [(19, 30), (20, 20), (21, 21)])
def test_few_messages_say_nothing(provider: Provider, people: Any, failed: int, in_the_end: int) -> None:
    people(30)
    broadcast = launched(make_broadcast(provider, throttle=failed))
    for message in Message.objects.all():
        report(message, "failed")
    work(broadcast, timezone.now() + 6 * MINUTE)
    assert sums(broadcast)["queued"] == in_the_end


@pytest.mark.parametrize(("number", "state"), [(4, State.DONE), (5, State.PAUSED), (6, State.PAUSED)])
def test_a_few_refused_alike_may_be_at_fault_themselves(
    provider: Provider, people: Any, number: int, state: str
) -> None:
    people(number)
    make_template(provider, components=[{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "x"}])
    variants = [make_variant(values={"header": "no address"})]
    assert launched(make_broadcast(provider, variants=variants)).state == state


def test_what_was_under_way_at_a_resume_is_not_held_against_the_new_ones_alone(
    provider: Provider, people: Any
) -> None:
    broadcast = halfway(provider, people, error_percent=50)
    messages = list(Message.objects.order_by("pk"))
    for message in messages[:5]:
        report(message, "sent", "delivered")
    lifecycle.pause(broadcast, "A pause.")
    lifecycle.resume(broadcast)
    for message in messages[5:20]:
        report(message, "failed")
    work(broadcast, timezone.now() + 6 * MINUTE)
    assert (broadcast.state, sums(broadcast)) == (State.PAUSED, {"waiting": 70, "queued": 30})
    assert broadcast.reason.startswith("15 of 25 messages failed (60 %; the threshold is 50 %).")
    lifecycle.resume(broadcast)
    for message in messages[20:]:
        report(message, "failed")
    work(broadcast, timezone.now() + 6 * MINUTE)
    work(broadcast, timezone.now() + 12 * MINUTE)
    assert (broadcast.state, sums(broadcast)) == (State.RUNNING, {"waiting": 10, "queued": 90})


def test_pause_resume_and_cancel(provider: Provider, people: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "CANCELLED_AT_ONCE", 15)
    broadcast = halfway(provider, people)
    later = timezone.now() + 6 * MINUTE
    assert lifecycle.pause(broadcast, "Paused by mira.")
    assert not lifecycle.pause(broadcast, "Twice.")
    work(broadcast, later)
    assert sums(broadcast) == {"waiting": 70, "queued": 30}
    assert lifecycle.resume(broadcast)
    assert not lifecycle.resume(broadcast)
    work(broadcast, later)
    assert sums(broadcast) == {"waiting": 40, "queued": 60}
    assert lifecycle.cancel(broadcast, "Cancelled by mira.")
    worker.step(broadcast.pk, later)
    assert sums(broadcast) == {"waiting": 25, "queued": 60, "cancelled": 15}
    work(broadcast, later)
    assert sums(broadcast) == {"queued": 60, "cancelled": 40}
    assert (broadcast.state, broadcast.reason, broadcast.next_step_at) == (
        State.CANCELLED,
        "Cancelled by mira.",
        None,
    )
    assert not lifecycle.resume(broadcast)
    assert not lifecycle.launch(broadcast)


def test_a_pause_between_making_and_storing_keeps_everybody_waiting(
    provider: Provider, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broadcast = halfway(provider, people)
    plain = releasing.prepare

    def paused_meanwhile(*arguments: Any) -> Any:
        made = plain(*arguments)
        lifecycle.pause(broadcast, "Just now.")
        return made

    monkeypatch.setattr(releasing, "prepare", paused_meanwhile)
    work(broadcast, timezone.now() + 6 * MINUTE)
    assert sums(broadcast) == {"waiting": 70, "queued": 30}


def test_two_workers_send_nobody_two_messages(
    provider: Provider, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose lease ran out while it made its messages finds them sent."""
    broadcast = halfway(provider, people)
    later = timezone.now() + 6 * MINUTE
    plain = releasing.prepare

    def overtaken(*arguments: Any) -> Any:
        made = plain(*arguments)
        monkeypatch.setattr(releasing, "prepare", plain)
        worker.step(broadcast.pk, later)
        return made

    monkeypatch.setattr(releasing, "prepare", overtaken)
    worker.step(broadcast.pk, later)
    assert sums(broadcast)["queued"] == 60
    assert Message.objects.values("to").distinct().count() == 60


def test_scheduled_for_later_and_withdrawn(provider: Provider, people: Any) -> None:
    people(2)
    soon = timezone.now() + 60 * MINUTE
    broadcast = launched(make_broadcast(provider, starts_at=soon))
    assert (broadcast.state, broadcast.next_step_at, broadcast.recipients) == (State.SCHEDULED, soon, 0)
    assert lifecycle.withdraw(broadcast)
    work(broadcast, soon)
    assert (broadcast.state, broadcast.recipients) == (State.DRAFT, 0)
    assert lifecycle.launch(broadcast)
    work(broadcast, soon)
    assert sums(broadcast) == {"queued": 2}


def test_a_fault_of_ours_pauses_one_broadcast_alone(
    provider: Provider, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(2)
    bad, good = make_broadcast(provider, variants=[{"bad": 1}]), make_broadcast(provider)
    for broadcast in (bad, good):
        lifecycle.launch(broadcast)
    assert worker.due()
    worker.drain()
    bad.refresh_from_db()
    assert bad.state == State.PAUSED
    assert "An error in Waypost" in bad.reason
    assert sums(good) == {"queued": 2}
    assert not worker.due()


def test_a_database_error_of_one_broadcast_does_not_stop_the_others(
    provider: Provider, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(2)
    bad, good = make_broadcast(provider), make_broadcast(provider)
    for broadcast in (bad, good):
        lifecycle.launch(broadcast)
    plain = planning.gather

    def gather(broadcast: Broadcast, now: datetime) -> None:
        if broadcast.pk == bad.pk:
            raise DataError("too large")
        plain(broadcast, now)

    with monkeypatch.context() as faulty:
        faulty.setattr(planning, "gather", gather)
        worker.drain()
    assert sums(good) == {"queued": 2}
    assert sums(bad) == {}
    work(bad, timezone.now() + MINUTE)
    assert sums(bad) == {"queued": 2}


@pytest.mark.parametrize("kind", [Broadcast.Kind.ONE_TIME, Broadcast.Kind.ACTION])
def test_what_a_fault_kept_from_beginning_begins_when_it_is_resumed(
    provider: Provider, people: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    people(1)
    broadcast = make_broadcast(provider, kind=kind, event_name="Booked")
    lifecycle.launch(broadcast)
    with monkeypatch.context() as faulty:
        faulty.setattr(planning, "audience", None)
        faulty.setattr(enrolment, "_events", None)
        worker.drain()
    broadcast.refresh_from_db()
    assert "An error in Waypost" in broadcast.reason
    assert lifecycle.resume(broadcast)
    work(broadcast)
    happen("p000000", "Booked")
    work(broadcast, timezone.now() + MINUTE)
    assert broadcast.started_at
    assert sums(broadcast) == {"queued": 1}


def test_while_another_works_the_queue_nothing_happens(provider: Provider, people: Any) -> None:
    from providers import leases

    people(1)
    broadcast = make_broadcast(provider)
    lifecycle.launch(broadcast)
    hold = leases.take(worker.lease(broadcast))
    assert hold
    assert worker.drain() == 0
    hold.release()
    assert worker.drain() > 0
    assert sums(broadcast) == {"queued": 1}


def test_a_copy_is_a_draft_of_its_own(provider: Provider, people: Any) -> None:
    people(1)
    broadcast = launched(make_broadcast(provider, throttle=5, date_format="us"))
    twin = lifecycle.copy(broadcast, "mira")
    assert (twin.state, twin.throttle, twin.date_format, twin.recipients, twin.name) == (
        State.DRAFT,
        5,
        "us",
        0,
        "Spring sale (copy)",
    )
    launched(twin)
    assert Message.objects.count() == 2
