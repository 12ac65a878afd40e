"""Failures by the BSP's own code under CleverTap's: how many, since when and until when, when how many, and
of which campaigns and templates. No query here looks at a message."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from campaigns.counting.points import MINUTES_FOR, begin
from campaigns.models import Span
from lib import sql
from providers.advice import by_code, resending_helps
from stats.query import breakdowns, count_sql, series
from stats.query.breakdowns import Dimension, Group, Providers
from stats.query.count_sql import Clause
from stats.query.details import FAILED, FAILURES, KINDS
from stats.query.errors import advice
from stats.query.figures import Figures
from stats.query.filters import NONE, Filters
from stats.query.span_ranges import EARLY, LATE, SPANS, Window, segments


@dataclass(frozen=True, slots=True)
class Reason:
    """Why messages failed: one kind of failure (figures.FAILURES) with one of CleverTap's codes. `bsp_code`
    is the BSP's own as CONNECTOR/CODE, NONE for failures without one, and empty for all of CleverTap's."""

    kind: str
    code: int
    bsp_code: str = ""

    @property
    def known_at(self) -> tuple[str, str]:
        """The connector whose BSP has the code, and the code; empty without one."""
        connector, _, code = ("" if self.bsp_code == NONE else self.bsp_code).partition("/")
        return connector, code

    @property
    def advice(self) -> str:
        return by_code(*self.known_at) or advice(self.code).advice

    @property
    def resending_helps(self) -> bool:
        """Whether its messages may arrive when they are sent again. A refused request is no message."""
        narrow = self.kind != "refused" and self.bsp_code != ""
        return narrow and resending_helps(*self.known_at, self.code)

    @property
    def condition(self) -> Clause:
        """On the code and the url of counts."""
        if not self.bsp_code:
            return Clause("code = %s", [self.code])
        return Clause("code = %s AND url = %s", [self.code, self.bsp_code.replace(NONE, "")])


@dataclass(frozen=True, slots=True)
class CodeCount:
    """How often it was the reason, and when first and last: to the minute, and to a quarter of an hour for
    what is older than minutes are kept."""

    reason: Reason
    count: int
    first_at: datetime
    last_at: datetime


class _Key(NamedTuple):
    metric: int
    code: int
    url: str


def codes(filters: Filters, reason: Reason | None = None) -> list[CodeCount]:
    """Failures by the BSP's codes, the most frequent first; all, or those of a reason."""
    windows: Sequence[Window] = [(filters.start, filters.end)]
    counts = _counted(filters, reason, windows, SPANS)
    first = {key: _span(windows, SPANS, min(moments)) for key, moments in counts.items()}
    last = {key: _span(windows, SPANS, max(moments)) for key, moments in counts.items()}
    for spans in ((Span.MINUTE, Span.QUARTER), (Span.MINUTE,)):
        windows = _closer(filters, [*first.values(), *last.values()], minutes=len(spans) == 1)
        closer = _counted(filters, reason, windows, spans) if windows else {}
        for key, moments in closer.items():
            for ends, end in ((first, min), (last, max)):
                if inside := [at for at in moments if _within(at, ends[key])]:
                    ends[key] = _span(windows, spans, end(inside))
    found = [
        CodeCount(_reason(key), count, first[key][0] or filters.now, last[key][0] or filters.now)
        for key, moments in counts.items()
        if (count := sum(moments.values()))
    ]
    return sorted(found, key=lambda each: (-each.count, each.reason.code, each.reason.bsp_code))


def concerned(
    filters: Filters,
    reason: Reason,
    dimension: Dimension,
    limit: int | None = None,
    known_as: Providers | None = None,
) -> list[tuple[Group, int]]:
    """How many of its messages were of which campaigns or templates, the most first."""
    if filters.traffic == "all":
        filters = replace(filters, traffic="campaigns")
    by = ("provider_id", dimension)
    rows = count_sql.details(filters, (FAILURES[reason.kind],), by, where=reason.condition)
    rows = sorted(rows, key=lambda row: (-row[2], row[1], row[0]))[:limit]
    groups = breakdowns.named(dimension, [row[:2] for row in rows], known_as)
    return list(zip(groups, (row[2] for row in rows), strict=True))


def trend(filters: Filters, reason: Reason, step: series.Step) -> list[series.Point]:
    """How many there were in every step of the range; no other figure. Raises Invalid for too many steps."""
    metric = (FAILURES[reason.kind],)
    return series.points(
        [filters],
        step,
        lambda windows: (
            (place, Figures(**{reason.kind: count}))
            for place, _, count in count_sql.details_within(
                filters, windows, metric, ("code",), reason.condition
            )
        ),
    )[0]


def _counted(
    filters: Filters, reason: Reason | None, windows: Sequence[Window], spans: Sequence[Span]
) -> dict[_Key, Counter[datetime]]:
    """How many in each span of these."""
    metrics = FAILED if reason is None else (FAILURES[reason.kind],)
    where = count_sql.EVERYWHERE if reason is None else reason.condition
    by = (*_Key._fields, "at")
    found: dict[_Key, Counter[datetime]] = defaultdict(Counter)
    rows = count_sql.details(filters, metrics, by, spans=spans, windows=windows, where=where)
    for *key, at, count in rows:
        found[_Key(*key)][sql.datetimes(at)] += count
    return found


def _reason(key: _Key) -> Reason:
    return Reason(KINDS[key.metric], key.code, key.url or NONE)


def _span(windows: Sequence[Window], spans: Sequence[Span], at: datetime) -> Window:
    """The span that a count of this moment was read from."""
    pieces = (piece for window in windows for piece in segments(*window, spans))
    # What is not folded yet is counted by the minute, also outside of the windows.
    span = next((span for span, start, end in pieces if _within(at, (start, end))), Span.MINUTE)
    start = begin(at, span)
    return start, start + timedelta(minutes=span.value)


def _within(at: datetime, window: Window) -> bool:
    return (window[0] or EARLY) <= at < (window[1] or LATE)


def _closer(filters: Filters, windows: Iterable[Window], *, minutes: bool) -> list[Window]:
    """These spans, within the range and without overlaps, as far as they can be looked at more closely."""
    found: list[tuple[datetime, datetime]] = []
    oldest = filters.now - MINUTES_FOR if minutes else EARLY
    for low, high in sorted((low or EARLY, high or LATE) for low, high in windows):
        start, end = max(low, filters.start or low), min(high, filters.end or high)
        if start < oldest or high - low <= timedelta(minutes=Span.MINUTE if minutes else Span.QUARTER):
            continue
        if found and start < found[-1][1]:  # spans are nested
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return list(found)
