"""Sending: claim a batch, build requests, send them concurrently, settle the outcomes.

One worker at a time drains a provider (a lease says which), so that its concurrency and rate
limits hold however many workers there are.
"""

import contextlib
import logging
import threading
from collections import deque
from datetime import datetime, timedelta
from functools import partial
from random import uniform
from time import sleep, time

from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from campaigns import ledger
from campaigns.ledger import Tried
from campaigns.models import Message, Status
from campaigns.outgoing import Claimed, Flight, Held, Outgoing
from lib import sql
from lib.http import HttpRequest
from lib.throttle import Window
from lib.transport import Done, Result, transport
from providers import leases
from providers.messages import Outcome, SendResult
from providers.models import Provider

logger = logging.getLogger(__name__)

TIMEOUT = 30.0
BATCH = 256
GATHER = 0.008  # seconds; statements for many messages cost little more than for one
REREAD = 1.0  # seconds between looks at the provider's settings
AGE_LOOK = 60.0  # seconds between looks for messages past their validity: each reads the whole queue
CREDENTIAL_FAILURES = 5
OUTAGE_FAILURES = 10
LONGEST_HOLD = 300.0
TEMPLATE_HOLD = timedelta(minutes=2)  # until it is looked whether a template may be sent again


def claim(provider_id: int, limit: int, now: datetime) -> list[Claimed]:
    """Takes the next messages to send, freeform first, so that no other worker gets them."""
    skip = "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""
    moment = sql.adapted(now)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE campaigns_message SET status = {Status.SENDING}, claimed_at = %s, attempt = attempt + 1
            WHERE id IN (
                SELECT id FROM campaigns_message
                WHERE provider_id = %s AND status = {Status.QUEUED} AND next_attempt_at <= %s
                ORDER BY kind, next_attempt_at LIMIT %s {skip})
            RETURNING id, attempt, msg_id, "to", content, custom_props, untracked, kind, next_attempt_at""",
            [moment, provider_id, moment, limit],
        )
        rows = cursor.fetchall()
    rows.sort(key=lambda row: (row[7], row[8], row[0]))
    return [Claimed(*row[:7]) for row in rows]


def due(provider_id: int) -> bool:
    """Whether anything is to be sent now."""
    queued = Message.objects.filter(provider_id=provider_id, status=Status.QUEUED)
    return queued.filter(next_attempt_at__lte=timezone.now()).exists()


def abandoned(provider_id: int) -> bool:
    """Whether messages are claimed while nobody holds the queue: their worker died."""
    if not Message.objects.filter(provider_id=provider_id, status=Status.SENDING).exists():
        return False
    return not leases.held(f"send:{provider_id}")


def drain(
    provider_id: int,
    *,
    linger: float = 0.0,
    stirred: threading.Event | None = None,
    stop: threading.Event | None = None,
) -> int:
    """Sends everything due for a provider. Returns how many attempts were made.

    Waits `linger` seconds for more before it gives the queue up; `stirred` shortens the wait;
    `stop` ends it once the requests under way are answered. Does nothing while another worker
    holds the queue.
    """
    attempts = 0
    stop = stop or threading.Event()
    while True:
        hold = leases.take(f"send:{provider_id}")
        if hold is None:
            return attempts
        with hold:
            ledger.lose(provider_id)  # what the last holder left behind when it died
            sender = _Sender(provider_id, hold, stirred or threading.Event(), stop)
            attempts += sender.run(linger)
        # What was queued between the last look and the release found nobody to send it.
        if stop.is_set() or sender.blocked() or not due(provider_id):
            return attempts


class _Sender:
    """The state of one drain: what is under way, the limits, and the answers not settled yet."""

    def __init__(
        self, provider_id: int, hold: leases.Hold, stirred: threading.Event, stop: threading.Event
    ) -> None:
        self.provider_id = provider_id
        self.hold = hold
        self.stirred = stirred
        self.stop = stop
        self.answers: deque[tuple[Flight, Result]] = deque()
        self.flying = 0
        self.attempts = 0
        self.outages = 0  # requests in a row that the BSP did not take
        learnt = hold.state or {}
        # Concurrency in use (grows with success, shrinks when throttled), and the last wait chosen
        # for a BSP that does not say how long.
        self.allowed: float = learnt.get("allowed", 0.0)
        self.waited: float = learnt.get("waited", 0.5)
        self.aged_at: float = learnt.get("aged_at", 0.0)  # when the queue was last looked through for age
        self.window: Window | None = None
        self._reread()

    def run(self, linger: float) -> int:
        try:
            return self._run(linger)
        except DatabaseError:
            self._bring_home()
            raise

    def _bring_home(self) -> None:
        """Records what is still under way when the database has failed us, if it comes back in time.

        Else hundreds of messages would be unknown for a database's hiccup. It needs no lease: a
        message given up for lost meanwhile takes its late answer.
        """
        end = time() + TIMEOUT
        while self.flying and time() < end:
            with contextlib.suppress(DatabaseError), sql.borrowed():
                self._settle()
            self.stirred.clear()
            self.stirred.wait(0.2)

    def _run(self, linger: float) -> int:
        idle_since = time()
        while True:
            self.stirred.clear()
            self.hold.renew()
            if time() - self.read_at > REREAD:
                self._reread()
            settled = self._settle()
            started = 0 if self.stop.is_set() else self._start()
            if settled or started or self.flying:
                idle_since = time()
            idle = not self.flying and not self.answers
            if idle and (self.stop.is_set() or time() - idle_since >= linger):
                break
            if not started:
                self.stirred.wait(self._pause())
            if settled + started > 1:
                sleep(GATHER)
        self._hand_on()
        return self.attempts

    def _hand_on(self) -> None:
        """Notes what the next holder must know: the requests that still count, and what was learnt."""
        window = self.window.dump(time()) if self.window is not None else []
        learnt = {"allowed": self.allowed, "waited": self.waited, "aged_at": self.aged_at}
        self.hold.save({"window": window} | learnt)

    def _pause(self) -> float:
        if self.window is not None and not self.flying:
            return min(0.05, max(0.001, self.window.next_free(time())))
        return 0.05

    def blocked(self) -> bool:
        """Whether nothing may be sent now, however much is due."""
        held = self.provider.hold_until
        return (
            self.provider.state != Provider.State.ACTIVE
            or (held is not None and held > timezone.now())
            or (self.window is not None and not self.window.free(time()))
        )

    def _reread(self) -> None:
        """Takes up what changed in the provider's settings, and fails what grew too old."""
        self.provider = Provider.objects.get(pk=self.provider_id)
        self.failures_kept = self.provider.credential_failures
        self.outgoing = Outgoing(self.provider)
        self.read_at = time()
        self.allowed = min(self.allowed or self.provider.max_concurrency, self.provider.max_concurrency)
        if self.provider.rate_count is None:
            self.window = None
        elif self.window is None:
            past = (self.hold.state or {}).get("window")
            self.window = Window(self.provider.rate_count, self.provider.rate_period, past)
        else:
            self.window.count, self.window.seconds = self.provider.rate_count, self.provider.rate_period
        pause = min(AGE_LOOK, self.provider.validity.total_seconds() / 10)
        if not 0 <= time() - self.aged_at < pause:
            self.aged_at = time()
            while ledger.fail_expired(self.provider_id, timezone.now(), self.provider.validity):
                self.hold.renew()

    def _start(self) -> int:
        """Claims as many messages as the limits allow and starts their requests."""
        if self.blocked():
            return 0
        now = timezone.now()
        room = int(self.allowed) - self.flying
        if self.flying and room < self.allowed / 8:
            return 0  # a claim costs a statement: let some places gather
        room = min(room, BATCH)
        if self.window is not None:
            room = min(room, self.window.free(time()))
        if room <= 0:
            return 0
        claimed = claim(self.provider_id, room, now)
        if not claimed:
            return 0
        refused: list[Tried] = []
        held: list[tuple[int, str]] = []
        calls: list[tuple[HttpRequest, Done]] = []
        for message, found in self._prepared(claimed, now):
            if isinstance(found, Held):
                held.append((message.id, found.reason))
            elif isinstance(found, Tried):
                refused.append(found)
            else:
                calls.append((found, partial(self._land, Flight(message, found, now))))
        if self.window is not None:
            self.window.start(len(calls))
            self._hand_on()
        transport.start(calls, TIMEOUT)
        self.flying += len(calls)
        if held:
            ledger.put_back(held, now + TEMPLATE_HOLD)
        if refused:
            ledger.record_attempts(self.provider_id, refused)
        self.attempts += len(claimed)
        return len(claimed)

    def _prepared(
        self, claimed: list[Claimed], now: datetime
    ) -> list[tuple[Claimed, HttpRequest | Held | Tried]]:
        try:
            return self.outgoing.prepare(claimed, now)
        except DatabaseError:  # nothing has left, so they need not become unknown
            with contextlib.suppress(DatabaseError):
                reason = "The database failed before it was sent."
                ledger.put_back([(message.id, reason) for message in claimed], now)
            raise

    def _land(self, flight: Flight, result: Result) -> None:
        """Called on the transport's thread."""
        self.answers.append((flight, result))
        self.stirred.set()

    def _settle(self) -> int:
        """Records what has been answered since the last time."""
        answered = [self.answers.popleft() for _ in range(min(len(self.answers), 4 * BATCH))]
        if not answered:
            return 0
        now = timezone.now()
        results = [self.outgoing.result(answer) for _, answer in answered]
        tries = [
            self.outgoing.tried(flight, answer, result, now)
            for (flight, answer), result in zip(answered, results, strict=True)
        ]
        try:
            ledger.record_attempts(self.provider_id, tries)
        except DatabaseError:
            self.answers.extendleft(reversed(answered))
            raise
        self.flying -= len(tries)
        if self.window is not None:
            self.window.finish(len(tries), time())
        hold: tuple[float, str] | None = None
        for result in results:
            if result.outcome == Outcome.THROTTLED:
                wait = min(result.retry_after or 0.0, 86400.0) or self._backoff()
                if hold is None or wait > hold[0]:
                    hold = (wait, result.text)
            self._learn(result)
            if result.outcome == Outcome.RETRY and self.outages >= OUTAGE_FAILURES and hold is None:
                hold = (self._backoff(), result.text)
        self._hold_back(hold, now)
        return len(tries)

    def _learn(self, result: SendResult) -> None:
        """Fewer requests at once when they are throttled or refused, slowly more after success."""
        self.outages = self.outages + 1 if result.outcome == Outcome.RETRY else 0
        if result.credentials or self.outages >= OUTAGE_FAILURES:
            self.allowed = 1.0
        if result.credentials:
            self.provider.credential_failures += 1
        elif result.outcome == Outcome.THROTTLED:
            self.allowed = max(1.0, self.allowed / 2)
        elif result.outcome == Outcome.ACCEPTED:
            self.provider.credential_failures = 0
            self.allowed = min(float(self.provider.max_concurrency), self.allowed + 1)

    def _hold_back(self, hold: tuple[float, str] | None, now: datetime) -> None:
        """Writes what slows or stops the whole provider."""
        mine = Provider.objects.filter(pk=self.provider_id)
        if hold is not None:
            self.provider.hold_until = now + timedelta(seconds=hold[0])
            mine.update(hold_until=self.provider.hold_until, hold_reason=hold[1][:500])
        failures = self.provider.credential_failures
        if failures != self.failures_kept:  # they may come one a drain
            mine.update(credential_failures=failures)
            self.failures_kept = failures
        if failures >= CREDENTIAL_FAILURES:
            reason = (
                f"{failures} requests in a row were refused for their credentials. "
                "Correct them, use Check connection, then resume."
            )
            mine.update(state=Provider.State.PAUSED, paused_reason=reason, credential_failures=0)
            logger.error("Provider %s paused: %s", self.provider.nickname, reason)
            self._reread()

    def _backoff(self) -> float:
        """Seconds to leave a throttling BSP alone when it does not say how long."""
        held = self.provider.hold_until
        recent = held is not None and held > timezone.now() - timedelta(seconds=60)
        self.waited = min(self.waited * 2, LONGEST_HOLD) if recent else 1.0
        return self.waited * uniform(0.8, 1.2)
