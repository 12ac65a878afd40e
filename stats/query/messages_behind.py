"""The messages behind a figure, newest first, found by what the counts say: they know when something
happened, and an index by time finds it. So the search stays short among millions, and reads a chunk at a
time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.db.models.functions import Left, TruncSecond
from django.db.models.lookups import Exact

from campaigns.counting.buckets import bucket as bucket_of
from campaigns.counting.points import MINUTES_FOR
from campaigns.ledger import events, months
from campaigns.models import Attempt, Event, Message, Refusal, Span, StatCount
from lib import sql
from providers.messages import ReportCode
from stats.query import breakdowns, count_sql, details
from stats.query.count_sql import Clause
from stats.query.error_codes import Reason
from stats.query.filters import NONE, Filters

CHUNK = 2000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_LOOK = timedelta(hours=1)
# So far back the search goes minute by minute. Before that it goes by quarters of an hour.
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
    code: int | None
    text: str
    status: int | None = None  # a refused request has none
    pricing_category: str | None = None
    pricing_type: str | None = None


@dataclass(frozen=True, slots=True)
class Only:
    """Those of a figure's messages that are wanted: of one code of a failure, CleverTap's and the BSP's (as
    error_codes.Reason has it), with clicks on one page, or that took so many seconds or longer, which is one
    of the BOUNDS that times are counted by."""

    code: int | None = None
    bsp_code: str = ""
    url: str = ""
    took: int = 0


ALL = Only()


@dataclass(frozen=True, slots=True)
class Page:
    """`after` finds the next page; empty on the last."""

    rows: list[Row]
    after: str


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a figure's rows are. `at` is a column with an index that ends with the id; `columns` has one
    for each field of Row that the source knows; `message` leads from the row to its message."""

    model: type[Model]
    at: str
    columns: Mapping[str, str]
    message: str = ""
    having: Q | None = None


_ABOUT = {name: name for name in ("provider_id", "msg_id", "campaign", "variant", "template")}
_PRICING = {name: name.replace("_", "__") for name in ("pricing_category", "pricing_type")}
_LAST_ERROR = {"code": "error_code", "text": "error_text"}
_OF_MESSAGE = {"pk": "id", **_ABOUT, "to": "to", "status": "status", **_LAST_ERROR, **_PRICING}
_BY_MESSAGE = {name: f"message__{column}" for name, column in _OF_MESSAGE.items()} | {"pk": "message_id"}
_OWN_ERROR = {"code": "code", "text": "text"}


def _events(kind: Event.Kind, **having: Any) -> _Source:
    columns = _BY_MESSAGE | _OWN_ERROR if kind == Event.Kind.FAILED else _BY_MESSAGE
    return _Source(Event, "at", columns, "message__", Q(kind=kind, **having))


_SOURCES: dict[str, _Source] = {
    "accepted": _Source(Message, "accepted_at", _OF_MESSAGE),
    "submitted": _Source(Attempt, "started_at", _BY_MESSAGE, "message__", Q(outcome="accepted")),
    "sent": _events(Event.Kind.SENT),
    "delivered": _events(Event.Kind.DELIVERED),
    "viewed": _events(Event.Kind.READ),
    "clicked_total": _events(Event.Kind.CLICKED),
    "clicked_unique": _events(Event.Kind.CLICKED),
    "replied": _events(Event.Kind.REPLIED),
    "not_sent": _events(Event.Kind.FAILED, not_sent=True),
    "undelivered": _events(Event.Kind.FAILED, not_sent=False),
    "refused": _Source(Refusal, "received_at", {"pk": "id", **_ABOUT, "to": "to_raw", **_OWN_ERROR}),
}
FIGURES = tuple(_SOURCES)


def page(filters: Filters, figure: str, only: Only = ALL, *, after: str = "", size: int = 50) -> Page:
    """A page of the messages that a figure counted. Raises ValueError for an invalid `after`."""
    found = list(islice(_search(filters, figure, only, _cursor(after), size + 1), size + 1))
    more = len(found) > size
    return Page([row for row, _ in found[:size]], _written(*found[size - 1]) if more else "")


def rows(filters: Filters, figure: str, only: Only = ALL) -> Iterator[Row]:
    """All the messages, for exports. No query stays open between two chunks."""
    return (row for row, _ in _search(filters, figure, only, None, CHUNK))


class Cursor(NamedTuple):
    """The moment and the id of what was counted."""

    at: datetime
    pk: int


def count(filters: Filters, figure: str, only: Only = ALL) -> int:
    """How many there are, by the counts."""
    if narrow := _counted_as(figure, only):
        metric, where = narrow
        return sum(number for _, number in count_sql.details(filters, (metric,), ("metric",), where=where))
    ((number,),) = count_sql.figures(filters, columns=(figure,))
    return number or 0


def _search(
    filters: Filters, figure: str, only: Only, after: Cursor | None, chunk: int
) -> Iterator[tuple[Row, int]]:
    """Rows with the id of what was counted, newest first."""
    source = _SOURCES[figure]
    found = _base(source, filters, figure, only)
    if after:
        filters = replace(filters, end=min(filters.end or after.at, after.at) + timedelta(microseconds=1))
    for start, end in _time_ranges(filters, figure, only):
        within = found.filter(
            **{f"{source.at}__gte": start, f"{source.at}__lt": end}, **_ids(source, start, end)
        )
        while True:
            part = _beyond(within, source.at, after) if after else within
            values = list(part.values_list("id", source.at, *source.columns.values())[:chunk])
            for pk, at, *columns in values:
                yield Row(at=at, **dict(zip(source.columns, columns, strict=True))), pk
                after = Cursor(at, pk)
            if len(values) < chunk:
                break


