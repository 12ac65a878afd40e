"""Stat counts as delta rows: added in the transaction that causes them, squashed later."""

from collections import Counter
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

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
    """Folds up to `limit` of the rows written since the last time into one a key. Returns rows saved.

    What was folded once is left alone, though a key may have a few such rows: writing every
    figure anew each minute would cost far more than they do.
    """
    names = ", ".join(COLUMNS)
    table = StatCount._meta.db_table
    with transaction.atomic():
        # Locked, so that two squashes at once do not do the work twice. The state is the last id folded.
        note, _ = Lease.objects.select_for_update().get_or_create(
            name="squash", defaults={"expires_at": timezone.now()}
        )
        done = int(note.state or 0)
        with connection.cursor() as cursor:
            window = f"SELECT id FROM {table} WHERE id > %s ORDER BY id LIMIT %s"
            cursor.execute(f"SELECT MAX(id), COUNT(*) FROM ({window}) AS t", [done, limit])
            last, found = cursor.fetchone()
            if not found:
                return 0
            cursor.execute(
                f"DELETE FROM {table} WHERE id > %s AND id <= %s RETURNING {names}, count", [done, last]
            )
            deleted = cursor.fetchall()
        sums: Counter[Key] = Counter()
        for *key, count in deleted:
            provider_id, at, *rest = key
            sums[Key(provider_id, sql.datetimes(at), *rest)] += count
        add(sums)
        if found < limit:  # else the sums come up again behind what is still to be folded
            last = StatCount.objects.aggregate(last=Max("id"))["last"] or last
        note.state = str(last)
        note.save(update_fields=["state"])
    return len(deleted) - len(sums)
