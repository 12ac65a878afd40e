"""Counts everything again from messages, attempts, events and refusals, by day and code."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.utils import timezone

from campaigns.counting.buckets import BOUNDS
from campaigns.counting.points import COLUMN, COLUMNS, DETAILED, MINUTES_KEPT, URLS
from campaigns.ledger import events
from campaigns.models import (
    Attempt,
    Event,
    Horizon,
    Message,
    Pricing,
    Refusal,
    Span,
    StatCount,
    StatDetail,
    StatPoint,
    StatScope,
)
from lib import sql

Metric = StatCount.Metric
Level = StatScope.Level

MESSAGE, ATTEMPT, EVENT = (model._meta.db_table for model in (Message, Attempt, Event))
POINT, DETAIL, SCOPE = (model._meta.db_table for model in (StatPoint, StatDetail, StatScope))
_EVENTS = {
    Metric.SENT: Event.Kind.SENT,
    Metric.DELIVERED: Event.Kind.DELIVERED,
    Metric.READ: Event.Kind.READ,
    Metric.CLICKED: Event.Kind.CLICKED,
    Metric.REPLIED: Event.Kind.REPLIED,
}
_TIMES = {
    Metric.TIME_TO_SENT: Event.Kind.SENT,
    Metric.TIME_TO_DELIVERED: Event.Kind.DELIVERED,
    Metric.TIME_TO_READ: Event.Kind.READ,
}
_CLICKS = (Metric.CLICKED_UNIQUE, *URLS)

REPORTS_COME = 60  # days: attempts, reports and clicks after the message; a short link lives for thirty


class Fact(NamedTuple):
    """What was counted, on which day since 1970 by UTC. `code` is 0 where the metric has none."""

    provider_id: int
    day: int
    campaign: str
    variant: str
    template: str
    code: int

    def __str__(self) -> str:
        about = [str(date(1970, 1, 1) + timedelta(days=self.day)), f"provider {self.provider_id}"]
        about += filter(None, (self.campaign, self.variant, self.template, str(self.code or "")))
        return ", ".join(about)


def disagreements(control_group: Mapping[Fact, int] | None = None) -> Iterator[str]:
    """Each count that the rows contradict, metric by metric. The caller counts `control_group`, which only
    `broadcasts.run.audit` knows. Days of which retention has deleted messages are not checked."""
    clicks = _clicks() | {Metric.CONTROL_GROUP: Counter(control_group)}
    gone = gone_to()
    for metric in Metric:
        counted = _counted(metric)
        real = clicks[metric] if metric in clicks else _recounted(metric)
        for fact in sorted(counted.keys() | real.keys()):
            if counted[fact] != real[fact] and fact.day > gone.get(fact.provider_id, -1) + _later(metric):
                yield f"{metric.label.lower()} on {fact}: counted {counted[fact]}, rows say {real[fact]}"


def gone_to() -> dict[int, int]:
    """The last day since 1970, by UTC, of which messages of a provider are deleted."""
    return {pk: int(at.timestamp()) // 86400 for pk, at in Horizon.objects.values_list("provider", "gone_to")}


def _later(metric: StatCount.Metric) -> int:
    """For how many days after its message a count may still come."""
    return 0 if metric in (Metric.ACCEPTED, Metric.REFUSED) else REPORTS_COME


def _sum(rows: Iterable[tuple[Any, ...]]) -> Counter[Fact]:
    found: Counter[Fact] = Counter()
    for *fact, count in rows:
        found[Fact(*fact)] += count
    return found


def _counted(metric: Metric) -> Counter[Fact]:
    """The counts of the finest level by day, with the deltas that are not folded yet."""
    about = "s.provider_id, {}, s.campaign, s.variant, s.template".format(_day("p.at"))
    joined = f"JOIN {SCOPE} AS s ON s.id = p.scope_id WHERE s.level = {Level.CAMPAIGN.value}"
    if metric in DETAILED:
        points = f"SELECT {about}, p.code, p.count FROM {DETAIL} AS p {joined} AND p.metric = {metric.value}"
    else:
        points = f"SELECT {about}, 0, p.{COLUMN[metric]} FROM {POINT} AS p {joined}"
    deltas = (
        f"SELECT provider_id, {_day('minute')}, campaign, variant, template, code, count "
        f"FROM {StatCount._meta.db_table} WHERE metric = {metric.value}"
    )
    return _sum(_rows(f"{points} AND p.span = {Span.DAY.value}")) + _sum(_rows(deltas))


def _recounted(metric: Metric) -> Counter[Fact]:
    if metric == Metric.ACCEPTED:
        return _sum(_rows(_of_messages("m.accepted_at", "0", "")))
    if metric == Metric.SUBMITTED:
        joined = f"JOIN {ATTEMPT} AS a ON a.message_id = m.id AND a.outcome = 'accepted'"
        return _sum(_rows(_of_messages("a.started_at", "0", joined)))
    if metric in _EVENTS:
        return _sum(_rows(_of_messages("e.at", "0", _joined(_EVENTS[metric]))))
    if metric in _TIMES:
        return _sum(_rows(_of_messages("e.at", _bucket(), _joined(_TIMES[metric]))))
    if metric in (Metric.NOT_SENT, Metric.UNDELIVERED):
        early = "" if metric == Metric.NOT_SENT else "NOT "
        joined = f"{_joined(Event.Kind.FAILED)} AND {early}e.not_sent"
        return _sum(_rows(_of_messages("e.at", "COALESCE(e.code, 1009)", joined)))
    if metric == Metric.PRICED:
        joined = f"JOIN {Pricing._meta.db_table} AS p ON p.message_id = m.id"
        return _sum(_rows(_of_messages("p.at", "0", joined)))
    assert metric == Metric.REFUSED
    return _sum(
        _rows(
            f"SELECT provider_id, {_day('received_at')}, campaign, variant, template, code, COUNT(*) "
            f"FROM {Refusal._meta.db_table} WHERE NOT untracked GROUP BY 1, 2, 3, 4, 5, 6"
        )
    )


def _clicks() -> dict[Metric, Counter[Fact]]:
    """Clicks by message and page, in the order they were recorded."""
    found: dict[Metric, Counter[Fact]] = {metric: Counter() for metric in _CLICKS}
    messages: set[int] = set()
    pages: set[tuple[int, str]] = set()
    clicks = Event.objects.filter(kind=Event.Kind.CLICKED, message__untracked=False).order_by("id")
    about = ("provider", "message__campaign", "message__variant", "message__template")
    for message, url, at, provider, *rest in clicks.values_list("message", "url", "at", *about).iterator():
        fact = Fact._make((provider, int(at.timestamp()) // 86400, *rest, 0))
        page = (message, events.clicked_page(url))
        found[Metric.URL_CLICKED][fact] += 1
        found[Metric.URL_CLICKED_UNIQUE][fact] += page not in pages
        found[Metric.CLICKED_UNIQUE][fact] += message not in messages
        pages.add(page)
        messages.add(message)
    return found


def _of_messages(at: str, code: str, joined: str) -> str:
    return (
        f"SELECT m.provider_id, {_day(at)}, m.campaign, m.variant, m.template, {code}, COUNT(*) "
        f"FROM {MESSAGE} AS m {joined} WHERE NOT m.untracked GROUP BY 1, 2, 3, 4, 5, 6"
    )


def _joined(kind: Event.Kind) -> str:
    return f"JOIN {EVENT} AS e ON e.message_id = m.id AND e.kind = {kind.value}"


def _bucket() -> str:
    took = f"({sql.epoch('e.at')} - {sql.epoch('m.accepted_at')})"
    cases = " ".join(f"WHEN {took} < {bound} THEN {number}" for number, bound in enumerate(BOUNDS))
    return f"CASE {cases} ELSE {len(BOUNDS)} END"


def _day(column: str) -> str:
    return _span(column, Span.DAY)


def _span(column: str, span: Span) -> str:
    return f"{sql.epoch(column)} / {span.value * 60}"


def _rows(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def uneven_rollups() -> Iterator[str]:
    """Points that are not the sum of the finer points or the details they stand for."""
    for table, keys, values in (
        (POINT, "", [f"p.{name}" for name in COLUMNS]),
        (DETAIL, ", p.metric, p.code", ["p.count"]),
    ):
        sums = ", ".join(f"SUM({value})" for value in values)
        for span, longer in zip(Span, [Span.DAY] * 3 + [Span.WEEK], strict=False):
            yield from _differences(
                f"{span.label.lower()} points in a {longer.label.lower()}",
                f"SELECT p.scope_id, {_span('p.at', longer)}{keys}, {sums} FROM {table} AS p "
                f"WHERE p.span = {{}}{_kept(span)} GROUP BY p.scope_id, 2{keys}",
                span.value,
                longer.value,
            )
        about = ("s.conversation", "s.provider_id", "s.template")
        for known, level in enumerate((Level.TOTAL, Level.PROVIDER, Level.TEMPLATE), 1):
            of = ", ".join(about[:known])
            yield from _differences(
                f"scopes of a {level.label.lower()}",
                f"SELECT {of}, p.at{keys}, {sums} FROM {table} AS p "
                f"JOIN {SCOPE} AS s ON s.id = p.scope_id WHERE p.span = {Span.DAY.value} AND s.level = {{}} "
                f"GROUP BY {of}, p.at{keys}",
                Level.CAMPAIGN.value,
                level.value,
            )
    # Failures are in both tables. Only those in the details are recounted.
    for metric in set(COLUMN) & set(DETAILED):
        yield from _unequal(
            f"details of {metric.label.lower()}",
            f"SELECT scope_id, at, SUM(count) FROM {DETAIL} "
            f"WHERE span = {Span.DAY.value} AND metric = {metric.value} GROUP BY scope_id, at",
            f"SELECT scope_id, at, {COLUMN[metric]} FROM {POINT} "
            f"WHERE span = {Span.DAY.value} AND {COLUMN[metric]} <> 0",
        )


def _kept(span: Span) -> str:
    """Only days of which every minute is still kept."""
    if span != Span.MINUTE:
        return ""
    first = (timezone.now() - MINUTES_KEPT).timestamp() // 86400 + 1
    return f" AND {_day('p.at')} >= {int(first)}"


def _differences(what: str, statement: str, fine: int, coarse: int) -> Iterator[str]:
    yield from _unequal(what, statement.format(fine), statement.format(coarse))


def _unequal(what: str, parts: str, whole: str) -> Iterator[str]:
    for words, one, other in (("more than", parts, whole), ("less than", whole, parts)):
        for row in _rows(f"{one} EXCEPT {other}"):
            yield f"{what}, {words} their sum or other: {row}"
