"""Sentences beside the verdict: days that a report lacks, days too early to tell, a better time zone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from stats.reconciliation import zones
from stats.reconciliation.comparing import Row
from stats.reconciliation.facts import Basis
from stats.reconciliation.our_figures import Key, Ours, midnight

DAYS_NAMED = 12


@dataclass(frozen=True, slots=True)
class Source:
    """What a report says about itself. `missing` are the days between its first and its last that it has no
    line for."""

    basis: Basis
    complete: bool = True
    provider_id: int | None = None
    name: str = ""
    missing: Sequence[date] = ()

    @property
    def label(self) -> str:
        return f"The report {self.name}" if self.name else "The report"

    def settled(self, day: date, cache: timedelta) -> datetime:
        """The moment from which an export has all of this day, even with the oldest figures that CleverTap
        shows."""
        return midnight(day + timedelta(days=1), self.basis.zone) + cache


def early(rows: Iterable[Row], sources: Mapping[int, Source], cache: timedelta) -> list[str]:
    """A sentence for each report with differences that are too early to tell."""
    days: defaultdict[int, set[date]] = defaultdict(set)
    for row in rows:
        if row.early and not row.agrees:
            days[row.report].add(row.day)
    found = []
    for report, those in sorted(days.items()):
        source, zone = sources[report], sources[report].basis.zone
        exported = source.basis.exported_at.astimezone(zone)
        again = source.settled(max(those), cache).astimezone(zone)
        found.append(
            f"{source.label} was exported at {exported:%Y-%m-%d %H:%M}. CleverTap’s figures may be up to "
            f"{hours(cache)} old, so it is too early to tell for {_listed(map(str, sorted(those)))}. Export "
            f"the report again after {again:%Y-%m-%d %H:%M} ({zone.key})."
        )
    return found


def hours(cache: timedelta) -> str:
    count = cache / timedelta(hours=1)
    return f"{count:g} hour{'s' * (count != 1)}"


def missing(source: Source, days: Iterable[date], mine: Mapping[Key, Ours]) -> str:
    """Which days a complete report has no line for, and what we accepted on them."""
    accepted: Counter[date] = Counter()
    for key, figures in mine.items():
        if source.provider_id in (None, key.provider_id):
            accepted[key.day] += figures.accepted
    told = [f"{day} (Waypost accepted {accepted[day]:,} messages of campaigns)" for day in sorted(days)]
    return f"{source.label} should have all its days, and has no line for {_listed(told)}."


def better_zone(zone: ZoneInfo, better: zones.Better) -> str:
    rest = f"{better.apart:,} would" if better.apart else "none would"
    return (
        f"With the days of {better.name} instead of {zone.key}, {rest} be on another day than at CleverTap; "
        f"now {better.now:,} are. Upload the report again with CleverTap’s time zone."
    )


def _listed(names: Iterable[str]) -> str:
    first, last = list(names)[:DAYS_NAMED], list(names)[DAYS_NAMED:]
    return ", ".join(first) + (f" and {len(last):,} more days" if last else "")
