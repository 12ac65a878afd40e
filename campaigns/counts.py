"""Stat counts as delta rows: added in the transaction that causes them, squashed later."""

from collections import Counter
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction

from campaigns.models import StatCount
from lib import sql
from providers.models import Lease

Metric = StatCount.Metric
COLUMNS = ("provider_id", "minute", "campaign", "variant", "template", "metric", "code")


class Key(NamedTuple):
    """What a count is about. `minute` is when it happened, seconds cut off."""

    provider_id: int
    minute: datetime
    campaign: str
    variant: str
    template: str
    metric: int
    code: int = 0


def minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def add(deltas: Counter[Key]) -> None:
    """Writes the deltas; call it inside the transaction that moves the messages."""
    rows = [(*key, count) for key, count in deltas.items() if count]
    if rows:
        sql.insert(StatCount, (*COLUMNS, "count"), rows)


def squash(limit: int = 20_000) -> int:
    """Folds up to `limit` of the oldest delta rows into one row a key. Returns rows saved."""
    names = ", ".join(COLUMNS)
    table = StatCount._meta.db_table
    with transaction.atomic():
        # One squash at a time; the sums stay right even without, only the work would be doubled.
        Lease.objects.select_for_update().filter(name="squash").first()
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT MAX(id) FROM (SELECT id FROM {table} ORDER BY id LIMIT %s) AS t", [limit])
            (last,) = cursor.fetchone()
            if last is None:
                return 0
            cursor.execute(
                f"DELETE FROM {table} WHERE id <= %s RETURNING {names}, count",
                [last],
            )
            deleted = cursor.fetchall()
        sums: Counter[Key] = Counter()
        for *key, count in deleted:
            provider_id, at, *rest = key
            sums[Key(provider_id, sql.datetimes(at), *rest)] += count
        add(sums)
    return len(deleted) - len(sums)
