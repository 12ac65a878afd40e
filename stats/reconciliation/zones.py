"""Whether the days of another time zone agree better. If every day differs a little, the report often has
another zone."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings

from stats.reconciliation import our_figures
from stats.reconciliation.comparing import Theirs

# The time zones of CleverTap's regions, and of most of its customers.
CANDIDATES = (
    "UTC", "Asia/Kolkata", "Asia/Singapore", "Asia/Jakarta", "Asia/Dubai", "America/New_York",
    "America/Los_Angeles", "Europe/London", "Europe/Berlin",
)  # fmt: skip
# A better zone is one that leaves at most this share of what is sent on another day.
SHARE = 0.25


_About = tuple[date, str]  # a campaign on a day


class Better(NamedTuple):
    """A zone, how many messages would be on another day with it, and how many are now."""

    name: str
    apart: int
    now: int


def better(theirs: Sequence[Theirs], zone: ZoneInfo) -> Better | None:
    """The zone in which the days agree best in Sent, if they agree far better than in this one."""
    lines = [line for line in theirs if not line.named and line.figures.get("sent") is not None]
    if not lines:
        return None
    told: Counter[_About] = Counter()
    for line in lines:
        told[line.day, line.campaign] += line.figures["sent"] or 0
    now = _apart(told, zone)
    if not now:
        return None
    names = dict.fromkeys((settings.TIME_ZONE, *CANDIDATES))
    names.pop(zone.key, None)
    apart, _, name = min((_apart(told, ZoneInfo(name)), n, name) for n, name in enumerate(names))
    return Better(name, apart, now) if apart <= SHARE * now else None


def _apart(told: Counter[_About], zone: ZoneInfo) -> int:
    """How many sent messages have another day than in the report. A line that only the report has counts with
    all its messages."""
    days = {day for day, _ in told}
    mine: Counter[_About] = Counter()
    for key, figures in our_figures.figures(min(days), max(days), zone, columns=("accepted",)).items():
        mine[key.day, key.campaign] += figures.accepted
    shared = [(told[about], count) for about, count in mine.items() if about in told]
    return told.total() + sum(abs(count - theirs) - theirs for theirs, count in shared)
