"""What others may watch of the ledger: how long things took, and the spans of each message's trace."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from django.utils import timezone

from campaigns.ledger.entries import MessageRow, Reported, Tried
from lib import sql, timings, tracing
from providers.messages import Outcome


class Stored(NamedTuple):
    """A message that was stored; the names are the columns of campaigns.Message."""

    id: int
    provider_id: int
    accepted_at: Any  # as the database writes it
    campaign: str
    variant: str
    template: str
    untracked: bool


def accepted(messages: Sequence[Stored]) -> None:
    """For messages that were committed just now."""
    if not tracing.on():
        return
    now = timezone.now()
    for message in messages:
        about: tracing.Attributes = {
            "waypost.provider": message.provider_id,
            "waypost.campaign": message.campaign,
        }
        tracing.span(tracing.FIRST, message.id, sql.datetimes(message.accepted_at), now, about)


def tried(provider_id: int, tries: Sequence[Tried], rows: Mapping[int, MessageRow]) -> None:
    """For attempts that were settled for the first time."""
    took = []
    for each in tries:
        ended = each.started_at + timedelta(milliseconds=each.milliseconds or 0)
        row = rows.get(each.message_id)
        if each.outcome == Outcome.ACCEPTED and row is not None and not row.untracked:
            took.append((ended - sql.datetimes(row.accepted_at)).total_seconds())
        about: dict[str, str | int] = {
            "waypost.provider": provider_id,
            "waypost.attempt": each.number,
            "waypost.outcome": each.outcome.value,
        }
        if each.response_status is not None:
            about["http.response.status_code"] = each.response_status
        failed = "" if each.outcome == Outcome.ACCEPTED else each.bsp_code or each.outcome.value
        tracing.span("send", each.message_id, each.started_at, ended, about, failed)
    timings.note(timings.What.SUBMIT, provider_id, took)


def reported(reports: Sequence[Reported]) -> None:
    """For reports that were recorded for the first time, from their webhooks' coming on."""
    if not tracing.on():
        return
    now = timezone.now()
    for report in reports:
        about: tracing.Attributes = {
            "waypost.provider": report.message.provider_id,
            "waypost.report": report.update.kind,
        }
        tracing.span("webhook", report.message.id, report.came_at or now, now, about)
