"""What is read of the counts: by the days and campaigns looked at, whatever happened in them."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection

from campaigns.counting import points
from campaigns.counting.keys import Key
from campaigns.models import Span, StatCount, StatDetail, StatPoint, StatScope
from providers.models import Provider
from stats.pages import views
from stats.query import breakdowns, count_sql, details, series
from stats.query.filters import RANGES
from tests.factories import make_provider
from tests.reading import reading
from tests.stats.conftest import NOW, asked

Metric = StatCount.Metric
DAYS = 35
ZONES = ("UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York")


def happen(provider: Provider) -> None:
    """Something in every quarter of an hour, in turn of one of three campaigns."""
    sums: Counter[Key] = Counter()
    for quarter in range(DAYS * 96):
        at = NOW - timedelta(minutes=15 * quarter + 1)
        for metric, code in ((Metric.DELIVERED, 0), (Metric.UNDELIVERED, 1002)):
            sums[Key(provider.pk, at, f"c{quarter % 3}", "", "t", metric.value, code)] += 1
    points.fold(sums)
    with connection.cursor() as cursor:
        for model in (StatScope, StatPoint, StatDetail):
            cursor.execute(f"ANALYZE {model._meta.db_table}")


@pytest.fixture
def busy(db: None) -> Provider:
    provider = make_provider()
    happen(provider)
    return provider


def overview(name: str, zone: str) -> None:
    filters = asked(range=name, tz=zone)
    breakdowns.compared(filters, details.FAILED, details.TIMES)
    series.trend(filters)
    for dimension in ("provider", "campaign", "template"):
        breakdowns.groups(filters, dimension, limit=views.TOP)  # type: ignore[arg-type]


def test_days_of_any_zone_are_of_few_points(busy: Provider) -> None:
    with reading() as by_quarters:
        count_sql.figures(asked(range="30d"), spans=(Span.MINUTE, Span.QUARTER))
    for zone in ZONES:
        filters = asked(range="30d", tz=zone)
        with reading() as read:
            found = series.trend(filters, "day")
        assert read.amount < by_quarters.amount / 2, zone
        assert sum(point.figures.delivered for point in found) == breakdowns.totals(filters).delivered > 2_800


def test_the_overview_reads_little_in_any_zone(busy: Provider) -> None:
    most = 6_000 if connection.vendor == "postgresql" else 900
    for name in RANGES:
        for zone in ZONES:
            with reading() as read:
                overview(name, zone)
            assert 0 < read.amount < most, (name, zone)
