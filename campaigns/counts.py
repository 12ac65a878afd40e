"""Stat counts as delta rows: added in the transaction that causes them, folded into points a minute later.

What is shown is always points and deltas together, read in one statement: it holds at any moment.
"""

from collections import Counter
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from campaigns import rollups
from campaigns.models import StatCount
from lib import sql
from providers.models import Lease

Metric = StatCount.Metric
# Few at a time: on SQLite nobody else can write meanwhile, and a message has a second to be accepted.
BATCH = 1_000
LEASE = "squash"  # its time is when deltas were last folded
LATE = timedelta(minutes=10)
COLUMNS = ("provider_id", "minute", "campaign", "variant", "template", "metric", "code", "url")


class Key(NamedTuple):
    """What a count is about. `minute` is when it happened, seconds cut off."""

    provider_id: int
    minute: datetime
    campaign: str
    variant: str
    template: str
    metric: int
    code: int = 0
    url: str = ""


def minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def add(deltas: Counter[Key]) -> None:
    """Writes the deltas; call it inside the transaction that moves the messages."""
    rows = [(*key, count) for key, count in deltas.items() if count]
    if rows:
        sql.insert(StatCount, (*COLUMNS, "count"), rows)


def squash(limit: int = BATCH) -> int:
    """Folds up to `limit` deltas, oldest first, into points of every level and span.

    Returns how many; none while another worker does it: two would wait for each other's points.
    """
    names = ", ".join(COLUMNS)
    table = StatCount._meta.db_table
    now = timezone.now()
    Lease.objects.get_or_create(name=LEASE, defaults={"expires_at": now})
    with transaction.atomic():
        free = Lease.objects.select_for_update(skip_locked=True).filter(name=LEASE)
        if free.first() is None:
            return 0
        Lease.objects.filter(name=LEASE).update(expires_at=now)
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} ORDER BY id LIMIT %s) "
                f"RETURNING {names}, count",
                [limit],
            )
            deleted = cursor.fetchall()
        sums: Counter[Key] = Counter()
        for provider_id, at, *rest, count in deleted:
            sums[Key(provider_id, sql.datetimes(at), *rest)] += count
        rollups.fold(sums)
    return len(deleted)


def behind() -> timedelta | None:
    """For how long no delta has been folded though some wait; None where that is no trouble.

    All figures stay right, but each page has to read every delta.
    """
    since = Lease.objects.filter(name=LEASE).values_list("expires_at", flat=True).first()
    if since is None or (late := timezone.now() - since) < LATE or not StatCount.objects.exists():
        return None
    return late
