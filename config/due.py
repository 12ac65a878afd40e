"""Which queues have work, and when: one statement over the waiting rows of every queue.

Each queue has a partial index over exactly these rows, so the look costs no more when millions are done.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from audience import drafts, upload
from broadcasts.run.worker import CLOCKS_DIFFER
from campaigns.ledger import months
from campaigns.models import Forward, Status
from lib import clock, sql
from lib.postgres import parts
from operations.acceptance import runs as acceptance
from privacy import erasing
from providers import leases
from providers.models import Provider
from stats.reconciliation import loading


class Waiting(NamedTuple):
    """A queue with something to do: the Celery task that works it, and in how many seconds it is due."""

    task: str
    key: int | None
    seconds: float
    held: float  # seconds for which a worker's lease, or a rest after a limit, keeps others away

    @property
    def name(self) -> str:
        return self.task if self.key is None else f"{self.task}:{self.key}"

    @property
    def free_in(self) -> float:
        """Seconds until it is due for another worker."""
        return max(self.seconds, self.held)


# In the place of which a look says which parts of a table have waiting rows.
_IN_WORK = "/* in work: {} */".format

# Each kind separately, since the index has the kind before the time.
_QUEUED = f"""SELECT MIN(next_attempt_at) FROM campaigns_message
    WHERE provider_id = p.id AND status = {Status.QUEUED}{_IN_WORK("id")}"""
_SENDS = f"""(SELECT MIN(first.at) FROM (
    SELECT ({_QUEUED} AND kind = 0) AS at UNION ALL SELECT ({_QUEUED} AND kind = 1)) AS first)"""
_CLAIMED = f"""(SELECT claimed_at FROM campaigns_message WHERE provider_id = p.id
    AND status = {Status.SENDING}{_IN_WORK("id")} ORDER BY claimed_at LIMIT 1)"""
_READS = f"""(SELECT MIN(next_attempt_at) FROM callbacks_webhook WHERE provider_id = p.id
    AND state IN (0, 1, 6, 7){_IN_WORK("id")})"""
_TELLS = """(SELECT next_attempt_at FROM audience_subscription WHERE provider_id = p.id
    AND state = 1 ORDER BY id LIMIT 1)"""


def _owed(table: str, kind: str, url: str, rows: str = f"e.forward = {Forward.PENDING}") -> str:
    """What is owed to one of CleverTap's URLs is due when the break after a failure is over."""
    return f"""SELECT 'callbacks.forward', p.id, 'forward:' || p.id, COALESCE(o.hold_until, p.created_at), 0
    FROM providers_provider AS p
    LEFT JOIN callbacks_outlet AS o ON o.provider_id = p.id AND o.kind = '{kind}'
    WHERE p.{url} <> '' AND EXISTS (
        SELECT 1 FROM {table} AS e WHERE e.provider_id = p.id AND {rows}{_IN_WORK("e." + parts.BY[table])})"""


def _owed_by_id() -> str:
    """Inbound messages that need not wait for a number, because the provider's setting sends the user id."""
    switched_on = sql.is_true("p.stored_quirks", "from_user_id")
    rows = f"{switched_on} AND e.forward = {Forward.NO_NUMBER} AND e.user_id <> ''"
    return _owed("callbacks_reply", "inbound", "inbound_url", rows)


def _taken_over(task: str, table: str, silence: timedelta) -> str:
    """What is queued, or was left by a worker that has shown no sign of life."""
    return f"""SELECT '{task}', NULL, NULL, CASE WHEN state = 'queued' THEN created_at ELSE seen_at END,
        CASE WHEN state = 'queued' THEN 0 ELSE {int(silence.total_seconds())} END
    FROM {table} WHERE state IN ('queued', 'running')"""


# Task, key, lease, the moment of the oldest row, and the seconds to wait after it.
_QUEUES = (
    f"""SELECT 'campaigns.send' AS task, q.id AS key, 'send:' || q.id AS lease,
        CASE WHEN q.hold_until > q.at THEN q.hold_until ELSE q.at END AS at, 0 AS wait
    FROM (SELECT p.id, p.hold_until, {_SENDS} AS at FROM providers_provider AS p
        WHERE p.state = '{Provider.State.ACTIVE}') AS q""",
    # What a worker has claimed: the lease says whether it still lives.
    f"SELECT 'campaigns.send', p.id, 'send:' || p.id, {_CLAIMED}, 0 FROM providers_provider AS p",
    f"SELECT 'callbacks.ingest', p.id, 'read:' || p.id, {_READS}, 0 FROM providers_provider AS p",
    _owed("campaigns_event", "delivery", "delivery_url"),
    _owed("callbacks_reply", "inbound", "inbound_url"),
    "SELECT 'callbacks.media', NULL, NULL, MIN(next_attempt_at), 0 FROM callbacks_media WHERE state = 0",
    f"SELECT 'audience.subscribe', p.id, 'subscribe:' || p.id, {_TELLS}, 0 FROM providers_provider AS p",
    # A row with a time in the future, because a clock was set back, is due at once.
    """SELECT 'broadcasts.run', id,
        CASE WHEN cap_count > 0 AND cap_days > 0 THEN 'broadcast:capped' ELSE 'broadcast:' || id END,
        next_step_at, CASE WHEN updated_at > %s THEN -1000000000 ELSE 0 END
    FROM broadcasts_broadcast WHERE next_step_at IS NOT NULL""",
    """SELECT 'templates.import', NULL, NULL, MIN(queued_at), 0 FROM templates_app_importrun
    WHERE state = 'queued'""",
    f"""SELECT '{drafts.TASK}', NULL, NULL, CASE WHEN worker = '' THEN created_at ELSE seen_at END,
        CASE WHEN worker = '' THEN 0 ELSE {int(drafts.SILENCE.total_seconds())} END
    FROM audience_upload WHERE state = 'reading'""",
    f"""SELECT '{erasing.TASK}', NULL, NULL, MIN(next_step_at), 0 FROM privacy_erasure
    WHERE next_step_at IS NOT NULL""",
    _taken_over("audience.upload", "audience_upload", upload.SILENCE),
    _taken_over(loading.TASK, "stats_report", loading.SILENCE),
    _taken_over(acceptance.TASK, "operations_acceptancerun", acceptance.SILENCE),
)


def look() -> list[Waiting]:
    """Every queue that has something to do, now or later."""
    now = timezone.now()
    queues = " UNION ALL ".join((*_QUEUES, _owed_by_id()))
    for column in ("id", "e.id", "e.message_id"):
        queues = queues.replace(_IN_WORK(column), months.sql_in_work(column))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH queue AS ({queues})
            SELECT queue.task, queue.key, queue.at, queue.wait, {clock.seconds_until("l.expires_at")}
            FROM queue LEFT JOIN providers_lease AS l ON l.name = queue.lease
                AND l.expires_at > {clock.now()} AND l.expires_at <= {clock.now(leases.WRONG)}
            WHERE queue.at IS NOT NULL""",
            [sql.adapted(now + CLOCKS_DIFFER)],
        )
        rows = cursor.fetchall()
    found: dict[tuple[str, int | None], Waiting] = {}
    for task, key, at, wait, held in rows:
        seconds = (sql.datetimes(at) - now).total_seconds() + wait
        waiting = Waiting(task, key, seconds, held or 0.0)
        if (task, key) not in found or waiting.free_in < found[task, key].free_in:
            found[task, key] = waiting
    return list(found.values())


def now_due(waiting: Sequence[Waiting]) -> list[Waiting]:
    return [each for each in waiting if each.free_in <= 0]
