"""Events of messages: added once each, counted, and marked for forwarding to CleverTap."""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from campaigns import counts
from campaigns.counts import Key, Metric
from campaigns.models import Event, Forward, Message, Status
from lib import sql
from providers.messages import ReportCode, StatusUpdate

_METRIC = {"sent": Metric.SENT, "delivered": Metric.DELIVERED, "read": Metric.READ}
_EVENT_COLUMNS = (
    "message_id", "provider_id", "kind", "key", "at", "received_at", "code", "bsp_code", "text",
    "url", "short_url", "user_agent", "not_sent",
    "forward", "owed_since", "forward_attempts", "forward_error",
)  # fmt: skip


class Row(NamedTuple):
    """What `record` needs to know of a message."""

    id: int
    provider_id: int
    status: int
    attempt: int
    untracked: bool
    campaign: str
    variant: str
    template: str

    @property
    def present(self) -> int:
        """The attempt that counts: the last one, or the next one while it is awaited."""
        return self.attempt + (self.status == Status.QUEUED)


def locked(ids: Collection[int]) -> dict[int, Row]:
    """The messages by id, locked."""
    return {row[0]: Row(*row) for row in sql.locked(Message, Row._fields, list(ids))}


def event_key(update: StatusUpdate, number: int) -> str:
    if update.kind == "clicked":
        what = f"{update.timestamp}\n{update.url}\n{update.short_url}\n{update.user_agent}"
        return hashlib.sha256(what.encode()).hexdigest()[:32]
    return str(number) if update.kind == "failed" else ""


Entry = tuple[Row, int, StatusUpdate, str]


def add(
    entries: Sequence[Entry],
    now: datetime,
    deltas: Counter[Key],
    *,
    not_sent: bool = False,
    forward_sent: bool = True,
) -> list[tuple[int, int, str]]:
    """Inserts events not there yet and counts them. Returns (message, kind, key) of those added."""
    if not entries:
        return []
    settled = _settled(entries)
    clicked = _already(entries, "clicked")
    told = _already(entries, "failed", forward__gt=Forward.NONE)
    values: dict[tuple[int, int, str], tuple[Any, ...]] = {}
    about: dict[tuple[int, int, str], tuple[Row, StatusUpdate]] = {}
    for row, number, update, key in entries:
        kind = Event.Kind[update.kind.upper()]
        event = (row.id, kind.value, key)
        if event in values:
            continue
        wanted = not row.untracked
        if update.kind == "failed":
            # A failure says nothing new once the message arrived, is sent again, or was told of before.
            wanted &= row.id not in settled and number == row.present and row.id not in told
        elif update.kind == "sent":
            wanted &= forward_sent
        about[event] = (row, update)
        values[event] = (
            row.id, row.provider_id, kind.value, key,
            moment(update.timestamp, now), now,
            None if update.code is None else int(update.code),
            update.bsp_code[:64], update.text[:500], update.url, update.short_url, update.user_agent[:1000],
            not_sent,
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
            deltas[count_key(row, at, Metric.CLICKED)] += 1
            if message_id not in clicked:
                clicked.add(message_id)
                deltas[count_key(row, at, Metric.CLICKED_UNIQUE)] += 1
        elif update.kind == "failed":
            metric = Metric.NOT_SENT if not_sent else Metric.UNDELIVERED
            deltas[count_key(row, at, metric, int(update.code or ReportCode.OTHER))] += 1
        else:
            deltas[count_key(row, at, _METRIC[update.kind])] += 1
    return [(message_id, kind_number, key) for message_id, kind_number, key in added]


def _settled(entries: Sequence[Entry]) -> set[int]:
    """Messages that have arrived, by what is stored or by these very entries."""
    arrived = {row.id for row, _, _, _ in entries if row.status >= Status.DELIVERED}
    return arrived | {row.id for row, _, update, _ in entries if update.kind in ("delivered", "read")}


def _already(entries: Sequence[Entry], kind: str, **having: Any) -> set[int]:
    return having_event({row.id for row, _, update, _ in entries if update.kind == kind}, kind, **having)


def having_event(ids: set[int], kind: str, **having: Any) -> set[int]:
    """Those of the messages that have an event of the kind."""
    if not ids:
        return set()
    stored = Event.objects.filter(message_id__in=ids, kind=Event.Kind[kind.upper()], **having)
    return set(stored.values_list("message_id", flat=True))


def count_key(row: Row, at: datetime, metric: Metric, code: int = 0) -> Key:
    return Key(
        row.provider_id, counts.minute(at), row.campaign, row.variant, row.template, metric.value, code
    )


def moment(timestamp: int, now: datetime) -> datetime:
    """The BSP's time; ours when it gave none, or one that its clock cannot mean."""
    if timestamp <= 0:
        return now
    at = datetime.fromtimestamp(timestamp, UTC)
    return now if at > now + timedelta(hours=24) else at
