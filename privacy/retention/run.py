"""Deletes all kinds of old data: in steps, each a commit, from where the last step ended.

One run a day, in the background. Its row says how far it is and what it has taken, and is its report. When a
worker dies, another continues. Rows that are held or in use stay, and are looked at again when a hold ends.
"""

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from archive import ahead
from lib.runs import SILENCE, Lost
from privacy.models import Cursor, RetentionRun
from privacy.retention import ages, contacts, months, recipients
from privacy.retention.holds import Holds
from privacy.retention.kinds import KINDS, Kind
from privacy.retention.pace import Pace
from providers.models import Provider

EVERY = timedelta(days=1)
CAP = 10_000  # rows that are looked at to say what is due

State = RetentionRun.State


class Due(NamedTuple):
    """How much of a kind of a provider's data would be deleted today. `more`: at least so many."""

    kind: str
    provider_id: int
    rows: int
    more: bool


def due(now: datetime) -> Iterator[Due]:
    """What a run would delete now. It looks at the oldest rows only."""
    held, moments = Holds(), ages.moments(now)
    next_rows = _oldest(KINDS, {pk for each in moments.values() for pk in each} - held.providers)
    for kind in KINDS:
        for provider, before in _too_old(kind, next_rows[kind.name], moments[kind.age], held, now):
            rows = _rows(kind, provider, _cursor(kind, provider).after)
            oldest = list(rows.values_list("pk", kind.time)[:CAP])
            old = [pk for pk, at in oldest if at < before]
            ended = kind.ended(kind.model._base_manager.filter(pk__in=old))
            kept = held.named(ended, kind.campaign, kind.people)
            if number := ended.count() - len(kept):
                yield Due(kind.name, provider, number, len(old) == CAP)
    for each in recipients.due(now, moments, held):
        if number := each.rows[:CAP].count():
            yield Due(each.kind, each.provider_id, number, number == CAP)
    if number := contacts.due(now, held).count():
        yield Due(contacts.NAME, 0, number, more=False)


def work(run: RetentionRun, seconds: float | None = None, stop: threading.Event | None = None) -> bool:
    """Works for this long, or until the end. Returns whether it ended."""
    until = None if seconds is None else monotonic() + seconds
    pace, held = Pace(connection.vendor), Holds()
    counts, kept = Counter(run.counts), Counter(run.held)
    try:
        for kind, taken, left in _steps(run, pace, held):
            counts[kind] += taken
            kept[kind] += left
            run.counts, run.held = dict(+counts), dict(+kept)
            run.longest_ms = max(run.longest_ms, int(pace.longest_ms))
            over = (until is not None and monotonic() > until) or (stop is not None and stop.is_set())
            run.note(timezone.now() + (timedelta() if over else SILENCE))
            if over:
                return False
        run.state, run.finished_at = State.DONE, timezone.now()
        run.note(run.finished_at)
    except Lost:
        return False
    return True


def _steps(run: RetentionRun, pace: Pace, held: Holds) -> Iterator[tuple[str, int, int]]:
    """The kind of each step, how many rows it took, and how many it left to a hold."""
    moments = ages.moments(run.started_at)
    yield from recipients.drops(run.started_at, moments, held)
    yield from months.drops(run.started_at, moments, held)
    yield from recipients.steps(run.started_at, moments, held, pace)
    for kind in KINDS:
        next_rows = _oldest([kind], moments[kind.age].keys() - held.providers)[kind.name]
        for provider, before in _too_old(kind, next_rows, moments[kind.age], held, run.started_at):
            while step := _step(kind, provider, before, pace, held):
                yield (kind.name, *step)
    while taken := contacts.remove(run.started_at, held, pace):
        yield contacts.NAME, taken, 0


class _Next(NamedTuple):
    """A provider's next row of a kind."""

    provider: int
    at: datetime
    row: int


def _oldest(kinds: Sequence[Kind], providers: Collection[int]) -> dict[str, list[_Next]]:
    """By kind, the next row of each provider that has one. One statement, which reads a row of each."""
    asked = {}
    for n, kind in enumerate(kinds):
        after = Cursor.objects.filter(kind=kind.name, provider=OuterRef(OuterRef("pk"))).values("after")
        rows = kind.model._base_manager.filter(provider=OuterRef("pk"), pk__gt=Coalesce(Subquery(after), 0))
        first = rows.order_by("pk")
        asked[f"at_{n}"] = Subquery(first.values(kind.time)[:1])
        asked[f"row_{n}"] = Subquery(first.values("pk")[:1])
    found: Any = Provider.objects.filter(pk__in=providers).order_by("pk").values("pk", **asked)
    return {
        kind.name: [
            _Next(each["pk"], each[f"at_{n}"], each[f"row_{n}"]) for each in found if each[f"row_{n}"]
        ]
        for n, kind in enumerate(kinds)
    }


def _too_old(
    kind: Kind, rows: Iterable[_Next], moments: Mapping[int, datetime], held: Holds, now: datetime
) -> Iterator[tuple[int, datetime]]:
    """The providers whose next row is too old and waits for no drop, and before which moment it would have to
    come."""
    for provider, at, row in rows:
        before = moments.get(provider)
        if before is None or at >= before:
            continue
        if not months.wait(kind, row, now, before, held):
            yield provider, before


def _step(kind: Kind, provider: int, before: datetime, pace: Pace, held: Holds) -> tuple[int, int] | None:
    """Takes the next rows, if they are old enough. Returns how many went and how many are held; None at the
    end."""
    cursor = _cursor(kind, provider)
    oldest = list(_rows(kind, provider, cursor.after).values_list("pk", kind.time)[: pace.rows])
    old: list[int] = []
    for pk, at in oldest:
        if at >= before:
            break
        old.append(pk)
    old = list(ahead.written(kind.model, old))
    if not old:
        return None
    ended = kind.ended(kind.model._base_manager.filter(pk__in=old))
    kept = held.named(ended, kind.campaign, kind.people)
    began = monotonic()
    with transaction.atomic():
        keys = [pk for pk in ended.values_list("pk", flat=True) if pk not in kept]
        kind.act(keys)
        Cursor.objects.update_or_create(kind=kind.name, provider_id=provider, defaults={"after": old[-1]})
    sleep(pace.took(len(old), 1000 * (monotonic() - began)))
    return len(keys), len(kept)


def _cursor(kind: Kind, provider: int) -> Cursor:
    found = Cursor.objects.filter(kind=kind.name, provider=provider).first()
    return found or Cursor(kind=kind.name, provider_id=provider)


def _rows(kind: Kind, provider: int, after: int) -> QuerySet[Any]:
    return kind.model._base_manager.filter(pk__gt=after, provider=provider).order_by("pk")
