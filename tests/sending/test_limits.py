"""Rate, concurrency and throttling, as the receiver sees them."""

import json
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from campaigns.models import Attempt, Message, Status
from campaigns.sending import dispatch, limits
from campaigns.sending.limits import Limits, Wait
from lib.throttle import Window
from lib.transport import transport
from providers.messages import Outcome, SendResult
from providers.models import Lease, Provider
from simulator.server import Simulator
from tests.bsps import customer
from tests.endpoints import SUCCESS, Endpoint, Reply
from tests.factories import MessageFactory
from tests.gateway import until


def queue(provider: Provider, count: int, **values: Any) -> None:
    MessageFactory.create_batch(count, provider=provider, **values)


def unsent() -> bool:
    return Message.objects.filter(status=Status.QUEUED).exists()


def most_within(seconds: float, times: list[float]) -> int:
    """The most requests that any window of that length holds."""
    return max(sum(start <= moment < start + seconds for moment in times) for start in times)


# Rate


def test_no_window_at_the_receiver_holds_more_than_the_limit(db: None, simulator: Simulator) -> None:
    provider = customer(simulator, rate_count=5, rate_period=1)
    queue(provider, 12)
    dispatch.drain(provider.pk, linger=1.5)
    times = [sent.at for sent in simulator.requests]
    assert len(times) == 12
    assert most_within(1.0, times) <= 5


def test_the_limit_outlives_a_hand_over(db: None, simulator: Simulator) -> None:
    provider = customer(simulator, rate_count=5, rate_period=1)
    queue(provider, 11)
    until(lambda: not unsent(), lambda: dispatch.drain(provider.pk))
    assert most_within(1.0, [sent.at for sent in simulator.requests]) <= 5


def test_a_full_window_gives_the_queue_up_at_once(db: None, simulator: Simulator) -> None:
    provider = customer(simulator, rate_count=5, rate_period=3600)
    queue(provider, 6)
    assert dispatch.drain(provider.pk) == 5
    assert dispatch.drain(provider.pk) == 0
    assert unsent()


def test_a_changed_limit_holds_from_then_on(db: None, simulator: Simulator) -> None:
    provider = customer(simulator, rate_count=2, rate_period=3600)
    queue(provider, 6)
    assert dispatch.drain(provider.pk) == 2
    provider.rate_count = 5
    provider.save()
    assert dispatch.drain(provider.pk) == 3


@given(
    count=st.integers(1, 5),
    steps=st.lists(
        st.tuples(st.sampled_from(["start", "land", "finish", "hand over"]), st.floats(0, 0.7)), max_size=60
    ),
)
def test_a_window_holds_for_any_latency(count: int, steps: list[tuple[str, float]]) -> None:
    """`land` is when the receiver sees a request: at any time between its start and its end."""
    now = 1_000_000.0
    window = Window(count, 1.0)
    flying: list[float | None] = []  # when each was seen, None until then
    seen: list[float] = []
    for step, wait in steps:
        now += wait
        if step == "start" and window.free(now):
            window.start(1)
            flying.append(None)
        elif step == "land" and None in flying:
            flying[flying.index(None)] = now
            seen.append(now)
        elif step == "finish" and flying:
            if flying.pop(0) is None:
                seen.append(now)
            window.finish(1, now)
        elif step == "hand over" and not flying:
            window = Window(count, 1.0, window.dump(now))
        assert window.next_free(now) >= 0
    assert not seen or most_within(1.0, seen) <= count


def test_running_requests_count_for_the_next_holder() -> None:
    """It cannot know when they end: they count as if they ended at the hand-over."""
    now = 1_000_000.0
    window = Window(5, 60.0)
    window.start(3)
    window.finish(1, now)
    successor = Window(5, 60.0, window.dump(now + 10))
    assert successor.free(now + 10) == 2
    assert successor.free(now + 60) == 3, "the one that ended counts no longer"
    assert successor.free(now + 70) == 5


