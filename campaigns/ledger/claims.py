"""Claims: which messages a worker is sending now, so that no other sends them too.

A claimed message leaves only after its worker has noted, in the lease of the queue, that everything
claimed up to a moment is handed over to the network. So a worker that dies leaves two kinds: what was
handed over may have left, what was not goes back to the queue.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db import connection
from django.db.models import F, Min
from django.utils import timezone

from campaigns.ledger import months
from campaigns.ledger.entries import Claimed
from campaigns.models import Attempt, Message, Status
from lib import sql


def claim(provider_id: int, limit: int, now: datetime) -> list[Claimed]:
    """Takes the next messages to send, freeform first, so that no other worker gets them."""
    skip = "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""
    columns = ", ".join(f'"{name}"' for name in Claimed._fields)
    moment = sql.adapted(now)
    within = months.sql_in_work("id")
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE campaigns_message SET status = {Status.SENDING}, claimed_at = %s, attempt = attempt + 1
            WHERE id IN (
                SELECT id FROM campaigns_message
                WHERE provider_id = %s AND status = {Status.QUEUED} AND next_attempt_at <= %s
                {within} ORDER BY kind, next_attempt_at LIMIT %s {skip}){within}
            RETURNING {columns}""",
            [moment, provider_id, moment, limit],
        )
        claimed = [Claimed._make(row) for row in cursor.fetchall()]
    claimed.sort(key=lambda message: (message.kind, message.next_attempt_at, message.id))
    return claimed


def first_attempts(messages: Sequence[int]) -> dict[int, int]:
    """For messages that are tried again: the first attempt since each was queued or resent."""
    if not messages:
        return {}
    tried = Attempt.objects.filter(message_id__in=messages, started_at__gte=F("message__queued_at"))
    return dict(tried.values_list("message_id").annotate(first=Min("number")))


def due(provider_id: int) -> bool:
    """Whether anything is to be sent now."""
    queued = months.in_work(Message.objects.filter(provider_id=provider_id, status=Status.QUEUED))
    return queued.filter(next_attempt_at__lte=timezone.now()).exists()


def put_back(reasons: Mapping[int, str], claimed_at: datetime, until: datetime) -> None:
    """Returns messages of one claim to the queue without an attempt. `reasons` has a text for each id."""
    ids: dict[str, list[int]] = defaultdict(list)
    for message_id, reason in reasons.items():
        ids[reason].append(message_id)
    for reason, mine in ids.items():
        # A claim that another worker has made since is that one's.
        claimed = Message.objects.filter(pk__in=mine, status=Status.SENDING, claimed_at=claimed_at)
        claimed.update(
            status=Status.QUEUED, attempt=F("attempt") - 1, next_attempt_at=until, error_text=reason[:500]
        )


def hurry(provider_id: int, capped: Collection[str]) -> None:
    """Makes all queued messages due as soon as their provider may send, except those with these codes: they
    wait to spare the person."""
    now = timezone.now()
    waiting = Message.objects.filter(provider_id=provider_id, status=Status.QUEUED, next_attempt_at__gt=now)
    months.in_work(waiting).exclude(bsp_code__in=capped).update(next_attempt_at=now)


def recover(provider_id: int, handed_over: datetime | None) -> int:
    """Settles the claims of a worker that died. Returns how many are unknown now.

    What was claimed up to `handed_over` may have left, so nobody sends it again. The rest never left.
    """
    claimed = months.in_work(Message.objects.filter(provider_id=provider_id, status=Status.SENDING))
    left = claimed.filter(claimed_at__lte=handed_over) if handed_over else claimed.none()
    unknown = left.update(
        status=Status.UNKNOWN,
        error_text="The worker stopped while this was being sent. It may have been sent.",
    )
    claimed.update(
        status=Status.QUEUED,
        attempt=F("attempt") - 1,
        error_text="The worker stopped before this was sent.",
    )
    return unknown
