"""How the simulator behaves: the settings, and the magic numbers that change it for one recipient."""

from collections.abc import Collection
from copy import deepcopy
from dataclasses import dataclass
from enum import Enum
from typing import Literal

import msgspec

AnswerMode = Literal["ok", "throttle", "outage"]
SinkMode = Literal["ok", "down", "close", "slow", "reject_4xx", "unprocessed"]


class Behaviour(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Times are seconds, fractions run from 0 to 1. Every setting may change while the simulator runs."""

    # answers to sends
    answer_delay: float = 0.0
    hold: float = 120.0  # the longest an unanswered connection is kept open
    answer_modes: dict[str, AnswerMode] = {}  # of single accounts: every send is answered 429, or 503
    throttle_seconds: int = 1  # that a 429 asks for
    magic: bool = True  # off when a load test walks through all numbers
    check_templates: bool = False  # refuse what the account's template list does not allow
    fail_fraction: float = 0.0  # accepted, then reported as failed
    fail_code: int = 131026  # as Meta numbers it; other dialects translate
    templates_count: int = 0  # above 0: a generated template list of this length

    # webhooks
    webhooks: bool = True
    delays: tuple[float, float, float] = (0.2, 0.5, 1.5)  # sent, delivered, read; after the answer
    follow_up: float = 0.5  # from the last status to the user's reply or click
    batch: int = 1  # statuses in one webhook, where the BSP does that
    batch_wait: float = 0.05  # how long a batch waits to fill up
    duplicate_fraction: float = 0.0
    shuffle: bool = False
    forge_signatures: bool = False
    webhook_concurrency: int = 64
    webhook_timeout: float = 10.0
    webhook_retries: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 6.0)

    # the CleverTap sink
    sink_mode: SinkMode = "ok"
    sink_modes: dict[str, SinkMode] = {}  # for single accounts; overrides sink_mode
    sink_delay: float = 5.0  # of the slow mode
    sink_unprocessed: set[str] = set()  # msgIds of the unprocessed mode; empty means all

    # records
    record: bool = True  # off keeps only counts, so that memory stays flat under load
    kept: int = 50_000  # records of each kind; when full, the oldest tenth is dropped

    def update(self, changes: object) -> None:
        """Apply named settings; nothing changes when one of them is unknown or of the wrong type."""
        if not isinstance(changes, dict):
            raise ValueError("settings come as an object")
        merged = msgspec.convert(msgspec.structs.asdict(self) | changes, Behaviour)
        self.replace(merged)

    def replace(self, other: "Behaviour") -> None:
        for field in self.__struct_fields__:
            setattr(self, field, deepcopy(getattr(other, field)))

    def sink_mode_of(self, account: str) -> SinkMode:
        return self.sink_modes.get(account, self.sink_mode)


class Reaction(Enum):
    """What the sender sees at once."""

    ACCEPT = "accepted"
    THROTTLE_ONCE = "throttled"
    OUTAGE_ONCE = "outage"
    HANG = "held"
    REFUSE_TEMPLATE = "refused"
    REFUSE_CREDENTIALS = "unauthorised"
    CLOSE = "closed"
    EMPTY = "empty"
    HTML = "html"
    WEBHOOK_FIRST = "late"


@dataclass(frozen=True, slots=True)
class Script:
    """What happens to one message."""

    summary: str
    reaction: Reaction = Reaction.ACCEPT
    statuses: tuple[str, ...] = ("sent", "delivered", "read")
    failure: int = 0
    copies: int = 1
    backwards: bool = False
    then: Literal["", "reply", "click"] = ""


USUAL = Script("accepted; sent, delivered, read")

# A failure of Meta's for each of CleverTap's codes from 1000 to 1010. For 1003, a number that is no longer
# active, Meta has none: only CleverTap's own format can say it.
NONE_OF_METAS = 1003
_FAILURES = (131042, 132000, 131021, NONE_OF_METAS, 131056, 131026, 131050, 1026, 131047, 131000, 131049)


def codes_of(failures: Collection[int] | None) -> list[int]:
    """CleverTap's codes that a BSP can say which knows these of Meta's failures; None: which knows all."""
    said = set(_FAILURES) - {NONE_OF_METAS} if failures is None else failures
    return [1000 + n for n, failure in enumerate(_FAILURES) if failure in said]


MAGIC: dict[str, Script] = {
    "9001": Script("delivered, never read", statuses=("sent", "delivered")),
    "9002": Script("fails: not on WhatsApp (Meta 131026)", statuses=("failed",), failure=131026),
    "9003": Script("fails: Meta's marketing cap (131049)", statuses=("failed",), failure=131049),
    "9004": Script("accepted, never reported", statuses=()),
    "9005": Script("429 with Retry-After: 1 the first time, then accepted", Reaction.THROTTLE_ONCE),
    "9006": Script(
        "503 with an HTML body and Retry-After: 1 the first time, then accepted", Reaction.OUTAGE_ONCE
    ),
    "9007": Script("taken, but never answered; webhooks come", Reaction.HANG),
    "9008": Script("every webhook comes twice", copies=2),
    "9009": Script("webhooks in the wrong order: read, delivered, sent", backwards=True),
    "9010": Script("refused at once: unknown template", Reaction.REFUSE_TEMPLATE),
    "9011": Script("refused at once: bad credentials (401)", Reaction.REFUSE_CREDENTIALS),
    "9012": Script("connection closed without an answer; not taken", Reaction.CLOSE),
    "9013": Script("taken, answered 200 with an empty body; webhooks come", Reaction.EMPTY),
    "9014": Script("after delivery the user replies with a text", then="reply"),
    "9015": Script("after reading the user taps a button", then="click"),
    "9016": Script("the first webhook comes before the answer", Reaction.WEBHOOK_FIRST),
    "9017": Script("taken, answered 200 with HTML; webhooks come", Reaction.HTML),
    **{
        f"91{n:02d}": Script(
            f"fails as CleverTap's {1000 + n} (Meta {code})", statuses=("failed",), failure=code
        )
        for n, code in enumerate(_FAILURES)
    },
}


def script_for(recipient: str, behaviour: Behaviour) -> Script:
    """The script of a recipient, by the last four digits of the number."""
    return MAGIC.get(recipient[-4:], USUAL) if behaviour.magic else USUAL
