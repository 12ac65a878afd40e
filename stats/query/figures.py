"""The figures: what each counts, the rates between them, and how far two differ. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from math import sqrt
from typing import Any, NamedTuple, Self


@dataclass(frozen=True, slots=True)
class Definition:
    """What a figure counts, in the words of docs/stats.md and of every page."""

    name: str
    label: str
    text: str


DEFINITIONS = (
    Definition(
        "accepted",
        "Accepted",
        "Messages Waypost accepted from CleverTap and answered with success. CleverTap calls this Sent.",
    ),
    Definition(
        "submitted",
        "Submitted",
        "How often a BSP answered that it accepted a message. A resend counts once more. A message whose "
        "answer was lost does not count, even if a report says later that it was sent.",
    ),
    Definition(
        "sent", "Sent", "Messages the BSP reported as sent: handed to WhatsApp. Some BSPs never report this."
    ),
    Definition("delivered", "Delivered", "Messages reported to be on the person’s phone."),
    Definition(
        "viewed",
        "Viewed",
        "Messages reported as read. People can turn read receipts off. Being read does not make a message "
        "delivered here: each is counted as reported, as CleverTap does.",
    ),
    Definition("clicked_total", "Clicks", "Clicks on tracked links, without those of programs."),
    Definition("clicked_unique", "Clicked", "Messages of which at least one tracked link was clicked."),
    Definition(
        "replied",
        "Replied",
        "Messages that got an answer: one that refers to them, or that is the person’s next message within "
        "three days.",
    ),
    Definition(
        "control_group", "Control group", "People whom a broadcast leaves out on purpose, to compare with."
    ),
    Definition("refused", "Refused", "Requests that Waypost answered with an error at once."),
    Definition(
        "not_sent",
        "Not sent",
        "Failures before WhatsApp: the BSP refused the message, or its validity ended before it was sent.",
    ),
    Definition(
        "undelivered", "Undelivered", "Failures the BSP reported later: WhatsApp could not deliver it."
    ),
)
NAMES = tuple(definition.name for definition in DEFINITIONS)
FAILURES = ("refused", "not_sent", "undelivered")


@dataclass(frozen=True, slots=True)
class Figures:
    """One of each figure. A report counts when it happened, whenever its message was accepted."""

    accepted: int = 0
    submitted: int = 0
    sent: int = 0
    delivered: int = 0
    viewed: int = 0
    clicked_total: int = 0
    clicked_unique: int = 0
    replied: int = 0
    control_group: int = 0
    refused: int = 0
    not_sent: int = 0
    undelivered: int = 0
    errors_by_code: Mapping[str, int] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        return self.refused + self.not_sent + self.undelivered

    @property
    def empty(self) -> bool:
        return not any(getattr(self, name) for name in NAMES)

    def as_dict(self) -> dict[str, Any]:
        """All figures under their names, as the API and `manage.py stats --json` give them."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def total(cls, parts: Iterable[Self]) -> Self:
        """The sum of figures, without their codes. No message may be in two of them."""
        rows = list(parts)
        return cls(**{name: sum(getattr(row, name) for row in rows) for name in NAMES})


@dataclass(frozen=True, slots=True)
class Rate:
    """One figure as a share of another."""

    name: str
    label: str
    part: tuple[str, ...]
    whole: tuple[str, ...]
    text: str

    def counts(self, figures: Figures) -> tuple[int, int]:
        """The counts of the part and of the whole."""
        return (
            sum(getattr(figures, name) for name in self.part),
            sum(getattr(figures, name) for name in self.whole),
        )

    def of(self, figures: Figures) -> float | None:
        """None where the whole is 0. It may exceed 1: messages accepted before the
        range are delivered in it."""
        part, whole = self.counts(figures)
        return part / whole if whole else None


