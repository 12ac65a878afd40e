"""What is owed to CleverTap: taking it in order, posting it, and judging the answers."""

import threading
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import uniform
from typing import Any

import msgspec
from django.db import transaction
from django.utils import timezone

from callbacks import media
from callbacks.models import ForwardCall, Outlet, Reply
from campaigns.models import Event, Forward
from lib import reading, sql
from lib.http import HttpRequest, HttpResponse
from lib.transport import NotSent, Result, transport
from providers import leases
from providers.dialects import clevertap_callbacks
from providers.dialects.clevertap_callbacks import Report
from providers.messages import Reply as Inbound
from providers.models import Provider

LANES = 16
WINDOW = 500  # pending reports looked at together, and put in order
TIMEOUT = 20.0
PATIENCE = 1.0  # between looks at the lease while waiting for answers
KEPT_ANSWER = 2000
# Seconds between tries of a URL that does not answer, then the last one again and again.
LADDER = [2, 5, 15, 60, 300, 900, 1800, 3600, 7200]
# Statuses that are about the content; any other refusal is about the URL and hits everything.
CONTENT_STATUSES = (400, 413, 422)


@dataclass(slots=True)
class _Item:
    """One report or inbound message on its way. `lane` keeps what must stay in order together."""

    pk: int
    lane: int
    payload: Any
    msg_id: str = ""
    status: str = ""


@dataclass(slots=True)
class _Verdict:
    """What became of an item in this wave; `state` None leaves it pending."""

    state: int | None
    error: str = ""


@dataclass(slots=True)
class _Wave:
    """Calls made at the same time, one a lane, and what they came to."""

    verdicts: dict[int, _Verdict] = field(default_factory=dict)
    calls: list[tuple[ForwardCall, list[_Item]]] = field(default_factory=list)
    trouble: str = ""
    answered: bool = False

    def decide(self, items: Iterable[_Item], state: int | None, error: str) -> None:
        for item in items:
            self.verdicts[item.pk] = _Verdict(state, error)


