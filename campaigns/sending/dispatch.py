"""Sending: claim a batch, build requests, send them concurrently, settle the outcomes.

One worker at a time drains a provider (a lease says which), so that its concurrency and rate
limits hold however many workers there are.
"""

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from time import time

from django.db import Error as DatabaseError
from django.db import transaction
from django.utils import timezone

from audience import opting
from campaigns.ledger import capped, claims, ledger, marketing_stops
from campaigns.ledger.capped import Cap
from campaigns.ledger.entries import Claimed, Tried
from campaigns.sending import marketing_hold, template_news
from campaigns.sending.limits import Limits, Refused, Wait
from campaigns.sending.outgoing import Flight, Held, Outgoing
from lib import outages, sql
from lib.http import HttpRequest
from lib.transport import Done, Result, transport
from lib.wakeup import wake
from providers import leases, lifecycle
from providers.models import Provider
from providers.outcomes import ACCOUNT_LIMIT, why_paused

logger = logging.getLogger(__name__)

TIMEOUT = 30.0  # seconds for one request
BATCH = 128  # messages claimed at once, at most: soon they are on their way
GATHER = 0.008  # seconds; statements for many messages cost little more than for one
UNDER_WAY = 0.25  # seconds until the next claim while requests are under way and no wake-up comes
REREAD = 1.0  # seconds between looks at the provider's settings
AGE_LOOK = 60.0  # seconds between looks for messages past their validity: each reads the whole queue
TEMPLATE_HOLD = timedelta(minutes=2)  # until the next look whether the template may be sent


def drain(
    provider_id: int,
    *,
    linger: float = 0.0,
    woken: threading.Event | None = None,
    stop: threading.Event | None = None,
) -> int:
    """Sends everything due for a provider. Returns how many attempts were made.

    With `linger` it waits for `woken` to announce more before it releases the queue; `stop` ends it once the
    requests under way are answered. Does nothing while another worker holds the queue.
    """
    sender = _Sender(
        provider_id, woken or leases.Wake(), stop or threading.Event(), None if linger else UNDER_WAY
    )
    with contextlib.suppress(Provider.DoesNotExist):  # deleted since somebody announced work for it
        return leases.work(
            f"send:{provider_id}",
            sender.step,
            sender.due,
            linger=linger,
            gather=GATHER,
            woken=sender.woken,
            stop=sender.stop,
            while_held=sender.holding,
        )
    return 0


