"""Events of messages: added once each, counted, and marked for forwarding to CleverTap."""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from campaigns.counting import deltas as counts
from campaigns.counting.buckets import bucket
from campaigns.counting.keys import Key, Metric, minute
from campaigns.ledger.entries import EventKey, MessageRow, Reported
from campaigns.models import Event, Forward, Message, Status
from lib import sql
from providers.messages import ReportCode, StatusUpdate
from providers.models import Provider

_KIND = {kind.name.lower(): kind.value for kind in Event.Kind}
_METRIC = {"sent": Metric.SENT, "delivered": Metric.DELIVERED, "read": Metric.READ}
_TIME_TO = {
    "sent": Metric.TIME_TO_SENT,
    "delivered": Metric.TIME_TO_DELIVERED,
    "read": Metric.TIME_TO_READ,
}
LONGEST_URL = 200
FIRST = int(datetime(2018, 8, 1, tzinfo=UTC).timestamp())  # WhatsApp's API began; no report is older


class Reaction(NamedTuple):
    """An emoji that somebody gave a message, and when."""

    at: datetime
    emoji: str


class _Event(NamedTuple):
    """One event to store; the names are the columns of campaigns.Event."""

    message_id: int
    provider_id: int
    kind: int
    key: str
    at: datetime
    received_at: datetime
    owed_since: datetime
    code: int | None = None
    bsp_code: str = ""
    text: str = ""
    url: str = ""
    short_url: str = ""
    user_agent: str = ""
    not_sent: bool = False
    forward: int = Forward.NONE.value
    forward_attempts: int = 0
    forward_error: str = ""


def locked(ids: Collection[int]) -> dict[int, MessageRow]:
    """The messages by id, locked."""
    return _messages(sql.locked(Message, MessageRow._fields, list(ids)))


def found(ids: Collection[int]) -> dict[int, MessageRow]:
    """The messages by id, not locked: only for columns that never change."""
    return _messages(sql.found(Message, MessageRow._fields, list(ids), "id"))


def _messages(rows: Iterable[tuple[Any, ...]]) -> dict[int, MessageRow]:
    return {row.id: row for row in map(MessageRow._make, rows)}


def reported(
    message: MessageRow,
    attempt: int,
    update: StatusUpdate,
    failure: str = "",
    came_at: datetime | None = None,
) -> Reported:
    """The report with its event. A message has one event of each kind, with two exceptions: failures differ
    by their attempt or by `failure`, and clicks by everything that is known of them."""
    key = ""
    if update.kind == "clicked":
        what = f"{update.timestamp}\n{update.url}\n{update.short_url}\n{update.user_agent}"
        key = hashlib.sha256(what.encode()).hexdigest()[:32]
    elif update.kind == "failed":
        key = failure or str(attempt)
    return Reported(message, attempt, update, EventKey(message.id, _KIND[update.kind], key), came_at)


def add(
    reports: Sequence[Reported],
    now: datetime,
    deltas: Counter[Key],
    *,
    not_sent: bool = False,
    quiet: Collection[EventKey] = (),
) -> list[EventKey]:
    """Inserts events not there yet and counts them. CleverTap hears of none that is `quiet`. Returns those
    added."""
    if not reports:
        return []
    arrived = _arrived(reports)
    clicks = _clicks({report.message.id for report in reports if report.update.kind == "clicked"})
    failed = {report.message.id for report in reports if report.update.kind == "failed"}
    failed_before = having_event(failed, "failed", forward__gt=Forward.NONE)
    connectors = _connectors({report.message.provider_id for report in reports if failed})
    events: dict[EventKey, _Event] = {}
    about: dict[EventKey, Reported] = {}
    for report in reports:
        message, attempt, update, event, came_at = report
        came_at = came_at or now
        if event in events:
            continue
        wanted = message.reported and not message.untracked
        if update.kind == "failed":
            # A failure is no news once the message arrived, is sent again, or was reported as failed.
            news = attempt == message.present and message.id not in failed_before
            wanted &= message.id not in arrived and news
        wanted &= event not in quiet
        about[event] = report
        events[event] = _Event(
            message_id=message.id,
            provider_id=message.provider_id,
            kind=event.kind,
            key=event.key,
            at=moment(update.timestamp, came_at),
            received_at=came_at,
            owed_since=now,
            code=None if update.code is None else int(update.code),
            bsp_code=update.bsp_code[:64],
            text=update.text[:500],
            url=update.url,
            short_url=update.short_url,
            user_agent=update.user_agent[:1000],
            not_sent=not_sent,
            forward=Forward.PENDING.value if wanted else Forward.NONE.value,
        )
    returning = ("id", *EventKey._fields)
    stored = sql.insert(
        Event, _Event._fields, list(events.values()), ignore_conflicts=True, returning=returning
    )
    added = [EventKey._make(event) for _, *event in sorted(stored)]
    for event in added:
        _count(about[event], events[event], clicks, connectors, deltas)
    return added


