"""Figures from the counts: in all, by dimension, by code, by URL. No query here looks at a message."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any, Literal, NamedTuple

from django.db.models import Min

from campaigns import rollups
from campaigns.rollups import OTHER_URLS
from campaigns.stat_models import Campaign, Span, StatCount, StatPoint
from campaigns.stats import counted, figures
from campaigns.stats.figures import Figures
from campaigns.stats.filters import Filters
from campaigns.stats.timing import Timing, timing
from lib import sql
from providers.models import Provider

Metric = StatCount.Metric
Dimension = Literal["campaign", "template", "provider", "variant"]

# The columns each dimension is grouped by.
_BY: dict[Dimension, tuple[str, ...]] = {
    "campaign": ("provider_id", "campaign"),
    "template": ("provider_id", "template"),
    "provider": ("provider_id",),
    "variant": ("variant",),
}
Key = tuple[Any, ...]  # the values of these columns
_OF_PROVIDER = "(SELECT o.nickname FROM providers_provider AS o WHERE o.id = t.provider_id)"
_OF_CAMPAIGN = (
    "(SELECT o.{} FROM campaigns_campaign AS o WHERE o.provider_id = t.provider_id AND o.code = t.campaign)"
)
# What a list of campaigns may be ordered by besides.
_SEEN = ("campaign_name", "first_seen_at", "last_seen_at")
FAILURES = {"refused": Metric.REFUSED, "not_sent": Metric.NOT_SENT, "undelivered": Metric.UNDELIVERED}
_TIMES = {
    Metric.TIME_TO_SENT: "sent",
    Metric.TIME_TO_DELIVERED: "delivered",
    Metric.TIME_TO_READ: "viewed",
}
FAILED, TIMES, CLICKS = tuple(FAILURES.values()), tuple(_TIMES), rollups.URLS
_KINDS = {metric.value: kind for kind, metric in FAILURES.items()}


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one campaign, template, provider or variant; what it is not by stays empty."""

    figures: Figures
    provider_id: int | None = None
    provider: str = ""
    campaign: str = ""
    template: str = ""
    variant: str = ""
    campaign_pk: int | None = None
    campaign_name: str = ""
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """How often one code was the reason, of one kind of failure (figures.FAILURES)."""

    kind: str
    code: int
    count: int


@dataclass(frozen=True, slots=True)
class UrlCount:
    """Clicks on one page. `unique` counts messages; `other` is what many rare pages come to."""

    url: str
    total: int
    unique: int

    @property
    def other(self) -> bool:
        return self.url == OTHER_URLS


@dataclass(frozen=True, slots=True)
class Details:
    """What figures are made of: failures by kind and code and clicks by page, the most frequent first,
    and the times from being accepted until sent, delivered and viewed."""

    errors: list[ErrorCount]
    urls: list[UrlCount]
    times: dict[str, Timing]


def totals(filters: Filters) -> Figures:
    """All the figures of a range."""
    (sums,) = counted.figures(filters)
    found: list[Any] = [value or 0 for value in sums]
    return _with_codes(Figures(*found), errors(filters))


def _with_codes(found: Figures, failures: Sequence[ErrorCount]) -> Figures:
    codes: Counter[str] = Counter()
    for error in failures:
        codes[str(error.code)] += error.count
    return replace(found, errors_by_code=dict(sorted(codes.items())))


def compared(
    filters: Filters, *metrics: Sequence[Metric]
) -> tuple[Figures, Figures | None, Details, Details | None]:
    """The figures of the range and of the one before, and their details of these metrics, FAILED among
    them."""
    previous = filters.previous()
    windows = [(each.start, each.end) for each in (filters, previous) if each]
    sums = [Figures() for _ in windows]
    for place, *found in counted.figures_within(filters, windows):
        sums[place] = Figures.total((sums[place], Figures(*found)))
    rows: list[list[_Row]] = [[] for _ in windows]
    among = tuple(chain(*metrics))
    for place, *row in counted.details_within(filters, windows, among, ("metric", "code", "url")):
        rows[place].append(_Row(*row))
    about = [_read(each) for each in rows]
    now, *before = map(_with_codes, sums, (each.errors for each in about))
    return now, before[0] if before else None, about[0], about[1] if before else None


def groups(
    filters: Filters,
    dimension: Dimension,
    *,
    order: str = "-accepted",
    limit: int | None = None,
    offset: int = 0,
    search: str = "",
) -> list[Group]:
    """Figures by dimension, ordered by a figure, a rate or something of the dimension's; with "-" falling.

    `search` is a part of the dimension's own name, or of a campaign's given name. Conversations are in
    no campaign and no template, and so in no group but a provider's.
    """
    by, filters = _BY[dimension], _grouped(filters, dimension)
    where = _named(dimension, search)
    rows = counted.figures(
        filters, by, where=where, order=_order(order, dimension), limit=limit, offset=offset
    )
    keys = [dict(zip(by, row, strict=False)) for row in rows]
    providers = dict(Provider.objects.values_list("pk", "nickname"))
    seen = _campaigns([key["campaign"] for key in keys]) if dimension == "campaign" else {}
    found = []
    for key, row in zip(keys, rows, strict=True):
        group = Group(Figures(*row[len(by) :]), provider=providers.get(key.get("provider_id", 0), ""), **key)
        if campaign := seen.get((group.provider_id or 0, group.campaign)):
            group = replace(
                group,
                campaign_pk=campaign.pk,
                campaign_name=campaign.name,
                first_seen_at=campaign.first_seen_at,
                last_seen_at=campaign.last_seen_at,
            )
        found.append(group)
    return found


