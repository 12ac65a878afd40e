"""Points: the counts rolled up by scope and span of time, so that any range is read from few rows."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Q
from django.utils import timezone

from campaigns.stat_models import Span, StatCount, StatDetail, StatPoint, StatScope
from lib import sql

if TYPE_CHECKING:
    from campaigns.counts import Key

Metric = StatCount.Metric
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
    Metric.REFUSED, Metric.NOT_SENT, Metric.UNDELIVERED, Metric.TIME_TO_SENT, Metric.TIME_TO_DELIVERED,
    Metric.TIME_TO_READ, *URLS,
)  # fmt: skip

# Minutes are for looking closely at what is recent. Filters cut older ranges to quarters of an hour;
# a day more is kept, so that what they may ask for is still there.
MINUTES_FOR = timedelta(days=14)
MINUTES_KEPT = MINUTES_FOR + timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FORGET = 5_000  # rows deleted at a time
# Distinct URLs of a scope; those that come after are counted together, or links with something
# personal in their path would make a row for every person.
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


_LENGTH = {span: timedelta(minutes=span.value) for span in Span}


def scopes(key: "Key") -> tuple[Scope, ...]:
    """The scope of each level that a count is in."""
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


def fold(sums: Mapping["Key", int]) -> None:
    """Adds the counts to the points and details they belong to. The caller has the transaction."""
    oldest_minute = timezone.now() - MINUTES_KEPT
    moments = {key.minute: _moments(key.minute, key.minute >= oldest_minute) for key in sums}
    points: dict[tuple[Scope, int, datetime], Counter[str]] = defaultdict(Counter)
    details: Counter[tuple[Scope, int, datetime, int, int, str]] = Counter()
    for key, count in sums.items():
        if not count:
            continue
        metric = Metric(key.metric)
        for scope in scopes(key):
            for span, at in moments[key.minute]:
                if metric in COLUMN:
                    points[scope, span, at][COLUMN[metric]] += count
                if metric in DETAILED:
                    details[scope, span, at, metric.value, key.code, key.url] += count
    ids = _ids({scope for scope, _, _ in points} | {scope for scope, *_ in details})
    _add_points({(ids[scope], span, at): sums for (scope, span, at), sums in points.items()})
    _add_details(_fewer_urls({(ids[scope], *rest): count for (scope, *rest), count in details.items()}))


def _moments(minute: datetime, kept: bool) -> list[tuple[int, datetime]]:
    """The spans a minute is in, each with its begin."""
    return [(span.value, begin(minute, span)) for span in Span if kept or span != Span.MINUTE]


def _ids(wanted: Collection[Scope]) -> dict[Scope, int]:
    """The ids of scopes, made where they are new."""
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


def _add_points(points: Mapping[tuple[int, int, datetime], Mapping[str, int]]) -> None:
    table = StatPoint._meta.db_table
    more = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in COLUMNS)
    sql.insert(
        StatPoint,
        ("scope_id", "span", "at", *COLUMNS),
        [(*key, *(sums.get(name, 0) for name in COLUMNS)) for key, sums in points.items()],
        conflict=f"(scope_id, span, at) DO UPDATE SET {more}",
    )


def _add_details(details: Mapping[tuple[Any, ...], int]) -> None:
    sql.insert(
        StatDetail,
        ("scope_id", "span", "at", "metric", "code", "url", "count"),
        [(*key, count) for key, count in details.items()],
        conflict="(scope_id, span, metric, at, code, url) DO UPDATE "
        f"SET count = {StatDetail._meta.db_table}.count + excluded.count",
    )


def _fewer_urls(details: Mapping[tuple[Any, ...], int]) -> Mapping[tuple[Any, ...], int]:
    """The same with the URLs beyond MOST_URLS of a scope taken together."""
    new: dict[int, set[str]] = defaultdict(set)
    for scope_id, _, _, metric, _, url in details:
        if metric in URLS:
            new[scope_id].add(url)
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
    fewer: Counter[tuple[Any, ...]] = Counter()
    for (scope_id, span, at, metric, code, url), count in details.items():
        if metric in URLS and url not in kept[scope_id]:
            url = OTHER_URLS
        fewer[scope_id, span, at, metric, code, url] += count
    return fewer


def forget_minutes(limit: int = FORGET) -> int:
    """Deletes points by the minute that are too old to be asked for. Returns how many."""
    old = timezone.now() - MINUTES_KEPT
    points = StatPoint.objects.filter(span=Span.MINUTE, at__lt=old).values_list("pk", flat=True)
    details = StatDetail.objects.filter(span=Span.MINUTE, at__lt=old).values_list("pk", flat=True)
    deleted, _ = StatPoint.objects.filter(pk__in=points[:limit]).delete()
    return deleted + StatDetail.objects.filter(pk__in=details[:limit]).delete()[0]
