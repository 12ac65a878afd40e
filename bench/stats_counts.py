"""The counts of the messages in bench_fate, as the ledger would have written and folded them."""

from collections.abc import Iterator
from itertools import pairwise

from campaigns.counting import points
from campaigns.counting.buckets import BOUNDS
from campaigns.counting.points import MINUTES_KEPT, MOST_URLS, OTHER_URLS
from campaigns.models import Span, StatCount, StatDetail, StatPoint, StatScope

PENDING = "interval '3 minutes'"  # what upkeep has not folded yet
KEYS = "provider_id, minute, campaign, variant, template, metric, code, url"
ABOUT = "provider_id, campaign, variant, template"
Metric = StatCount.Metric
Level = StatScope.Level
COUNT, SCOPE, POINT, DETAIL = (each._meta.db_table for each in (StatCount, StatScope, StatPoint, StatDetail))
# The columns of a scope, computed from a delta.
CONVERSATION = "campaign = '' AND template = ''"
SCOPES = {
    Level.TOTAL: f"NULL::bigint, {CONVERSATION}, '', '', ''",
    Level.PROVIDER: f"provider_id, {CONVERSATION}, '', '', ''",
    Level.TEMPLATE: f"provider_id, {CONVERSATION}, '', '', template",
    Level.CAMPAIGN: f"provider_id, {CONVERSATION}, campaign, variant, template",
}
NAMES = ", ".join(points.COLUMNS)
PAGES = ", ".join(str(metric.value) for metric in points.URLS)


def statements() -> Iterator[str]:
    """Deltas of each minute, all but the newest folded into points."""

    def deltas(at: str, metric: int, code: str = "0", url: str = "''", having: str = "true") -> str:
        return (
            f"SELECT provider_id, date_trunc('minute', {at}), campaign, variant, template, {metric}, {code}, "
            f"{url}, COUNT(*) FROM bench_fate WHERE {at} < now() AND {having} "
            "GROUP BY 1, 2, 3, 4, 5, 6, 7, 8"
        )

    bounds = ", ".join(map(str, BOUNDS))

    def took(at: str) -> str:
        whole = f"floor(extract(epoch FROM {at})) - floor(extract(epoch FROM at))"
        return f"width_bucket(({whole})::float, ARRAY[{bounds}]::float[])"

    second = "clicked + interval '7 seconds'"
    parts = [
        deltas("at", Metric.ACCEPTED),
        deltas("at", Metric.SUBMITTED, having="NOT not_sent"),
        deltas("sent", Metric.SENT),
        deltas("delivered", Metric.DELIVERED),
        deltas("viewed", Metric.READ),
        deltas("clicked", Metric.CLICKED),
        deltas(second, Metric.CLICKED),
        deltas("clicked", Metric.CLICKED_UNIQUE),
        deltas("clicked", Metric.URL_CLICKED, url="url"),
        deltas(second, Metric.URL_CLICKED, url="url"),
        deltas("clicked", Metric.URL_CLICKED_UNIQUE, url="url"),
        deltas("replied", Metric.REPLIED),
        deltas("at", Metric.REFUSED, "2001 + (id % 2)::int", having="id % 200 = 0"),
        deltas("happened", Metric.NOT_SENT, "code", having="failed AND not_sent"),
        deltas("happened", Metric.UNDELIVERED, "code", having="failed AND NOT not_sent"),
        *(
            deltas(at, metric, took(at))
            for at, metric in (
                ("sent", Metric.TIME_TO_SENT),
                ("delivered", Metric.TIME_TO_DELIVERED),
                ("viewed", Metric.TIME_TO_READ),
            )
        ),
    ]
    yield f"CREATE UNLOGGED TABLE bench_raw({KEYS}, count) AS {' UNION ALL '.join(parts)}"
    yield (
        f"INSERT INTO {COUNT} ({KEYS}, count) SELECT {KEYS}, count FROM bench_raw "
        f"WHERE minute >= now() - {PENDING}"
    )
    yield from _scopes()
    yield from _finest()
    for finer, span in pairwise(list(Span)[1:]):
        yield from _sums("p.scope_id", f"{span.value}", _begin("p.at", span), f"WHERE p.span = {finer.value}")
    yield from _pages()
    for level in (Level.TOTAL, Level.PROVIDER, Level.TEMPLATE):
        of = f"b.scopes[{level.value}]"
        joined = f"JOIN bench_scope AS b ON b.scopes[{Level.CAMPAIGN.value}] = p.scope_id"
        yield from _sums(of, "p.span", "p.at", joined, page=True)
    yield "DROP TABLE bench_raw, bench_scope, bench_page"


