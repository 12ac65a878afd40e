"""Reports and inbound messages on their way to CleverTap: exact, in order, each once, and never lost."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
import time_machine
from django.utils import timezone

from callbacks.forwarding import answers, calls, forward, owed
from callbacks.models import ForwardCall, Outlet, Reply
from campaigns.models import Event, Forward, Message, Status
from campaigns.sending import dispatch
from providers import leases
from providers.messages import InboundMedia, Location, ReportCode
from providers.messages import Reply as Inbound
from providers.models import Provider
from simulator.server import Simulator
from tests.bsps import NUMBER
from tests.callbacks.conftest import AT, report, sent_message
from tests.endpoints import Endpoint
from tests.endpoints import Reply as Answer
from tests.factories import MessageFactory, make_provider
from tests.gateway import until
from tests.waiting import PATIENCE

OK: Answer = (200, {}, b'{"status": "success"}')
BAD: Answer = (400, {}, b'{"status": "fail", "error": "bad format"}')


@pytest.fixture
def at_endpoint(db: None, endpoint: Endpoint) -> Provider:
    """A provider whose reports go to `endpoint`."""
    return make_provider(delivery_url=endpoint.url, inbound_url=endpoint.url)


def quirk(provider: Provider, **quirks: Any) -> Provider:
    provider.stored_quirks = quirks
    provider.save()
    return provider


def statuses(endpoint: Endpoint) -> list[tuple[str, str]]:
    return [(one["msgId"], one["status"]) for call in endpoint.got for one in call["statuses"]]


ORDER = ["sent", "delivered", "read"]


def kinds_of(row: Message, told: list[tuple[str, str]]) -> list[str]:
    return [kind for msg_id, kind in told if msg_id == row.msg_id]


def kinds(endpoint: Endpoint) -> list[str]:
    return [status for _, status in statuses(endpoint)]


def states() -> dict[str, int]:
    """How many reports are in which state of forwarding."""
    found: dict[str, int] = {}
    for state in Event.objects.values_list("forward", flat=True):
        found[Forward(state).name.lower()] = found.get(Forward(state).name.lower(), 0) + 1
    return found


def written(provider: Provider, sender: str = "15550100777", **values: Any) -> Reply:
    """An inbound message waiting to be forwarded."""
    inbound = Inbound(values.pop("kind", "text"), sender, **({"text": "Hi", "timestamp": AT} | values))
    now = timezone.now()
    return Reply.objects.create(
        provider=provider,
        bsp_id=f"in-{Reply.objects.count()}",
        sender=sender,
        kind=inbound.kind,
        at=datetime.fromtimestamp(AT, UTC),
        received_at=now,
        owed_since=now,
        text=inbound.text,
        content=msgspec.json.encode(inbound).decode(),
    )


# What arrives


def test_a_report_arrives_in_clevertaps_form(owed: Provider, simulator: Simulator) -> None:
    row = sent_message(owed)
    report(row, "delivered")
    assert forward.drain(owed.pk) == 1
    (record,) = simulator.sink
    assert record.payload == {
        "payloadVersion": "0.1",
        "statuses": [{"msgId": row.msg_id, "status": "delivered", "timestamp": str(AT)}],
    }
    assert record.unprocessed == []


def test_a_failure_names_its_code_and_reason(owed: Provider, simulator: Simulator) -> None:
    report(sent_message(owed), "failed", code=ReportCode.PHONE, bsp_code="131026", text="Not on WhatsApp")
    forward.drain(owed.pk)
    (entry,) = simulator.sink[0].payload["statuses"]
    assert entry["error"] == {"code": 1002, "title": "Not on WhatsApp [131026]"}


def test_a_failure_without_a_reason_still_has_a_title(owed: Provider, simulator: Simulator) -> None:
    report(sent_message(owed), "failed")
    forward.drain(owed.pk)
    (entry,) = simulator.sink[0].payload["statuses"]
    assert entry["error"] == {"code": 1009, "title": "Not delivered"}


def test_every_click_arrives(owed: Provider, simulator: Simulator) -> None:
    row = sent_message(owed)
    for second in range(3):
        report(row, "clicked", timestamp=AT + second, url="https://shop.example.test")
    forward.drain(owed.pk)
    (record,) = simulator.sink
    assert [entry["ts"] for entry in record.payload["statuses"]] == [AT, AT + 1, AT + 2]


def test_our_msg_id_is_clevertaps_byte_for_byte(owed: Provider, simulator: Simulator) -> None:
    odd = ' 712|"ü"\\|\t|👋 '
    report(sent_message(owed, msg_id=odd), "sent")
    forward.drain(owed.pk)
    assert simulator.sink[0].payload["statuses"][0]["msgId"] == odd


def test_an_inbound_message_arrives_in_clevertaps_form(owed: Provider, simulator: Simulator) -> None:
    row = sent_message(owed, to="15550100777")
    reply = written(owed)
    Reply.objects.update(answers=row)
    assert forward.drain(owed.pk) == 1
    (record,) = simulator.sink
    assert (record.kind, record.payload) == (
        "inbound",
        {
            "payloadVersion": "0.1",
            "from": "15550100777",
            "wabaNumber": NUMBER,
            "timestamp": str(AT),
            "type": "text",
            "context": {"id": row.msg_id},
            "text": {"body": "Hi"},
        },
    )
    reply.refresh_from_db()
    assert reply.forward == Forward.DONE


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("image", {"media": InboundMedia("https://m.example.test/a.jpg", mime_type="image/jpeg")}),
        ("audio", {"media": InboundMedia("https://m.example.test/a.ogg", mime_type="audio/ogg")}),
        ("document", {"media": InboundMedia("https://m.example.test/a.pdf", mime_type="application/pdf")}),
        ("image", {"media": InboundMedia(id="881"), "text": ""}),
        ("location", {"location": Location(2.45, 1.56)}),
        ("button", {"payload": "optout"}),
        ("interactive", {}),
    ],
)
def test_every_kind_is_one_that_clevertap_takes(
    owed: Provider, simulator: Simulator, kind: str, content: dict[str, Any]
) -> None:
    written(owed, kind=kind, **content)
    assert forward.drain(owed.pk) == 1
    assert simulator.sink[0].unprocessed == []


def test_an_answer_to_a_test_send_names_no_message(owed: Provider, simulator: Simulator) -> None:
    written(owed)
    Reply.objects.update(answers=sent_message(owed, msg_id="0|0|0|0", untracked=True))
    forward.drain(owed.pk)
    assert "context" not in simulator.sink[0].payload


def test_a_reply_without_a_time_has_the_one_we_gave_it(owed: Provider, simulator: Simulator) -> None:
    written(owed, timestamp=0)
    forward.drain(owed.pk)
    assert simulator.sink[0].payload["timestamp"] == str(AT)


def test_reports_on_test_sends_stay_here(owed: Provider, simulator: Simulator) -> None:
    report(sent_message(owed, msg_id="0|0|0|0", untracked=True), "sent", "delivered", "read", "failed")
    assert forward.drain(owed.pk) == 0
    assert simulator.sink == []


def test_kinds_clevertap_has_no_form_for_stay_here(owed: Provider, simulator: Simulator) -> None:
    """And hold up none of those that come after them."""
    for _ in range(40):
        written(owed, kind="other", text="👍")
    written(owed)
    forward.drain(owed.pk)
    assert len(simulator.sink) == 1
    dropped = Reply.objects.filter(forward=Forward.NONE)
    assert (dropped.count(), dropped[0].forward_error) == (
        40,
        "CleverTap's format has no place for this kind of message.",
    )


def test_each_goes_once(owed: Provider, simulator: Simulator) -> None:
    report(sent_message(owed), "sent", "delivered")
    written(owed)
    assert forward.drain(owed.pk) == 3
    report(sent_message(owed), "sent")
    assert forward.drain(owed.pk) == 1
    assert forward.drain(owed.pk) == 0
    assert len(simulator.sink) == 3
    assert states() == {"done": 3}


def test_every_call_is_kept_with_its_answer(owed: Provider) -> None:
    report(sent_message(owed), "sent")
    forward.drain(owed.pk)
    call = ForwardCall.objects.get()
    assert (call.status, call.error, call.url) == (200, "", owed.delivery_url)
    assert json.loads(call.answer)["processed"] == 1
    assert Event.objects.get().forward_log == call.pk


def test_a_provider_without_urls_keeps_its_reports(provider: Provider, endpoint: Endpoint) -> None:
    report(sent_message(provider), "sent")
    assert forward.drain(provider.pk) == 0
    assert not forward.due(provider)
    provider.delivery_url = endpoint.url
    provider.save()
    assert forward.due(provider)
    assert forward.drain(provider.pk) == 1


# Batches and order


@pytest.mark.parametrize(("most", "calls"), [(1, 45), (20, 3), (1000, 1)])
def test_batches_are_as_large_as_the_provider_takes(
    at_endpoint: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, most: int, calls: int
) -> None:
    monkeypatch.setattr(owed, "LANES", 1)
    quirk(at_endpoint, statuses_per_request=most)
    for _ in range(45):
        report(sent_message(at_endpoint), "sent")
    assert forward.drain(at_endpoint.pk) == 45
    assert len(endpoint.got) == calls
    assert max(len(call["statuses"]) for call in endpoint.got) == min(most, 45)


@pytest.mark.parametrize("most", [1, 20])
def test_a_messages_reports_arrive_in_order(at_endpoint: Provider, endpoint: Endpoint, most: int) -> None:
    quirk(at_endpoint, statuses_per_request=most)
    endpoint.delay = 0.002
    rows = [sent_message(at_endpoint) for _ in range(40)]
    for kind in ("read", "sent", "delivered"):  # told of in disorder
        for row in rows:
            report(row, kind)
    forward.drain(at_endpoint.pk)
    for row in rows:
        assert kinds_of(row, statuses(endpoint)) == ORDER


def test_a_persons_messages_arrive_in_order(at_endpoint: Provider, endpoint: Endpoint) -> None:
    endpoint.delay = 0.002
    for turn in range(5):
        for sender in ("15550100001", "15550100002", "15550100003"):
            written(at_endpoint, sender=sender, text=str(turn))
    forward.drain(at_endpoint.pk)
    for sender in ("15550100001", "15550100002", "15550100003"):
        assert [one["text"]["body"] for one in endpoint.got if one["from"] == sender] == list("01234")


def test_somebody_named_by_a_user_id_is_told_of_once(at_endpoint: Provider, endpoint: Endpoint) -> None:
    """What waited for a number goes out under the id; what has gone out stays where it is."""
    quirk(at_endpoint, from_user_id=True)
    endpoint.reply = lambda _: OK if len(endpoint.got) <= 2 else (503, {}, b"")  # or it might never end
    for text in ("Hello", "Again"):
        row = written(at_endpoint, sender="", user_id="US.1", text=text)
        Reply.objects.filter(pk=row.pk).update(forward=Forward.NO_NUMBER, user_id="US.1")
        assert forward.drain(at_endpoint.pk) == 1
    assert [one["text"]["body"] for one in endpoint.got] == ["Hello", "Again"]
    assert set(Reply.objects.values_list("forward", flat=True)) == {Forward.DONE}


# What CleverTap does not process


def unprocessed(*records: dict[str, Any]) -> Answer:
    entries = [{"status": "fail", "code": 555, "error": "no such message", "record": one} for one in records]
    return 200, {}, json.dumps({"status": "partial", "processed": 1, "unprocessed": entries}).encode()


def test_what_is_unprocessed_is_parked_with_the_reason(
    at_endpoint: Provider, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    row = sent_message(at_endpoint)
    report(row, "sent", "delivered", "read")
    endpoint.reply = lambda _: unprocessed({"msgId": row.msg_id, "status": "delivered"})
    assert forward.drain(at_endpoint.pk) == 2
    parked = Event.objects.get(forward=Forward.PARKED)
    assert (parked.kind, parked.forward_error) == (Event.Kind.DELIVERED, "CleverTap: no such message [555]")
    assert states() == {"done": 2, "parked": 1}
    assert f"Parked 1 for {at_endpoint.nickname}" in caplog.text
    assert forward.drain(at_endpoint.pk) == 0


def test_a_record_without_a_status_means_the_whole_message(at_endpoint: Provider, endpoint: Endpoint) -> None:
    rows = [sent_message(at_endpoint, pk=pk) for pk in (32, 48)]
    for row in rows:
        report(row, "sent", "read")
    endpoint.reply = lambda _: unprocessed({"msgId": rows[0].msg_id})
    forward.drain(at_endpoint.pk)
    assert set(rows[0].events.values_list("forward", flat=True)) == {Forward.PARKED}
    assert set(rows[1].events.values_list("forward", flat=True)) == {Forward.DONE}


def test_a_capital_letter_is_the_same_status(at_endpoint: Provider, endpoint: Endpoint) -> None:
    quirk(at_endpoint, clicked_spelling="Clicked")
    row = sent_message(at_endpoint)
    report(row, "clicked", url="https://shop.example.test")
    endpoint.reply = lambda _: unprocessed({"msgId": row.msg_id, "status": "Clicked"})
    forward.drain(at_endpoint.pk)
    assert states() == {"parked": 1}


def test_a_nameless_record_is_the_only_one_there_was(at_endpoint: Provider, endpoint: Endpoint) -> None:
    report(sent_message(at_endpoint), "sent")
    endpoint.reply = lambda _: unprocessed({})
    forward.drain(at_endpoint.pk)
    assert states() == {"parked": 1}


def test_an_inbound_message_can_be_unprocessed_too(at_endpoint: Provider, endpoint: Endpoint) -> None:
    written(at_endpoint)
    endpoint.reply = lambda _: unprocessed({"from": "15550100777"})
    forward.drain(at_endpoint.pk)
    assert Reply.objects.get().forward == Forward.PARKED


@pytest.mark.parametrize(
    "body", [b"", b"OK", b"[]", b'{"unprocessed": "?"}', b'{"unprocessed": [1]}', b"\xff\x00"]
)
def test_any_other_success_is_one(at_endpoint: Provider, endpoint: Endpoint, body: bytes) -> None:
    report(sent_message(at_endpoint), "sent")
    endpoint.reply = lambda _: (200, {}, body)
    assert forward.drain(at_endpoint.pk) == 1


@pytest.mark.parametrize("status", answers.CONTENT_STATUSES)
def test_a_refused_batch_is_taken_apart_to_find_the_bad_one(
    at_endpoint: Provider, endpoint: Endpoint, status: int
) -> None:
    rows = [sent_message(at_endpoint, pk=16 * n) for n in range(1, 6)]  # one lane
    for row in rows:
        report(row, "sent")
    bad = rows[2].msg_id
    endpoint.reply = lambda body: (status, {}, b"bad") if bad in json.dumps(body) else OK
    assert forward.drain(at_endpoint.pk) == 4
    parked = Event.objects.get(forward=Forward.PARKED)
    assert (parked.message, parked.forward_error) == (rows[2], f"HTTP {status}: bad")
    assert len(endpoint.got) == 6, "the batch, then each by itself"
    assert not Outlet.objects.exclude(hold_until=None).exists(), "the URL is well"


def test_a_refusal_of_the_content_is_neither_a_success_nor_a_failure_of_the_url(
    at_endpoint: Provider, endpoint: Endpoint
) -> None:
    report(sent_message(at_endpoint), "sent")
    endpoint.reply = lambda _: (400, {}, b"bad")
    assert forward.drain(at_endpoint.pk) == 0
    assert states() == {"parked": 1}
    assert (outlet().last_success_at, outlet().failures, outlet().hold_until) == (None, 0, None)


# A CleverTap that does not answer


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(datetime(2026, 1, 6, 9, tzinfo=UTC), tick=False) as travelled:
        yield travelled


def outlet() -> Outlet:
    return Outlet.objects.get(kind=Outlet.Kind.DELIVERY)


DOWN: dict[str, Answer] = {
    "401": (401, {}, b""),
    "404": (404, {}, b"gone"),
    "302": (302, {"Location": "/"}, b""),
    "429": (429, {"Retry-After": "1"}, b""),
    "500": (500, {}, b"oops"),
    "503 with NUL": (503, {}, b"a\x00b"),
}


@pytest.mark.parametrize("answer", DOWN.values(), ids=DOWN.keys())
def test_trouble_with_the_url_holds_everything_and_loses_nothing(
    at_endpoint: Provider, endpoint: Endpoint, clock: Any, answer: Answer
) -> None:
    row = sent_message(at_endpoint)
    report(row, "sent", "delivered")
    endpoint.reply = lambda _: answer
    assert forward.drain(at_endpoint.pk) == 0
    assert states() == {"pending": 2}
    assert outlet().failures == 1
    assert outlet().last_error.startswith(f"HTTP {answer[0]}")
    assert forward.drain(at_endpoint.pk) == 0
    assert not forward.due(at_endpoint)
    assert len(endpoint.got) == 1, "left alone for a while"
    endpoint.reply = lambda _: OK
    clock.shift(timedelta(seconds=3))
    assert forward.drain(at_endpoint.pk) == 2
    assert (outlet().failures, outlet().hold_until) == (0, None)
    assert kinds(endpoint)[-2:] == ["sent", "delivered"]


def test_so_does_nobody_listening(db: None, clock: Any) -> None:
    provider = make_provider(delivery_url="http://127.0.0.1:9/sink")
    report(sent_message(provider), "sent")
    forward.drain(provider.pk)
    assert states() == {"pending": 1}
    assert "no connection" in outlet().last_error
    assert "no connection" in Event.objects.get().forward_error


def test_a_doubtful_one_says_that_it_may_come_twice(
    at_endpoint: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "TIMEOUT", 1.0)  # a slow machine needs some of it to connect
    let_go = threading.Event()
    endpoint.reply = lambda _: (let_go.wait(PATIENCE), OK)[1]
    report(sent_message(at_endpoint), "sent")
    forward.drain(at_endpoint.pk)
    let_go.set()
    assert "CleverTap may get it twice: no answer within 1 s" in Event.objects.get().forward_error
    assert states() == {"pending": 1}


def test_the_tries_of_a_dead_url_grow_rare(at_endpoint: Provider, endpoint: Endpoint, clock: Any) -> None:
    endpoint.reply = lambda _: (503, {}, b"")
    report(sent_message(at_endpoint), "sent")
    began, tries = timezone.now(), []
    for _ in range(len(calls.LADDER) + 1):
        forward.drain(at_endpoint.pk)
        tries.append((timezone.now() - began).total_seconds())
        clock.move_to(outlet().hold_until)
    for rung, (before, after) in zip(calls.LADDER, pairwise(tries), strict=True):
        assert 0.8 * rung <= after - before <= 1.2 * rung
    assert states() == {"pending": 1}


def test_down_for_an_hour(owed: Provider, simulator: Simulator, clock: Any) -> None:
    """Everything that gathered arrives afterwards, once and in order."""
    simulator.behaviour.sink_mode = "down"
    rows = [sent_message(owed) for _ in range(30)]
    for minute in range(60):
        if minute % 20 == 0:
            for row in rows:
                report(row, ("sent", "delivered", "read")[minute // 20])
        forward.drain(owed.pk)
        clock.shift(timedelta(minutes=1))
    assert simulator.sink == []
    assert len(simulator.sink_refused) < 16 * 10, "it was not hammered"
    simulator.behaviour.sink_mode = "ok"
    clock.move_to(outlet().hold_until)
    assert forward.drain(owed.pk) == 90
    told = [(one["msgId"], one["status"]) for record in simulator.sink for one in record.payload["statuses"]]
    assert len(set(told)) == len(told) == 90
    for row in rows:
        assert kinds_of(row, told) == ORDER


def test_order_outlives_a_failure_in_mid_round(at_endpoint: Provider, endpoint: Endpoint, clock: Any) -> None:
    quirk(at_endpoint, statuses_per_request=1)
    rows = [sent_message(at_endpoint) for _ in range(20)]
    for row in rows:
        report(row, "sent", "delivered", "read")
    taken: list[tuple[str, str]] = []

    def moody(body: dict[str, Any]) -> Answer:
        if len(endpoint.got) % 7 == 0:
            return 503, {}, b""
        taken.extend((one["msgId"], one["status"]) for one in body["statuses"])
        return OK

    endpoint.reply = moody
    for _ in range(60):
        forward.drain(at_endpoint.pk)
        clock.shift(timedelta(hours=3))
    assert states() == {"done": 60}
    for row in rows:
        assert kinds_of(row, taken) == ORDER


def test_one_url_that_is_down_does_not_hold_the_other(at_endpoint: Provider, endpoint: Endpoint) -> None:
    endpoint.reply = lambda body: OK if "from" in body else (503, {}, b"")
    report(sent_message(at_endpoint), "sent")
    written(at_endpoint)
    assert forward.drain(at_endpoint.pk) == 1
    assert Reply.objects.get().forward == Forward.DONE


def test_nor_another_provider(owed: Provider, simulator: Simulator, endpoint: Endpoint) -> None:
    broken = make_provider(delivery_url=endpoint.url)
    endpoint.reply = lambda _: (503, {}, b"")
    for provider in (broken, owed):
        report(sent_message(provider), "sent")
        forward.drain(provider.pk)
    assert len(simulator.sink) == 1


def test_nor_does_it_slow_sending(owed: Provider, simulator: Simulator) -> None:
    """Each has its own lease: a worker stuck with CleverTap holds up no message."""
    row = MessageFactory(provider=owed)
    with leases.take(f"forward:{owed.pk}"):  # type: ignore[union-attr]
        assert dispatch.drain(owed.pk) == 1
    row.refresh_from_db()
    assert row.status == Status.ACCEPTED


def test_a_slow_clevertap_does_not_cost_the_lease(
    at_endpoint: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a second worker would tell it everything again."""
    monkeypatch.setattr(calls, "PATIENCE", 0.01)
    renewed = []
    monkeypatch.setattr(leases.Hold, "renew", lambda hold: renewed.append(len(endpoint.got)))
    endpoint.reply = lambda _: (until(lambda: len(renewed) > 5), OK)[1]
    report(sent_message(at_endpoint), "sent")
    assert forward.drain(at_endpoint.pk) == 1
    assert len(renewed) > 5


