"""Running the kit: by a worker, or by the command in its own process. The row is the queue.

A run whose worker died is begun again by another, once. Its messages carry ids of their own each time.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from lib.crypto import token
from lib.wakeup import wake
from operations.acceptance import coming_back, load, sending
from operations.acceptance.kit import Kit, Options
from operations.acceptance.rows import Row
from operations.models import AcceptanceRun
from providers.models import Provider

TASK = "operations.acceptance"
SILENCE = timedelta(minutes=2)  # longer than a worker takes from one sign of life to the next
MOST_STARTS = 2

State = AcceptanceRun.State

# In this order: without a valid login the rest makes no sense.
CHECKS: tuple[Callable[[Kit], Iterator[Row]], ...] = (
    sending.validation,
    sending.refusals,
    load.template_import,
    sending.templates,
    sending.freeform,
    coming_back.codes,
    coming_back.inbound,
    coming_back.outages,
    load.burst,
)


class Lost(Exception):
    """Another worker has the run."""


class Stopped(Exception):
    """The worker has been told to end."""


def start(provider: Provider, by: str = "", options: Options | None = None) -> AcceptanceRun:
    """Queues a run. Returns it, or the one that is under way."""
    values = (options or Options())._asdict()
    try:
        with transaction.atomic():
            run = AcceptanceRun.objects.create(provider=provider, by=by, options=values)
    except IntegrityError:
        return AcceptanceRun.objects.filter(provider=provider, state__in=AcceptanceRun.OPEN).latest("id")
    wake(TASK)
    return run


def run_now(provider: Provider, options: Options, on_row: Callable[[Row], None]) -> AcceptanceRun:
    """Runs it in this thread; `on_row` gets each row as it ends. Raises Lost while another run of the
    provider is under way."""
    try:
        with transaction.atomic():
            run = AcceptanceRun.objects.create(
                provider=provider,
                by="the command line",
                options=options._asdict(),
                state=State.RUNNING,
                worker=token(12),
                seen_at=timezone.now(),
                starts=1,
            )
    except IntegrityError as error:
        raise Lost from error
    _work(run, None, on_row)
    run.refresh_from_db()
    return run


def rows_of(run: AcceptanceRun) -> list[Row]:
    return msgspec.convert(run.rows, list[Row])


def _free() -> Q:
    lost = Q(state=State.RUNNING, seen_at__lt=timezone.now() - SILENCE)
    return Q(state=State.QUEUED) | lost


def drain(*, woken: threading.Event | None = None, stop: threading.Event | None = None) -> int:
    """Does every run that is queued, or was left by a worker that died. Returns how many."""
    done = 0
    due = AcceptanceRun.objects.filter(_free(), state__in=AcceptanceRun.OPEN).order_by("id")
    while not (stop and stop.is_set()) and (run := due.all().first()):
        done += _take(run, stop)
    return done


def _take(run: AcceptanceRun, stop: threading.Event | None) -> bool:
    """Returns whether it was this worker's."""
    taken = AcceptanceRun.objects.filter(_free(), pk=run.pk)
    if run.starts >= MOST_STARTS:
        taken.update(state=State.FAILED, error="Its worker died twice.", finished_at=timezone.now())
        return False
    mine: dict[str, Any] = {"worker": token(12), "seen_at": timezone.now(), "starts": run.starts + 1}
    if not taken.update(state=State.RUNNING, rows=[], **mine):
        return False
    run.refresh_from_db()
    _work(run, stop, lambda row: None)
    return True


def _work(run: AcceptanceRun, stop: threading.Event | None, on_row: Callable[[Row], None]) -> None:
    def alive() -> None:
        if stop and stop.is_set():
            raise Stopped
        if not _mine(run).update(seen_at=timezone.now()):
            raise Lost

    kit = Kit(run.provider, Options(**run.options), alive)
    rows: list[Row] = []
    try:
        with kit.logged_in():
            for check in CHECKS:
                for row in check(kit):
                    alive()
                    rows.append(row)
                    _mine(run).update(rows=msgspec.to_builtins(rows))
                    on_row(row)
        _end(run, State.DONE)
    except Stopped:
        _mine(run).update(state=State.QUEUED, worker="", starts=run.starts - 1)
    except Lost:
        pass
    except Exception as error:
        _end(run, State.FAILED, f"An error in Waypost: {type(error).__name__}.")
        raise


def _mine(run: AcceptanceRun) -> QuerySet[AcceptanceRun]:
    return AcceptanceRun.objects.filter(pk=run.pk, worker=run.worker, state=State.RUNNING)


def _end(run: AcceptanceRun, state: State, error: str = "") -> None:
    _mine(run).update(state=state, error=error, finished_at=timezone.now(), worker="")