def variants(filters: Filters) -> list[Group]:
    """The variants of a campaign by name. The control group was sent nothing and is none of them."""
    found = groups(filters, "variant", order="variant")
    return [group for group in found if group.variant or group.figures.accepted or group.figures.errors]


def known(filters: Filters, dimension: Dimension, groups: Sequence[Group]) -> dict[Key, Figures]:
    """The figures of these groups in another range, by `key`; of those that have any."""
    by = _BY[dimension]
    names = {getattr(group, by[-1]) for group in groups}
    if not names:
        return {}
    rows = counted.figures(_grouped(filters, dimension), by, among=sorted(names))
    return {row[: len(by)]: Figures(*row[len(by) :]) for row in rows}


def key(group: Group, dimension: Dimension) -> Key:
    """What tells a group from others of its dimension."""
    return tuple(getattr(group, name) for name in _BY[dimension])


def _grouped(filters: Filters, dimension: Dimension) -> Filters:
    if dimension == "provider" or filters.traffic != "all":
        return filters
    return replace(filters, traffic="campaigns")


_Where = tuple[str, list[Any]]


def _named(dimension: Dimension, search: str) -> _Where:
    if not search:
        return "", []
    if dimension == "provider":
        return f"UPPER({_OF_PROVIDER}) LIKE UPPER(%s) ESCAPE '!'", [_like(search)]
    words = f"UPPER({_BY[dimension][-1]}) LIKE UPPER(%s) ESCAPE '!'"
    if dimension != "campaign":
        return words, [_like(search)]
    named = "SELECT provider_id, code FROM campaigns_campaign WHERE UPPER(name) LIKE UPPER(%s) ESCAPE '!'"
    return f"({words} OR (provider_id, campaign) IN ({named}))", [_like(search)] * 2


def _like(search: str) -> str:
    return "%" + "".join(f"!{each}" if each in "%_!" else each for each in search) + "%"


def _campaigns(codes: Sequence[str]) -> dict[tuple[int, str], Campaign]:
    rows = Campaign.objects.filter(code__in=set(codes))
    return {(campaign.provider_id, campaign.code): campaign for campaign in rows}


def _order(order: str, dimension: Dimension) -> str:
    name = order.removeprefix("-")
    falling = " DESC" if order.startswith("-") else ""
    if name == "provider" and "provider_id" in _BY[dimension]:
        expression = _OF_PROVIDER
    elif name == dimension:
        expression = _BY[dimension][-1]
    elif name in _SEEN and dimension == "campaign":
        # Of what is no campaign, nothing is known: it comes last either way.
        known = _OF_CAMPAIGN.format(name.removeprefix("campaign_"))
        return f"{known}{falling} NULLS LAST, provider_id, campaign"
    elif name in figures.NAMES:
        expression = f"SUM({name})"
    elif rate := figures.RATE.get(name):
        part, whole = (" + ".join(f"SUM({each})" for each in names) for names in (rate.part, rate.whole))
        expression = f"COALESCE(({part}) * 1.0 / NULLIF({whole}, 0), -1)"
    else:
        raise ValueError(f"cannot order by {name}")
    return ", ".join([expression + falling, *_BY[dimension]])


def errors(filters: Filters) -> list[ErrorCount]:
    """Failures by kind and code, the most frequent first."""
    return _details(filters, FAILED).errors


def urls(filters: Filters) -> list[UrlCount]:
    """Clicks by page, the most clicked first."""
    return _details(filters, CLICKS).urls


def times(filters: Filters) -> dict[str, Timing]:
    """How long messages took from being accepted until sent, delivered and viewed."""
    return _details(filters, TIMES).times


class _Row(NamedTuple):
    metric: int
    code: int
    url: str
    number: int


def _details(filters: Filters, metrics: Sequence[Metric]) -> Details:
    return _read([_Row(*row) for row in counted.details(filters, metrics, ("metric", "code", "url"))])


def _read(rows: Iterable[_Row]) -> Details:
    failures: Counter[tuple[str, int]] = Counter()
    clicks: dict[str, Counter[str]] = {"total": Counter(), "unique": Counter()}
    histograms: dict[str, Counter[int]] = defaultdict(Counter)
    for row in rows:
        if row.metric in _KINDS:
            failures[_KINDS[row.metric], row.code] += row.number
        elif row.metric in _TIMES:
            histograms[_TIMES[Metric(row.metric)]][row.code] += row.number
        else:
            clicks["total" if row.metric == Metric.URL_CLICKED else "unique"][row.url] += row.number
    failed = [ErrorCount(*about, count) for about, count in failures.items() if count]
    return Details(
        sorted(failed, key=lambda error: (-error.count, error.code, error.kind)),
        [
            UrlCount(url, count, clicks["unique"][url])
            for url, count in sorted(clicks["total"].items(), key=lambda each: (-each[1], each[0]))
            if count
        ],
        {name: timing(histograms[name]) for name in _TIMES.values()},
    )


def first_at() -> datetime | None:
    """When the first thing was counted, to the quarter of an hour."""
    folded = StatPoint.objects.filter(span=Span.QUARTER).aggregate(first=Min("at"))["first"]
    pending = StatCount.objects.aggregate(first=Min("minute"))["first"]
    return min(filter(None, (folded, pending)), default=None)


def last_accepted(filters: Filters, by: str) -> dict[Any, datetime]:
    """The last minute of each provider_id or template in which a message was accepted."""
    return {key: sql.datetimes(at) for key, at in counted.last_accepted(filters, (by,))}
