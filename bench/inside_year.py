"""The parts of `bench.year` that run inside the gateway's own process."""

import time
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Sum
from django.db.models.functions import Length
from django.utils import timezone

from bench import stats_rows
from campaigns.ledger import removing
from campaigns.models import Message
from lib.postgres import parts
from privacy import erasing, finding, gists
from privacy.models import Gist, RetentionRun
from privacy.retention import run

# The last month's are still there, one for each report.
_WEBHOOKS = """
    INSERT INTO callbacks_webhook (id, provider_id, source, method, url, headers, body, received_at, state,
        next_attempt_at, attempts, summary)
    SELECT m.id / 10000000000 * 10000000000 + 5000000000 + row_number() OVER (ORDER BY e.received_at),
        e.provider_id,
        'native', 'POST', 'https://waypost.example.org/webhooks/abc', '{}',
        convert_to('{"object":"whatsapp_business_account","entry":[{"id":"103","changes":[{"value":{'
            '"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550001111"},"statuses":[{'
            '"id":"' || m.bsp_id || '","status":"delivered","timestamp":"'
            || extract(epoch FROM e.at)::bigint || '","recipient_id":"' || m."to"
            || '","conversation":{"id":"' || md5(m.id::text)
            || '","origin":{"type":"marketing"}}}]},"field":"messages"}]}]}', 'UTF8'),
        e.received_at, 2, e.received_at, 1, '1 recorded delivered'
    FROM campaigns_event AS e JOIN campaigns_message AS m ON m.id = e.message_id
    WHERE m.id >= %s ORDER BY e.received_at
"""


def load(count: str, months: str) -> dict:
    """Of the same time in either case."""
    stats_rows.DAYS = 24 * stats_rows.MONTH
    began = time.monotonic()
    stats_rows.load(int(count), int(months))
    if int(months):
        with connection.cursor() as cursor:
            cursor.execute(_WEBHOOKS, [(int(months) - 1) * parts.ROOM])
    return {"seconds": time.monotonic() - began}


def make_gists() -> dict:
    """What upkeep reads once of all messages, so that nobody does who erases somebody."""
    began = time.monotonic()
    gists.make(timezone.now(), float("inf"))
    size = Gist.objects.aggregate(bytes=Sum(Length("grams")))["bytes"]
    return {"seconds": time.monotonic() - began, "bytes": size}


def erase_somebody() -> dict:
    """Whoever got the last message."""
    numbers = Message.objects.filter(to__startswith="91").order_by("-id").values_list("to", flat=True)
    number = numbers[0]
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


COMMANDS = {"load_year": load, "make_gists": make_gists, "erase_somebody": erase_somebody, "retain": retain}