def test_a_request_is_noted_for_the_next_holder_before_it_leaves(
    db: None, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is killed meanwhile has no time to note anything."""
    provider = customer(simulator, rate_count=5, rate_period=3600)
    queue(provider, 3)
    start, noted = transport.start, []

    def look_and_start(calls: Any, timeout: float) -> None:
        window = json.loads(Lease.objects.get().state)["window"]
        noted.append((sum(requests for _, requests in window), len(calls)))
        start(calls, timeout)

    monkeypatch.setattr(transport, "start", look_and_start)
    assert dispatch.drain(provider.pk) == 3
    assert noted == [(3, 3)]


# Concurrency


def test_never_more_at_once_than_allowed(at_endpoint: Provider, endpoint: Endpoint) -> None:
    at_endpoint.max_concurrency = 30
    at_endpoint.save()
    endpoint.delay = 0.02
    queue(at_endpoint, 100)
    dispatch.drain(at_endpoint.pk)
    assert len(endpoint.got) == 100
    assert 1 < endpoint.most_at_once <= 30


# Throttled


def test_a_throttled_provider_waits_as_a_whole(at_endpoint: Provider, endpoint: Endpoint) -> None:
    endpoint.reply = lambda payload: (429, {"Retry-After": "30"}, b'{"message": "slow down"}')
    queue(at_endpoint, 1)
    before, wait = timezone.now(), timedelta(seconds=30)
    dispatch.drain(at_endpoint.pk)
    after = timezone.now()
    queue(at_endpoint, 5)
    assert dispatch.drain(at_endpoint.pk) == 0
    at_endpoint.refresh_from_db()
    assert before + wait <= at_endpoint.hold_until <= after + wait
    assert at_endpoint.hold_reason == "slow down"


def test_it_goes_on_afterwards(db: None, simulator: Simulator) -> None:
    provider = customer(simulator)
    queue(provider, 1, to="15550109005")
    queue(provider, 3)
    began = time.time()
    until(lambda: not unsent(), lambda: dispatch.drain(provider.pk))
    assert {sent.answer for sent in simulator.requests} == {"throttled", "accepted"}
    assert simulator.requests[-1].at - began >= 0.9, "not before the BSP's Retry-After of a second"


def test_a_throttled_message_is_tried_again_and_again(at_endpoint: Provider, endpoint: Endpoint) -> None:
    """It was not taken, so no number of refusals loses it; only its validity ends it."""
    endpoint.reply = lambda payload: (429, {"Retry-After": "30"}, b"")
    queue(at_endpoint, 1)
    for _ in range(20):
        dispatch.drain(at_endpoint.pk)
        Provider.objects.update(hold_until=None)
    assert unsent()
    assert Attempt.objects.filter(outcome="throttled").count() == 20


def test_the_wait_grows_while_the_bsp_names_none(at_endpoint: Provider, endpoint: Endpoint) -> None:
    """From one run to the next, too: each starts where the last one left off."""
    endpoint.reply = lambda payload: (429, {}, b"")
    queue(at_endpoint, 1)
    waits = []
    for _ in range(6):
        dispatch.drain(at_endpoint.pk)
        at_endpoint.refresh_from_db()
        waits.append((at_endpoint.hold_until - timezone.now()).total_seconds())
        Provider.objects.update(hold_until=timezone.now())
    assert waits[0] < 1.5
    assert 20 < waits[-1] <= limits.LONGEST_HOLD


def test_fewer_go_at_once_after_a_throttle(at_endpoint: Provider, endpoint: Endpoint) -> None:
    endpoint.reply = lambda payload: (429, {"Retry-After": "1"}, b"")
    endpoint.delay = 0.02
    queue(at_endpoint, 60)
    dispatch.drain(at_endpoint.pk)
    Provider.objects.update(hold_until=None)
    Message.objects.update(next_attempt_at=timezone.now())
    endpoint.most_at_once = 0
    dispatch.drain(at_endpoint.pk)
    assert endpoint.most_at_once < 10


def test_a_note_of_another_version_is_no_obstacle(at_endpoint: Provider) -> None:
    queue(at_endpoint, 1)
    Lease.objects.create(name=f"send:{at_endpoint.pk}", expires_at=timezone.now(), state='{"other": 1}')
    assert dispatch.drain(at_endpoint.pk) == 1


# Lingering and stopping


def test_a_drain_that_lingers_sends_what_comes_meanwhile(
    at_endpoint: Provider, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(at_endpoint, 1)
    settle = dispatch._Sender._settle

    def settle_and_queue(sender: dispatch._Sender) -> int:
        settled = settle(sender)
        if settled and len(endpoint.got) == 1:
            queue(at_endpoint, 1)
        return settled

    monkeypatch.setattr(dispatch._Sender, "_settle", settle_and_queue)
    assert dispatch.drain(at_endpoint.pk, linger=0.2) == 2


def test_a_stop_ends_a_drain_once_its_requests_are_answered(
    at_endpoint: Provider, endpoint: Endpoint
) -> None:
    at_endpoint.max_concurrency = 30
    at_endpoint.save()
    queue(at_endpoint, 90)
    stop = threading.Event()

    def reply(payload: dict[str, Any]) -> Reply:
        until(lambda: len(endpoint.got) >= 30)  # as many as go at once
        stop.set()
        return SUCCESS

    endpoint.reply = reply
    dispatch.drain(at_endpoint.pk, linger=60, stop=stop)
    assert 30 <= len(endpoint.got) < 90
    assert Message.objects.filter(status=Status.ACCEPTED).count() == len(endpoint.got)
    assert not Message.objects.filter(status=Status.SENDING).exists()


# What answers teach


def limits_of(provider: Provider, **learnt: Any) -> Limits:
    found = Limits(learnt)
    found.take_up(provider)
    return found


def test_of_several_waits_the_longest_counts(provider: Provider) -> None:
    answers = [
        SendResult(Outcome.THROTTLED, text=f"wait {seconds}", retry_after=seconds) for seconds in (5, 30, 10)
    ]
    assert limits_of(provider).learn(answers) == Wait(30, "wait 30", Provider.Hold.THROTTLE)
    assert limits_of(provider).learn([SendResult(Outcome.ACCEPTED)]) is None


def test_concurrency_is_halved_by_a_throttle_and_grows_with_success(provider: Provider) -> None:
    provider.max_concurrency = 16
    found = limits_of(provider)
    found.learn([SendResult(Outcome.THROTTLED, retry_after=1.0)])
    assert (found.room(0), found.room(3)) == (8, 5)
    found.learn([SendResult(Outcome.ACCEPTED)] * 3)
    assert found.room(0) == 11
    found.learn([SendResult(Outcome.ACCEPTED)] * 100)
    assert found.room(0) == 16
    assert limits_of(provider, **found.learnt()).room(0) == 16


def test_the_tenth_outage_in_a_row_makes_the_provider_wait(provider: Provider) -> None:
    down = SendResult(Outcome.RETRY, text="503")
    found = limits_of(provider)
    assert found.learn([down] * (limits.OUTAGE_FAILURES - 1)) is None
    wait = found.learn([down])
    assert wait is not None
    assert wait.reason == "503"
    assert found.room(0) == 1
    assert found.learn([SendResult(Outcome.ACCEPTED), down]) is None, "counted anew"
