"""The only writer of what happens to a message: accepted, attempted, reported on, resent.

Every function moves many messages in one transaction, together with their events and counts.
A status only rises (`campaigns.models.Status`), whatever order reports arrive in.

`claims`, beside it, takes messages for sending. Only `callbacks` writes how far an event got on its way
to CleverTap.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from campaigns.counting import deltas as counts
from campaigns.counting.keys import Key, Metric, minute
from campaigns.ledger import (
    account_refused,
    campaigns_seen,
    capped,
    events,
    months,
    once,
    pricing,
    statuses,
    watched,
)
from campaigns.ledger.entries import Accepted, EventKey, Late, Refused, Reported, Told, Tried
from campaigns.ledger.matching import match
from campaigns.ledger.watched import Stored
from campaigns.models import Attempt, Message, Refusal, Status
from lib import display, sql
from providers.messages import Outcome, ReportCode, StatusUpdate


class _Attempt(NamedTuple):
    """One attempt to store; the names are the columns of campaigns.Attempt."""

    message_id: int
    number: int
    started_at: datetime
    milliseconds: int | None
    outcome: str
    bsp_id: str
    bsp_code: str
    text: str
    request: str
    response_status: int | None
    response_body: str


def accept(entries: Sequence[Accepted | Refused]) -> None:
    """Stores messages and refusals with their counts. A repeated message changes nothing."""
    messages = [entry for entry in entries if isinstance(entry, Accepted)]
    refusals = [entry for entry in entries if isinstance(entry, Refused)]
    deltas: Counter[Key] = Counter()
    with transaction.atomic():
        if messages:
            new = once.new(messages, _name, timezone.now())
            rows = sql.insert(Message, Accepted._fields, new, ignore_conflicts=True, returning=Stored._fields)
            stored = [Stored._make(row) for row in rows]
            for message in stored:
                if not message.untracked:
                    at = sql.datetimes(message.accepted_at)
                    deltas[_key(message, at, Metric.ACCEPTED)] += 1
            transaction.on_commit(partial(watched.accepted, stored), robust=True)
        if refusals:
            sql.insert(Refusal, Refused._fields, refusals)
            for refusal in refusals:
                if not refusal.untracked:
                    deltas[_key(refusal, refusal.received_at, Metric.REFUSED, refusal.code)] += 1
        campaigns_seen.note(deltas)
        counts.add(deltas)


def _name(entry: Accepted) -> tuple[object, ...]:
    return () if entry.untracked else ("message", entry.provider_id, entry.msg_id, entry.to)


def _key(entry: Stored | Refused, at: datetime, metric: Metric, code: int = 0) -> Key:
    campaign, variant, template = entry.campaign, entry.variant, entry.template
    return Key(entry.provider_id, minute(at), campaign, variant, template, metric, code)


def note_late(late: Sequence[Late]) -> None:
    """Corrects the `answer_ms` of messages whose commit itself took long."""
    if late:
        same = 'm.provider_id = v.provider_id AND m.msg_id = v.msg_id AND m."to" = v."to"'
        same += f" AND m.id >= {months.since(timezone.now())}"
        sql.update(Message, Late._fields, late, "answer_ms = v.answer_ms", same)


def record_attempts(provider_id: int, tries: Sequence[Tried]) -> None:
    """Settles attempts: statuses, the attempts themselves, failed reports for rejected ones."""
    now = timezone.now()
    with transaction.atomic(savepoint=False):
        rows = events.locked({tried.message_id for tried in tries})
        statuses.settle(tries, now)
        new = set(
            sql.insert(
                Attempt,
                _Attempt._fields,
                [_attempt(tried) for tried in tries],
                ignore_conflicts=True,
                returning=("message_id", "number"),
            )
        )
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
                failures.append(events.reported(row, tried.number, update))
        events.add(failures, now, deltas, not_sent=True)
        counts.add(deltas)
        first = [tried for tried in tries if (tried.message_id, tried.number) in new]
        transaction.on_commit(partial(watched.tried, provider_id, first, rows), robust=True)


def _attempt(tried: Tried) -> _Attempt:
    return _Attempt(
        message_id=tried.message_id,
        number=tried.number,
        started_at=tried.started_at,
        milliseconds=tried.milliseconds,
        outcome=tried.outcome.value,
        bsp_id=tried.bsp_id[:255],
        bsp_code=tried.bsp_code[:64],
        text=tried.text[:500],
        request=tried.request,
        response_status=tried.response_status,
        response_body=tried.response_body,
    )


def fail_expired(provider_id: int, now: datetime, validity: timedelta, limit: int = 500) -> int:
    """Fails queued messages that are too old to be sent. Returns how many."""
    late = Q(provider_id=provider_id, queued_at__lt=now - validity)
    text = f"Not sent within its validity period of {display.lasting(validity)}."
    return _give_up(late, now, "expired", text, limit)


def fail_erased(messages: Sequence[int], now: datetime) -> int:
    """Fails those of the messages that are still queued: their person is being erased. Returns how many."""
    return _give_up(Q(id__in=messages), now, "erased", "Not sent: the person was erased.", len(messages))


def _give_up(which: Q, now: datetime, bsp_code: str, text: str, limit: int) -> int:
    with transaction.atomic():
        queued = Message.objects.select_for_update(skip_locked=True).filter(which, status=Status.QUEUED)
        late = list(months.in_work(queued).order_by("id").values_list("id", flat=True)[:limit])
        rows = events.locked(set(late))
        Message.objects.filter(id__in=late).update(
            status=Status.FAILED, error_code=ReportCode.UNAVAILABLE, error_text=text
        )
        deltas: Counter[Key] = Counter()
        update = StatusUpdate("failed", code=ReportCode.UNAVAILABLE, bsp_code=bsp_code, text=text)
        failures = [
            events.reported(row, row.present, update, failure=f"expired-{row.attempt}")
            for row in rows.values()
        ]
        events.add(failures, now, deltas, not_sent=True)
        counts.add(deltas)
    return len(late)


def resend(messages: Iterable[int]) -> int:
    """Queues failed and unknown messages again, each as a new attempt. Returns how many. What has no body or
    no number any longer cannot be sent."""
    now = timezone.now()
    ids = list(messages)
    months.wake(ids)
    again = Message.objects.filter(id__in=ids, status__in=(Status.FAILED, Status.UNKNOWN))
    again = again.exclude(payload="")
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
    """Records delivery reports of one provider, as `record_all` does."""
    return record_all([Told(provider_id, update, forward_sent) for update in updates])


def record_all(told: Sequence[Told]) -> list[str]:
    """Records delivery reports of any providers: events, statuses and counts in one transaction.

    A failure because of the account is not the end of a message; nor is one for WhatsApp's cap on marketing
    where the provider makes a next try. Returns for each update, in order: recorded, repeated, or unmatched
    (no such message yet).
    """
    if not told:
        return []
    now = timezone.now()
    outcomes = ["unmatched"] * len(told)
    with transaction.atomic(savepoint=False):
        matched = match(told)
        rows = events.locked({message_id for message_id, _ in matched.values()})
        reports, prices = [], []
        quiet: set[EventKey] = set()
        positions: dict[EventKey, list[int]] = defaultdict(list)
        for position, (message_id, number) in sorted(matched.items()):
            row, update = rows[message_id], told[position].update
            if update.kind == "priced":
                prices.append(Reported(row, number or row.attempt, update, EventKey(row.id, 0, "")))
                outcomes[position] = "recorded"
                continue
            report = events.reported(row, number or row.attempt, update, came_at=told[position].came_at)
            reports.append(report)
            if update.kind == "sent" and not told[position].forward_sent:
                quiet.add(report.event)
            positions[report.event].append(position)
            outcomes[position] = "repeated"
        deltas: Counter[Key] = Counter()
        again = capped.reported(reports, now) | account_refused.reported(reports, now)
        put_off = [each for each in reports if each.update.kind == "failed" and each.message.id in again]
        quiet |= {each.event for each in put_off}
        added = events.add(reports, now, deltas, quiet=quiet)
        for event in added:
            outcomes[positions[event][0]] = "recorded"
        pricing.add([*reports, *prices], now, deltas)
        statuses.rise([each for each in reports if each not in put_off])
        statuses.put_off(again, reports)
        counts.add(deltas)
        new = set(added)
        first = [report for report in reports if report.event in new]
        transaction.on_commit(partial(watched.reported, first), robust=True)
    return outcomes
