"""Posts the webhooks to the gateway: on time, in order for each message, again when they fail.

A message's next webhook leaves after the one before was answered, so webhooks are out of order only
where a script asks for it. No task waits: a webhook that is not due yet is a timer, one that is due is
in a queue, and no more posts run at once than the behaviour allows.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import aiohttp
from msgspec.structs import replace

from simulator.accounts import Account
from simulator.behaviour import Behaviour
from simulator.dialects.base import Dialect, Inbound, Post, Status
from simulator.journal import Journal, Reported, SendRecord, WebhookRecord
from simulator.journeys import Step

_TRY_AGAIN = {408, 425, 429}


@dataclass(slots=True)
class Journey:
    """A message and the steps that are still to come."""

    dialect: Dialect
    account: Account
    steps: deque[Step]
    start: float  # on the loop's clock
    record: SendRecord | None


@dataclass(slots=True)
class Parcel:
    """One webhook and the steps that it reports."""

    dialect: Dialect
    account: Account
    steps: list[tuple[Journey, Step]]
    attempt: int = 1
    post: Post | None = None
    kinds: list[str] = field(default_factory=list)


class Courier:
    def __init__(self, behaviour: Behaviour, journal: Journal) -> None:
        self._behaviour = behaviour
        self._journal = journal
        self._ready: deque[Parcel] = deque()
        self._batches: dict[str, tuple[Parcel, asyncio.TimerHandle]] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self._workers: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def stop(self) -> None:
        self.clear()
        workers = list(self._workers)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def clear(self) -> None:
        """Forget everything that has not left yet."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._ready.clear()
        self._batches.clear()

    @property
    def pending(self) -> int:
        """Webhooks and timers that still have something to do."""
        return len(self._ready) + len(self._timers) + len(self._workers)

    def send_off(
        self, dialect: Dialect, account: Account, steps: Sequence[Step], record: SendRecord | None
    ) -> None:
        self._next(Journey(dialect, account, deque(steps), self._loop.time(), record))

    def _after(self, seconds: float, what: Callable[[], None]) -> asyncio.TimerHandle:
        def run() -> None:
            what()
            self._timers.discard(timer)  # last, so that `pending` never drops to 0 in between

        timer = self._loop.call_later(max(0.0, seconds), run)
        self._timers.add(timer)
        return timer

    def _next(self, journey: Journey) -> None:
        if journey.steps:
            due = journey.start + journey.steps[0].after
            self._after(due - self._loop.time(), lambda: self._due(journey))

    def _due(self, journey: Journey) -> None:
        first = journey.steps.popleft()
        parcel = Parcel(journey.dialect, journey.account, [(journey, first)])
        if self._behaviour.batch < 2 or not journey.dialect.batches or isinstance(first.event, Inbound):
            self._hand_over(parcel)
            return
        now = self._loop.time() - journey.start
        while journey.steps and journey.steps[0].after <= now and isinstance(journey.steps[0].event, Status):
            parcel.steps.append((journey, journey.steps.popleft()))
        self._batch(parcel)

    def _batch(self, parcel: Parcel) -> None:
        """Puts the parcel's steps into one webhook with others of the same account."""
        name = parcel.account.name
        if name in self._batches:
            self._batches[name][0].steps += parcel.steps
        else:
            timer = self._after(self._behaviour.batch_wait, lambda: self._close_batch(name))
            self._batches[name] = (parcel, timer)
        if len(self._batches[name][0].steps) >= self._behaviour.batch:
            self._close_batch(name)

    def _close_batch(self, name: str) -> None:
        parcel, timer = self._batches.pop(name)
        self._hand_over(parcel)
        timer.cancel()
        self._timers.discard(timer)

    def _hand_over(self, parcel: Parcel) -> None:
        self._ready.append(parcel)
        if len(self._workers) < self._behaviour.webhook_concurrency:
            worker = self._loop.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    async def _work(self) -> None:
        while self._ready:
            await self._deliver(self._ready.popleft())

    async def _deliver(self, parcel: Parcel) -> None:
        post = parcel.post = parcel.post or self._write(parcel)
        if not post.url:
            self._journal.count("webhooks.without_url")
            self._go_on(parcel)
            return
        status, error = await self._post(post)
        self._record(parcel, post, status, error)
        retries = self._behaviour.webhook_retries
        if (status == 0 or status >= 500 or status in _TRY_AGAIN) and parcel.attempt <= len(retries):
            self._journal.count("webhooks.retried")
            wait = retries[parcel.attempt - 1]
            parcel.attempt += 1
            self._after(wait, lambda: self._hand_over(parcel))
            return
        self._go_on(parcel)

    def _write(self, parcel: Parcel) -> Post:
        account = parcel.account
        if self._behaviour.forge_signatures:
            account = replace(account, secret="not-" + account.secret)
        first = parcel.steps[0][1].event
        if isinstance(first, Inbound):
            parcel.kinds = ["inbound"]
            return parcel.dialect.inbound(account, first)
        statuses = [step.event for _, step in parcel.steps if isinstance(step.event, Status)]
        parcel.kinds = [event.status for event in statuses]
        return parcel.dialect.statuses(account, statuses)

    async def _post(self, post: Post) -> tuple[int, str]:
        status, answer = await self.ask(post)
        return status, "" if status else answer.decode()

    async def ask(self, post: Post) -> tuple[int, bytes]:
        """Status and body of the gateway's answer; 0 and the error when there is none."""
        assert self._session is not None
        timeout = aiohttp.ClientTimeout(total=self._behaviour.webhook_timeout)
        try:
            async with self._session.request(
                post.method,
                post.url,
                data=post.body,
                headers=dict(post.headers),
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return 0, repr(error).encode()

    def _record(self, parcel: Parcel, post: Post, status: int, error: str) -> None:
        taken = 200 <= status < 300
        now = time.time()
        self._journal.count("webhooks.posted")
        self._journal.seen("webhook")
        for (journey, _), kind in zip(parcel.steps, parcel.kinds, strict=True):
            self._journal.count(f"webhooks.{'taken' if taken else 'refused'}.{kind}")
            if taken and journey.record is not None:
                journey.record.statuses.append(Reported(kind, now))
        if self._journal.recording:
            record = WebhookRecord(
                seq=self._journal.seq(),
                at=now,
                account=parcel.account.name,
                kinds=parcel.kinds,
                url=post.url,
                headers=dict(post.headers),
                body=post.body.decode("utf-8", "replace"),
                attempt=parcel.attempt,
                http_status=status,
                error=error,
            )
            self._journal.keep(self._journal.webhooks, record)

    def _go_on(self, parcel: Parcel) -> None:
        moved: set[int] = set()
        for journey, _ in parcel.steps:
            if id(journey) not in moved:
                moved.add(id(journey))
                self._next(journey)
