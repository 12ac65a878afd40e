"""Broadcasts and their recipients as rows of a table, read a chunk at a time."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import QuerySet

from broadcasts.models import Broadcast, Recipient
from campaigns.models import Status
from lib.display import clock
from lib.listing import Grouping, batches
from lib.phone_masking import Eyes
from lib.sheets import Row

CHUNK = 2000
# The index of the list of recipients.
RECIPIENTS = (Grouping("recipient_listed", ("broadcast", "state", "reason")),)
COUNTERS = ("recipients", "waiting", "queued", "control", "excluded", "cancelled")


def broadcasts(found: QuerySet[Broadcast]) -> Iterator[Row]:
    """The heading, then broadcasts, newest first, with their counters."""
    yield (
        "Campaign id", "Name", "State", "Because", "Type", "Provider", "Began", "Ended", "Recipients",
        "Waiting", "Queued for sending", "Control group", "Excluded", "Cancelled",
        *Recipient.Reason.labels[:-1],
    )  # fmt: skip
    for each in found.select_related("provider").order_by("-pk"):
        yield (
            each.code,
            each.name,
            each.get_state_display(),
            each.reason,
            each.get_kind_display(),
            each.provider.nickname,
            _time(each.started_at),
            _time(each.finished_at),
            *(getattr(each, name) for name in COUNTERS),
            *(each.excluded_for.get(reason, 0) for reason in Recipient.Reason.values[:-1]),
        )


def recipients(found: QuerySet[Recipient], eyes: Eyes) -> Iterator[Row]:
    """The heading, then recipients: by broadcast, state and reason where a filter is set, newest first."""
    yield (
        "Campaign id", "Name", "identity", "Phone", "State", "Because", "Detail", "Variant", "Planned",
        "Not before", "Queued at", "msgId", "Message",
    )  # fmt: skip
    columns = (
        "broadcast_id", "broadcast__name", "contact__identity", "contact__phone", "phone", "state", "reason",
        "detail", "variant", "planned_at", "due_at", "decided_at", "message__msg_id", "message__status",
    )  # fmt: skip
    for batch in batches(found.select_related(None), RECIPIENTS, CHUNK):
        rows = Recipient.objects.filter(pk__in=batch).order_by("-pk")
        for (
            broadcast, name, identity, current, number, state, reason, detail, variant, planned, due, decided,
            msg_id, status,
        ) in rows.values_list(*columns):  # fmt: skip
            yield (
                Broadcast(pk=broadcast).code,
                name,
                eyes.identity(identity or "", number or current or ""),
                eyes.number(number),
                Recipient.State(state).label,
                Recipient.Reason(reason).label if reason else "",
                eyes.text(detail),
                variant,
                _time(planned),
                _time(due),
                _time(decided) if state == Recipient.State.QUEUED else "",
                msg_id or "",
                "" if status is None else Status(status).label,
            )


def _time(at: datetime | None) -> str:
    return clock(at) if at else ""