RATES = (
    Rate("delivery_rate", "Delivery rate", ("delivered",), ("accepted",), "Delivered of accepted."),
    Rate("view_rate", "View rate", ("viewed",), ("delivered",), "Viewed of delivered."),
    Rate("click_rate", "Click rate", ("clicked_unique",), ("delivered",), "Clicked of delivered."),
    Rate("reply_rate", "Reply rate", ("replied",), ("delivered",), "Replied of delivered."),
    Rate(
        "error_rate",
        "Error rate",
        FAILURES,
        ("accepted", "refused"),
        "Refused, not sent and undelivered, of accepted and refused.",
    ),
)
RATE = {rate.name: rate for rate in RATES}
# The labels of figures and rates, by name.
LABELS = {each.name: each.label for each in (*DEFINITIONS, *RATES)}
TEXTS = {each.name: each.text for each in (*DEFINITIONS, *RATES)}


def rates(figures: Figures) -> dict[str, float | None]:
    return {rate.name: rate.of(figures) for rate in RATES}


# What happens to a message, in order. Each step is a share of the first and of the one before.
FUNNEL = ("accepted", "submitted", "sent", "delivered", "viewed", "clicked_unique", "replied")


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the funnel, with its share of the first step and of the step before."""

    name: str
    count: int
    of_first: float | None
    of_previous: float | None


def funnel(figures: Figures) -> list[Step]:
    steps: list[Step] = []
    for name in FUNNEL:
        count = getattr(figures, name)
        first = steps[0].count if steps else count
        before = steps[-1].count if steps else count
        steps.append(Step(name, count, _share(count, first), _share(count, before)))
    return steps


@dataclass(frozen=True, slots=True)
class Change:
    """A figure or rate beside the one of the range before. `relative` is None when that one was 0."""

    now: float | None
    before: float | None

    @property
    def absolute(self) -> float | None:
        return None if self.now is None or self.before is None else self.now - self.before

    @property
    def relative(self) -> float | None:
        if self.absolute is None or not self.before:
            return None
        return self.absolute / self.before


def changes(now: Figures, before: Figures) -> dict[str, Change]:
    """Every figure and rate, by name."""
    found = {name: Change(getattr(now, name), getattr(before, name)) for name in NAMES}
    return found | {rate.name: Change(rate.of(now), rate.of(before)) for rate in RATES}


Z = 1.959964  # 95 %


@dataclass(frozen=True, slots=True)
class Difference:
    """How much larger the rate of b is than that of a, and the interval it lies in with 95 % confidence."""

    value: float
    low: float
    high: float

    @property
    def certain(self) -> bool:
        """Whether the difference is unlikely to be chance: zero is not in the interval."""
        return self.low > 0 or self.high < 0


def difference(a: tuple[int, int], b: tuple[int, int]) -> Difference | None:
    """The difference of two shares, each given as part and whole. None when a whole is 0, or a part larger:
    more was delivered in a range than accepted in it.

    Newcombe's interval from two Wilson scores, which holds for small groups and for rates near
    0 and 1 too. Source: R. G. Newcombe, Statistics in Medicine 17 (1998), method 10.
    """
    if not all(0 <= part <= whole and whole for part, whole in (a, b)):
        return None
    one, other = wilson(*a), wilson(*b)
    value = other.share - one.share
    return Difference(
        value,
        max(value - sqrt((other.share - other.low) ** 2 + (one.high - one.share) ** 2), -1.0),
        min(value + sqrt((other.high - other.share) ** 2 + (one.share - one.low) ** 2), 1.0),
    )


class Interval(NamedTuple):
    """A share, and what it lies between with 95 % confidence."""

    share: float
    low: float
    high: float


def wilson(part: int, whole: int) -> Interval:
    share = part / whole
    middle = share + Z * Z / (2 * whole)
    spread = Z * sqrt(share * (1 - share) / whole + Z * Z / (4 * whole * whole))
    scale = 1 + Z * Z / whole
    return Interval(share, max((middle - spread) / scale, 0.0), min((middle + spread) / scale, 1.0))


def compared(a: Figures, b: Figures) -> dict[str, Difference | None]:
    """Every rate of variant b against that of variant a, by name."""
    return {rate.name: difference(rate.counts(a), rate.counts(b)) for rate in RATES}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
