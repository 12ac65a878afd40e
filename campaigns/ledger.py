"""The only writer of what happens to a message: accepted, attempted, reported on, resent.

Every function moves many messages in one transaction, together with their events and counts.
A status only rises (`campaigns.models.Status`), whatever order reports arrive in.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from campaigns import counts, events, seen, statuses
from campaigns.counts import Key, Metric
from campaigns.matching import match
from campaigns.models import Attempt, Event, Message, Refusal, Status
from lib import sql
from providers.messages import Outcome, ReportCode, StatusUpdate


class Accepted(NamedTuple):
    """One message to store; the names are the columns of campaigns.Message."""

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
    reported: bool = True


class Refused(NamedTuple):
    """One refused request to note."""

    provider_id: int
    received_at: datetime
    code: int
    text: str
    msg_id: str
    to_raw: str
    campaign: str
    variant: str
    template: str
    untracked: bool
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
                    minute = counts.minute(sql.datetimes(at))
                    deltas[Key(provider_id, minute, campaign, variant, template, Metric.ACCEPTED)] += 1
        if refusals:
            sql.insert(Refusal, Refused._fields, refusals)
            for refusal in refusals:
                if not refusal.untracked:
                    about = (refusal.campaign, refusal.variant, refusal.template)
                    minute = counts.minute(refusal.received_at)
                    deltas[Key(refusal.provider_id, minute, *about, Metric.REFUSED, refusal.code)] += 1
        seen.note((key.provider_id, key.campaign, key.minute) for key in deltas)
        counts.add(deltas)


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


def record_attempts(provider_id: int, tries: Sequence[Tried]) -> None:
    """Settles attempts: statuses, the attempts themselves, failed reports for rejected ones."""
    now = timezone.now()
    with transaction.atomic():
        rows = events.locked({tried.message_id for tried in tries})
        statuses.settle(tries, now)
        stored = sql.insert(
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
            returning=("message_id", "number"),
        )  # fmt: skip
        new = set(stored)
        deltas: Counter[Key] = Counter()
        failures = []
        for tried in tries:
            row = rows.get(tried.message_id)
            if row is None:
                continue
            if tried.outcome == Outcome.ACCEPTED:
                if (row.id, tried.number) in new and not row.untracked:
                    deltas[events.count_key(row, tried.started_at, Metric.SUBMITTED)] += 1
            elif tried.outcome == Outcome.REJECTED and row.status < Status.FAILED:
                code = tried.code or ReportCode.OTHER
                update = StatusUpdate("failed", code=code, bsp_code=tried.bsp_code, text=tried.text)
                failures.append((row, tried.number, update, str(tried.number)))
        events.add(failures, now, deltas, not_sent=True)
        counts.add(deltas)


def put_back(messages: Sequence[tuple[int, str]], until: datetime) -> None:
    """Returns claimed messages, each with the reason, to the queue: nothing was tried."""
    by_reason: dict[str, list[int]] = {}
    for pk, reason in messages:
        by_reason.setdefault(reason, []).append(pk)
    for reason, ids in by_reason.items():
        Message.objects.filter(pk__in=ids, status=Status.SENDING).update(
            status=Status.QUEUED, attempt=F("attempt") - 1, next_attempt_at=until, error_text=reason[:500]
        )


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
            Message.objects.select_for_update(skip_locked=True)
            .filter(provider_id=provider_id, status=Status.QUEUED, queued_at__lt=now - validity)
            .order_by("id")
            .values_list("id", flat=True)[:limit]
        )
        rows = events.locked(set(late))
        text = f"Not sent within its validity period of {validity}."
        Message.objects.filter(id__in=late).update(
            status=Status.FAILED, error_code=ReportCode.UNAVAILABLE, error_text=text
        )
        deltas: Counter[Key] = Counter()
        update = StatusUpdate("failed", code=ReportCode.UNAVAILABLE, bsp_code="expired", text=text)
        failures = [(row, row.present, update, f"expired-{row.attempt}") for row in rows.values()]
        events.add(failures, now, deltas, not_sent=True)
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


def record(provider_id: int, updates: Sequence[StatusUpdate], forward_sent: bool = True) -> list[str]:
    """Records delivery reports of one provider: events, statuses and counts in one transaction.

    Returns for each update, in order: recorded, repeated, or unmatched (no such message yet).
    """
    now = timezone.now()
    outcomes = ["unmatched"] * len(updates)
    with transaction.atomic():
        matched = match(provider_id, updates)
        rows = events.locked({message_id for message_id, _ in matched.values()})
        entries = []
        positions: dict[tuple[int, int, str], list[int]] = defaultdict(list)
        for position, (message_id, number) in sorted(matched.items()):
            row, update = rows[message_id], updates[position]
            number = number or row.attempt
            key = events.event_key(update, number)
            entries.append((row, number, update, key))
            positions[(row.id, Event.Kind[update.kind.upper()], key)].append(position)
            outcomes[position] = "repeated"
        deltas: Counter[Key] = Counter()
        added = events.add(entries, now, deltas, forward_sent=forward_sent)
        for event in added:
            outcomes[positions[event][0]] = "recorded"
        statuses.rise(entries)
        counts.add(deltas)
    return outcomes