def _scopes() -> Iterator[str]:
    """The scopes of all levels, and those that each delta is in."""
    yield f"CREATE UNLOGGED TABLE bench_about AS SELECT DISTINCT {ABOUT} FROM bench_raw"
    for level, columns in SCOPES.items():
        yield (
            f"INSERT INTO {SCOPE} (level, provider_id, conversation, campaign, variant, template) "
            f"SELECT DISTINCT {level.value}, {columns} FROM bench_about"
        )
    found = ", ".join(
        f"(SELECT s.id FROM {SCOPE} AS s WHERE s.level = {level.value} AND (s.provider_id, s.conversation, "
        f"s.campaign, s.variant, s.template) IS NOT DISTINCT FROM ({columns}))"
        for level, columns in _of_delta()
    )
    yield f"CREATE UNLOGGED TABLE bench_scope AS SELECT d.*, ARRAY[{found}] AS scopes FROM bench_about AS d"
    yield "DROP TABLE bench_about; ANALYZE bench_scope; ANALYZE bench_raw"


def _of_delta() -> Iterator[tuple[StatScope.Level, str]]:
    for level, columns in SCOPES.items():
        for name in ("provider_id", "campaign", "variant", "template"):
            columns = columns.replace(name, f"d.{name}")
        yield level, columns


def _finest() -> Iterator[str]:
    """Points of campaigns, by the minute and the quarter of an hour."""
    sums = ", ".join(
        f"COALESCE(SUM(count) FILTER (WHERE metric = {metric.value}), 0)" for metric in points.COLUMN
    )
    plain = ", ".join(str(metric.value) for metric in points.COLUMN)
    detailed = ", ".join(str(metric.value) for metric in points.DETAILED)
    source = f"FROM bench_raw JOIN bench_scope USING ({ABOUT}) WHERE minute < now() - {PENDING}"
    for span in (Span.MINUTE, Span.QUARTER):
        scope, at = f"scopes[{Level.CAMPAIGN.value}]", _begin("minute", span)
        kept = f" AND minute >= now() - interval '{MINUTES_KEPT.days} days'" if span == Span.MINUTE else ""
        yield (
            f"INSERT INTO {POINT} (scope_id, span, at, {NAMES}) SELECT {scope}, {span.value}, {at}, {sums} "
            f"{source} AND metric IN ({plain}){kept} GROUP BY 1, 3 ORDER BY 3"
        )
        yield (
            f"INSERT INTO {DETAIL} (scope_id, span, at, metric, code, url, count) "
            f"SELECT {scope}, {span.value}, {at}, metric, code, url, SUM(count) "
            f"{source} AND metric IN ({detailed}){kept} GROUP BY 1, 3, 4, 5, 6 ORDER BY 3"
        )


def _pages() -> Iterator[str]:
    """The pages that each scope counts by name: the first that were clicked."""
    parts = " UNION ALL ".join(
        f"SELECT scopes[{level.value}] AS scope_id, url, minute FROM bench_raw "
        f"JOIN bench_scope USING ({ABOUT}) WHERE metric IN ({PAGES})"
        for level in (Level.TOTAL, Level.PROVIDER, Level.TEMPLATE)
    )
    yield (
        "CREATE UNLOGGED TABLE bench_page AS SELECT scope_id, url FROM (SELECT scope_id, url, row_number() "
        "OVER (PARTITION BY scope_id ORDER BY MIN(minute), url) AS n "
        f"FROM ({parts}) AS r GROUP BY 1, 2) AS r "
        f"WHERE n <= {MOST_URLS}"
    )
    yield "ANALYZE bench_page"


def _sums(scope: str, span: str, at: str, which: str, page: bool = False) -> Iterator[str]:
    """Coarser points and details, summed from those that exist."""
    sums = ", ".join(f"SUM(p.{name})" for name in points.COLUMNS)
    yield (
        f"INSERT INTO {POINT} (scope_id, span, at, {NAMES}) SELECT {scope}, {span}, {at}, {sums} "
        f"FROM {POINT} AS p {which} GROUP BY 1, 2, 3 ORDER BY 3"
    )
    url, joined = "p.url", ""
    if page:
        url = f"CASE WHEN p.metric IN ({PAGES}) AND k.url IS NULL THEN '{OTHER_URLS}' ELSE p.url END"
        joined = f" LEFT JOIN bench_page AS k ON k.scope_id = {scope} AND k.url = p.url AND p.url <> ''"
    yield (
        f"INSERT INTO {DETAIL} (scope_id, span, at, metric, code, url, count) "
        f"SELECT {scope}, {span}, {at}, p.metric, p.code, {url}, SUM(p.count) "
        f"FROM {DETAIL} AS p {which}{joined} GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 3"
    )


def _begin(column: str, span: Span) -> str:
    return f"date_bin('{span.value} minutes', {column}, '1970-01-01T00:00Z')"