def _connectors(providers: Collection[int]) -> dict[int, str]:
    """The connector of each provider: its BSP's codes mean nothing without it."""
    if not providers:
        return {}
    return dict(Provider.objects.filter(pk__in=providers).values_list("pk", "connector_slug"))


def _count(
    report: Reported,
    event: _Event,
    clicks: Mapping[int, set[str]],
    connectors: Mapping[int, str],
    deltas: Counter[Key],
) -> None:
    message, kind = report.message, report.update.kind
    if message.untracked:
        return
    if kind == "clicked":
        _count_click(message, event.at, clicked_page(event.url), clicks[message.id], deltas)
    elif kind == "failed":
        metric = Metric.NOT_SENT if event.not_sent else Metric.UNDELIVERED
        key = count_key(message, event.at, metric, event.code or ReportCode.OTHER.value)
        named = f"{connectors[message.provider_id]}/{event.bsp_code}" if event.bsp_code else ""
        deltas[key._replace(url=named)] += 1
    else:
        deltas[count_key(message, event.at, _METRIC[kind])] += 1
        accepted_at = sql.datetimes(message.accepted_at)
        took = bucket(int(event.at.timestamp()) - int(accepted_at.timestamp()))
        deltas[count_key(message, event.at, _TIME_TO[kind], took)] += 1


def add_replies(provider_id: int, answered: Mapping[int, datetime], now: datetime) -> None:
    """Records that people answered messages, each with the time of the first answer, and counts it."""
    messages = found(answered)
    replied = Event.Kind.REPLIED.value
    replies = [
        _Event(pk, provider_id, replied, key="", at=at, received_at=now, owed_since=now)
        for pk, at in sorted(answered.items())
        if pk in messages
    ]
    stored = sql.insert(Event, _Event._fields, replies, ignore_conflicts=True, returning=("message_id",))
    deltas: Counter[Key] = Counter()
    for (message_id,) in stored:
        if not messages[message_id].untracked:
            deltas[count_key(messages[message_id], answered[message_id], Metric.REPLIED)] += 1
    counts.add(deltas)


def add_reactions(provider_id: int, reacted: Mapping[int, Reaction], now: datetime) -> None:
    """Records that people reacted to messages, once each. A reaction is not an answer and in no figure."""
    kind = Event.Kind.REACTED.value
    known = found(reacted)
    reactions = [
        _Event(pk, provider_id, kind, "", one.at, received_at=now, owed_since=now, text=one.emoji[:500])
        for pk, one in sorted(reacted.items())
        if pk in known
    ]
    sql.insert(Event, _Event._fields, reactions, ignore_conflicts=True)


def _clicks(ids: set[int]) -> dict[int, set[str]]:
    """The pages clicked on so far, by message."""
    pages: dict[int, set[str]] = {message_id: set() for message_id in ids}
    if ids:
        stored = Event.objects.filter(message_id__in=ids, kind=Event.Kind.CLICKED)
        for message_id, url in stored.values_list("message_id", "url"):
            pages[message_id].add(clicked_page(url))
    return pages


def _count_click(message: MessageRow, at: datetime, url: str, before: set[str], deltas: Counter[Key]) -> None:
    deltas[count_key(message, at, Metric.CLICKED)] += 1
    deltas[count_key(message, at, Metric.URL_CLICKED)._replace(url=url)] += 1
    if not before:
        deltas[count_key(message, at, Metric.CLICKED_UNIQUE)] += 1
    if url not in before:
        deltas[count_key(message, at, Metric.URL_CLICKED_UNIQUE)._replace(url=url)] += 1
    before.add(url)


def clicked_page(url: str) -> str:
    """The page a URL leads to, by which clicks are counted: without query and fragment, which may
    name a person."""
    return re.split(r"[?#]", url, maxsplit=1)[0][:LONGEST_URL]


def _arrived(reports: Sequence[Reported]) -> set[int]:
    """Messages that have arrived, by what is stored or by these very reports."""
    return {
        report.message.id
        for report in reports
        if report.message.status >= Status.DELIVERED or report.update.kind in ("delivered", "read")
    }


def having_event(ids: set[int], kind: str, **having: Any) -> set[int]:
    """The ids of the messages that have an event of this kind."""
    if not ids:
        return set()
    stored = Event.objects.filter(message_id__in=ids, kind=Event.Kind[kind.upper()], **having)
    return set(stored.values_list("message_id", flat=True))


def count_key(message: MessageRow, at: datetime, metric: Metric, code: int = 0) -> Key:
    campaign, variant, template = message.campaign, message.variant, message.template
    return Key(message.provider_id, minute(at), campaign, variant, template, metric.value, code)


def moment(timestamp: int, now: datetime) -> datetime:
    """The BSP's time; ours when it gave none, or one before FIRST or a day ahead."""
    latest = (now + timedelta(hours=24)).timestamp()
    return datetime.fromtimestamp(timestamp, UTC) if FIRST <= timestamp <= latest else now
