"""Points: the counts rolled up by scope and span of time, so that any range is read from few rows."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db.models import Q
from django.utils import timezone

from campaigns.counting.keys import Key, Metric
from campaigns.models import Span, StatDetail, StatPoint, StatScope
from lib import sql

Level = StatScope.Level

# The column of a point that a metric is summed in.
COLUMN = {
    Metric.ACCEPTED: "accepted",
    Metric.SUBMITTED: "submitted",
    Metric.SENT: "sent",
    Metric.DELIVERED: "delivered",
    Metric.READ: "viewed",
    Metric.CLICKED: "clicked_total",
    Metric.CLICKED_UNIQUE: "clicked_unique",
    Metric.REPLIED: "replied",
    Metric.CONTROL_GROUP: "control_group",
    Metric.REFUSED: "refused",
    Metric.NOT_SENT: "not_sent",
    Metric.UNDELIVERED: "undelivered",
}
COLUMNS = tuple(COLUMN.values())
URLS = (Metric.URL_CLICKED, Metric.URL_CLICKED_UNIQUE)
DETAILED = (
    *(Metric.REFUSED, Metric.NOT_SENT, Metric.UNDELIVERED),
    *(Metric.TIME_TO_SENT, Metric.TIME_TO_DELIVERED, Metric.TIME_TO_READ),
    *URLS,
    Metric.PRICED,
)

# Points by the minute are for a close look at recent days. Filters round older ranges to quarters of an
# hour. A day more is kept, so that every minute that a filter may ask for is still there.
MINUTES_FOR = timedelta(days=14)
MINUTES_KEPT = MINUTES_FOR + timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Distinct URLs that a scope counts by name. Later ones are counted together: otherwise links with
# something personal in their path would make a row for every person.
MOST_URLS = 100
OTHER_URLS = "(other pages)"


class Scope(NamedTuple):
    """The columns of a StatScope."""

    level: int
    provider_id: int | None
    conversation: bool
    campaign: str = ""
    variant: str = ""
    template: str = ""


class _Point(NamedTuple):
    """The columns that identify a StatPoint."""

    scope_id: int
    span: int
    at: datetime


class _Detail(NamedTuple):
    """The columns that identify a StatDetail."""

    scope_id: int
    span: int
    at: datetime
    metric: int
    code: int
    url: str


_LENGTH = {span: timedelta(minutes=span.value) for span in Span}


def scopes(key: Key) -> tuple[Scope, ...]:
    """The scopes that a count belongs to, one of each level."""
    conversation = not key.campaign and not key.template
    return (
        Scope(Level.TOTAL.value, None, conversation),
        Scope(Level.PROVIDER.value, key.provider_id, conversation),
        Scope(Level.TEMPLATE.value, key.provider_id, conversation, template=key.template),
        Scope(Level.CAMPAIGN.value, key.provider_id, conversation, key.campaign, key.variant, key.template),
    )


def begin(at: datetime, span: Span) -> datetime:
    """When the span that `at` lies in begins, by UTC. Weeks begin as 1970 did, on a Thursday."""
    return at - (at - _EPOCH) % _LENGTH[span]


def fold(sums: Mapping[Key, int]) -> None:
    """Adds the counts to the points and details they belong to. The caller has the transaction."""
    oldest_minute = timezone.now() - MINUTES_KEPT
    moments = {key.minute: _moments(key.minute, key.minute >= oldest_minute) for key in sums}
    scopes_of = {key: scopes(key) for key, count in sums.items() if count}
    ids = _ids({scope for each in scopes_of.values() for scope in each})
    points: dict[_Point, Counter[str]] = defaultdict(Counter)
    details: Counter[_Detail] = Counter()
    for key, in_scopes in scopes_of.items():
        metric, count = Metric(key.metric), sums[key]
        for scope in in_scopes:
            for span, at in moments[key.minute]:
                if metric in COLUMN:
                    points[_Point(ids[scope], span, at)][COLUMN[metric]] += count
                if metric in DETAILED:
                    details[_Detail(ids[scope], span, at, metric.value, key.code, key.url)] += count
    _add_points(points)
    _add_details(_fewer_urls(details))


def _moments(minute: datetime, kept: bool) -> list[tuple[int, datetime]]:
    """The spans that a minute is in, each with its beginning."""
    return [(span.value, begin(minute, span)) for span in Span if kept or span != Span.MINUTE]


def _ids(wanted: Collection[Scope]) -> dict[Scope, int]:
    """The ids of scopes. New scopes are stored."""
    known = _stored(wanted)
    if missing := list(set(wanted) - known.keys()):
        sql.insert(StatScope, Scope._fields, missing, ignore_conflicts=True)
        known |= _stored(missing)
    return known


def _stored(wanted: Collection[Scope]) -> dict[Scope, int]:
    rows = StatScope.objects.filter(
        Q(provider=None) | Q(provider__in={scope.provider_id for scope in wanted} - {None}),
        campaign__in={scope.campaign for scope in wanted},
        template__in={scope.template for scope in wanted},
    )
    return {Scope(*row): pk for pk, *row in rows.values_list("id", *Scope._fields)}


def _add_points(points: Mapping[_Point, Mapping[str, int]]) -> None:
    table = StatPoint._meta.db_table
    more = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in COLUMNS)
    sql.insert(
        StatPoint,
        (*_Point._fields, *COLUMNS),
        [(*point, *(sums.get(name, 0) for name in COLUMNS)) for point, sums in points.items()],
        conflict=f"({', '.join(_Point._fields)}) DO UPDATE SET {more}",
    )


def _add_details(details: Mapping[_Detail, int]) -> None:
    sql.insert(
        StatDetail,
        (*_Detail._fields, "count"),
        [(*detail, count) for detail, count in details.items()],
        conflict=f"({', '.join(_Detail._fields)}) DO UPDATE "
        f"SET count = {StatDetail._meta.db_table}.count + excluded.count",
    )


def _fewer_urls(details: Mapping[_Detail, int]) -> Mapping[_Detail, int]:
    """The same, with a scope's URLs beyond MOST_URLS counted together."""
    new: dict[int, set[str]] = defaultdict(set)
    for detail in details:
        if detail.metric in URLS:
            new[detail.scope_id].add(detail.url)
    if not new:
        return details
    known: dict[int, set[str]] = defaultdict(set)
    days = StatDetail.objects.filter(scope__in=new, span=Span.DAY, metric=Metric.URL_CLICKED)
    for scope_id, url in days.order_by().values_list("scope", "url").distinct():
        known[scope_id].add(url)
    kept = {
        scope_id: known[scope_id]
        | set(sorted(urls - known[scope_id])[: max(MOST_URLS - len(known[scope_id]), 0)])
        for scope_id, urls in new.items()
    }
    fewer: Counter[_Detail] = Counter()
    for detail, count in details.items():
        beyond = detail.metric in URLS and detail.url not in kept[detail.scope_id]
        fewer[detail._replace(url=OTHER_URLS) if beyond else detail] += count
    return fewer


def forget_minutes() -> int:
    """Deletes points by the minute that are too old to be asked for. Returns how many."""
    old, limit = timezone.now() - MINUTES_KEPT, sql.at_once()
    points = StatPoint.objects.filter(span=Span.MINUTE, at__lt=old).values_list("pk", flat=True)
    details = StatDetail.objects.filter(span=Span.MINUTE, at__lt=old).values_list("pk", flat=True)
    deleted, _ = StatPoint.objects.filter(pk__in=points[:limit]).delete()
    return deleted + StatDetail.objects.filter(pk__in=details[:limit]).delete()[0]
