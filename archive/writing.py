"""Archives all data sets: every fifteen minutes, in the background, one worker at a time.

A run continues after the last batch, even if a worker died. `privacy.retention` deletes only what is archived
(`archive.ahead`).
"""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from time import monotonic, sleep

from django.utils import timezone

from archive import batches, erased
from archive.batches import Manifest
from archive.models import Run
from archive.target import Target, Unreachable
from identities import pseudonyms
from lib.runs import SILENCE, Lost

KEPT = timedelta(days=90)  # reports of runs
SETTLING = 60.0  # seconds until transactions that have begun are waited for no longer
PATIENCE = timedelta(minutes=1)  # until a run that failed tries again

State = Run.State


def work(run: Run, seconds: float | None = None, stop: threading.Event | None = None) -> bool:
    """Works for this long, or until the end. Returns whether it ended; the run says why it did not."""
    until = None if seconds is None else monotonic() + seconds
    run.error = ""
    try:
        for written in _steps(run):
            if written is not None:
                _count(run, written)
            over = (until is not None and monotonic() > until) or (stop is not None and stop.is_set())
            run.note(timezone.now() + (timedelta() if over else SILENCE))
            if over:
                return False
        run.state, run.finished_at = State.DONE, timezone.now()
        run.note(run.finished_at)
    except (Lost, batches.Lost):
        return False
    except (Unreachable, pseudonyms.NoKey) as error:
        run.error = str(error)[:500]
        run.note(timezone.now() + PATIENCE)
        return False
    _forget(run)
    return True


def _steps(run: Run) -> Iterator[Manifest | None]:
    """Each batch, or None for a data set without new rows."""
    now = timezone.now()
    heads = batches.heads()
    _settle(now)
    target, closed = Target(), _closed(run)
    erased.write(target)
    for head in heads:
        at = batches.cursor(head.dataset, now, target)
        while written := batches.write(head, at, target, closed, now):
            yield written
        yield None


def _settle(now: datetime) -> None:
    until = monotonic() + SETTLING
    while not batches.settled(now):
        if monotonic() > until:
            raise Unreachable(
                "A transaction has been open for a long time, and the archive would miss what it writes."
            )
        sleep(0.1)


def _closed(run: Run) -> date | None:
    """Days before this one were complete when the last run ended."""
    last = Run.objects.filter(state=State.DONE, pk__lt=run.pk).order_by("pk").last()
    return last.started_at.date() if last else None


def _count(run: Run, written: Manifest) -> None:
    rows = sum(file.rows for file in written.files)
    run.counts = dict(Counter(run.counts) + Counter({written.dataset: rows}))
    run.files += len(written.files)
    run.bytes += sum(file.bytes for file in written.files)
    run.corrections += sum(file.correction for file in written.files)


def _forget(run: Run) -> None:
    """Reports of runs that are old, or that wrote nothing; the last one says that it was there."""
    others = Run.objects.filter(pk__lt=run.pk, state=State.DONE)
    others.filter(files=0).delete()
    others.filter(started_at__lt=run.started_at - KEPT).delete()
