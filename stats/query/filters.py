"""The filters of the stats: read from a URL or the command line, checked, and written as a URL again."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from typing import Literal, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from campaigns.counting.points import MINUTES_FOR, begin
from campaigns.models import Span
from providers.models import Provider

Traffic = Literal["all", "campaigns", "conversations"]
TRAFFIC: dict[Traffic, str] = {
    "all": "All traffic",
    "campaigns": "Campaigns only",
    "conversations": "Conversations only",
}
RANGES = {
    "today": "Today",
    "yesterday": "Yesterday",
    "24h": "Last 24 hours",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
    "all": "All time",
}
_DAYS_BACK = {"today": 0, "yesterday": 1, "7d": 6, "30d": 29, "90d": 89}
# As a filter: template messages whose msgId tells no campaign, or no variant.
NONE = "(none)"
# The years a range may begin and end in: there is room for the range before it, and for sums of times.
YEARS = range(1970, 3000)
PARAMETERS = ("range", "from", "to", "tz", "campaign", "variant", "template", "provider", "traffic")


class Invalid(ValueError):
    """Filters that are wrong; `errors` has the reason for each parameter."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in errors.items()))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for, as of `now`. Ranges begin and end at a minute, old ones at a quarter of an hour.

    Without a `start` they reach back to the first message, without an `end` to the newest report.
    An empty filter leaves everything in.
    """

    now: datetime
    zone: ZoneInfo
    start: datetime | None = None
    end: datetime | None = None
    range: str = ""
    campaign: str = ""
    variant: str = ""
    template: str = ""
    provider: str = ""
    provider_id: int | None = None
    traffic: Traffic = "all"

    @property
    def until(self) -> datetime:
        """The end of the range, as a page shows it."""
        return self.now if self.end is None else min(self.end, self.now)

    def between(self, start: datetime | None, end: datetime | None) -> "Filters":
        """The same for another range, cut to what counts are kept by."""
        return replace(
            self,
            range="",
            start=None if start is None else _cut(start, self.now, up=False),
            end=None if end is None else _cut(end, self.now, up=True),
        )

    def kept(self, moment: datetime) -> datetime:
        """The moment itself, or the last one before it at which counts are cut."""
        return _cut(moment, self.now, up=False)

    def previous(self) -> "Filters | None":
        """The range before, as long as this one. A range that begins a day is moved by whole days, so
        that it is compared with the same hours of the days before. None for all time, and for a range in the
        future."""
        if self.start is None:
            return None
        if self.until <= self.start:
            return None
        local, end = self.start.astimezone(self.zone), self.until.astimezone(self.zone)
        if self.start != _midnight(local.date(), self.zone):
            return self.between(self.start - (self.until - self.start), self.start)
        # By local time: a day on which the clocks change has 23 or 25 hours.
        length = end.replace(tzinfo=None) - datetime.combine(local.date(), time.min)
        days = timedelta(days=ceil(length / timedelta(days=1)))
        start = _midnight(local.date() - days, self.zone)
        return self.between(start, min((end - days).astimezone(UTC), self.start))

    def parameters(self) -> dict[str, str]:
        """As URL parameters that mean the same."""
        given = {"range": self.range}
        if not self.range:
            given = {"from": _written(self.start, self.zone), "to": _written(self.end, self.zone, end=True)}
        given |= {name: getattr(self, name) for name in ("campaign", "variant", "template", "provider")}
        if self.traffic != "all":
            given["traffic"] = self.traffic
        # Without it a page takes the reader's zone, and a file and the API that of the settings.
        if {self.zone.key} != {settings.TIME_ZONE, timezone.get_current_timezone_name()}:
            given["tz"] = self.zone.key
        return {name: value for name, value in given.items() if value}

    def query(self, **changes: str) -> str:
        """The query string of these filters with some changed; an empty value takes one away."""
        return urlencode({name: value for name, value in (self.parameters() | changes).items() if value})


def since(start: datetime, now: datetime, provider_id: int | None = None) -> Filters:
    """The filters for everything since then, or for everything of a provider."""
    zone = ZoneInfo(timezone.get_current_timezone_name())
    return Filters(now, zone, provider_id=provider_id).between(start, None)


def parse(
    parameters: Mapping[str, str], now: datetime, default_range: str = "all", default_zone: str = ""
) -> Filters:
    """The filters in URL parameters (PARAMETERS). Others are left alone. Raises Invalid. The zone is that of
    the settings where neither a parameter nor `default_zone` names one."""
    given = {name: parameters.get(name, "").strip() for name in PARAMETERS}
    errors: dict[str, str] = {}
    zone = _zone(given["tz"] or default_zone, errors)
    filters = Filters(now.astimezone(UTC), zone)
    filters = _ranged(filters, given, default_range, errors)
    provider_id = _provider(given["provider"], errors)
    traffic = given["traffic"] or "all"
    if traffic not in TRAFFIC:
        errors["traffic"] = f"Expected one of {', '.join(TRAFFIC)}."
    elif traffic == "conversations" and (given["campaign"] or given["template"]):
        errors["traffic"] = "Conversations have no campaign and no template."
    if given["variant"] and not given["campaign"]:
        errors["variant"] = "Choose the campaign too: variants have meaning only within one."
    for name in ("campaign", "variant", "template"):
        if "\0" in given[name]:
            errors[name] = "A null character is not allowed here."
    if errors:
        raise Invalid(errors)
    return replace(
        filters,
        campaign=given["campaign"],
        variant=given["variant"],
        template=given["template"],
        provider=given["provider"],
        provider_id=provider_id,
        traffic=cast(Traffic, traffic),
    )


def _zone(name: str, errors: dict[str, str]) -> ZoneInfo:
    if name and name not in available_timezones():
        errors["tz"] = "No such time zone. Write it as Asia/Kolkata or Europe/Berlin."
        name = ""
    return ZoneInfo(name or settings.TIME_ZONE)


def _provider(nickname: str, errors: dict[str, str]) -> int | None:
    if not nickname:
        return None
    known = Provider.objects.filter(nickname=nickname).values_list("pk", flat=True)
    # PostgreSQL refuses a null character.
    found = None if "\0" in nickname else known.first()
    if found is None:
        errors["provider"] = "No provider has this nickname."
    return found


def _ranged(filters: Filters, given: Mapping[str, str], default: str, errors: dict[str, str]) -> Filters:
    if given["from"] or given["to"]:
        if given["range"]:
            errors["range"] = "Give a range, or from and to, not both."
        start = _moment(given["from"], "from", filters.zone, errors)
        end = _moment(given["to"], "to", filters.zone, errors)
        if start and end and start >= end:
            errors["to"] = "The range ends before it begins."
        return filters.between(start, end)
    name = given["range"] or default
    if name not in RANGES:
        errors["range"] = f"Expected one of {', '.join(RANGES)}, or from and to."
        return filters
    if name == "all":
        return replace(filters, range=name)
    if name == "24h":
        return replace(filters.between(filters.now - timedelta(hours=24), None), range=name)
    today = filters.now.astimezone(filters.zone).date()
    start = _midnight(today - timedelta(days=_DAYS_BACK[name]), filters.zone)
    end = _midnight(today, filters.zone) if name == "yesterday" else None
    return replace(filters.between(start, end), range=name)


def _moment(text: str, name: str, zone: ZoneInfo, errors: dict[str, str]) -> datetime | None:
    """A day, or a day with a time, in the zone unless it names an offset. `to` includes its whole day."""
    if not text:
        return None
    moment = None
    with suppress(ValueError, OverflowError):
        if day := parse_date(text):
            moment = _midnight(day + timedelta(days=name == "to"), zone)
        elif found := parse_datetime(text.replace(" ", "+") if text.count(" ") and "T" in text else text):
            moment = (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    if moment is None:
        errors[name] = "Expected a day as 2026-01-31, or with a time as 2026-01-31 18:30."
    elif moment.year not in YEARS:
        errors[name] = f"Expected a year from {YEARS[0]} to {YEARS[-1]}."
        return None
    return moment


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _cut(moment: datetime, now: datetime, up: bool) -> datetime:
    """The moment at the beginning or end of the finest span that is kept for so long."""
    span = Span.MINUTE if moment >= now - MINUTES_FOR else Span.QUARTER
    cut = begin(moment, span)
    return cut + timedelta(minutes=span.value) if up and cut < moment else cut


def _written(moment: datetime | None, zone: ZoneInfo, end: bool = False) -> str:
    """As `_moment` reads it: whole days as such, other times with their offset only when it is in doubt."""
    if moment is None:
        return ""
    local = moment.astimezone(zone)
    if local.time() == time.min:
        return (local.date() - timedelta(days=end)).isoformat()
    plain = local.replace(tzinfo=None, fold=0)
    certain = plain.replace(tzinfo=zone).astimezone(UTC) == moment
    return (plain if certain else local).isoformat(timespec="minutes")
