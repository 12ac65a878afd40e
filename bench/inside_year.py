"""The parts of `bench.year` that run inside the gateway's own process."""

import time
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from bench import stats_rows
from campaigns.ledger import removing
from campaigns.models import Message
from lib.postgres import parts
from privacy import erasing, finding
from privacy.models import RetentionRun
from privacy.retention import run


def load(count: str, months: str) -> dict:
    """Of the same time in either case."""
    stats_rows.DAYS = 24 * stats_rows.MONTH
    began = time.monotonic()
    stats_rows.load(int(count), int(months))
    return {"seconds": time.monotonic() - began}


def erase_somebody() -> dict:
    """Whoever got the last message."""
    number = Message.objects.order_by("-id").values_list("to", flat=True)[0]
    erasure = erasing.start(finding.person(f"+{number}"), "bench", "bench", timezone.now())
    mine = erasing.take(erasure)
    began = time.monotonic()
    assert mine is not None
    erasing.work(mine)
    seconds = time.monotonic() - began
    mine.refresh_from_db()
    own = (mine.rows_done_at - mine.asked_at).total_seconds() if mine.rows_done_at else seconds
    return {"seconds": seconds, "own_rows": own}


def retain(months: str) -> dict:
    """The oldest month alone, then a run that has a day of bodies to empty and another month to drop."""
    rows = Message.objects.filter(pk__lt=parts.ROOM).count()
    began = time.monotonic()
    removing.drop(Message, 0)
    drop = time.monotonic() - began
    settings.MESSAGE_RETENTION_DAYS = (int(months) - 2) * stats_rows.MONTH
    settings.BODY_RETENTION_DAYS = (int(months) - 2) * stats_rows.MONTH - 1
    mine = RetentionRun.start(timezone.now() + timedelta(hours=2))
    assert mine is not None
    run.work(mine)
    return {"rows": rows, "drop": drop, "counts": mine.counts}


COMMANDS = {"load_year": load, "erase_somebody": erase_somebody, "retain": retain}
