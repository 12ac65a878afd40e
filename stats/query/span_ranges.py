"""Cuts ranges of time into whole spans, for each of which there are points."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from django.db import connection

from campaigns.counting.points import begin
from campaigns.models import Span

# Longest last, so that a range is filled with the longest spans that fit.
SPANS = tuple(Span)

EARLY, LATE = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
Segment = tuple[Span, datetime | None, datetime | None]
# The begin and the end. None means that there is no limit on that side.
Window = tuple[datetime | None, datetime | None]


def segments(
    start: datetime | None, end: datetime | None, spans: Sequence[Span] = SPANS
) -> Iterator[Segment]:
    """The range, cut into the longest whole spans that fit. So few points are read, and each moment counts
    once."""
    span, shorter = spans[-1], spans[:-1]
    first = None if start is None else _up(start, span)
    last = None if end is None else begin(end, span)
    if first is not None and last is not None and first >= last:
        if shorter and start != end:
            yield from segments(start, end, shorter)
        return
    if shorter and start != first:
        yield from segments(start, first, shorter)
    yield span, first, last
    if shorter and end != last:
        yield from segments(last, end, shorter)


def _up(moment: datetime, span: Span) -> datetime:
    down = begin(moment, span)
    return moment if down == moment else down + timedelta(minutes=span.value)


def values(windows: Sequence[Window], spans: Sequence[Span] = SPANS) -> str:
    """SQL for the pieces of these ranges: the range's place among them, the span, from when to when."""
    found = [
        f"({place}, {span.value}, {_moment(start or EARLY)}, {_moment(end or LATE)})"
        for place, window in enumerate(windows)
        for span, start, end in segments(*window, spans)
    ]
    return f"VALUES {', '.join(found) or f'(0, 0, {_moment(EARLY)}, {_moment(EARLY)})'}"


def _moment(at: datetime) -> str:
    """A literal: a statement may have thousands of them, and a parameter costs the driver more."""
    if connection.vendor == "postgresql":
        return f"TIMESTAMPTZ '{at.astimezone(UTC).isoformat()}'"
    return f"'{at.astimezone(UTC).replace(tzinfo=None)}'"
