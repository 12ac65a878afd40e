"""The metrics. Counters are read from the counts, gauges from the queues, and what only a process knows from
the rows that it writes (`operations/metrics/reporting.py`).

So they are right over any number of processes and machines, and only one address is to be scraped. Labels
are the nicknames of providers, kinds and severities. Queues are counted up to CAP.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count, Max, OuterRef, Sum
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from callbacks.models import Outlet, Reply, Webhook
from campaigns.counting.buckets import BOUNDS
from campaigns.models import Event, Forward, Message, StatCount, Status
from lib import timings
from lib.admin import CAP, CappedCount
from operations import samples
from operations.metrics import reporting
from operations.models import Delivery, Incident, Process, Sign, TimingCount
from providers.models import CallCount, Lease, Provider
from stats.query import count_sql
from stats.query.figures import TEXTS
from stats.query.filters import Filters

RECENT = timedelta(minutes=15)
# The figures that Waypost counts by what it does, and those that BSPs report, by their names in the stats.
_COUNTED = ("accepted", "refused", "submitted", "replied", "not_sent")
_REPORTED = ("sent", "delivered", "viewed", "undelivered")
_TIMED = {
    timings.What.ANSWER: "Seconds until CleverTap had its answer.",
    timings.What.SUBMIT: "Seconds from the acceptance of messages until their BSP accepted them.",
    timings.What.FORWARD: "Seconds from a webhook until CleverTap accepted what was in it.",
}
_TIMES = {
    StatCount.Metric.TIME_TO_SENT: "sent",
    StatCount.Metric.TIME_TO_DELIVERED: "delivered",
    StatCount.Metric.TIME_TO_READ: "viewed",
}


class FromRows(Collector):
    """One scrape: a constant number of statements."""

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        names = dict(Provider.in_use().values_list("pk", "nickname"))
        yield from _counts(now, names)
        yield _times(now)
        yield from _timings(names)
        yield from _providers(now)
        yield from _queues(now, names)
        yield from _calls(now, names)
        yield from _incidents()
        yield from _processes(now)


def text() -> bytes:
    """The exposition, in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(FromRows())
    return generate_latest(registry)


