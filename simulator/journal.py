"""What happened: the sends that arrived, the webhooks that went out, what the CleverTap sink received.

Records are for people and tests; counts are always kept, also when recording is off.
"""

import itertools
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from simulator.behaviour import Behaviour
from simulator.dialects.base import Message

NEWEST = "newest"


@dataclass(slots=True)
class Reported:
    """A status that the gateway has accepted."""

    status: str
    at: float


@dataclass(slots=True, kw_only=True)
class SendRecord:
    seq: int
    at: float
    dialect: str
    account: str  # empty: an unknown caller
    to: str = ""
    reference: str = ""
    label: str = ""
    message_id: str = ""  # empty: not accepted
    attempt: int = 1  # how often this account has sent this reference
    answer: str
    detail: str = ""
    headers: Mapping[str, str]
    body: Any
    statuses: list[Reported] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class WebhookRecord:
    seq: int
    at: float
    account: str
    kinds: list[str]  # the statuses it carries, or "inbound"
    url: str
    headers: Mapping[str, str]
    body: str
    attempt: int
    http_status: int  # 0: no answer
    error: str = ""


@dataclass(slots=True, kw_only=True)
class SinkRecord:
    seq: int
    at: float
    account: str
    kind: str  # delivery, inbound or subscribe
    payload: Any
    http_status: int  # 0: the connection was closed
    unprocessed: list[str] = field(default_factory=list)


_T = TypeVar("_T")


class Journal:
    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._next = itertools.count(1)
        self.requests: list[SendRecord] = []
        self.webhooks: list[WebhookRecord] = []
        self.sink: list[SinkRecord] = []
        self.sink_refused: list[SinkRecord] = []
        self._messages: list[Message] = []
        self.counts: Counter[str] = Counter()
        self.times: dict[str, float] = {}

    @property
    def recording(self) -> bool:
        return self._behaviour.record

    def seq(self) -> int:
        return next(self._next)

    def count(self, name: str, by: int = 1) -> None:
        self.counts[name] += by

    def seen(self, name: str) -> None:
        """Notes when something happened first and last, from which rates are computed."""
        now = time.time()
        self.times.setdefault(f"first_{name}", now)
        self.times[f"last_{name}"] = now

    def keep(self, records: list[_T], record: _T) -> None:
        records.append(record)
        if len(records) > self._behaviour.kept:
            del records[: 1 + self._behaviour.kept // 10]

    def remember(self, message: Message) -> None:
        """Keep an accepted message, so that a user can reply to it."""
        if self.recording:
            self.keep(self._messages, message)

    def find(self, account: str, name: str) -> Message | None:
        """The account's newest message with this id or reference, or of all where the name is `NEWEST`."""
        for message in reversed(self._messages):
            if message.account.name == account and name in (message.id, message.send.reference, NEWEST):
                return message
        return None

    def summary(self) -> dict[str, Any]:
        return {"counts": dict(sorted(self.counts.items())), "times": dict(self.times)}

    def clear(self) -> None:
        self.requests.clear()
        self.webhooks.clear()
        self.sink.clear()
        self.sink_refused.clear()
        self._messages.clear()
        self.counts.clear()
        self.times.clear()
