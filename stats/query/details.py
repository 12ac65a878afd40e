"""The details of figures: failures by code, clicks by page, and how long messages took. No query here reads
messages.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from campaigns.counting import points
from campaigns.counting.buckets import Timing, timing
from campaigns.counting.points import OTHER_URLS
from campaigns.models import StatCount
from stats.query import count_sql
from stats.query.filters import Filters
from stats.query.span_ranges import Window

Metric = StatCount.Metric

FAILURES = {"refused": Metric.REFUSED, "not_sent": Metric.NOT_SENT, "undelivered": Metric.UNDELIVERED}
_TIMES = {
    Metric.TIME_TO_SENT: "sent",
    Metric.TIME_TO_DELIVERED: "delivered",
    Metric.TIME_TO_READ: "viewed",
}
TIME_TO = {figure: metric for metric, figure in _TIMES.items()}
URLS = {"clicked_total": Metric.URL_CLICKED, "clicked_unique": Metric.URL_CLICKED_UNIQUE}
FAILED, TIMES, CLICKS = tuple(FAILURES.values()), tuple(_TIMES), points.URLS
KINDS = {metric.value: kind for kind, metric in FAILURES.items()}


class BspCode(NamedTuple):
    """How often a BSP's own code was behind one of CleverTap's."""

    connector: str
    code: str
    number: int


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """How often one code was the reason, of one kind of failure (figures.FAILURES). `bsp_codes` are the BSP's
    own, as far as there are any, the most frequent first."""

    kind: str
    code: int
    count: int
    bsp_codes: tuple[BspCode, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class UrlCount:
    """Clicks on one page. `unique` counts messages; `other` is what many rare pages come to."""

    url: str
    total: int
    unique: int

    @property
    def other(self) -> bool:
        return self.url == OTHER_URLS


class PricedCount(NamedTuple):
    """Messages that WhatsApp charges in one way, in Meta's words."""

    category: str
    type: str
    number: int


@dataclass(frozen=True, slots=True)
class Details:
    """What figures are made of: failures by kind and code and clicks by page, the most frequent first,
    and the times from being accepted until sent, delivered and viewed."""

    errors: list[ErrorCount]
    urls: list[UrlCount]
    times: dict[str, Timing]


def errors(filters: Filters) -> list[ErrorCount]:
    """Failures by kind and code, the most frequent first."""
    return _details(filters, FAILED).errors


def urls(filters: Filters) -> list[UrlCount]:
    """Clicks by page, the most clicked first."""
    return _details(filters, CLICKS).urls


def times(filters: Filters) -> dict[str, Timing]:
    """How long messages took from being accepted until sent, delivered and viewed."""
    return _details(filters, TIMES).times


def pricing(filters: Filters) -> list[PricedCount]:
    """Messages by how WhatsApp charges them, the most first."""
    found = []
    for word, count in count_sql.details(filters, (Metric.PRICED,), ("url",)):
        category, _, kind = word.partition("/")
        found.append(PricedCount(category, kind, count))
    return sorted(
        (each for each in found if each.number), key=lambda each: (-each.number, each.category, each.type)
    )


def within(filters: Filters, windows: Sequence[Window], metrics: Sequence[Metric]) -> list[Details]:
    """The details of these metrics in each of the windows, from one statement."""
    rows: list[list[_Row]] = [[] for _ in windows]
    for place, *row in count_sql.details_within(filters, windows, metrics, ("metric", "code", "url")):
        rows[place].append(_Row(*row))
    return [_read(each) for each in rows]


class _Row(NamedTuple):
    metric: int
    code: int
    url: str
    number: int


def _details(filters: Filters, metrics: Sequence[Metric]) -> Details:
    return _read([_Row(*row) for row in count_sql.details(filters, metrics, ("metric", "code", "url"))])


def _read(rows: Iterable[_Row]) -> Details:
    failures: Counter[tuple[str, int]] = Counter()
    named: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    clicks: dict[str, Counter[str]] = {"total": Counter(), "unique": Counter()}
    histograms: dict[str, Counter[int]] = defaultdict(Counter)
    for row in rows:
        if row.metric in KINDS:
            about = KINDS[row.metric], row.code
            failures[about] += row.number
            named[about][row.url] += row.number
        elif row.metric in _TIMES:
            histograms[_TIMES[Metric(row.metric)]][row.code] += row.number
        else:
            clicks["total" if row.metric == Metric.URL_CLICKED else "unique"][row.url] += row.number
    failed = [
        ErrorCount(*about, count, _bsp_codes(named[about])) for about, count in failures.items() if count
    ]
    return Details(
        sorted(failed, key=lambda error: (-error.count, error.code, error.kind)),
        [
            UrlCount(url, count, clicks["unique"][url])
            for url, count in sorted(clicks["total"].items(), key=lambda each: (-each[1], each[0]))
            if count
        ],
        {name: timing(histograms[name]) for name in _TIMES.values()},
    )


def _bsp_codes(named: Counter[str]) -> tuple[BspCode, ...]:
    split = ((*word.partition("/"), count) for word, count in named.items() if word and count)
    found = [BspCode(connector, code, count) for connector, _, code, count in split]
    return tuple(sorted(found, key=lambda each: (-each.number, each.connector, each.code)))
