"""How long messages take, from histograms of bounded size: p50 and p95 without keeping each time."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

# Seconds at which a bucket ends and the next begins; each is at most half as long again as the one before.
BOUNDS = (
    1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900, 1200, 1800, 2700, 3600,
    5400, 7200, 10800, 14400, 21600, 28800, 43200, 64800, 86400, 129600, 172800, 259200, 345600, 604800,
)  # fmt: skip
LONGEST = float(BOUNDS[-1])


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds from the acceptance of messages to a later status; None while no message has it.

    LONGEST stands for everything that took longer.
    """

    count: int
    p50: float | None
    p95: float | None


def bucket(seconds: int) -> int:
    """The bucket of a duration in whole seconds. Two clocks may differ: a negative duration counts as 0."""
    return bisect_right(BOUNDS, seconds)


def timing(histogram: Mapping[int, int]) -> Timing:
    """From the number of messages in each bucket."""
    return Timing(sum(histogram.values()), quantile(histogram, 0.5), quantile(histogram, 0.95))


def quantile(histogram: Mapping[int, int], share: float) -> float | None:
    """The seconds within which this share of the messages lies. It assumes that times are spread evenly in a
    bucket."""
    total = sum(histogram.values())
    if total <= 0:
        return None
    wanted, passed = share * total, 0
    for number in sorted(histogram):
        here = histogram[number]
        if here > 0 and passed + here >= wanted:
            begin = BOUNDS[number - 1] if number else 0
            end = BOUNDS[number] if number < len(BOUNDS) else begin
            return begin + (end - begin) * (wanted - passed) / here
        passed += here
    return LONGEST
