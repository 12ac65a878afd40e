"""Importing a provider's template list: every page or nothing, and never a deletion.

An ImportRun is the request, the progress and the report. Its row is the queue: a worker takes the oldest, and
a run whose worker died fails after a while without a sign of life.
"""

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from time import sleep, time
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Max, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from lib.http import HttpResponse
from lib.redact import Redactor
from lib.transport import TransportError, transport
from lib.wakeup import wake
from providers.messages import Malformed, TemplatePage
from providers.models import Provider
from providers.outcomes import retry_after
from templates_app.gate import cache
from templates_app.imports import source
from templates_app.imports.apply import ImportFailed, apply
from templates_app.imports.listed import Listed
from templates_app.models import ImportRun

TIMEOUT = 60.0
TRIES = 3
PAUSE = 0.5  # seconds before a page is asked for again, doubled each time
LONGEST_PAUSE = 30.0
MOST_PAGES = 2000
MOST_BYTES = 25_000_000  # of one page
SILENCE = timedelta(minutes=5)  # longer than a page with all its tries
FAILURES = 5  # in a row raise the alarm
NOTHING_CHANGED = "Nothing was changed."
LONGEST_ERROR = 970  # characters, so that the column has room for the words above
ENDED = ("state", "error", "report", "finished_at", "pages", "templates")
COUNTED = ("created", "changed", "unchanged", "unsupported", "failed", "vanished")

State = ImportRun.State

logger = logging.getLogger(__name__)


class _Cancelled(Exception):
    pass


def start(
    provider: Provider,
    *,
    by: str = "",
    name: str = "",
    allow_empty: bool = False,
    allow_vanishing: bool = False,
) -> ImportRun:
    """Queues an import: of the templates of that name, or of the whole list. Returns it, or the same one
    that is under way."""
    try:
        with transaction.atomic():
            run = ImportRun.objects.create(
                provider=provider, by=by, name=name, allow_empty=allow_empty, allow_vanishing=allow_vanishing
            )
    except IntegrityError:
        return _under_way(provider, name)
    wake("templates.import")
    return run


def _under_way(provider: Provider, name: str = "") -> ImportRun:
    return ImportRun.objects.filter(provider=provider, name=name, state__in=ImportRun.OPEN).latest("id")


def import_now(
    provider: Provider, *, by: str = "", allow_empty: bool = False, allow_vanishing: bool = False
) -> ImportRun:
    """Imports now, in this thread. Returns the finished run, or the one that is under way elsewhere."""
    now = timezone.now()
    allowed = {"allow_empty": allow_empty, "allow_vanishing": allow_vanishing}
    try:
        with transaction.atomic():
            mine = ImportRun.objects.create(
                provider=provider, state=State.RUNNING, by=by, started_at=now, seen_at=now, **allowed
            )
    except IntegrityError:
        return _under_way(provider)
    _import(mine)
    return mine


def cancel(run: ImportRun) -> None:
    """Has a queued or running import stop before its next page. Nothing of it is applied."""
    ImportRun.objects.filter(pk=run.pk, state__in=ImportRun.OPEN).update(cancel=True)


def latest(provider_id: int, **having: Any) -> ImportRun | None:
    """The youngest run of a provider's whole list, its report left in the database."""
    return ImportRun.objects.filter(provider_id=provider_id, name="", **having).defer("report").first()


class Standing(NamedTuple):
    """How a provider's imports stand: the last, the last that succeeded, and the alarm or nothing."""

    last: ImportRun | None
    last_done: ImportRun | None
    alarm: str


def standing(provider_id: int) -> Standing:
    """In one statement: the last runs in each state hold all of it."""
    place = Window(RowNumber(), partition_by="state", order_by="-id")
    runs = ImportRun.objects.filter(provider_id=provider_id, name="").annotate(place=place)
    found = list(runs.filter(place__lte=FAILURES).order_by("-id").defer("report"))
    ended = [run for run in found if run.state in (State.DONE, State.FAILED)]
    return Standing(
        next(iter(found), None), next((run for run in ended if run.state == State.DONE), None), _alarm(ended)
    )


