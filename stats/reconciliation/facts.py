"""How often each cause happened, counted from messages and reports.

A message or report counts for at most one cause: the first that applies. So it explains one difference only.
The module reads only the days and campaigns that differ.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Case, CharField, Count, F, Q, Value, When
from django.db.models.functions import TruncDate

from campaigns.models import Event, Forward, Message, Status
from providers.models import Provider
from stats.query import count_sql
from stats.query.filters import Filters
from stats.reconciliation.comparing import Facts, Row
from stats.reconciliation.our_figures import Key, midnight

ANSWER_WITHIN_MS = 1000  # how long CleverTap waits for an answer
EDGE = timedelta(minutes=5)
# Messages of a run, and reports on them, may be so far outside the days that are compared.
NO_TIME = timedelta(0)
RUN_BEFORE, RUN_AFTER, REPORTS_AFTER = timedelta(days=1), timedelta(days=3), timedelta(days=3)

FIGURE = {Event.Kind.DELIVERED: "delivered", Event.Kind.READ: "viewed", Event.Kind.FAILED: "errors"}

_Counts = defaultdict[Key, defaultdict[str, Counter[str]]]


@dataclass(frozen=True, slots=True)
class Basis:
    """The days of a report are of this zone, and its figures of this moment. `people` are the figures that
    count people."""

    zone: ZoneInfo
    exported_at: datetime
    people: Collection[str] = ()


def cache() -> timedelta:
    """The age that CleverTap's figures can have when a report is exported."""
    return timedelta(hours=settings.CLEVERTAP_REPORT_CACHE_HOURS)


def gather(rows: Iterable[Row], basis: Basis, now: datetime) -> Facts:
    """The facts about the rows that differ."""
    differing = [row for row in rows if not row.agrees]
    keys = {key for row in differing for key in row.keys}
    if not keys:
        return {}
    figures = {cell.figure for row in differing for cell in row.differing}
    about = _About(keys, basis, now)
    about.look_at_messages()
    if kinds := [kind for kind, figure in FIGURE.items() if figure in figures]:
        about.look_at_reports(kinds)
    if "sent" in figures:
        about.look_at_tests()
    for figure in figures.intersection(basis.people):
        about.look_at_people(figure)
    return about.counts


