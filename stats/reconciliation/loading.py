"""Reading uploaded reports. A long one is read by a worker, and its row is the queue.

A report counts only when all of it is read: one transaction stores its lines. A worker that dies leaves
nothing behind, and another worker starts again.
"""

import logging
import threading
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from lib.crypto import token
from lib.csv_files import Unreadable
from lib.wakeup import wake
from stats.models import Report
from stats.reconciliation import storage

TASK = "stats.read_reports"
AT_ONCE = 5_000  # rows that are read so soon that the request does it itself
SILENCE = timedelta(minutes=1)  # longer than a worker takes from one sign of life to the next
UNREAD_KEPT = timedelta(days=1)

State = Report.State

logger = logging.getLogger(__name__)


class Lost(Exception):
    """Another worker has the report, or somebody cancelled it or took it back."""


class Stopped(Exception):
    """The worker has been told to end."""


def start(report: Report) -> bool:
    """Starts the reading of a report whose columns are known. Returns whether it could."""
    startable = Report.objects.filter(pk=report.pk, state__in=Report.UNREAD).exclude(file="")
    anew = {"done": 0, "error": "", "cancel": False, "started_at": None, "finished_at": None}
    if not startable.update(state=State.QUEUED, **anew):
        return False
    if 0 < report.rows <= AT_ONCE:
        work(report)
    else:
        wake(TASK)
    report.refresh_from_db()
    return True


def cancel(report: Report) -> None:
    """Stops it. Nothing of it counts then, and what it would have replaced stays."""
    mine = Report.objects.filter(pk=report.pk)
    mine.filter(state=State.RUNNING).update(cancel=True)
    mine.filter(state=State.QUEUED).update(state=State.CANCELLED, finished_at=timezone.now())


def _free() -> Q:
    lost = Q(state=State.RUNNING, seen_at__lt=timezone.now() - SILENCE)
    return Q(state=State.QUEUED) | lost


def _due() -> QuerySet[Report]:
    return Report.objects.filter(_free(), state__in=Report.OPEN).order_by("id")


def due() -> bool:
    return _due().exists()


def drain(*, woken: threading.Event | None = None, stop: threading.Event | None = None) -> int:
    """Reads every report that is queued, or was left by a worker that died. Returns how many."""
    done = 0
    while not (stop and stop.is_set()) and (report := _due().first()):
        done += work(report, stop)
    return done


def work(report: Report, stop: threading.Event | None = None) -> bool:
    """Reads the report from its beginning. Returns whether it was this worker's."""
    now = timezone.now()
    taken = Report.objects.filter(_free(), pk=report.pk)
    if not taken.update(state=State.RUNNING, worker=token(12), seen_at=now, started_at=now, done=0):
        return False
    report.refresh_from_db()
    try:
        _load(report, stop)
    except Stopped:
        _mine(report).update(state=State.QUEUED, worker="", done=0)
    except Lost:
        _end(report, _mine(report).filter(cancel=True), State.CANCELLED)
    except (Unreadable, OSError) as error:
        _end(report, _mine(report), State.FAILED, str(error))
    except Exception as error:
        _end(report, _mine(report), State.FAILED, f"An error in Waypost: {type(error).__name__}.")
        raise
    return True


def _load(report: Report, stop: threading.Event | None) -> None:
    """Raises Stopped, Lost, Unreadable, OSError."""
    tell = partial(_tell, report, stop)
    if not report.rows:
        storage.count(report, partial(tell, 0))
    read = storage.read_report(report, tell)
    with transaction.atomic():
        tell(report.rows)  # locks the row: from here on it is too late to cancel
        storage.store(report, read)
        _end(report, _mine(report), State.DONE)


def _tell(report: Report, stop: threading.Event | None, done: int) -> None:
    """Writes how many rows are read, and that the worker is alive. Raises Stopped, Lost."""
    if stop and stop.is_set():
        raise Stopped
    if not _mine(report).filter(cancel=False).update(done=min(done, report.rows), seen_at=timezone.now()):
        raise Lost


def _mine(report: Report) -> QuerySet[Report]:
    return Report.objects.filter(pk=report.pk, worker=report.worker, state=State.RUNNING)


def _end(report: Report, mine: QuerySet[Report], state: State, error: str = "") -> None:
    if mine.update(state=state, finished_at=timezone.now(), error=error[:1000], worker=""):
        logger.info("Campaign report %d ended: %s %s", report.pk, state.value, error)


def forget(now: datetime) -> int:
    """Takes back what was uploaded and not read within a day. Returns how many."""
    old = list(Report.objects.filter(state__in=Report.UNREAD, created_at__lt=now - UNREAD_KEPT))
    for report in old:
        storage.discard(report)
    return len(old)
