"""The only writer of what happens to a message: accepted, attempted, reported on, resent.

Every function moves many messages in one transaction, together with their events and counts.
A status only rises (`campaigns.models.Status`), whatever order reports arrive in.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from campaigns import counts
from campaigns.counts import Key, Metric
from campaigns.models import Attempt, Event, Forward, Message, Refusal, Status
from lib import sql
from providers.messages import Outcome, ReportCode, StatusUpdate

_REFERENCE = re.compile(r"wp-([0-9]{1,18})-([0-9]{1,5})")
_STATUS = {"sent": Status.SENT, "delivered": Status.DELIVERED, "read": Status.READ, "failed": Status.FAILED}
_METRIC = {
    "sent": Metric.SENT,
    "delivered": Metric.DELIVERED,
    "read": Metric.READ,
}
_EVENT_COLUMNS = (
    "message_id", "provider_id", "kind", "key", "at", "received_at", "code", "bsp_code", "text",
    "url", "short_url", "user_agent", "forward", "owed_since", "forward_attempts", "forward_error",
)  # fmt: skip


class Accepted(NamedTuple):
    """One message to store, in the order of ACCEPTED_COLUMNS."""

    provider_id: int
    msg_id: str
    untracked: bool
    to: str
    to_raw: str
    kind: int
    template: str
    language: str
    campaign: str
    batch: str
    variant: str
    payload: str
    content: str
    custom_props: str
    notes: str
    accepted_at: datetime
    queued_at: datetime
    next_attempt_at: datetime
    answer_ms: int
    status: int = Status.QUEUED
    attempt: int = 0
    bsp_id: str = ""
    bsp_code: str = ""
    error_text: str = ""


class Refused(NamedTuple):
    """One refused request to note."""

    provider_id: int
    received_at: datetime
    code: int
    text: str
    msg_id: str
    to_raw: str
    campaign: str
    payload: str


def accept(entries: Sequence[Accepted | Refused]) -> None:
    """Stores messages and refusals with their counts. A repeated message changes nothing."""
    messages = [entry for entry in entries if isinstance(entry, Accepted)]
    refusals = [entry for entry in entries if isinstance(entry, Refused)]
    deltas: Counter[Key] = Counter()
    with transaction.atomic():
        if messages:
            stored = sql.insert(
                Message,
                Accepted._fields,
                messages,
                ignore_conflicts=True,
                returning=("untracked", "provider_id", "accepted_at", "campaign", "variant", "template"),
            )
            for untracked, provider_id, at, campaign, variant, template in stored:
                if not untracked:
                    minute = counts.minute(sql.datetimes(at))  # type: ignore[arg-type]
                    deltas[Key(provider_id, minute, campaign, variant, template, Metric.ACCEPTED)] += 1
        if refusals:
            sql.insert(Refusal, Refused._fields, refusals)
            for refusal in refusals:
                minute = counts.minute(refusal.received_at)
                key = Key(refusal.provider_id, minute, refusal.campaign, "", "", Metric.REFUSED, refusal.code)
                deltas[key] += 1
        counts.add(deltas)


def reference(message_id: int, attempt: int) -> str:
    """Our reference of one attempt, which BSPs carry along and bring back."""
    return f"wp-{message_id}-{attempt}"


def parse_reference(text: str) -> tuple[int, int] | None:
    match = _REFERENCE.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


@dataclass(frozen=True, slots=True)
class Tried:
    """What one attempt came to. `retry_at` is set for the outcomes retry and throttled."""

    message_id: int
    number: int
    started_at: datetime
    outcome: Outcome
    milliseconds: int | None = None
    bsp_id: str = ""
    code: ReportCode | None = None
    bsp_code: str = ""
    text: str = ""
    retry_at: datetime | None = None
    request: str = ""
    response_status: int | None = None
    response_body: str = ""


_AFTER = {
    Outcome.ACCEPTED: Status.ACCEPTED,
    Outcome.THROTTLED: Status.QUEUED,
    Outcome.RETRY: Status.QUEUED,
    Outcome.REJECTED: Status.FAILED,
    Outcome.UNKNOWN: Status.UNKNOWN,
}
_SETTLE = f"""
    status = CASE
        WHEN v.status = {Status.QUEUED} AND m.status IN ({Status.SENDING}, {Status.UNKNOWN}) THEN v.status
        WHEN v.status > m.status THEN v.status
        ELSE m.status END,
    bsp_id = CASE WHEN v.bsp_id = '' THEN m.bsp_id ELSE v.bsp_id END,
    next_attempt_at = v.next_attempt_at,
    error_code = CASE WHEN v.status > m.status OR v.status = {Status.QUEUED}
        THEN CAST(v.error_code AS smallint) ELSE m.error_code END,
    bsp_code = v.bsp_code,
    error_text = v.error_text"""


def record_attempts(provider_id: int, tries: Sequence[Tried]) -> None:
    """Settles attempts: statuses, the attempts themselves, failed reports for rejected ones."""
    now = timezone.now()
    with transaction.atomic():
        rows = _locked({tried.message_id for tried in tries})
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
        columns = ("id", "attempt", "status", "bsp_id", "next_attempt_at", "error_code", "bsp_code", "error_text")
        sql.update(Message, columns, settled, _SETTLE, "m.id = v.id AND m.attempt = v.attempt")
        sql.insert(
            Attempt,
            ("message_id", "number", "started_at", "milliseconds", "outcome", "bsp_id", "bsp_code", "text",
             "request", "response_status", "response_body"),
            [
                (
                    t.message_id, t.number, t.started_at, t.milliseconds, t.outcome.value, t.bsp_id[:255],
                    t.bsp_code[:64], t.text[:500], t.request, t.response_status, t.response_body,
                )
                for t in tries
            ],
            ignore_conflicts=True,
        )  # fmt: skip
        deltas: Counter[Key] = Counter()
        failures = []
        for tried in tries:
            row = rows.get(tried.message_id)
            if row is None:
                continue
            if tried.outcome == Outcome.ACCEPTED and not row.untracked:
                deltas[_key(row, now, Metric.SUBMITTED)] += 1
            elif tried.outcome == Outcome.REJECTED and row.status < Status.FAILED:
                code = tried.code or ReportCode.OTHER
                update = StatusUpdate("failed", code=code, bsp_code=tried.bsp_code, text=tried.text)
                failures.append((row, tried.number, update, str(tried.number)))
        _add_events(failures, now, deltas, failed_metric=Metric.NOT_SENT)
        counts.add(deltas)


def lose(provider_id: int, claimed_before: datetime | None = None) -> int:
    """Makes claims whose worker died unknown: they may have left, so nobody sends them again."""
    claims = Message.objects.filter(provider_id=provider_id, status=Status.SENDING)
    if claimed_before:
        claims = claims.filter(claimed_at__lt=claimed_before)
    return claims.update(
        status=Status.UNKNOWN, error_text="The worker stopped while this was being sent. It may have left."
    )


def fail_expired(provider_id: int, now: datetime, validity: timedelta, limit: int = 500) -> int:
    """Fails queued messages that are too old to be sent. Returns how many."""
    with transaction.atomic():
        late = list(
            Message.objects.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked)
            .filter(provider_id=provider_id, status=Status.QUEUED, queued_at__lt=now - validity)
            .order_by("id")
            .values_list("id", flat=True)[:limit]
        )
        rows = _locked(set(late))
        text = f"Not sent within its validity period of {validity}."
        Message.objects.filter(id__in=late).update(
            status=Status.FAILED, error_code=ReportCode.UNAVAILABLE, error_text=text
        )
        deltas: Counter[Key] = Counter()
        update = StatusUpdate("failed", code=ReportCode.UNAVAILABLE, bsp_code="expired", text=text)
        failures = [(row, row.attempt, update, f"expired-{row.attempt}") for row in rows.values()]
        _add_events(failures, now, deltas, failed_metric=Metric.NOT_SENT)
        counts.add(deltas)
    return len(late)


def resend(messages: Iterable[int]) -> int:
    """Queues failed and unknown messages again, each as a new attempt. Returns how many."""
    now = timezone.now()
    again = Message.objects.filter(id__in=list(messages), status__in=(Status.FAILED, Status.UNKNOWN))
    return again.update(
        status=Status.QUEUED,
        next_attempt_at=now,
        queued_at=now,
        claimed_at=None,
        bsp_id="",
        error_code=None,
        bsp_code="",
        error_text="",
    )


class Row(NamedTuple):
    """What `record` needs to know of a message."""

    id: int
    provider_id: int
    status: int
    attempt: int
    untracked: bool
    msg_id: str
    to: str
    bsp_id: str
    campaign: str
    variant: str
    template: str
    accepted_at: datetime


def record(provider_id: int, updates: Sequence[StatusUpdate], forward_sent: bool = True) -> list[str]:
    """Records delivery reports of one provider: events, statuses and counts in one transaction.

    Returns for each update, in order: recorded, repeated, or unmatched (no such message yet).
    """
    now = timezone.now()
    outcomes = ["unmatched"] * len(updates)
    with transaction.atomic():
        matched = _match(provider_id, updates)
        rows = _locked({message_id for message_id, _ in matched.values()})
        entries = []
        positions: dict[tuple[int, int, str], list[int]] = defaultdict(list)
        for position, (message_id, number) in sorted(matched.items()):
            row, update = rows[message_id], updates[position]
            number = number or row.attempt
            key = _event_key(update, number)
            entries.append((row, number, update, key))
            positions[(row.id, Event.Kind[update.kind.upper()], key)].append(position)
            outcomes[position] = "repeated"
        deltas: Counter[Key] = Counter()
        added = _add_events(entries, now, deltas, failed_metric=Metric.UNDELIVERED, forward_sent=forward_sent)
        for event in added:
            outcomes[positions[event][0]] = "recorded"
        _raise_statuses(entries, rows)
        counts.add(deltas)
    return outcomes


def _match(provider_id: int, updates: Sequence[StatusUpdate]) -> dict[int, tuple[int, int]]:
    """Position of an update → message id and attempt (0: the latest): our id, BSP's id, msgId."""
    by_id: dict[int, list[tuple[int, int]]] = defaultdict(list)
    by_bsp: dict[str, list[int]] = defaultdict(list)
    by_msg: dict[str, list[int]] = defaultdict(list)
    for position, update in enumerate(updates):
        ours = parse_reference(update.reference)
        if ours:
            by_id[ours[0]].append((position, ours[1]))
        elif update.bsp_id:
            by_bsp[update.bsp_id].append(position)
        if not ours and (update.msg_id or update.reference):
            by_msg[update.msg_id or update.reference].append(position)
    matched: dict[int, tuple[int, int]] = {}
    mine = Message.objects.filter(provider_id=provider_id)
    for message_id in mine.filter(id__in=by_id).values_list("id", flat=True):
        for position, number in by_id[message_id]:
            matched[position] = (message_id, number)
    if by_bsp:
        for bsp_id, message_id in mine.filter(bsp_id__in=by_bsp).values_list("bsp_id", "id"):
            for position in by_bsp[bsp_id]:
                matched[position] = (message_id, 0)
    if by_msg:
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        named = mine.filter(msg_id__in=by_msg, untracked=False).order_by("id")
        for message_id, msg_id, to in named.values_list("id", "msg_id", "to"):
            found[msg_id].append((message_id, to))
        for msg_id, same in found.items():
            for position in by_msg[msg_id]:
                # One msgId to several people is told apart by the number, where there is one.
                to = updates[position].to
                fitting = [message_id for message_id, number in same if not to or number == to] or (
                    [same[0][0]] if len(same) == 1 else []
                )
                if len(fitting) == 1:
                    matched.setdefault(position, (fitting[0], 0))
    return matched


