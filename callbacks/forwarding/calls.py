"""Posting to CleverTap what it is owed, and recording the answers."""

import contextlib
import logging
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import uniform
from typing import NamedTuple

import msgspec
from django.db import transaction
from django.utils import timezone

from callbacks.forwarding.answers import Verdict, judge
from callbacks.forwarding.owed import Item, Owed
from callbacks.models import ForwardCall, Outlet
from campaigns.models import Forward
from lib import sql, timings, tracing
from lib.http import HttpRequest, HttpResponse
from lib.outages import patiently
from lib.transport import Result, transport
from providers.leases import Hold, Lost, Progress

TIMEOUT = 20.0
PATIENCE = 1.0  # seconds between renewals of the lease while waiting for answers
KEPT_ANSWER = 2000
# Seconds between tries of a URL that does not answer. The last one repeats.
LADDER = [2, 5, 15, 60, 300, 900, 1800, 3600, 7200]

logger = logging.getLogger(__name__)

Lane = list[list[Item]]  # its requests in order, each with its items


class _Call(NamedTuple):
    items: list[Item]
    body: bytes
    started_at: datetime
    answer: Result


@dataclass(slots=True)
class _Wave:
    """Calls made at the same time, one a lane, and their results."""

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    calls: list[_Call] = field(default_factory=list)
    trouble: str = ""
    answered: bool = False


def forward(owed: Owed, hold: Hold, stop: threading.Event) -> Progress:
    """One round over the oldest of what is owed, recorded wave by wave."""
    taken = owed.take()
    done, moved = 0, taken.dropped
    lanes = _lanes(taken.items, owed.batch)
    while lanes and not stop.is_set():
        wave = _send(owed, lanes, hold)
        patiently(partial(_record, owed, wave))  # otherwise CleverTap would get them again
        hold.renew()
        states = [verdict.state for verdict in wave.verdicts.values()]
        if parked := states.count(Forward.PARKED):
            logger.warning("Parked %d for %s: CleverTap refused them", parked, owed.provider.nickname)
        done += states.count(Forward.DONE)
        moved += len(states) - states.count(Forward.PENDING)
        if wave.trouble:
            break
        lanes = [lane for lane in lanes if lane]
    return Progress(done, moved)


def _lanes(items: Sequence[Item], size: int) -> list[Lane]:
    lanes: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        lanes[item.lane].append(item)
    return [[lane[start : start + size] for start in range(0, len(lane), size)] for lane in lanes.values()]


def _send(owed: Owed, lanes: Sequence[Lane], hold: Hold) -> _Wave:
    """Sends the first request of every lane at once, waits for all the answers and judges them."""
    wave = _Wave()
    for lane, call in zip(lanes, _call(owed, [lane.pop(0) for lane in lanes], hold), strict=True):
        judgement = judge(call.items, call.answer)
        wave.calls.append(call)
        wave.verdicts |= judgement.verdicts
        wave.trouble = judgement.trouble or wave.trouble
        wave.answered |= judgement.answered
        if judgement.one_by_one:
            lane[:0] = [[item] for item in call.items]
    return wave


def _call(owed: Owed, requests: Sequence[list[Item]], hold: Hold) -> list[_Call]:
    answers: dict[int, Result] = {}
    landed = threading.Semaphore(0)

    def land(position: int, answer: Result) -> None:
        answers[position] = answer
        landed.release()

    started_at = timezone.now()
    headers = {"Content-Type": "application/json"}
    bodies = [msgspec.json.encode(owed.body(items)) for items in requests]
    transport.start(
        [(HttpRequest("POST", owed.url, headers, body), partial(land, n)) for n, body in enumerate(bodies)],
        TIMEOUT,
    )
    # A slow CleverTap must not cost us the lease: another worker would post everything again.
    for _ in requests:
        while not landed.acquire(timeout=PATIENCE):
            with contextlib.suppress(Lost):  # what was posted is recorded first
                patiently(hold.renew)
    return [
        _Call(items, body, started_at, answers[n])
        for n, (items, body) in enumerate(zip(requests, bodies, strict=True))
    ]


class _Outcome(NamedTuple):
    id: int
    forward: int
    forward_error: str
    forwarded_at: datetime
    forward_log: int


def _record(owed: Owed, wave: _Wave) -> None:
    now = timezone.now()
    with transaction.atomic():
        logged = ForwardCall.objects.bulk_create([_log(owed, call) for call in wave.calls])
        logs = {item.pk: log.pk for call, log in zip(wave.calls, logged, strict=True) for item in call.items}
        outcomes = [
            _Outcome(pk, verdict.state.value, verdict.error[:300], now, logs[pk])
            for pk, verdict in sorted(wave.verdicts.items())
        ]
        sql.update(
            owed.model,
            _Outcome._fields,
            outcomes,
            "forward = v.forward, forward_error = v.forward_error, forward_log = v.forward_log, "
            "forward_attempts = m.forward_attempts + 1, forwarded_at = "
            f"CASE v.forward WHEN {Forward.DONE.value} THEN v.forwarded_at ELSE m.forwarded_at END",
            " AND ".join(["m.id = v.id", *owed.within([item for call in wave.calls for item in call.items])]),
        )
        _settle_outlet(owed, wave, now)
        transaction.on_commit(partial(_watch, owed, wave, now), robust=True)


def _watch(owed: Owed, wave: _Wave, now: datetime) -> None:
    """Notes how long accepted items took to reach CleverTap, and a span in the trace of each message."""
    took, provider_id = [], owed.provider.pk
    for call in wave.calls:
        for item in call.items:
            verdict = wave.verdicts.get(item.pk)
            if verdict is None:  # it is sent once more, alone
                continue
            if verdict.state == Forward.DONE:
                took.append((now - item.received_at).total_seconds())
            if item.message_id is not None:
                about: tracing.Attributes = {"waypost.provider": provider_id, "waypost.report": item.status}
                tracing.span("forward", item.message_id, call.started_at, now, about, verdict.error)
    timings.note(timings.What.FORWARD, provider_id, took)


def _log(owed: Owed, call: _Call) -> ForwardCall:
    response = call.answer if isinstance(call.answer, HttpResponse) else None
    return ForwardCall(
        provider=owed.provider,
        kind=owed.kind,
        started_at=call.started_at,
        milliseconds=response.milliseconds if response else None,
        url=owed.url,
        body=call.body.decode(),
        status=response.status if response else None,
        answer=response.text[:KEPT_ANSWER].replace("\x00", "") if response else "",
        error="" if response else str(call.answer)[:500],
    )


def _settle_outlet(owed: Owed, wave: _Wave, now: datetime) -> None:
    outlet, _ = Outlet.objects.get_or_create(provider=owed.provider, kind=owed.kind)
    if wave.trouble:
        wait = LADDER[min(outlet.failures, len(LADDER) - 1)] * uniform(0.8, 1.2)
        outlet.failures += 1
        outlet.hold_until = now + timedelta(seconds=wait)
        outlet.last_error = wave.trouble[:500]
    elif not wave.answered or (not outlet.failures and _just(outlet.last_success_at, now)):
        return  # the row says so already
    else:
        outlet.failures, outlet.hold_until, outlet.last_success_at = 0, None, now
    outlet.save()


def _just(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and now - moment < timedelta(seconds=5)