class _Sender:
    """The state of one drain: its limits, what is under way, and the answers not settled yet."""

    def __init__(
        self, provider_id: int, woken: threading.Event, stop: threading.Event, under_way: float | None
    ) -> None:
        self.provider_id = provider_id
        self.woken = woken
        self.stop = stop
        self.under_way = under_way
        self.answers: deque[tuple[Flight, Result]] = deque()
        self.flying = 0

    @contextlib.contextmanager
    def holding(self, hold: leases.Hold) -> Iterator[None]:
        """Takes over what the last holder of the lease left, and notes what the next one must know."""
        self.hold = hold
        learnt = hold.state or {}
        noted = learnt.get("handed_over")
        self.handed_over = datetime.fromisoformat(noted) if noted else None
        claims.recover(self.provider_id, self.handed_over)  # what the last holder left when it died
        self.more = True  # the last claim took all that it could, or something goes out again at once
        self.aged_at: float = learnt.get("aged_at", 0.0)  # when the queue was last looked through for age
        self.limits = Limits(learnt)
        self._reread()
        try:
            yield
        except (DatabaseError, leases.Lost):
            self._record_late()
            raise
        self._note()

    def _record_late(self) -> None:
        """Records the answers still under way when the database or the lease is gone, as far as they come
        in time.

        Otherwise they would leave hundreds of messages unknown. It needs no lease: a message that became
        unknown meanwhile still takes its late answer.
        """
        end = time() + TIMEOUT
        while self.flying and time() < end:
            with contextlib.suppress(DatabaseError), sql.borrowed():
                self._settle()
            self.woken.clear()
            self.woken.wait(0.2)

    def step(self, hold: leases.Hold) -> leases.Progress:
        """Settles what has been answered and starts what the limits allow."""
        if time() - self.read_at > REREAD:
            self._reread()
        settled = self._settle()
        started = 0 if self.stop.is_set() else self._start()
        moved = settled + started
        return leases.Progress(started, moved, under_way=self.flying > 0, pause=self._pause())

    def due(self) -> bool:
        """Whether anything is to be sent now, and may be."""
        return not self._blocked() and claims.due(self.provider_id)

    def _note(self) -> None:
        """Notes what the next holder of the lease must know. Raises Lost."""
        handed_over = self.handed_over.isoformat() if self.handed_over else None
        self.hold.save(self.limits.learnt() | {"aged_at": self.aged_at, "handed_over": handed_over})

    def _pause(self) -> float | None:
        """Seconds until more may be sent; None when somebody or an answer will say so."""
        window = self.limits.window
        if window is not None and not window.free(time()):
            return max(0.001, window.next_free(time()))
        return self.under_way if self.flying else None

    def _blocked(self) -> bool:
        """Whether nothing may be sent now, however much is due."""
        return self.limits.blocked()

    def _reread(self) -> None:
        """Takes up what changed in the provider's settings, and fails what grew too old."""
        self.provider = Provider.objects.get(pk=self.provider_id)
        self.failures_kept = self.provider.account_refusals
        self.outgoing = Outgoing(self.provider)
        self.limits.take_up(self.provider)
        self.read_at = time()
        pause = min(AGE_LOOK, self.provider.validity.total_seconds() / 10)
        if not 0 <= time() - self.aged_at < pause:
            self.aged_at = time()
            while ledger.fail_expired(self.provider_id, timezone.now(), self.provider.validity):
                self.hold.renew()

    def _start(self) -> int:
        """Claims as many messages as the limits allow and starts their requests."""
        if not (self.more or self._asked()) or self._blocked():
            return 0
        room = min(self.limits.room(self.flying), BATCH)
        if room <= 0:
            return 0
        if isinstance(self.woken, leases.Wake):
            self.woken.asked = False
        now = timezone.now()
        if self.handed_over is not None:  # later than any claim before, even if the clock was set back
            now = max(now, self.handed_over + timedelta(microseconds=1))
        claimed = claims.claim(self.provider_id, room, now)
        self.more = len(claimed) == room
        if not claimed:
            return 0
        try:
            calls = self._calls(claimed, now)
            self._hand_over(calls, now)
        except BaseException:  # nothing has left, so none of them need become unknown
            reasons = {message.id: "An error stopped it before it was sent." for message in claimed}
            with contextlib.suppress(DatabaseError):
                outages.patiently(partial(claims.put_back, reasons, now, now))
            raise
        return len(claimed)

    def _asked(self) -> bool:
        """Whether a wake-up says that more is due. Without wake-ups, it looks itself."""
        return self.under_way is not None or not isinstance(self.woken, leases.Wake) or self.woken.asked

    def _calls(self, claimed: list[Claimed], now: datetime) -> list[tuple[HttpRequest, Done]]:
        """The requests of a claim. What is held or refused is settled."""
        refused: list[Tried] = []
        held: dict[int, str] = {}
        calls: list[tuple[HttpRequest, Done]] = []
        for message, found in self.outgoing.prepare(claimed, now):
            if isinstance(found, Held):
                held[message.id] = found.reason
            elif isinstance(found, Tried):
                refused.append(found)
            else:
                calls.append((found, partial(self._land, Flight(message, found, now))))
        if held:
            claims.put_back(held, now, now + TEMPLATE_HOLD)
        if refused:
            ledger.record_attempts(self.provider_id, refused)
        return calls

    def _hand_over(self, calls: list[tuple[HttpRequest, Done]], now: datetime) -> None:
        """Starts the requests, once it is noted that they may have left and that the queue is still ours."""
        if not calls:
            return
        if self.limits.window is not None:
            self.limits.window.start(len(calls))
        before, self.handed_over = self.handed_over, now
        try:
            self._note()
        except BaseException:
            self.handed_over = before
            if self.limits.window is not None:
                self.limits.window.cancel(len(calls))
            raise
        transport.start(calls, TIMEOUT)
        self.flying += len(calls)

    def _land(self, flight: Flight, result: Result) -> None:
        """Called on the transport's thread."""
        self.answers.append((flight, result))
        self.woken.set()

    def _settle(self) -> int:
        """Records what has been answered since the last time."""
        answered = [self.answers.popleft() for _ in range(min(len(self.answers), 4 * BATCH))]
        if not answered:
            return 0
        now = timezone.now()
        results = [self.outgoing.result(flight, answer) for flight, answer in answered]
        tries = [
            self.outgoing.tried(flight, answer, result, now)
            for (flight, answer), result in zip(answered, results, strict=True)
        ]
        try:
            tries = capped.answered(tries, Cap.of(self.provider), now)
            with transaction.atomic():
                ledger.record_attempts(self.provider_id, tries)
                self._heed_stops(answered, tries, now)
                news = template_news.heed(self.provider, answered, results, now)
        except DatabaseError:
            self.answers.extendleft(reversed(answered))
            raise
        if news:
            wake("templates.import")
        self.flying -= len(tries)
        self.more |= any(one.retry_at is not None and one.retry_at <= now for one in tries)
        if self.limits.window is not None:
            self.limits.window.finish(len(tries), time())
        # A message that is only sent by another API says nothing about how much the BSP accepts.
        self._hold_back(self.limits.learn([result for result in results if not result.category]), now)
        marketing_hold.learn(self.provider, results, now)
        if self.provider.state == Provider.State.PAUSED and any(result.account for result in results):
            self._hurry()  # these were under way when an earlier refusal paused the provider
        return len(tries)

    def _heed_stops(
        self, answered: Sequence[tuple[Flight, Result]], tries: Sequence[Tried], now: datetime
    ) -> None:
        """Notes opt-outs: some refusals say that the person has stopped marketing."""
        codes = self.provider.connector.stopped_codes
        if stopped := [tried for tried in tries if tried.bsp_code in codes]:
            numbers = {flight.claimed.id: flight.claimed.to for flight, _ in answered}
            opting.heed_preferences(self.provider, marketing_stops.of_answers(stopped, numbers), now)

    def _hold_back(self, wait: Wait | None, now: datetime) -> None:
        """Writes what slows or stops the whole provider."""
        mine = Provider.objects.filter(pk=self.provider_id)
        if wait is not None:
            self.provider.hold_until = now + timedelta(seconds=wait.seconds)
            mine.update(
                hold_until=self.provider.hold_until, hold_reason=wait.reason[:500], hold_for=wait.hold
            )
        failures = self.provider.account_refusals
        if failures != self.failures_kept:  # each drain may add only one
            mine.update(account_refusals=failures)
            self.failures_kept = failures
        if failures >= ACCOUNT_LIMIT and self.limits.refused:
            self._pause_provider(failures, self.limits.refused)

    def _hurry(self) -> None:
        claims.hurry(self.provider_id, self.provider.connector.capped_codes)

    def _pause_provider(self, failures: int, refused: Refused) -> None:
        """Stops the queue. Refused messages are sent at once when the provider is resumed."""
        words = self.outgoing.redactor.text(refused.words)
        reason = why_paused(f"{failures} requests", refused.account, words)
        lifecycle.pause(self.provider, reason, refused.account)
        Provider.objects.filter(pk=self.provider_id).update(account_refusals=0)
        self._hurry()
        logger.error("Provider %s paused: %s", self.provider.nickname, reason)
        self._reread()
