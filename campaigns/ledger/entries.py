"""What comes into the ledger and what is read from it. A row's names are the columns of its table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from campaigns.models import Status
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


class Late(NamedTuple):
    """A message whose answer took longer than was noted; the names are the columns of campaigns.Message."""

    provider_id: int
    msg_id: str
    to: str
    answer_ms: int


class Refused(NamedTuple):
    """One refused request to note; the names are the columns of campaigns.Refusal."""

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


class Claimed(NamedTuple):
    """One message that a worker is to send; the names are the columns of campaigns.Message."""

    id: int
    attempt: int
    msg_id: str
    to: str
    content: str
    custom_props: object
    untracked: bool
    kind: int
    next_attempt_at: object  # as the database writes it


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


class Told(NamedTuple):
    """What a BSP tells of one of a provider's messages, whether CleverTap wants to hear of `sent`, when the
    webhook came, None: now; and whether its message is also looked for among old ones."""

    provider_id: int
    update: StatusUpdate
    forward_sent: bool = True
    came_at: datetime | None = None
    older: bool = True


class MessageRow(NamedTuple):
    """What recording an event reads of its message; the names are the columns of campaigns.Message."""

    id: int
    provider_id: int
    status: int
    attempt: int
    untracked: bool
    campaign: str
    variant: str
    template: str
    reported: bool
    accepted_at: object  # as the database writes it

    @property
    def present(self) -> int:
        """The attempt that counts: the last one, or the next one while it is awaited."""
        return self.attempt + (self.status == Status.QUEUED)


class EventKey(NamedTuple):
    """What identifies an event; the names are the columns of campaigns.Event."""

    message_id: int
    kind: int
    key: str


class Reported(NamedTuple):
    """One report on a message, the attempt and the event that it is about, and when it came; None: now."""

    message: MessageRow
    attempt: int
    update: StatusUpdate
    event: EventKey
    came_at: datetime | None = None


_ON_THE_WAY = (Status.SENDING, Status.UNKNOWN, Status.ACCEPTED, Status.SENT)


def not_arrived(reports: Sequence[Reported]) -> list[Reported]:
    """The failures of messages that none of the reports, nor an earlier one, says to have arrived."""
    arrived = {report.message.id for report in reports if report.update.kind in ("delivered", "read")}
    return [
        report
        for report in reports
        if report.update.kind == "failed"
        and report.attempt == report.message.present
        and report.message.status in _ON_THE_WAY
        and report.message.id not in arrived
    ]
