"""The messages behind a figure, newest first, found by what the counts say: they know when something
happened, and an index by time finds it. So the search stays short among millions, and a chunk at a time
however many there are.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Left
from django.db.models.lookups import Exact

from campaigns import events
from campaigns.models import Attempt, Event, Message, Refusal
from campaigns.rollups import MINUTES_FOR
from campaigns.stat_models import Span
from campaigns.stats import counted, queries
from campaigns.stats.filters import NONE, Filters
from lib import sql
from providers.messages import ReportCode

CHUNK = 2000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_LOOK = timedelta(hours=1)
# How far the search looks by the minute; farther it goes by the quarter of an hour.
CLOSELY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Row:
    """A message, or a refused request, that was counted at `at`. `pk` is the message's or refusal's.

    `code` and `text` tell of the failure that was counted, else of the message's last one.
    """

    pk: int
    at: datetime
    provider_id: int
    msg_id: str
    to: str
    campaign: str
    variant: str
    template: str
    status: int | None
    code: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """`after` finds the next page; empty on the last."""

    rows: list[Row]
    after: str


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a figure's rows are. `at` is a column with an index that ends with the id; `message` leads
    from the row to its message."""

    model: type[Model]
    at: str
    columns: tuple[str, ...]
    message: str = ""
    having: Q | None = None


_OF_MESSAGE = ("provider_id", "msg_id", "to", "campaign", "variant", "template", "status")
_LAST_ERROR = ("error_code", "error_text")


def _events(kind: Event.Kind, **having: Any) -> _Source:
    failed = kind == Event.Kind.FAILED
    columns = tuple(f"message__{name}" for name in (*_OF_MESSAGE, *(() if failed else _LAST_ERROR)))
    own = ("code", "text") if failed else ()
    return _Source(Event, "at", ("message_id", *columns, *own), "message__", Q(kind=kind, **having))


_SOURCES: dict[str, _Source] = {
    "accepted": _Source(Message, "accepted_at", ("id", *_OF_MESSAGE, *_LAST_ERROR)),
    "submitted": _Source(
        Attempt,
        "started_at",
        ("message_id", *(f"message__{name}" for name in (*_OF_MESSAGE, *_LAST_ERROR))),
        "message__",
        Q(outcome="accepted"),
    ),
    "sent": _events(Event.Kind.SENT),
    "delivered": _events(Event.Kind.DELIVERED),
    "viewed": _events(Event.Kind.READ),
    "clicked_total": _events(Event.Kind.CLICKED),
    "clicked_unique": _events(Event.Kind.CLICKED),
    "replied": _events(Event.Kind.REPLIED),
    "not_sent": _events(Event.Kind.FAILED, not_sent=True),
    "undelivered": _events(Event.Kind.FAILED, not_sent=False),
    "refused": _Source(
        Refusal, "received_at",
        ("id", "provider_id", "msg_id", "to_raw", "campaign", "variant", "template", "code", "text"),
    ),
}  # fmt: skip
FIGURES = tuple(_SOURCES)


def page(
    filters: Filters, figure: str, *, code: int | None = None, url: str = "", after: str = "", size: int = 50
) -> Page:
    """A page of the messages that a figure counted; `code` for one code of the failures, `url` for the
    clicks on one page. Raises ValueError for an `after` that is none."""
    found = list(islice(_search(filters, figure, code, url, _cursor(after), size + 1), size + 1))
    more = len(found) > size
    return Page([row for row, _ in found[:size]], _written(*found[size - 1]) if more else "")


def rows(filters: Filters, figure: str, *, code: int | None = None, url: str = "") -> Iterator[Row]:
    """All of them, for exports. Nothing is held open between the chunks."""
    return (row for row, _ in _search(filters, figure, code, url, None, CHUNK))


Cursor = tuple[datetime, int]


def _search(
    filters: Filters, figure: str, code: int | None, url: str, after: Cursor | None, chunk: int
) -> Iterator[tuple[Row, int]]:
    """Rows with the id of what was counted, newest first."""
    source = _SOURCES[figure]
    found = _base(source, filters, figure, code, url)
    if after:
        filters = replace(filters, end=min(filters.end or after[0], after[0]) + timedelta(microseconds=1))
    # The first click on a page may be a later one of its message: it is among all clicks that it is found.
    counted_as = "clicked_total" if url else figure
    for start, end in _stretches(filters, counted_as, code):
        within = found.filter(**{f"{source.at}__gte": start, f"{source.at}__lt": end})
        while True:
            part = _beyond(within, source.at, after) if after else within
            values = list(part.values_list("id", source.at, *source.columns)[:chunk])
            for pk, at, *columns in values:
                yield _row(at, columns), pk
                after = (at, pk)
            if len(values) < chunk:
                break


