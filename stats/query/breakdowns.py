"""Figures from the counts: in all, and by dimension. No query here looks at a message."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any, Literal, NamedTuple

from django.db.models import Min, Subquery

from campaigns.models import Campaign, Span, StatCount, StatPoint, StatScope
from lib import sql
from providers.models import Provider
from stats.query import count_sql, details, figures
from stats.query.count_sql import Clause
from stats.query.details import Details, ErrorCount, Metric
from stats.query.figures import Figures
from stats.query.filters import Filters

Dimension = Literal["campaign", "template", "provider", "variant"]

# The columns each dimension is grouped by.
_BY: dict[Dimension, tuple[str, ...]] = {
    "campaign": ("provider_id", "campaign"),
    "template": ("provider_id", "template"),
    "provider": ("provider_id",),
    "variant": ("variant",),
}
Key = tuple[Any, ...]  # the values of these columns
Providers = Mapping[int, tuple[str, str]]  # nickname and connector
_OF_PROVIDER = "(SELECT o.nickname FROM providers_provider AS o WHERE o.id = t.provider_id)"
_OF_CAMPAIGN = (
    "(SELECT o.{} FROM campaigns_campaign AS o WHERE o.provider_id = t.provider_id AND o.code = t.campaign)"
)
# Further columns that a list of campaigns may be ordered by.
_SEEN = ("campaign_name", "first_seen_at", "last_seen_at")


@dataclass(frozen=True, slots=True)
class Group:
    """The figures of one campaign, template, provider or variant. The fields of the other dimensions stay
    empty."""

    figures: Figures
    provider_id: int | None = None
    provider: str = ""
    connector: str = ""  # the provider's
    campaign: str = ""
    template: str = ""
    variant: str = ""
    campaign_name: str = ""
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None


class Compared(NamedTuple):
    """A range and the one before it. All time has none before it."""

    now: Figures
    before: Figures | None
    details: Details
    details_before: Details | None


def totals(filters: Filters) -> Figures:
    """All the figures of a range."""
    (sums,) = count_sql.figures(filters)
    found: list[Any] = [value or 0 for value in sums]
    return _with_codes(Figures(*found), details.errors(filters))


def _with_codes(found: Figures, failures: Sequence[ErrorCount]) -> Figures:
    codes: Counter[str] = Counter()
    for error in failures:
        codes[str(error.code)] += error.count
    return replace(found, errors_by_code=dict(sorted(codes.items())))


def compared(filters: Filters, *metrics: Sequence[Metric]) -> Compared:
    """The figures of the range and of the one before, and their details of these metrics, `details.FAILED`
    among them."""
    previous = filters.previous()
    windows = [(each.start, each.end) for each in (filters, previous) if each]
    sums = [Figures() for _ in windows]
    for place, *found in count_sql.figures_within(filters, windows):
        sums[place] = Figures.total((sums[place], Figures(*found)))
    about = details.within(filters, windows, tuple(chain(*metrics)))
    now, *before = map(_with_codes, sums, (each.errors for each in about))
    return Compared(now, next(iter(before), None), about[0], next(iter(about[1:]), None))


def groups(
    filters: Filters,
    dimension: Dimension,
    *,
    order: str = "-accepted",
    limit: int | None = None,
    offset: int = 0,
    search: str = "",
    known_as: Providers | None = None,
) -> list[Group]:
    """Figures by dimension. `order` is a figure, a rate or something of the dimension's own; a "-" before it
    means falling.

    `search` is a part of the group's name, or of the name that an operator gave to a campaign. Conversations
    have no campaign and no template, so only a provider's figures include them.
    """
    by, filters = _BY[dimension], _grouped(filters, dimension)
    where = _named(dimension, search)
    rows = count_sql.figures(
        filters, by, where=where, order=_order(order, dimension), limit=limit, offset=offset
    )
    groups = named(dimension, [row[: len(by)] for row in rows], known_as)
    return [replace(group, figures=Figures(*row[len(by) :])) for group, row in zip(groups, rows, strict=True)]


def providers() -> Providers:
    """All of them; a page with several lists asks once for all."""
    rows = Provider.objects.values_list("pk", "nickname", "connector_slug")
    return {pk: (nickname, connector) for pk, nickname, connector in rows}


def named(dimension: Dimension, keys: Sequence[Key], known_as: Providers | None = None) -> list[Group]:
    """The groups with these keys, without figures."""
    by = _BY[dimension]
    known_as = providers() if known_as is None else known_as
    seen = _campaigns([key[-1] for key in keys]) if dimension == "campaign" else {}
    found = []
    for key in keys:
        values = dict(zip(by, key, strict=True))
        nickname, connector = known_as.get(values.get("provider_id", 0), ("", ""))
        group = Group(Figures(), provider=nickname, connector=connector, **values)
        if campaign := seen.get((group.provider_id or 0, group.campaign)):
            group = replace(
                group,
                campaign_name=campaign.name,
                first_seen_at=campaign.first_seen_at,
                last_seen_at=campaign.last_seen_at,
            )
        found.append(group)
    return found


def variants(filters: Filters) -> list[Group]:
    """The variants of a campaign by name. The control group is not one: nothing was sent to it."""
    found = groups(filters, "variant", order="variant")
    return [group for group in found if group.variant or group.figures.accepted or group.figures.errors]


def known(filters: Filters, dimension: Dimension, groups: Sequence[Group]) -> dict[Key, Figures]:
    """The figures of these groups in another range, by `key`; of those that have any."""
    by = _BY[dimension]
    names = {getattr(group, by[-1]) for group in groups}
    if not names:
        return {}
    rows = count_sql.figures(_grouped(filters, dimension), by, among=sorted(names))
    return {row[: len(by)]: Figures(*row[len(by) :]) for row in rows}


def key(group: Group, dimension: Dimension) -> Key:
    """The values that identify a group within its dimension."""
    return tuple(getattr(group, name) for name in _BY[dimension])


def _grouped(filters: Filters, dimension: Dimension) -> Filters:
    if dimension == "provider" or filters.traffic != "all":
        return filters
    return replace(filters, traffic="campaigns")


def _named(dimension: Dimension, search: str) -> Clause:
    if not search:
        return Clause()
    if dimension == "provider":
        return Clause(f"UPPER({_OF_PROVIDER}) LIKE UPPER(%s) ESCAPE '!'", [_like(search)])
    condition = f"UPPER({_BY[dimension][-1]}) LIKE UPPER(%s) ESCAPE '!'"
    if dimension != "campaign":
        return Clause(condition, [_like(search)])
    named = "SELECT provider_id, code FROM campaigns_campaign WHERE UPPER(name) LIKE UPPER(%s) ESCAPE '!'"
    return Clause(f"({condition} OR (provider_id, campaign) IN ({named}))", [_like(search)] * 2)


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
        # Messages without a campaign have no row to order by: they come last in both directions.
        known = _OF_CAMPAIGN.format(name.removeprefix("campaign_"))
        return f"{known}{falling} NULLS LAST, provider_id, campaign"
    elif name in figures.NAMES:
        expression = f"SUM({name})"
    elif rate := figures.RATE.get(name):
        part, whole = (" + ".join(f"SUM({each})" for each in names) for names in (rate.part, rate.whole))
        expression = f"COALESCE(({part}) * 1.0 / NULLIF({whole}, 0), -1)"
    else:
        raise ValueError(f"cannot be sorted by {name}")
    return ", ".join([expression + falling, *_BY[dimension]])


def first_at() -> datetime | None:
    """The quarter of an hour in which anything was counted first."""
    folded = StatPoint.objects.filter(span=Span.QUARTER).aggregate(first=Min("at"))["first"]
    pending = StatCount.objects.aggregate(first=Min("minute"))["first"]
    return min(filter(None, (folded, pending)), default=None)


def last_at(provider_id: int, *figures: str) -> dict[str, datetime | None]:
    """When each of these was counted last: to the minute, and to the day for what is older than minutes are
    kept. One statement."""
    scopes = StatScope.objects.filter(level=StatScope.Level.PROVIDER, provider=provider_id)
    points = StatPoint.objects.filter(scope__in=scopes, span__in=(Span.MINUTE, Span.DAY)).order_by("-at")
    pending = StatCount.objects.filter(provider=provider_id, count__gt=0).order_by("-minute")
    asked = {}
    for figure in figures:
        asked[f"{figure}_folded"] = Subquery(points.filter(**{f"{figure}__gt": 0}).values("at")[:1])
        counted = pending.filter(metric=count_sql.METRIC[figure])
        asked[f"{figure}_pending"] = Subquery(counted.values("minute")[:1])
    found: Any = Provider.objects.filter(pk=provider_id).values(**asked).get()
    return {
        figure: max(filter(None, (found[f"{figure}_folded"], found[f"{figure}_pending"])), default=None)
        for figure in figures
    }


def last_accepted(filters: Filters, by: str) -> dict[Any, datetime]:
    """The last minute of each provider_id or template in which a message was accepted."""
    return {key: sql.datetimes(at) for key, at in count_sql.last_accepted(filters, (by,))}