class Queue(ABC):
    """What both kinds of forwarding share: lanes, calls, outcomes."""

    kind: Outlet.Kind
    model: type[Event] | type[Reply]

    def __init__(
        self, provider: Provider, hold: leases.Hold | None = None, stop: threading.Event | None = None
    ) -> None:
        self.provider = provider
        self.quirks = provider.switches
        self.hold = hold
        self.stop = stop or threading.Event()
        self.dropped = 0

    @property
    def url(self) -> str:
        return self.provider.delivery_url if self.kind == Outlet.Kind.DELIVERY else self.provider.inbound_url

    def open(self) -> bool:
        """Whether there is a URL, and it is not being left alone after a failure."""
        if not self.url:
            return False
        outlet = Outlet.objects.filter(provider=self.provider, kind=self.kind).first()
        return outlet is None or outlet.hold_until is None or outlet.hold_until <= timezone.now()

    @abstractmethod
    def pending(self) -> Any:
        """What is owed to CleverTap."""

    @abstractmethod
    def claim(self) -> list[_Item]:
        """The oldest of it."""

    @abstractmethod
    def body(self, items: Sequence[_Item]) -> Any:
        """The request's body for some of it."""

    @property
    def batch(self) -> int:
        return 1

    def run(self) -> tuple[int, int]:
        """One round over the oldest pending items, recorded wave by wave.

        Returns (forwarded, settled in any way).
        """
        items = self.claim()
        sent, settled = 0, self.dropped
        lanes: dict[int, list[_Item]] = defaultdict(list)
        for item in items:
            lanes[item.lane % LANES].append(item)
        queues = [_chunks(lane, self.batch) for lane in lanes.values()]
        while queues and not self.stop.is_set():
            wave = _Wave()
            self._send(queues, wave)
            self._record(wave)
            states = [verdict.state for verdict in wave.verdicts.values()]
            sent += states.count(Forward.DONE)
            settled += len(states) - states.count(None)
            if wave.trouble:
                break
            queues = [queue for queue in queues if queue]
        return sent, settled

    def _send(self, queues: list[list[list[_Item]]], wave: _Wave) -> None:
        """Sends the first chunk of every lane at once and waits for all the answers."""
        answers: list[Result | None] = [None] * len(queues)
        left = threading.Semaphore(0)
        started_at = timezone.now()
        bodies = [msgspec.json.encode(self.body(queue[0])) for queue in queues]

        def land(position: int, result: Result) -> None:
            answers[position] = result
            left.release()

        headers = {"Content-Type": "application/json"}
        requests = [HttpRequest("POST", self.url, headers, body) for body in bodies]
        transport.start([(request, partial(land, n)) for n, request in enumerate(requests)], TIMEOUT)
        for _ in queues:
            while not left.acquire(timeout=PATIENCE):
                self._keep_hold()
        self._keep_hold()
        for queue, answer, body in zip(queues, answers, bodies, strict=True):
            assert answer is not None
            chunk = queue.pop(0)
            call = self._call(started_at, body, answer)
            self._judge(queue, chunk, answer, wave)
            wave.calls.append((call, chunk))

    def _keep_hold(self) -> None:
        """A slow CleverTap must not cost us the lease: another worker would tell it all again."""
        if self.hold is not None:
            self.hold.renew()

    def _judge(self, queue: list[list[_Item]], chunk: list[_Item], answer: Result, wave: _Wave) -> None:
        """Decides about the chunk's items; puts them back one by one to find the bad one."""
        if not isinstance(answer, HttpResponse):
            wave.trouble = str(answer)
            doubt = "" if isinstance(answer, NotSent) else "It may have arrived, so a repeat is possible: "
            wave.decide(chunk, None, doubt + str(answer))
            return
        if 200 <= answer.status < 300:
            wave.answered = True
            refused = unprocessed(answer.body)
            for item in chunk:
                alone = len(chunk) == 1
                reason = next(
                    (why for msg_id, status, why in refused if _is(item, msg_id, status, alone)), None
                )
                wave.decide([item], Forward.DONE if reason is None else Forward.PARKED, reason or "")
            return
        words = f"HTTP {answer.status}: {' '.join(answer.text.split())[:200]}"
        if answer.status not in CONTENT_STATUSES:
            wave.trouble = words
            wave.decide(chunk, None, words)
        elif len(chunk) > 1:
            queue[:0] = [[item] for item in chunk]
        else:
            wave.decide(chunk, Forward.PARKED, words)

    def _call(self, started_at: datetime, body: bytes, answer: Result) -> ForwardCall:
        response = answer if isinstance(answer, HttpResponse) else None
        return ForwardCall(
            provider=self.provider,
            kind=self.kind,
            started_at=started_at,
            milliseconds=response.milliseconds if response else None,
            url=self.url,
            body=body.decode(),
            status=response.status if response else None,
            answer=response.text[:KEPT_ANSWER].replace("\x00", "") if response else "",
            error="" if response else str(answer)[:500],
        )

    def _record(self, wave: _Wave) -> None:
        now = timezone.now()
        with transaction.atomic():
            ForwardCall.objects.bulk_create([call for call, _ in wave.calls])
            calls = {item.pk: call.pk for call, chunk in wave.calls for item in chunk}
            rows = [
                (
                    pk,
                    Forward.PENDING.value if verdict.state is None else int(verdict.state),
                    verdict.error[:300],
                    now,
                    calls[pk],
                )
                for pk, verdict in sorted(wave.verdicts.items())
            ]
            sql.update(
                self.model,
                ("id", "forward", "forward_error", "forwarded_at", "forward_log"),
                rows,
                "forward = v.forward, forward_error = v.forward_error, forward_log = v.forward_log, "
                "forward_attempts = m.forward_attempts + 1, forwarded_at = "
                f"CASE v.forward WHEN {Forward.DONE.value} THEN v.forwarded_at ELSE m.forwarded_at END",
                "m.id = v.id",
            )
            self._settle_outlet(wave, now)

    def _settle_outlet(self, wave: _Wave, now: datetime) -> None:
        outlet, _ = Outlet.objects.get_or_create(provider=self.provider, kind=self.kind)
        if wave.trouble:
            wait = LADDER[min(outlet.failures, len(LADDER) - 1)] * uniform(0.8, 1.2)
            outlet.failures += 1
            outlet.hold_until = now + timedelta(seconds=wait)
            outlet.last_error = wave.trouble[:500]
        elif not wave.answered or (not outlet.failures and _just(outlet.last_success_at, now)):
            return  # nothing that is not written there already
        else:
            outlet.failures, outlet.hold_until, outlet.last_success_at = 0, None, now
        outlet.save()