def _locked(ids: set[int]) -> dict[int, Row]:
    """The messages, locked in the order of their ids so that two workers cannot block each other."""
    query = Message.objects.filter(id__in=ids).order_by("id").values_list(*Row._fields)
    if connection.features.has_select_for_update:
        query = query.select_for_update()
    return {row[0]: Row(*row) for row in query}


def _event_key(update: StatusUpdate, number: int) -> str:
    if update.kind == "clicked":
        what = f"{update.timestamp}\n{update.url}\n{update.short_url}\n{update.user_agent}"
        return hashlib.sha256(what.encode()).hexdigest()[:32]
    return str(number) if update.kind == "failed" else ""


Entry = tuple[Row, int, StatusUpdate, str]


def _add_events(
    entries: Sequence[Entry],
    now: datetime,
    deltas: Counter[Key],
    failed_metric: Metric,
    forward_sent: bool = True,
) -> list[tuple[int, int, str]]:
    """Inserts events not there yet and counts them. Returns (message, kind, key) of those added."""
    if not entries:
        return []
    settled = _settled(entries)
    clicked = _already(entries, "clicked")
    failed = _already(entries, "failed")
    values: dict[tuple[int, int, str], tuple[Any, ...]] = {}
    about: dict[tuple[int, int, str], tuple[Row, StatusUpdate]] = {}
    for row, number, update, key in entries:
        kind = Event.Kind[update.kind.upper()]
        event = (row.id, kind.value, key)
        if event in values:
            continue
        wanted = not row.untracked
        if update.kind == "failed":
            # A failure says nothing new once the message arrived, was resent, or had failed before.
            wanted &= row.id not in settled and number == row.attempt and row.id not in failed
        elif update.kind == "sent":
            wanted &= forward_sent
        about[event] = (row, update)
        values[event] = (
            row.id, row.provider_id, kind.value, key,
            moment(update.timestamp, now), now,
            None if update.code is None else int(update.code),
            update.bsp_code[:64], update.text[:500], update.url, update.short_url, update.user_agent[:1000],
            Forward.PENDING.value if wanted else Forward.NONE.value, now, 0, "",
        )  # fmt: skip
    added = sql.insert(
        Event,
        _EVENT_COLUMNS,
        list(values.values()),
        ignore_conflicts=True,
        returning=("message_id", "kind", "key"),
    )
    for message_id, kind_number, key in added:
        row, update = about[(message_id, kind_number, key)]
        if row.untracked:
            continue
        at = moment(update.timestamp, now)
        if update.kind == "clicked":
            deltas[_key(row, at, Metric.CLICKED)] += 1
            if message_id not in clicked:
                clicked.add(message_id)
                deltas[_key(row, at, Metric.CLICKED_UNIQUE)] += 1
        elif update.kind == "failed":
            deltas[_key(row, at, failed_metric, int(update.code or ReportCode.OTHER))] += 1
        else:
            deltas[_key(row, at, _METRIC[update.kind])] += 1
    return [(message_id, kind_number, key) for message_id, kind_number, key in added]