def _base(source: _Source, filters: Filters, figure: str, code: int | None, url: str) -> QuerySet[Any]:
    of = source.message
    found = source.model._default_manager.filter(source.having or Q(), **{f"{of}untracked": False})
    if filters.provider_id is not None:
        found = found.filter(**{f"{of}provider_id": filters.provider_id})
    conversation = Q(**{f"{of}campaign": "", f"{of}template": ""})
    for name in ("campaign", "variant", "template"):
        value = getattr(filters, name)
        if value == NONE:
            found = found.filter(~conversation, **{f"{of}{name}": ""})
        elif value:
            found = found.filter(**{f"{of}{name}": value})
    if filters.traffic != "all":
        found = found.filter(conversation if filters.traffic == "conversations" else ~conversation)
    if code is not None:
        found = found.filter(Q(code=code) | Q(code=None) if code == ReportCode.OTHER else Q(code=code))
    if url:
        found = found.filter(_on(url))
    if figure == "clicked_unique":
        before = Event.objects.filter(
            kind=Event.Kind.CLICKED, message=OuterRef("message"), id__lt=OuterRef("id")
        )
        found = found.filter(~Exists(before.filter(_on(url)) if url else before))
    return found.order_by(f"-{source.at}", "-id")


def _on(url: str) -> Q:
    """Clicks that were counted for this page, as campaigns.events.page names it."""
    if len(url) >= events.LONGEST_URL:
        return _begins(url)
    return Q(url=url) | _begins(f"{url}?") | _begins(f"{url}#")


def _begins(text: str) -> Q:
    """By letter, capitals told apart: SQLite's LIKE, behind `startswith`, takes a and A for the same."""
    return Q(Exact(Left("url", len(text)), text))


def _beyond(found: QuerySet[Any], at: str, after: Cursor) -> QuerySet[Any]:
    """What comes after the cursor. The first condition is what the index is searched by."""
    moment, pk = after
    older = Q(**{f"{at}__lt": moment}) | Q(**{at: moment, "id__lt": pk})
    return found.filter(**{f"{at}__lte": moment}).filter(older)


def _stretches(filters: Filters, figure: str, code: int | None) -> Iterator[tuple[datetime, datetime]]:
    """The stretches of time in which the counts have something, newest first.

    The search begins with the last hour and looks twice as far back each time.
    """
    first = filters.start or queries.first_at()
    if first is None:
        return
    end, look = filters.end, FIRST_LOOK
    while True:
        start = max((end or filters.now) - look, first)
        closely = look <= CLOSELY and start >= filters.now - MINUTES_FOR
        width = timedelta(minutes=Span.MINUTE if closely else Span.QUARTER)
        moments = _moments(filters.between(start, end), figure, code, width)
        for begin, until in _joined(moments, width):
            yield max(begin, start), until if end is None else min(until, end)
        if start <= first:
            return
        end, look = start, look * 2


def _moments(filters: Filters, figure: str, code: int | None, width: timedelta) -> list[datetime]:
    """When something was counted, to `width`, newest first."""
    seconds = int(width.total_seconds())
    bucket = f"({sql.epoch('at')} / {seconds} * {seconds})"
    spans = (Span.MINUTE,) if seconds == 60 else (Span.MINUTE, Span.QUARTER)
    if code is None:
        found = counted.figures(filters, bucket=bucket, spans=spans, columns=(figure,))
    else:
        metric = queries.FAILURES[figure]
        found = counted.details(filters, (metric,), (bucket,), spans=spans, code=code)
    return [datetime.fromtimestamp(second, UTC) for second, _ in sorted(found, reverse=True)]


def _joined(moments: list[datetime], width: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Neighbouring spans as one stretch."""
    stretch: tuple[datetime, datetime] | None = None
    for begin in moments:
        if stretch and begin + width == stretch[0]:
            stretch = (begin, stretch[1])
            continue
        if stretch:
            yield stretch
        stretch = (begin, begin + width)
    if stretch:
        yield stretch


def _row(at: datetime, columns: list[Any]) -> Row:
    pk, provider_id, msg_id, to, campaign, variant, template, *rest = columns
    status, code, text = rest if len(rest) == 3 else (None, *rest)
    return Row(pk, at, provider_id, msg_id, to, campaign, variant, template, status, code, text)


def _cursor(text: str) -> Cursor | None:
    if not text:
        return None
    micros, _, pk = text.partition("-")
    return EPOCH + timedelta(microseconds=int(micros)), int(pk)


def _written(row: Row, pk: int) -> str:
    return f"{(row.at - EPOCH) // timedelta(microseconds=1)}-{pk}"
