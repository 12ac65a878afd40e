"""Where a message is after an answer or a report: the statements that move its status, which only rises."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from campaigns.ledger import events
from campaigns.ledger.entries import Reported, Tried
from campaigns.models import Message, Status
from lib import sql
from providers.messages import Outcome, ReportCode, StatusUpdate

_STATUS = {"sent": Status.SENT, "delivered": Status.DELIVERED, "read": Status.READ, "failed": Status.FAILED}
_AFTER = {
    Outcome.ACCEPTED: Status.ACCEPTED,
    Outcome.THROTTLED: Status.QUEUED,
    Outcome.RETRY: Status.QUEUED,
    Outcome.STOPPED: Status.QUEUED,
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
_RAISE = """status = v.status, error_code = v.error_code, bsp_code = v.bsp_code, error_text = v.error_text,
    bsp_id = CASE WHEN m.bsp_id = '' THEN v.bsp_id ELSE m.bsp_id END"""


CAPPED = "WhatsApp’s cap on marketing held it back."


class _Settled(NamedTuple):
    """Where an attempt left its message; the names are the columns of campaigns.Message."""

    id: int
    attempt: int
    status: int
    bsp_id: str
    next_attempt_at: datetime
    error_code: int | None
    bsp_code: str
    error_text: str


class _Raised(NamedTuple):
    """What the best report says of a message; the names are the columns of campaigns.Message."""

    id: int
    status: int
    bsp_id: str
    error_code: int | None = None
    bsp_code: str = ""
    error_text: str = ""


def settle(tries: Sequence[Tried], now: datetime) -> None:
    """Moves each message to where its attempt left it, unless a report has overtaken the answer."""
    settled = [
        _Settled(
            id=tried.message_id,
            attempt=tried.number,
            status=_AFTER[tried.outcome].value,
            bsp_id=tried.bsp_id[:255],
            next_attempt_at=tried.retry_at or now,
            error_code=None if tried.code is None else int(tried.code),
            bsp_code=tried.bsp_code[:64],
            error_text="" if tried.outcome == Outcome.ACCEPTED else tried.text[:500],
        )
        for tried in tries
    ]
    sql.update(Message, _Settled._fields, settled, _SETTLE, "m.id = v.id AND m.attempt = v.attempt")


def put_off(times: Mapping[int, datetime], reports: Sequence[Reported]) -> None:
    """Queues messages for their next tries that failed for WhatsApp's cap on marketing (`capped`), or because
    of the account (`account_refused`)."""
    failures = {each.message.id: each.update for each in reports if each.update.kind == "failed"}
    for pk, at in times.items():
        failure = failures[pk]
        Message.objects.filter(pk=pk, status__lt=Status.FAILED).exclude(status=Status.QUEUED).update(
            status=Status.QUEUED,
            next_attempt_at=at,
            claimed_at=None,
            bsp_id="",
            bsp_code=failure.bsp_code[:64],
            error_text=failure.text[:500] if failure.for_account else CAPPED,
        )


def rise(reports: Sequence[Reported]) -> None:
    """Raises each message to the highest status reported on it.

    A report of delivery or reading counts for any attempt. A failure of an earlier attempt does not count
    once there is a later one; nor does "sent" for an earlier attempt, where the message has failed since.
    """
    earlier = {
        report.message.id
        for report in reports
        if report.update.kind == "sent" and report.attempt != report.message.present
    }
    failed = events.having_event(earlier, "failed")
    best: dict[int, StatusUpdate] = {}
    for message, attempt, update, *_ in reports:
        status = _STATUS.get(update.kind)
        if status is None:
            continue
        if attempt != message.present and (
            status == Status.FAILED or (status == Status.SENT and message.id in failed)
        ):
            continue
        before = _STATUS[best[message.id].kind] if message.id in best else 0
        if status > max(message.status, before):
            best[message.id] = update
    raised = [_raised(message_id, update) for message_id, update in sorted(best.items())]
    if raised:
        sql.update(Message, _Raised._fields, raised, _RAISE, "m.id = v.id AND m.status < v.status")


def _raised(message_id: int, update: StatusUpdate) -> _Raised:
    status, bsp_id = _STATUS[update.kind].value, update.bsp_id[:255]
    if update.kind != "failed":
        return _Raised(message_id, status, bsp_id)
    code = int(update.code or ReportCode.OTHER)
    return _Raised(message_id, status, bsp_id, code, update.bsp_code[:64], update.text[:500])
