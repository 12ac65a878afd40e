"""What runs and what is planned, as a calendar of a week or a month in the reader's time zone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Literal

from django.db.models import Q
from django.utils.safestring import SafeString

from broadcasts.models import Broadcast
from broadcasts.pages.progress import meaning, state_badge
from broadcasts.run.clock import day_bounds
from lib.admin import page_url

State = Broadcast.State
View = Literal["week", "month"]
VIEWS: tuple[View, ...] = ("week", "month")
DAYS = range(7)


@dataclass(frozen=True, slots=True)
class Entry:
    """A broadcast on one day. `at` is the time it begins at, on the day that it begins."""

    broadcast: Broadcast
    at: str
    badge: SafeString
    url: str

    @property
    def words(self) -> str:
        people = self.broadcast.recipients
        return f"{people:,} people" if people else self.broadcast.get_kind_display()


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    today: bool
    other: bool  # of another month than the one that is shown
    entries: list[Entry]


def span(broadcast: Broadcast, now: datetime) -> tuple[datetime, datetime] | None:
    """When it begins and ends to send, as far as that is known; None for a draft without a time."""
    starts = broadcast.started_at or broadcast.starts_at
    if broadcast.state == State.SCHEDULED:
        starts = starts or now
    if starts is None:
        return None
    ends = broadcast.finished_at
    if ends is None and broadcast.triggered:
        ends = broadcast.ends_at or datetime.max.replace(tzinfo=now.tzinfo)
    if ends is None:
        ends = now if broadcast.state in (State.RUNNING, State.PAUSED) else starts
    return starts, max(starts, ends)


def page(view: View, day: date, now: datetime, zone: Any) -> dict[str, Any]:
    """The days around `day`, week by week, and what runs at this moment."""
    first, last = _shown(view, day)
    start, end = day_bounds(first, zone)[0], day_bounds(last, zone)[1]
    found = list(_between(start, end).select_related("provider"))
    spans = [(broadcast, times) for broadcast in found if (times := span(broadcast, now))]
    today = now.astimezone(zone).date()
    days = [
        Day(each, each == today, view == "month" and each.month != day.month, _entries(spans, each, zone))
        for each in (first + timedelta(days=number) for number in range((last - first).days + 1))
    ]
    running = Broadcast.objects.filter(state__in=(State.RUNNING, State.PAUSED)).select_related("provider")
    before, after = _turned(view, day)
    return {
        "view": view,
        "heading": f"{day:%B %Y}" if view == "month" else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}",
        "weekdays": [f"{each.date:%A}" for each in days[:7]],
        "weeks": [days[start : start + 7] for start in range(0, len(days), 7)],
        "before": f"?view={view}&day={before}",
        "after": f"?view={view}&day={after}",
        "now_url": f"?view={view}",
        "views": [(each, f"?view={each}&day={day}", each == view) for each in VIEWS],
        "running": [
            (each, state_badge(each), page_url("broadcasts_broadcast", each.pk), meaning(each, now))
            for each in running.order_by("started_at")
        ],
        "zone": str(zone),
    }


def _between(start: datetime, end: datetime) -> Any:
    """The broadcasts that may fall into this time."""
    over = Q(finished_at__isnull=False, finished_at__lt=start)
    draft = Q(state=State.DRAFT, starts_at=None)
    once = Q(kind=Broadcast.Kind.ONE_TIME, started_at=None, starts_at__lt=start)
    later = Q(started_at=None, starts_at__gte=end) | Q(started_at__gte=end)
    return Broadcast.objects.exclude(over | draft | once | later)


def _entries(
    spans: Iterable[tuple[Broadcast, tuple[datetime, datetime]]], day: date, zone: tzinfo
) -> list[Entry]:
    found = []
    for broadcast, (starts, ends) in spans:
        first = starts.astimezone(zone)
        last = ends.astimezone(zone).date() if ends.year < 9999 else date.max
        if first.date() <= day <= last:
            at = f"{first:%H:%M}" if first.date() == day else ""
            found.append((first, broadcast, at))
    return [
        Entry(broadcast, at, state_badge(broadcast), page_url("broadcasts_broadcast", broadcast.pk))
        for _, broadcast, at in sorted(found, key=lambda each: (each[0], each[1].pk))
    ]


def _shown(view: View, day: date) -> tuple[date, date]:
    """The first Monday and the last Sunday."""
    first, last = day, day
    if view == "month":
        first, last = day.replace(day=1), _turned("month", day)[1] - timedelta(days=1)
    return first - timedelta(days=first.weekday()), last + timedelta(days=6 - last.weekday())


def _turned(view: View, day: date) -> tuple[date, date]:
    """The week or month before, and the one after."""
    if view == "week":
        return day - timedelta(days=7), day + timedelta(days=7)
    first = day.replace(day=1)
    return (first - timedelta(days=1)).replace(day=1), (first + timedelta(days=31)).replace(day=1)