def latest_of_each() -> dict[int, ImportRun]:
    """The youngest run of every provider's whole list, by the provider's id."""
    youngest = ImportRun.objects.filter(name="").order_by().values("provider").annotate(last=Max("pk"))
    found = ImportRun.objects.filter(pk__in=youngest.values("last")).defer("report")
    return {run.provider_id: run for run in found}


def next_at(provider: Provider, last: ImportRun | None) -> datetime | None:
    """When the schedule starts the provider's next import; None when it has no schedule."""
    if not provider.import_every:
        return None
    return last.queued_at + timedelta(seconds=provider.import_every) if last else provider.created_at


def due() -> bool:
    return ImportRun.objects.filter(state=State.QUEUED).exists()


def drain(*, woken: threading.Event | None = None, stop: threading.Event | None = None) -> int:
    """Works every queued import. Returns how many."""
    give_up_lost(timezone.now())
    done = 0
    while not (stop and stop.is_set()) and (queued := ImportRun.objects.filter(state=State.QUEUED).first()):
        _take(queued)
        done += 1
    return done


def give_up_lost(now: datetime) -> int:
    """Ends runs whose worker shows no sign of life. Returns how many."""
    lost = ImportRun.objects.filter(state=State.RUNNING, seen_at__lt=now - SILENCE)
    return lost.update(state=State.FAILED, finished_at=now, error=f"The worker stopped. {NOTHING_CHANGED}")


def schedule(now: datetime) -> int:
    """Queues the imports whose time has come. Returns how many."""
    count = 0
    for provider in Provider.in_use().filter(import_every__gt=0):
        last = latest(provider.pk)
        if (at := next_at(provider, last)) is not None and at <= now:
            start(provider)
            count += 1
    return count


def alarm(provider_id: int) -> str:
    """The last error when so many imports in a row have failed; else empty."""
    return _alarms(ImportRun.objects.filter(provider_id=provider_id)).get(provider_id, "")


def alarms() -> dict[int, str]:
    """The last error of every provider in use that has an alarm."""
    return _alarms(ImportRun.objects.filter(provider__archived_at=None))


def _alarms(runs: QuerySet[ImportRun]) -> dict[int, str]:
    place = Window(RowNumber(), partition_by="provider_id", order_by="-id")
    ended = runs.filter(name="", state__in=(State.DONE, State.FAILED)).annotate(place=place)
    last: dict[int, list[ImportRun]] = {}
    for run in ended.filter(place__lte=FAILURES).order_by("-id").only("provider", "state", "error"):
        last.setdefault(run.provider_id, []).append(run)
    return {pk: error for pk, mine in last.items() if (error := _alarm(mine))}


def _alarm(ended: Sequence[ImportRun]) -> str:
    """The last error when the last so many have all failed. The newest comes first."""
    failed = [run.error for run in ended[:FAILURES] if run.state == State.FAILED]
    return failed[0] if len(failed) == FAILURES else ""


def _take(run: ImportRun) -> None:
    """Does one queued import and writes how it ended."""
    now = timezone.now()
    taken = ImportRun.objects.filter(pk=run.pk, state=State.QUEUED)
    if not taken.update(state=State.RUNNING, started_at=now, seen_at=now):
        return  # another worker has it
    run.state, run.started_at = State.RUNNING, now
    _import(run)


def _import(run: ImportRun) -> None:
    try:
        with Listed(run.name) as listed:
            _fetch_all(run, listed)
            with transaction.atomic():
                run.report = apply(run, listed)
                _note_progress(run)
        run.state = State.DONE
    except _Cancelled:
        run.state, run.error = State.CANCELLED, f"Cancelled. {NOTHING_CHANGED}"
    except ImportFailed as failed:
        run.state = State.FAILED
        run.error = _words(run, failed)
        run.report = {failed.doubt: True} if failed.doubt else {}
    except IntegrityError:
        run.state, run.error = State.FAILED, f"Somebody added templates meanwhile. {NOTHING_CHANGED}"
    except Exception as error:
        run.state = State.FAILED
        run.error = f"An error in Waypost: {type(error).__name__}. {NOTHING_CHANGED}"
        raise
    finally:
        run.finished_at = timezone.now()
        ended = {name: getattr(run, name) for name in ENDED}
        # A failed run stays failed, and may have been deleted with its provider.
        if ImportRun.objects.filter(pk=run.pk, state=State.RUNNING).update(**ended):
            words = (run.pk, run.provider.nickname, run.state, run.error)
            logger.info("Template import %d of %s ended: %s %s", *words)
        cache.forget()


