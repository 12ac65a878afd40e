"""Our figures by day and campaign, from the counts that all stats are read from."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils import timezone

from stats.query import count_sql
from stats.query.filters import Filters

COLUMNS = ("accepted", "delivered", "viewed", "refused", "not_sent", "undelivered")
ERRORS = ("refused", "not_sent", "undelivered")


class Key(NamedTuple):
    """A campaign of a provider on a day."""

    day: date
    provider_id: int
    campaign: str


class Ours(NamedTuple):
    """What Waypost counted. Its accepted is CleverTap's Sent."""

    accepted: int = 0
    delivered: int = 0
    viewed: int = 0
    refused: int = 0
    not_sent: int = 0
    undelivered: int = 0

    def of(self, figure: str) -> int:
        """The figure that has this name at CleverTap."""
        if figure == "errors":
            return self.refused + self.not_sent + self.undelivered
        return int(getattr(self, "accepted" if figure == "sent" else figure))

    @classmethod
    def total(cls, parts: "Sequence[Ours]") -> "Ours":
        if len(parts) == 1:
            return parts[0]  # nearly all campaigns have one part
        return cls(*map(sum, zip(*parts, strict=True)))


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def figures(first: date, last: date, zone: ZoneInfo, columns: Sequence[str] = COLUMNS) -> dict[Key, Ours]:
    """The figures of every campaign on each of these days on which it has any."""
    filters = Filters(timezone.now(), zone, traffic="campaigns")
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    midnights = [filters.kept(midnight(day, zone)) for day in [*days, last + timedelta(days=1)]]
    windows = list(pairwise(midnights))
    found: dict[Key, Ours] = {}
    for place, provider, code, *values in count_sql.figures_within(
        filters, windows, ("provider_id", "campaign"), tuple(columns)
    ):
        if code:
            key = Key(days[place], provider, code)
            more = Ours(**dict(zip(columns, values, strict=True)))
            found[key] = Ours.total((found.get(key, Ours()), more))
    return found