def _settled(entries: Sequence[Entry]) -> set[int]:
    """Messages that have arrived, by what is stored or by these very entries."""
    arrived = {row.id for row, _, _, _ in entries if row.status >= Status.DELIVERED}
    return arrived | {row.id for row, _, update, _ in entries if update.kind in ("delivered", "read")}


def _already(entries: Sequence[Entry], kind: str) -> set[int]:
    ids = {row.id for row, _, update, _ in entries if update.kind == kind}
    if not ids:
        return set()
    stored = Event.objects.filter(message_id__in=ids, kind=Event.Kind[kind.upper()])
    return set(stored.values_list("message_id", flat=True))


def _raise_statuses(entries: Sequence[Entry], rows: dict[int, Row]) -> None:
    """Raises each message to the highest status reported on its present attempt."""
    best: dict[int, tuple[int, StatusUpdate]] = {}
    for row, number, update, _ in entries:
        status = _STATUS.get(update.kind)
        if status is None or (update.kind == "failed" and number != row.attempt):
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
            "status = v.status, error_code = CAST(v.error_code AS smallint), bsp_code = v.bsp_code, "
            "error_text = v.error_text, "
            "bsp_id = CASE WHEN m.bsp_id = '' THEN v.bsp_id ELSE m.bsp_id END",
            "m.id = v.id AND m.status < v.status",
        )


def _key(row: Row, at: datetime, metric: Metric, code: int = 0) -> Key:
    return Key(row.provider_id, counts.minute(at), row.campaign, row.variant, row.template, metric.value, code)


def moment(timestamp: int, now: datetime) -> datetime:
    """The BSP's time; ours when it gave none, or one that its clock cannot mean."""
    if timestamp <= 0:
        return now
    at = datetime.fromtimestamp(timestamp, UTC)
    return now if at > now + timedelta(hours=24) else at
