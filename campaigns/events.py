"""Events of messages: added once each, counted, and marked for forwarding to CleverTap."""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from campaigns import counts
from campaigns.counts import Key, Metric
from campaigns.models import Event, Forward, Message, Status
from campaigns.stats.timing import bucket
from lib import sql
from providers.messages import ReportCode, StatusUpdate

_METRIC = {"sent": Metric.SENT, "delivered": Metric.DELIVERED, "read": Metric.READ}
_TIME_TO = {
    "sent": Metric.TIME_TO_SENT,
    "delivered": Metric.TIME_TO_DELIVERED,
    "read": Metric.TIME_TO_READ,
}
LONGEST_URL = 200
FIRST = int(datetime(2018, 8, 1, tzinfo=UTC).timestamp())  # before it, WhatsApp let no program send
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
    reported: bool
    accepted_at: datetime

    @property
    def present(self) -> int:
        """The attempt that counts: the last one, or the next one while it is awaited."""
        return self.attempt + (self.status == Status.QUEUED)


def locked(ids: Collection[int]) -> dict[int, Row]:
    """The messages by id, locked."""
    return _rows(sql.locked(Message, Row._fields, list(ids)))


def found(ids: Collection[int]) -> dict[int, Row]:
    """The messages by id, for what reads of them only what never changes."""
    return _rows(sql.found(Message, Row._fields, list(ids), "id"))


def _rows(rows: Iterable[tuple[Any, ...]]) -> dict[int, Row]:
    return {row[0]: Row._make((*row[:-1], sql.datetimes(row[-1]))) for row in rows}


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
    clicks = _clicks({row.id for row, _, update, _ in entries if update.kind == "clicked"})
    told = _already(entries, "failed", forward__gt=Forward.NONE)
    values: dict[tuple[int, int, str], tuple[Any, ...]] = {}
    about: dict[tuple[int, int, str], tuple[Row, StatusUpdate]] = {}
    for row, number, update, key in entries:
        kind = Event.Kind[update.kind.upper()]
        event = (row.id, kind.value, key)
        if event in values:
            continue
        wanted = row.reported and not row.untracked
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
        returning=("id", "message_id", "kind", "key"),
    )
    for _, message_id, kind_number, key in sorted(added):
        row, update = about[(message_id, kind_number, key)]
        if row.untracked:
            continue
        at = moment(update.timestamp, now)
        if update.kind == "clicked":
            _count_click(row, at, page(update.url), clicks[message_id], deltas)
        elif update.kind == "failed":
            metric = Metric.NOT_SENT if not_sent else Metric.UNDELIVERED
            deltas[count_key(row, at, metric, int(update.code or ReportCode.OTHER))] += 1
        else:
            deltas[count_key(row, at, _METRIC[update.kind])] += 1
            took = bucket(int(at.timestamp()) - int(row.accepted_at.timestamp()))
            deltas[count_key(row, at, _TIME_TO[update.kind], took)] += 1
    return [(message_id, kind_number, key) for _, message_id, kind_number, key in added]


def add_replies(provider_id: int, answered: Mapping[int, datetime], now: datetime) -> None:
    """Records that people answered messages, each with the time of the first answer, and counts it."""
    rows = found(answered)
    values = [
        (pk, provider_id, Event.Kind.REPLIED.value, "", at, now, "", "", "", "", "", False,
         Forward.NONE.value, now, 0, "")
        for pk, at in sorted(answered.items())
        if pk in rows
    ]  # fmt: skip
    columns = [name for name in _EVENT_COLUMNS if name != "code"]
    added = sql.insert(Event, columns, values, ignore_conflicts=True, returning=("message_id",))
    deltas: Counter[Key] = Counter()
    for (message_id,) in added:
        if not rows[message_id].untracked:
            deltas[count_key(rows[message_id], answered[message_id], Metric.REPLIED)] += 1
    counts.add(deltas)


def _clicks(ids: set[int]) -> dict[int, set[str]]:
    """The pages clicked on so far, of each of the messages."""
    pages: dict[int, set[str]] = {message_id: set() for message_id in ids}
    if ids:
        stored = Event.objects.filter(message_id__in=ids, kind=Event.Kind.CLICKED)
        for message_id, url in stored.values_list("message_id", "url"):
            pages[message_id].add(page(url))
    return pages


def _count_click(row: Row, at: datetime, url: str, before: set[str], deltas: Counter[Key]) -> None:
    deltas[count_key(row, at, Metric.CLICKED)] += 1
    deltas[count_key(row, at, Metric.URL_CLICKED)._replace(url=url)] += 1
    if not before:
        deltas[count_key(row, at, Metric.CLICKED_UNIQUE)] += 1
    if url not in before:
        deltas[count_key(row, at, Metric.URL_CLICKED_UNIQUE)._replace(url=url)] += 1
    before.add(url)


def page(url: str) -> str:
    """The page a URL leads to, by which clicks are counted: without query and fragment, which may
    name a person."""
    return re.split(r"[?#]", url, maxsplit=1)[0][:LONGEST_URL]


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
    """The BSP's time; ours when it gave none, or one that no clock that was ever set can mean."""
    latest = (now + timedelta(hours=24)).timestamp()
    return datetime.fromtimestamp(timestamp, UTC) if FIRST <= timestamp <= latest else now