class Reports(Queue):
    kind = Outlet.Kind.DELIVERY
    model = Event

    def pending(self) -> Any:
        return Event.objects.filter(provider=self.provider, forward=Forward.PENDING)

    @property
    def batch(self) -> int:
        return self.quirks.statuses_per_request

    def claim(self) -> list[_Item]:
        columns = (
            "id",
            "message_id",
            "kind",
            "at",
            "code",
            "bsp_code",
            "text",
            "url",
            "short_url",
            "user_agent",
        )
        rows = list(
            self.pending()
            .order_by("id")
            .values_list(*columns, "message__msg_id")[: max(WINDOW, LANES * self.batch)]
        )
        rows.sort(key=lambda row: (row[1], row[2], row[0]))  # per message: sent, delivered, read
        return [_Item(row[0], row[1], _report(row), row[10], Event.Kind(row[2]).name.lower()) for row in rows]

    def body(self, items: Sequence[_Item]) -> Any:
        return clevertap_callbacks.write_statuses([item.payload for item in items], self.quirks)


def _report(row: tuple[Any, ...]) -> Report:
    _, _, kind, at, code, bsp_code, text, url, short_url, user_agent, msg_id = row
    title = f"{text} [{bsp_code}]" if bsp_code and bsp_code not in text else text
    return Report(
        msg_id,
        Event.Kind(kind).name.lower(),  # type: ignore[arg-type]
        int(at.timestamp()),
        code or 1009,
        title or "Not delivered",
        url,
        short_url,
        user_agent,
    )


class Replies(Queue):
    kind = Outlet.Kind.INBOUND
    model = Reply

    def pending(self) -> Any:
        return Reply.objects.filter(provider=self.provider, forward=Forward.PENDING)

    def claim(self) -> list[_Item]:
        items = []
        dropped = []
        for reply in self.pending().select_related("answers", "media").order_by("id")[:LANES]:
            inbound = msgspec.json.decode(reply.content, type=Inbound)
            if not inbound.timestamp:
                inbound = msgspec.structs.replace(inbound, timestamp=int(reply.at.timestamp()))
            answered = reply.answers
            msg_id = answered.msg_id if answered and answered.reported and not answered.untracked else ""
            waba_number = self.provider.waba_number.removeprefix("+")
            inbound = media.reachable(reply, inbound)
            payload = clevertap_callbacks.write_inbound(inbound, waba_number, msg_id, self.quirks)
            if payload is None:
                dropped.append(reply.pk)
            else:
                items.append(_Item(reply.pk, hash(reply.sender), payload))
        self.dropped = len(dropped)
        if dropped:
            self.model.objects.filter(pk__in=dropped).update(
                forward=Forward.NONE, forward_error="CleverTap has no form for this kind of message."
            )
        return items

    def body(self, items: Sequence[_Item]) -> Any:
        return items[0].payload


def _just(moment: datetime | None, now: datetime) -> bool:
    return moment is not None and now - moment < timedelta(seconds=5)


def _chunks(items: Sequence[_Item], size: int) -> list[list[_Item]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def _is(item: _Item, msg_id: str, status: str, alone: bool) -> bool:
    """Whether a record CleverTap did not process is this item. It may not say, where there is but one."""
    if not msg_id and alone:
        return True
    return item.msg_id == msg_id and (not status or item.status == status.lower())


def unprocessed(body: bytes) -> list[tuple[str, str, str]]:
    """(msgId, status, reason) of every record that a 2xx answer says was not processed.

    Shape after CleverTap's other callbacks: `unprocessed: [{status, code, error, record}]`.
    """
    try:
        payload = reading.decode(body)
    except ValueError:
        return []
    entries = reading.at(payload, "unprocessed") or reading.at(payload, "UNPROCESSED_EVENTS")
    found: list[tuple[str, str, str]] = []
    for entry in reading.objects(entries):
        record = reading.at(entry, "record")
        msg_id = reading.text(record, "msgId") or reading.text(entry, "msgId")
        reason = reading.text(entry, "error") or reading.text(entry, "message") or "unprocessed"
        code = reading.text(entry, "code")
        found.append(
            (msg_id, reading.text(record, "status"), f"CleverTap: {reason}" + (f" [{code}]" if code else ""))
        )
    return found
