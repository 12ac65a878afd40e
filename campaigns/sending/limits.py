"""How fast messages may go to a provider's BSP: what its settings allow, and what the BSP's answers say."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from random import uniform
from time import time
from typing import Any, NamedTuple

from django.utils import timezone

from lib.throttle import Window
from providers.messages import Account, Outcome, SendResult
from providers.models import Provider

OUTAGE_FAILURES = 10  # failures in a row after which one request at a time is tried
LONGEST_HOLD = 300.0  # seconds we wait at most by our own choice
LONGEST_ASKED = 86400.0  # seconds we wait at most when the BSP asks for it
_OUTAGES = (Outcome.RETRY, Outcome.UNKNOWN)


class Wait(NamedTuple):
    """For how long nothing is to be sent through the provider, and why."""

    seconds: float
    reason: str
    hold: Provider.Hold


class Refused(NamedTuple):
    """Why the BSP accepts nothing from the account, and its own words."""

    account: Account
    words: str


class Limits:
    """The limits of one drain. `learnt` is what the last worker of the queue left; `take_up` brings the
    provider's settings."""

    provider: Provider

    def __init__(self, learnt: Mapping[str, Any]) -> None:
        self.outages = 0  # requests in a row that the BSP did not accept, as far as we know
        self.refused: Refused | None = None  # the last refusal of the whole account
        # Concurrency in use (grows with success, shrinks when throttled), and the last wait chosen
        # for a BSP that does not say how long.
        self.allowed: float = learnt.get("allowed", 0.0)
        self.waited: float = learnt.get("waited", 0.5)
        self.window: Window | None = None
        self._window_before: list[list[float]] | None = learnt.get("window")

    def take_up(self, provider: Provider) -> None:
        """Takes over the provider's settings as they are now."""
        self.provider = provider
        self.allowed = min(self.allowed or provider.max_concurrency, provider.max_concurrency)
        if provider.rate_count is None:
            self.window = None
        elif self.window is None:
            self.window = Window(provider.rate_count, provider.rate_period, self._window_before)
        else:
            self.window.count, self.window.seconds = provider.rate_count, provider.rate_period

    def learnt(self) -> dict[str, Any]:
        """What the next worker must know: the requests that still count, and what was learnt."""
        window = self.window.dump(time()) if self.window is not None else []
        return {"window": window, "allowed": self.allowed, "waited": self.waited}

    def blocked(self) -> bool:
        """Whether nothing may be sent now, however much is due."""
        held = self.provider.hold_until
        return (
            self.provider.state != Provider.State.ACTIVE
            or bool(self.provider.unreadable)
            or (held is not None and held > timezone.now())
            or (self.window is not None and not self.window.free(time()))
        )

    def room(self, flying: int) -> int:
        """How many requests may be started beside those under way."""
        room = int(self.allowed) - flying
        if flying and room < self.allowed / 8:
            return 0  # a claim costs a statement, so it waits until several places are free
        return room if self.window is None else min(room, self.window.free(time()))

    def learn(self, results: Sequence[SendResult]) -> Wait | None:
        """Adapts to what the BSP answered. Returns the wait that it asks for, if any."""
        wait: Wait | None = None
        for result in results:
            if result.outcome == Outcome.THROTTLED:
                seconds = min(result.retry_after or 0.0, LONGEST_ASKED) or self._backoff()
                if wait is None or seconds > wait.seconds:
                    wait = Wait(seconds, result.text, Provider.Hold.THROTTLE)
            self._learn(result)
            if result.outcome in _OUTAGES and self.outages >= OUTAGE_FAILURES and wait is None:
                wait = Wait(self._backoff(), result.text, Provider.Hold.OUTAGE)
        return wait

    def _learn(self, result: SendResult) -> None:
        """Fewer requests at once when they are throttled or refused, slowly more after success."""
        self.outages = self.outages + 1 if result.outcome in _OUTAGES else 0
        if result.account or self.outages >= OUTAGE_FAILURES:
            self.allowed = 1.0
        if result.account:
            self.provider.account_refusals += 1
            self.refused = Refused(result.account, result.text)
        elif result.outcome == Outcome.THROTTLED:
            self.allowed = max(1.0, self.allowed / 2)
        elif result.outcome == Outcome.ACCEPTED:
            self.provider.account_refusals = 0
            self.allowed = min(float(self.provider.max_concurrency), self.allowed + 1)

    def _backoff(self) -> float:
        """Seconds to leave a throttling BSP alone when it does not say how long."""
        held = self.provider.hold_until
        recent = held is not None and held > timezone.now() - timedelta(seconds=60)
        self.waited = min(self.waited * 2, LONGEST_HOLD) if recent else 1.0
        return self.waited * uniform(0.8, 1.2)