class _About:
    def __init__(self, keys: set[Key], basis: Basis, now: datetime) -> None:
        self.keys = keys
        self.basis = basis
        self.now = now
        self.counts: _Counts = defaultdict(lambda: defaultdict(Counter))
        self.campaigns = {key.campaign for key in keys}
        self.days = sorted({key.day for key in keys})

    def add(self, key: Key, figure: str, cause: str, count: int) -> None:
        if count and key in self.keys:
            self.counts[key][figure][cause] += count

    def _day(self, field: Any) -> TruncDate:
        return TruncDate(field, tzinfo=self.basis.zone)

    def _within(self, field: str, before: timedelta = NO_TIME, after: timedelta = NO_TIME) -> Q:
        """Whether the field lies within the days, or so near to them. Days side by side are one range."""
        found = Q()
        ranges: list[tuple[datetime, datetime]] = []
        for day in self.days:
            start = midnight(day, self.basis.zone) - before
            end = midnight(day + timedelta(days=1), self.basis.zone) + after
            if ranges and start <= ranges[-1][1]:
                start, _ = ranges.pop()
            ranges.append((start, end))
        for start, end in ranges:
            found |= Q(**{f"{field}__gte": start, f"{field}__lt": end})
        return found

    def look_at_messages(self) -> None:
        exported = self.basis.exported_at
        cause = _case(
            broadcast=Q(reported=False),
            after=Q(accepted_at__gt=exported),
            late=Q(answer_ms__gt=ANSWER_WITHIN_MS),
            cached=Q(accepted_at__gt=exported - cache()),
        )
        rows = (
            Message.objects.filter(self._within("accepted_at", RUN_BEFORE, RUN_AFTER))
            .filter(untracked=False, campaign__in=self.campaigns)
            .order_by()
            .values("provider_id", "campaign", "batch", cause=cause, day=self._day("accepted_at"))
            .annotate(
                early=self._day(F("accepted_at") - EDGE),
                later=self._day(F("accepted_at") + EDGE),
                n=Count("pk"),
                unknown=Count("pk", filter=Q(status=Status.UNKNOWN)),
                # A failed message is not open, though failed ranks below delivered.
                open=Count("pk", filter=Q(status__lt=Status.FAILED)),
            )
        )
        for row in rows:
            self._message(dict(row))

    def _message(self, row: dict[str, Any]) -> None:
        day: date = row["day"]
        key = Key(day, row["provider_id"], row["campaign"])
        run, cause, n = _run(row["batch"]), row["cause"], row["n"]
        if cause:
            self.add(key, "sent", cause, n)
        elif run and run != day:
            self.add(key, "sent", "other_day", n)
            self.add(key._replace(day=run), "sent", "from_other_day", n)
        elif row["early"] != day:
            self.add(key, "sent", "edge", n)
            self.add(key._replace(day=row["early"]), "sent", "from_edge", n)
        elif row["later"] != day:
            self.add(key, "sent", "edge", n)
            self.add(key._replace(day=row["later"]), "sent", "from_edge", n)
        if cause == "late":
            self.add(key, "errors", "late_error", n)
        else:
            self.add(key, "errors", "open", row["open"])
        for figure in ("delivered", "viewed"):
            self.add(key, figure, "unknown", row["unknown"])

    def look_at_reports(self, kinds: Collection[Event.Kind]) -> None:
        exported = self.basis.exported_at
        silent = list(Provider.objects.filter(delivery_url="").values_list("pk", flat=True))
        owed = Q(forward__in=(Forward.PENDING, Forward.PARKED))
        cause = _case(
            broadcast=Q(message__reported=False),
            no_url=owed & Q(provider_id__in=silent),
            waiting=Q(forward=Forward.PENDING),
            given_up=Q(forward=Forward.PARKED, forward_error__startswith="Waypost stopped retrying"),
            refused_report=Q(forward=Forward.PARKED),
            not_told=Q(forward=Forward.NONE),
            after=Q(forwarded_at__gt=exported),
            cached=Q(forwarded_at__gt=exported - cache()),
            late=Q(message__answer_ms__gt=ANSWER_WITHIN_MS),
        )
        rows = (
            self._reports(kinds, REPORTS_AFTER)
            .values(
                "kind",
                "provider_id",
                campaign=F("message__campaign"),
                batch=F("message__batch"),
                cause=cause,
                day=self._day("at"),
                accepted=self._day("message__accepted_at"),
            )
            .annotate(
                n=Count("pk"), again=Count("pk", filter=Q(forward_attempts__gt=1, forward=Forward.DONE))
            )
        )
        for row in rows:
            figure = FIGURE[row["kind"]]
            key = Key(row["day"], row["provider_id"], row["campaign"])
            if row["cause"]:
                self.add(key, figure, row["cause"], row["n"])
                continue
            run = _run(row["batch"]) or row["accepted"]
            if run != key.day:
                self.add(key, figure, "other_day", row["n"])
                self.add(key._replace(day=run), figure, "from_other_day", row["n"])
            self.add(key, figure, "again", row["again"])

    def _reports(self, kinds: Collection[Event.Kind], after: timedelta = NO_TIME) -> Any:
        found = Event.objects.filter(self._within("at", after=after), kind__in=kinds)
        return found.filter(message__untracked=False, message__campaign__in=self.campaigns).order_by()

    def look_at_tests(self) -> None:
        """A test belongs to a campaign only where no other campaign used its template on that day."""
        tests = Message.objects.filter(self._within("accepted_at"), untracked=True).exclude(template="")
        by = tests.order_by().values_list("provider_id", "template", self._day("accepted_at"))
        for provider_id, template, day, n in by.annotate(Count("pk")):
            start = midnight(day, self.basis.zone)
            filters = Filters(
                self.now, self.basis.zone, template=template, provider_id=provider_id, traffic="campaigns"
            ).between(start, midnight(day + timedelta(days=1), self.basis.zone))
            using = [
                code
                for code, count in count_sql.figures(filters, ("campaign",), columns=("accepted",))
                if count
            ]
            if len(using) == 1:
                self.add(Key(day, provider_id, using[0]), "sent", "tests", n)

    def look_at_people(self, figure: str) -> None:
        """How many messages went to a person who had got one of the same campaign on the same day."""
        rows: Any
        if figure == "sent":
            found = Message.objects.filter(
                self._within("accepted_at"), untracked=False, campaign__in=self.campaigns
            ).order_by()
            rows = found.values_list("provider_id", "campaign", self._day("accepted_at")).annotate(
                Count("pk"), people=Count("to", distinct=True)
            )
        elif figure in ("delivered", "viewed"):
            kind = next(kind for kind, name in FIGURE.items() if name == figure)
            found = self._reports([kind])
            rows = found.values_list("provider_id", "message__campaign", self._day("at")).annotate(
                Count("pk"), people=Count("message__to", distinct=True)
            )
        else:
            return
        for provider_id, campaign, day, n, people in rows:
            self.add(Key(day, provider_id, campaign), figure, "repeat", n - people)


def _case(**causes: Q) -> Case:
    """The name of the first cause that applies."""
    whens = [When(condition, then=Value(name)) for name, condition in causes.items()]
    return Case(*whens, default=Value(""), output_field=CharField())


def _run(batch: str) -> date | None:
    """The day of the run, which the msgId contains."""
    try:
        return date(int(batch[:4]), int(batch[4:6]), int(batch[6:])) if len(batch) == 8 else None
    except ValueError:
        return None