def test_who_has_lost_the_lease_records_what_was_answered_and_posts_no_more(
    at_endpoint: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    def renew(hold: leases.Hold) -> None:
        if endpoint.got:
            raise leases.Lost(hold.name)

    monkeypatch.setattr(leases.Hold, "renew", renew)
    quirk(at_endpoint, statuses_per_request=1)
    report(sent_message(at_endpoint), "sent", "delivered")
    with pytest.raises(leases.Lost):
        forward.drain(at_endpoint.pk)
    assert len(endpoint.got) == 1
    assert states() == {"done": 1, "pending": 1}


def test_one_worker_forwards_at_a_time(owed: Provider, simulator: Simulator) -> None:
    report(sent_message(owed), "sent")
    with leases.take(f"forward:{owed.pk}"):  # type: ignore[union-attr]
        assert forward.drain(owed.pk) == 0
    assert forward.drain(owed.pk) == 1


# Given up, and taken up again


def test_after_three_days_it_is_given_up(
    at_endpoint: Provider, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    report(sent_message(at_endpoint), "sent")
    written(at_endpoint)
    clock.shift(timedelta(days=3))
    assert forward.park_old(timezone.now()) == 0
    clock.shift(timedelta(seconds=1))
    assert forward.park_old(timezone.now()) == 2
    assert "2 reports and replies are parked" in caplog.text
    assert (states(), Event.objects.get().forward_error) == (
        {"parked": 1},
        "Waypost stopped retrying after 3 days.",
    )


def test_what_was_parked_can_be_tried_again(at_endpoint: Provider, endpoint: Endpoint, clock: Any) -> None:
    report(sent_message(at_endpoint), "sent")
    reply = written(at_endpoint)
    endpoint.reply = lambda _: (503, {}, b"")
    forward.drain(at_endpoint.pk)
    clock.shift(timedelta(days=4))
    forward.park_old(timezone.now())
    endpoint.reply = lambda _: OK
    assert forward.retry(events=[Event.objects.get().pk], replies=[reply.pk]) == 2
    assert forward.park_old(timezone.now()) == 0, "its three days begin anew"
    assert forward.drain(at_endpoint.pk) == 2


def test_a_retry_does_not_wait_for_the_url(at_endpoint: Provider, endpoint: Endpoint) -> None:
    endpoint.reply = lambda _: BAD
    row = sent_message(at_endpoint)
    report(row, "sent")
    forward.drain(at_endpoint.pk)
    Outlet.objects.update(failures=9, hold_until=timezone.now() + timedelta(hours=2))
    endpoint.reply = lambda _: OK
    forward.retry(events=[Event.objects.get().pk])
    assert forward.drain(at_endpoint.pk) == 1


def test_only_what_was_parked_is_tried_again(owed: Provider, simulator: Simulator) -> None:
    report(sent_message(owed), "sent")
    forward.drain(owed.pk)
    assert forward.retry(events=[Event.objects.get().pk]) == 0
    assert forward.drain(owed.pk) == 0


def test_all_that_was_parked_for_a_url_can_be_tried_again(at_endpoint: Provider, endpoint: Endpoint) -> None:
    endpoint.reply = lambda _: BAD
    for _ in range(5):
        report(sent_message(at_endpoint), "sent")
    forward.drain(at_endpoint.pk)
    assert states() == {"parked": 5}
    endpoint.reply = lambda _: OK
    assert forward.retry_outlet(outlet()) == 5
    assert forward.drain(at_endpoint.pk) == 5


@pytest.fixture
def neighbour(other_shop: Provider, endpoint: Endpoint) -> Provider:
    """Another provider, which owes both of its URLs something and leaves them alone after a failure."""
    later = timezone.now() + timedelta(hours=2)
    Provider.objects.filter(pk=other_shop.pk).update(delivery_url=endpoint.url, inbound_url=endpoint.url)
    for state, number in ((Forward.PENDING, "1"), (Forward.PARKED, "2")):
        report(sent_message(other_shop), "sent")
        Event.objects.filter(pk=Event.objects.latest("pk").pk).update(forward=state)
        reply = written(other_shop, sender=f"1555010000{number}")
        Reply.objects.filter(pk=reply.pk).update(forward=state)
    for kind in Outlet.Kind:
        Outlet.objects.create(provider=other_shop, kind=kind, failures=9, hold_until=later)
    return other_shop


def owed_by(provider: Provider) -> list[int]:
    rows = [model.objects.filter(provider=provider) for model in (Event, Reply)]
    return sorted(state for each in rows for state in each.values_list("forward", flat=True))


HELD = [Forward.PENDING, Forward.PENDING, Forward.PARKED, Forward.PARKED]


def test_what_another_provider_owes_stays_where_it_is(
    at_endpoint: Provider, neighbour: Provider, endpoint: Endpoint
) -> None:
    report(sent_message(at_endpoint), "sent")
    written(at_endpoint)
    assert forward.due(at_endpoint)
    assert not forward.due(neighbour)
    assert forward.drain(at_endpoint.pk) == 2
    assert len(endpoint.got) == 2
    assert not forward.due(at_endpoint)
    assert owed_by(neighbour) == HELD
    assert {each.failures for each in Outlet.objects.filter(provider=neighbour)} == {9}


@pytest.mark.parametrize("kind", list(Outlet.Kind))
def test_trying_one_url_again_leaves_the_other_and_those_of_others_alone(
    at_endpoint: Provider, neighbour: Provider, kind: Outlet.Kind
) -> None:
    report(sent_message(at_endpoint), "sent")
    written(at_endpoint)
    for model in (Event, Reply):
        model.objects.filter(provider=at_endpoint).update(forward=Forward.PARKED)
    mine = Outlet.objects.create(provider=at_endpoint, kind=kind, failures=1)
    assert forward.retry_outlet(mine) == 1
    model = Event if kind == Outlet.Kind.DELIVERY else Reply
    assert model.objects.get(provider=at_endpoint).forward == Forward.PENDING
    assert owed_by(at_endpoint) == [Forward.PENDING, Forward.PARKED]
    assert owed_by(neighbour) == HELD
    assert not Outlet.objects.filter(provider=neighbour, hold_until=None).exists()


@pytest.mark.parametrize(("seconds", "given_up"), [(-1, False), (0, False), (1, True)])
def test_when_it_is_given_up(at_endpoint: Provider, clock: Any, seconds: int, given_up: bool) -> None:
    report(sent_message(at_endpoint), "sent")
    written(at_endpoint)
    owed_since = timezone.now() - forward.GIVE_UP - timedelta(seconds=seconds)
    for model in (Event, Reply):
        model.objects.update(owed_since=owed_since)
    assert forward.park_old(timezone.now()) == (2 if given_up else 0)


def test_an_answer_to_a_test_names_no_msg_id(at_endpoint: Provider, endpoint: Endpoint) -> None:
    """CleverTap knows none: every test has the same."""
    reply = written(at_endpoint)
    test = sent_message(at_endpoint, msg_id="0|0|0|0", untracked=True)
    Reply.objects.filter(pk=reply.pk).update(answers=test)
    assert forward.drain(at_endpoint.pk) == 1
    assert "0|0|0|0" not in json.dumps(endpoint.got)
    Reply.objects.filter(pk=reply.pk).update(answers=sent_message(at_endpoint), forward=Forward.PENDING)
    assert forward.drain(at_endpoint.pk) == 1
    assert Message.objects.latest("pk").msg_id in json.dumps(endpoint.got[-1])


def test_a_failed_messages_story_is_complete_here(owed: Provider) -> None:
    """What CleverTap was told, and when, can be seen beside the message."""
    row = sent_message(owed)
    report(row, "failed", code=ReportCode.UNAVAILABLE, text="Away")
    forward.drain(owed.pk)
    event = Message.objects.get(pk=row.pk).events.get()
    assert (event.forward, event.forward_attempts, event.forward_error) == (Forward.DONE, 1, "")
    assert event.forwarded_at is not None