def _gauge(name: str, about: str, labels: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> Metric:
    """`rows` have the labels first and the value last."""
    found = GaugeMetricFamily(f"waypost_{name}", about, labels=labels)
    for *values, number in rows:
        found.add_metric([str(value) for value in values], float(number))
    return found


def _ever(now: datetime) -> Filters:
    return Filters(now.astimezone(UTC), ZoneInfo("UTC"))


def _counts(now: datetime, names: dict[int, str]) -> Iterator[Metric]:
    columns = [*_COUNTED, *_REPORTED]
    found = count_sql.figures(_ever(now), ["provider_id"], columns=columns)
    rows = [(names[pk], dict(zip(columns, counts, strict=True))) for pk, *counts in found if pk in names]
    for name in _COUNTED:
        counter = CounterMetricFamily(f"waypost_{name}", TEXTS[name], labels=["provider"])
        for nickname, figures in rows:
            counter.add_metric([nickname], figures[name])
        yield counter
    reported = CounterMetricFamily(
        "waypost_reported", "Messages that a BSP reported as the figure says.", labels=["provider", "figure"]
    )
    for nickname, figures in rows:
        for name in _REPORTED:
            reported.add_metric([nickname, name], figures[name])
    yield reported


def _times(now: datetime) -> Metric:
    """From being accepted until a status, by the BSPs' clocks. A sum is not kept."""
    histogram = HistogramMetricFamily(
        "waypost_seconds_from_accepted",
        "Seconds from the acceptance of messages to a later status.",
        labels=["until"],
    )
    counted: dict[int, dict[int, int]] = {metric.value: {} for metric in _TIMES}
    for metric, code, count in count_sql.details(_ever(now), list(_TIMES), ["metric", "code"]):
        counted[metric][code] = count
    for metric, until in _TIMES.items():
        total, buckets = 0, []
        for number in range(len(BOUNDS) + 1):
            total += counted[metric.value].get(number, 0)
            bound = str(float(BOUNDS[number])) if number < len(BOUNDS) else "+Inf"
            buckets.append((bound, float(total)))
        histogram.add_metric([until], buckets, sum_value=None)
    return histogram


def _timings(names: dict[int, str]) -> Iterator[Metric]:
    """What the processes timed, and how much was forwarded: as much as was timed."""
    counted: dict[str, dict[int, dict[int, timings.Total]]] = {what: {} for what in _TIMED}
    rows = TimingCount.objects.filter(provider__in=names).values_list(
        "what", "provider", "bucket", "number", "seconds"
    )
    for what, pk, bucket, number, seconds in rows:
        counted[what].setdefault(pk, {})[bucket] = timings.Total(number, seconds)
    forwarded = CounterMetricFamily(
        "waypost_forwarded", "Reports and inbound messages that CleverTap accepted.", labels=["provider"]
    )
    for what, about in _TIMED.items():
        histogram = HistogramMetricFamily(f"waypost_{what}_seconds", about, labels=["provider"])
        for pk, buckets in sorted(counted[what].items()):
            counts = [buckets[n].number if n in buckets else 0 for n in range(len(timings.BOUNDS) + 1)]
            bounds = [*map(str, timings.BOUNDS), "+Inf"]
            seconds = sum(total.seconds for total in buckets.values())
            histogram.add_metric([names[pk]], list(zip(bounds, accumulate(counts), strict=True)), seconds)
            if what == timings.What.FORWARD:
                forwarded.add_metric([names[pk]], sum(counts))
        yield histogram
    yield forwarded


def _providers(now: datetime) -> Iterator[Metric]:
    queued = CappedCount(Message.objects.filter(provider=OuterRef("pk"), status=Status.QUEUED))
    reports = CappedCount(Event.objects.filter(provider=OuterRef("pk"), forward=Forward.PENDING))
    inbound = CappedCount(Reply.objects.filter(provider=OuterRef("pk"), forward=Forward.PENDING))
    rows = list(Provider.in_use().annotate(queued=queued, reports=reports, inbound=inbound))
    label = ["provider"]
    yield _gauge(
        "provider_sending",
        "1 while a provider sends, 0 while it is paused or held.",
        label,
        [
            (each, each.state == Provider.State.ACTIVE and not (each.hold_until and each.hold_until > now))
            for each in rows
        ],
    )
    about = f"Messages that wait to be sent, counted up to {CAP}."
    yield _gauge("queue_messages", about, label, [(each, each.queued) for each in rows])
    yield _gauge(
        "forward_pending",
        f"Reports and inbound messages that wait to be forwarded to CleverTap, counted up to {CAP}.",
        ["provider", "kind"],
        [row for each in rows for row in ((each, "delivery", each.reports), (each, "inbound", each.inbound))],
    )


def _queues(now: datetime, names: dict[int, str]) -> Iterator[Metric]:
    yield _gauge(
        "queue_oldest_seconds",
        "For how long the oldest queued message has been due.",
        ["provider"],
        [(names[pk], wait.total_seconds()) for pk, wait in samples.oldest(now).items() if pk in names],
    )
    unread = Webhook.objects.filter(state__in=(Webhook.State.PENDING, Webhook.State.WAITING))
    oldest = unread.order_by("next_attempt_at").values_list("next_attempt_at", flat=True).first()
    count = unread.order_by().values("pk")[: CAP + 1].count()
    yield _gauge("webhooks_unread", f"Webhooks to be read, counted up to {CAP}.", [], [(count,)])
    age = max((now - oldest).total_seconds(), 0) if oldest else 0
    yield _gauge(
        "webhook_oldest_seconds", "For how long the oldest unread webhook has been due.", [], [(age,)]
    )
    outlets = Outlet.objects.filter(provider__in=names).values_list(
        "provider__nickname", "kind", "failures", "last_success_at"
    )
    rows = list(outlets)
    yield _gauge(
        "outlet_failures",
        "Calls to a callback URL of CleverTap that failed in a row.",
        ["provider", "kind"],
        [(nickname, kind, failures) for nickname, kind, failures, _ in rows],
    )
    yield _gauge(
        "forwarded_last_timestamp_seconds",
        "When CleverTap last accepted a report or an inbound message.",
        ["provider", "kind"],
        [(nickname, kind, at.timestamp()) for nickname, kind, _, at in rows if at],
    )
    alarms = Delivery.objects.filter(state=Delivery.State.PENDING).count()
    yield _gauge("alarms_pending", "Alarms that wait to be delivered.", [], [(alarms,)])


def _calls(now: datetime, names: dict[int, str]) -> Iterator[Metric]:
    recent = CallCount.objects.filter(minute__gt=now - RECENT, provider__in=names)
    rows = recent.order_by().values_list("provider__nickname", "what").annotate(Sum("calls"))
    about = "Calls of the last quarter of an hour that Waypost refused, or answered late."
    yield _gauge("calls_turned_away", about, ["provider", "what"], rows)


def _incidents() -> Iterator[Metric]:
    rows = Incident.objects.filter(ended_at=None).order_by().values_list("kind", "severity")
    labelled = [
        (kind, Incident.Severity(severity).label, count)
        for kind, severity, count in rows.annotate(Count("pk"))
    ]
    yield _gauge("incidents_open", "Open incidents.", ["kind", "severity"], labelled)


def _processes(now: datetime) -> Iterator[Metric]:
    signs = Sign.objects.order_by().values_list("what").annotate(Max("seen_at"))
    ages = [(what, max((now - at).total_seconds(), 0)) for what, at in signs]
    yield _gauge(
        "sign_of_life_age_seconds",
        "Seconds since the last sign of life of a worker or clock.",
        ["what"],
        ages,
    )
    live = Process.objects.filter(seen_at__gt=now - reporting.FRESH).aggregate(
        Sum("pool_used", default=0),
        Sum("pool_most", default=0),
        Sum("pool_waiting", default=0),
        Max("loop_lag", default=0.0),
    )
    yield _gauge("pool_used", "Pooled connections in use, of all processes.", [], [(live["pool_used__sum"],)])
    yield _gauge(
        "pool_most",
        "The most connections that the pools of all processes may open.",
        [],
        [(live["pool_most__sum"],)],
    )
    yield _gauge(
        "pool_waiting",
        "Requests and tasks that wait for a pooled connection.",
        [],
        [(live["pool_waiting__sum"],)],
    )
    about = "How many seconds late the event loop of the busiest process ran lately."
    yield _gauge("event_loop_lag_seconds", about, [], [(live["loop_lag__max"],)])
    held = Lease.objects.filter(expires_at__gt=now).count()
    yield _gauge("leases_held", "Leases held: queues that a worker works on now.", [], [(held,)])
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
                " current_setting('max_connections')::int"
            )
            used, most = cursor.fetchone()
        yield _gauge("database_connections", "Connections to PostgreSQL in use.", [], [(used,)])
        yield _gauge("database_connections_most", "PostgreSQL's max_connections.", [], [(most,)])
