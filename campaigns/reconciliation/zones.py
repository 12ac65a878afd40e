"""Whether the days of another time zone would agree better: the usual reason when every day is a bit off."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from django.conf import settings

from campaigns.reconciliation import ours
from campaigns.reconciliation.comparing import Theirs

# Those of CleverTap's regions, and where its customers are most.
CANDIDATES = (
    "UTC", "Asia/Kolkata", "Asia/Singapore", "Asia/Jakarta", "Asia/Dubai", "America/New_York",
    "America/Los_Angeles", "Europe/London", "Europe/Berlin",
)  # fmt: skip
# A better zone is one that leaves at most this share of what is sent on another day.
SHARE = 0.25


def better(theirs: Sequence[Theirs], zone: ZoneInfo) -> tuple[str, int, int] | None:
    """The zone whose days agree best in Sent, if far better than this one: its name, what is on the wrong
    day with it, and what is with this one."""
    lines = [line for line in theirs if not line.named and line.figures.get("sent") is not None]
    if not lines:
        return None
    now = _apart(lines, zone)
    if not now:
        return None
    names = dict.fromkeys((settings.TIME_ZONE, *CANDIDATES))
    names.pop(zone.key, None)
    apart, _, name = min((_apart(lines, ZoneInfo(name)), n, name) for n, name in enumerate(names))
    return (name, apart, now) if apart <= SHARE * now else None


def _apart(lines: Sequence[Theirs], zone: ZoneInfo) -> int:
    days = [line.day for line in lines]
    mine: Counter[tuple[date, str]] = Counter()
    for key, figures in ours.figures(min(days), max(days), zone, columns=("accepted",)).items():
        mine[key.day, key.campaign] += figures.accepted
    told: Counter[tuple[date, str]] = Counter()
    for line in lines:
        told[line.day, line.campaign] += line.figures["sent"] or 0
    return sum(abs(mine[about] - count) for about, count in told.items())