def _words(run: ImportRun, failed: ImportFailed) -> str:
    words = Redactor(run.provider.secret_values).text(str(failed))[:LONGEST_ERROR]
    return words if NOTHING_CHANGED in words else f"{words} {NOTHING_CHANGED}"


def _fetch_all(run: ImportRun, listed: Listed) -> None:
    """Every page into `listed`. Raises ImportFailed when one is missing."""
    if run.provider.unreadable:
        raise ImportFailed(run.provider.unreadable)
    pages = source.source_of(run.provider)
    seen = {""}
    cursor = ""
    while True:
        page = _fetch_page(pages, cursor, run.name)
        if listed.repeats(page):
            hint = " Is it paged by number?" if run.provider.import_paging == Provider.Paging.PAGE else ""
            raise ImportFailed(f"Page {run.pages + 1} repeats the page before.{hint}")
        listed.add(page)
        run.pages += 1
        run.templates = listed.count
        _note_progress(run)
        cursor = page.next
        if not cursor:
            return
        if cursor in seen:
            raise ImportFailed(f"Page {run.pages} links to a page that was read already.")
        if run.pages >= MOST_PAGES:
            raise ImportFailed(f"The list goes on after {MOST_PAGES} pages.")
        seen.add(cursor)


def _note_progress(run: ImportRun) -> None:
    """Writes the progress. Raises _Cancelled for a run that was cancelled, has failed, or was deleted."""
    mine = ImportRun.objects.filter(pk=run.pk, state=State.RUNNING, cancel=False)
    if not mine.update(pages=run.pages, templates=run.templates, seen_at=timezone.now()):
        raise _Cancelled


def _fetch_page(pages: source.Source, cursor: str, name: str) -> TemplatePage:
    """One page, asked for again when it fails for a moment."""
    request = pages.request(cursor, name)
    if request is None:
        raise ImportFailed(
            f"{pages.name} gives no template list with this set-up. Enter what its list needs, or a "
            "template list endpoint."
        )
    why, wait = "", PAUSE
    for attempt in range(TRIES):
        if attempt:
            sleep(wait)
            wait *= 2
        try:
            response = transport.send(request, TIMEOUT, MOST_BYTES + 1)
        except TransportError as error:
            why = str(error)
            continue
        if len(response.body) > MOST_BYTES:
            raise ImportFailed(
                f"{pages.name} sent a page of more than {MOST_BYTES:,} bytes. Lower the limit."
            )
        if 200 <= response.status < 300:
            try:
                return pages.read_page(response, cursor)
            except Malformed as error:
                raise ImportFailed(
                    f"{pages.name} answered with something else than a list: {error}"
                ) from error
        why = _refusal(response)
        if response.status not in (408, 429) and response.status < 500:
            break
        wait = min(retry_after(response) or wait, LONGEST_PAUSE)
    raise ImportFailed(f"{pages.name} gave no page {cursor or 'at all'}: {why}")


def _refusal(response: HttpResponse) -> str:
    hints = {401: " Check the credentials of the template import.", 403: " Check what they may read."}
    words = " ".join(response.text.split())[:300] or "(empty body)"
    return f"HTTP {response.status}: {words}{hints.get(response.status, '')}"


def rate(run: ImportRun) -> float:
    """Templates a second, so far or in all."""
    if run.started_at is None:
        return 0.0
    end = run.finished_at.timestamp() if run.finished_at else time()
    return run.templates / max(end - run.started_at.timestamp(), 0.001)


def summary(run: ImportRun) -> dict[str, Any]:
    """The report with its counts first, as the command line prints it."""
    found = {name: run.report.get(name, 0) for name in COUNTED}
    return found | {"pages": run.pages, "error": run.error, "details": run.report.get("details", {})}
