"""Stat counts as delta rows: added in the transaction that causes them, folded into points a minute later.

Figures are read from points and deltas together, in one statement, so they are right at any moment.
"""

from collections import Counter
from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone

from campaigns.counting import points
from campaigns.counting.keys import Key
from campaigns.models import StatCount
from lib import sql
from providers.models import Lease

# Few at a time: on SQLite nobody else can write meanwhile, and a message has a second to be accepted.
BATCH = 1_000
LEASE = "squash"  # the time in its row says when deltas were last folded
LATE = timedelta(minutes=10)


def add(deltas: Counter[Key]) -> None:
    """Writes the deltas; call it inside the transaction that moves the messages."""
    rows = [(*key, count) for key, count in deltas.items() if count]
    if rows:
        sql.insert(StatCount, (*Key._fields, "count"), rows)


def squash(limit: int = BATCH) -> int:
    """Folds up to `limit` deltas, oldest first, into points of every level and span.

    Returns how many; 0 while another worker folds, as two would wait for each other's points.
    """
    names = ", ".join(Key._fields)
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
        for *columns, count in deleted:
            key = Key._make(columns)
            sums[key._replace(minute=sql.datetimes(key.minute))] += count
        points.fold(sums)
    return len(deleted)


def behind() -> timedelta | None:
    """How long deltas have waited without being folded; None while that is less than LATE. Figures stay
    right, but each page has to read every delta.
    """
    since = Lease.objects.filter(name=LEASE).values_list("expires_at", flat=True).first()
    if since is None or (late := timezone.now() - since) < LATE or not StatCount.objects.exists():
        return None
    return late
