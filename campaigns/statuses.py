"""Where a message is after an answer or a report: the statements that move its status, which only rises."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from campaigns import events
from campaigns.events import Entry
from campaigns.models import Message, Status
from lib import sql
from providers.messages import Outcome, ReportCode, StatusUpdate

if TYPE_CHECKING:
    from campaigns.ledger import Tried

_STATUS = {"sent": Status.SENT, "delivered": Status.DELIVERED, "read": Status.READ, "failed": Status.FAILED}
_AFTER = {
    Outcome.ACCEPTED: Status.ACCEPTED,
    Outcome.THROTTLED: Status.QUEUED,
    Outcome.RETRY: Status.QUEUED,
    Outcome.REJECTED: Status.FAILED,
    Outcome.UNKNOWN: Status.UNKNOWN,
}
# Whether an answer says more than what is known: a report may have overtaken it. A message that
# was queued again waits for its next attempt, unless the last one turns out to have succeeded.
_NEWS = f"""(v.status > m.status AND (m.status <> {Status.QUEUED} OR v.status = {Status.ACCEPTED})
    OR v.status = {Status.QUEUED} AND m.status IN ({Status.SENDING}, {Status.UNKNOWN}))"""
_SETTLE = ", ".join(
    ["bsp_id = CASE WHEN v.bsp_id = '' THEN m.bsp_id ELSE v.bsp_id END"]
    + [
        f"{name} = CASE WHEN {_NEWS} THEN v.{name} ELSE m.{name} END"
        for name in ("status", "next_attempt_at", "error_code", "bsp_code", "error_text")
    ]
)


def settle(tries: Sequence["Tried"], now: datetime) -> None:
    """Moves each message to where its attempt left it, unless a report has overtaken the answer."""
    settled = [
        (
            tried.message_id,
            tried.number,
            _AFTER[tried.outcome].value,
            tried.bsp_id[:255],
            tried.retry_at or now,
            None if tried.code is None else int(tried.code),
            tried.bsp_code[:64],
            "" if tried.outcome == Outcome.ACCEPTED else tried.text[:500],
        )
        for tried in tries
    ]
    columns = (
        "id",
        "attempt",
        "status",
        "bsp_id",
        "next_attempt_at",
        "error_code",
        "bsp_code",
        "error_text",
    )
    sql.update(Message, columns, settled, _SETTLE, "m.id = v.id AND m.attempt = v.attempt")


def rise(entries: Sequence[Entry]) -> None:
    """Raises each message to the highest status reported on it.

    What arrived has arrived, by whichever attempt. But that an earlier attempt failed says nothing
    once there is another, nor that it was sent before it failed.
    """
    earlier = {
        row.id for row, number, update, _ in entries if update.kind == "sent" and number != row.present
    }
    failed = events.having_event(earlier, "failed")
    best: dict[int, tuple[int, StatusUpdate]] = {}
    for row, number, update, _ in entries:
        status = _STATUS.get(update.kind)
        if status is None:
            continue
        if number != row.present and (
            status == Status.FAILED or (status == Status.SENT and row.id in failed)
        ):
            continue
        if status > max(row.status, best.get(row.id, (0, None))[0]):
            best[row.id] = (status.value, update)
    raised = [
        (
            message_id,
            status,
            int(update.code or ReportCode.OTHER) if status == Status.FAILED else None,
            update.bsp_code[:64] if status == Status.FAILED else "",
            update.text[:500] if status == Status.FAILED else "",
            update.bsp_id[:255],
        )
        for message_id, (status, update) in sorted(best.items())
    ]
    if raised:
        sql.update(
            Message,
            ("id", "status", "error_code", "bsp_code", "error_text", "bsp_id"),
            raised,
            "status = v.status, error_code = v.error_code, bsp_code = v.bsp_code, "
            "error_text = v.error_text, "
            "bsp_id = CASE WHEN m.bsp_id = '' THEN v.bsp_id ELSE m.bsp_id END",
            "m.id = v.id AND m.status < v.status",
        )