def _ids(source: _Source, start: datetime, end: datetime) -> dict[str, int]:
    """Between which ids these rows are: of a partitioned table only these parts are read. A report comes at
    any time after its message, by the clock of a BSP."""
    if source.message:
        bounds = {"message__lte": months.until(end + timedelta(days=1))}
    else:
        bounds = {"pk__gte": months.since(start), "pk__lte": months.until(end)}
    return {name: bound for name, bound in bounds.items() if bound not in (months.FIRST, months.LAST)}


def _base(source: _Source, filters: Filters, figure: str, only: Only) -> QuerySet[Any]:
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
    if only.code is not None:
        same = Q(code=only.code)
        found = found.filter(same | Q(code=None) if only.code == ReportCode.OTHER else same)
    if only.bsp_code and figure != "refused":
        connector, _, code = only.bsp_code.partition("/")
        own = Q(bsp_code=code, provider__connector_slug=connector)
        found = found.filter(Q(bsp_code="") if only.bsp_code == NONE else own)
    if only.took:
        took = TruncSecond("at") - TruncSecond("message__accepted_at")
        found = found.alias(took=took).filter(took__gte=timedelta(seconds=only.took))
    if only.url:
        found = found.filter(_on(only.url))
    if figure == "clicked_unique":
        before = Event.objects.filter(
            kind=Event.Kind.CLICKED, message=OuterRef("message"), id__lt=OuterRef("id")
        )
        found = found.filter(~Exists(before.filter(_on(only.url)) if only.url else before))
    return found.order_by(f"-{source.at}", "-id")


def _on(url: str) -> Q:
    """Clicks that were counted for this page, as campaigns.ledger.events.clicked_page names it."""
    if len(url) >= events.LONGEST_URL:
        return _begins(url)
    return Q(url=url) | _begins(f"{url}?") | _begins(f"{url}#")


def _begins(text: str) -> Q:
    """Whether the text begins so, with the same capitals. SQLite's LIKE, which `startswith` uses, takes a and
    A for the same."""
    return Q(Exact(Left("url", len(text)), text))


def _beyond(found: QuerySet[Any], at: str, after: Cursor) -> QuerySet[Any]:
    """The rows after the cursor. The database searches the index by the first condition."""
    moment, pk = after
    older = Q(**{f"{at}__lt": moment}) | Q(**{at: moment, "id__lt": pk})
    return found.filter(**{f"{at}__lte": moment}).filter(older)


def _time_ranges(filters: Filters, figure: str, only: Only) -> Iterator[tuple[datetime, datetime]]:
    """The ranges of time in which the counts have something, newest first.

    The search begins with the last hour and looks twice as far back each time.
    """
    first = filters.start or breakdowns.first_at()
    if first is None:
        return
    end, look = filters.end, FIRST_LOOK
    while True:
        start = max((end or filters.now) - look, first)
        closely = look <= CLOSELY and start >= filters.now - MINUTES_FOR
        width = timedelta(minutes=Span.MINUTE if closely else Span.QUARTER)
        moments = _moments(filters.between(start, end), figure, only, width)
        for begin, until in _joined(moments, width):
            yield max(begin, start), until if end is None else min(until, end)
        if start <= first:
            return
        end, look = start, look * 2


def _moments(filters: Filters, figure: str, only: Only, width: timedelta) -> list[datetime]:
    """The moments at which anything was counted, in steps of `width`, newest first."""
    seconds = int(width.total_seconds())
    bucket = f"({sql.epoch('at')} / {seconds} * {seconds})"
    spans = (Span.MINUTE,) if seconds == 60 else (Span.MINUTE, Span.QUARTER)
    narrow = _counted_as(figure, only)
    if only.url or narrow is None:
        # The first click on a page need not be the first of its message, so all clicks are looked at.
        columns = ("clicked_total" if only.url else figure,)
        found = count_sql.figures(filters, bucket=bucket, spans=spans, columns=columns)
    else:
        metric, where = narrow
        found = count_sql.details(filters, (metric,), (bucket,), spans=spans, where=where)
    return [datetime.fromtimestamp(second, UTC) for second, _ in sorted(found, reverse=True)]


def _counted_as(figure: str, only: Only) -> tuple[StatCount.Metric, Clause] | None:
    """The metric that counts them, with a condition on its details; None for all of a figure."""
    if only.code is not None:
        return details.FAILURES[figure], Reason(figure, only.code, only.bsp_code).condition
    if only.took:
        return details.TIME_TO[figure], Clause("code >= %s", [bucket_of(only.took)])
    if only.url:
        return details.URLS[figure], Clause("url = %s", [only.url])
    return None


def _joined(moments: list[datetime], width: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Neighbouring spans as one range."""
    joined: tuple[datetime, datetime] | None = None
    for begin in moments:
        if joined and begin + width == joined[0]:
            joined = (begin, joined[1])
            continue
        if joined:
            yield joined
        joined = (begin, begin + width)
    if joined:
        yield joined


def _cursor(text: str) -> Cursor | None:
    if not text:
        return None
    micros, _, pk = text.partition("-")
    return Cursor(EPOCH + timedelta(microseconds=int(micros)), int(pk))


def _written(row: Row, pk: int) -> str:
    return f"{(row.at - EPOCH) // timedelta(microseconds=1)}-{pk}"
