"""A rate limit that holds for every window of its period, as the receiver sees it."""

from collections import deque


class Window:
    """At most `count` requests in any `seconds`.

    A request takes its place when it starts and gives it back `seconds` after it finished:
    the receiver saw it no later than that, so not even two bursts at a window's edges exceed
    the limit. Times are epoch seconds, given by the caller.
    """

    def __init__(self, count: int, seconds: float, finished: list[list[float]] | None = None) -> None:
        self.count = count
        self.seconds = seconds
        self._running = 0
        self._finished: deque[list[float]] = deque(finished or [])  # [time, requests]

    def free(self, now: float) -> int:
        """How many requests may start now."""
        while self._finished and self._finished[0][0] <= now - self.seconds:
            self._finished.popleft()
        return max(0, self.count - self._running - int(sum(n for _, n in self._finished)))

    def start(self, requests: int) -> None:
        self._running += requests

    def finish(self, requests: int, now: float) -> None:
        self._running -= requests
        if self._finished and now - self._finished[-1][0] < 0.001:
            self._finished[-1] = [now, self._finished[-1][1] + requests]
        else:
            self._finished.append([now, requests])

    def cancel(self, requests: int) -> None:
        """Some that were to start did not."""
        self._running -= requests

    def next_free(self, now: float) -> float:
        """Seconds until a place is given back; `seconds` when only running requests hold them."""
        if self.free(now):
            return 0.0
        return self._finished[0][0] + self.seconds - now if self._finished else self.seconds

    def dump(self, now: float) -> list[list[float]]:
        """What the next holder of the queue must know. Running requests count as if they finished now."""
        rows = [list(row) for row in self._finished if row[0] > now - self.seconds]
        return [*rows, [now, self._running]] if self._running else rows
