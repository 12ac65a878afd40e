"""Importing a provider's template list: every page or nothing, and never a deletion.

An ImportRun is the request, the progress and the report. Its row is the queue: a worker takes
the oldest, and a run whose worker died is given up after a while without a sign of life.
"""

import threading
from datetime import datetime, timedelta
from time import sleep, time
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from lib.http import HttpResponse
from lib.redact import Redactor
from lib.transport import TransportError, transport
from lib.wake import wake
from providers.messages import Malformed, TemplatePage
from providers.models import Provider
from providers.outcomes import retry_after
from templates_app import known, source
from templates_app.importing import EmptyList, ImportFailed, Listed, apply
from templates_app.models import ImportRun

TIMEOUT = 60.0
TRIES = 3
PAUSE = 0.5  # seconds before a page is asked for again, doubled each time
LONGEST_PAUSE = 30.0
MOST_PAGES = 2000
MOST_BYTES = 25_000_000  # of one page
SILENCE = timedelta(minutes=5)  # longer than a page with all its tries
FAILURES = 5  # in a row raise the alarm
ENDED = ("state", "error", "report", "finished_at", "pages", "templates")
COUNTED = ("created", "changed", "unchanged", "unsupported", "failed", "vanished")

State = ImportRun.State


class _Cancelled(Exception):
    pass


def start(provider: Provider, *, by: str = "", allow_empty: bool = False) -> ImportRun:
    """Queues an import; the one under way, when there is one."""
    try:
        with transaction.atomic():
            run = ImportRun.objects.create(provider=provider, by=by, allow_empty=allow_empty)
    except IntegrityError:
        return _open(provider)
    wake("templates.import")
    return run


def _open(provider: Provider) -> ImportRun:
    return ImportRun.objects.filter(provider=provider, state__in=ImportRun.OPEN).latest("id")


def run(provider: Provider, *, by: str = "", allow_empty: bool = False) -> ImportRun:
    """Imports now, in this thread. Returns the finished run, or the one that is under way elsewhere."""
    now = timezone.now()
    values = {"by": by, "allow_empty": allow_empty, "started_at": now, "seen_at": now}
    try:
        with transaction.atomic():
            mine = ImportRun.objects.create(provider=provider, state=State.RUNNING, **values)
    except IntegrityError:
        return _open(provider)
    _work(mine)
    return mine


def cancel(run: ImportRun) -> None:
    """Has a queued or running import stop before its next page. Nothing of it is applied."""
    ImportRun.objects.filter(pk=run.pk, state__in=ImportRun.OPEN).update(cancel=True)


def latest(provider_id: int, **having: Any) -> ImportRun | None:
    """The youngest run of a provider, its report left in the database."""
    return ImportRun.objects.filter(provider_id=provider_id, **having).defer("report").first()


def next_at(provider: Provider, last: ImportRun | None) -> datetime | None:
    """When the schedule starts the provider's next import; None when it has no schedule."""
    if not provider.import_every:
        return None
    return last.queued_at + timedelta(seconds=provider.import_every) if last else provider.created_at


def due() -> bool:
    return ImportRun.objects.filter(state=State.QUEUED).exists()


def drain(*, stirred: threading.Event | None = None, stop: threading.Event | None = None) -> int:
    """Works every queued import. Returns how many."""
    give_up_lost(timezone.now())
    done = 0
    while not (stop and stop.is_set()) and (queued := ImportRun.objects.filter(state=State.QUEUED).first()):
        work(queued)
        done += 1
    return done


def give_up_lost(now: datetime) -> int:
    """Ends runs whose worker shows no sign of life. Returns how many."""
    lost = ImportRun.objects.filter(state=State.RUNNING, seen_at__lt=now - SILENCE)
    return lost.update(state=State.FAILED, finished_at=now, error="The worker stopped. Nothing was changed.")


def schedule(now: datetime) -> int:
    """Queues the imports whose time has come. Returns how many."""
    count = 0
    for provider in Provider.objects.filter(import_every__gt=0):
        last = latest(provider.pk)
        if (at := next_at(provider, last)) is not None and at <= now:
            start(provider)
            count += 1
    return count


def alarm(provider_id: int) -> str:
    """The last error when so many imports in a row have failed; else empty."""
    ended = ImportRun.objects.filter(provider_id=provider_id, state__in=(State.DONE, State.FAILED))
    last = list(ended.order_by("-id").only("state", "error")[:FAILURES])
    failing = len(last) == FAILURES and all(run.state == State.FAILED for run in last)
    return last[0].error if failing else ""


def alarms() -> dict[int, str]:
    """The last error of every provider that has an alarm."""
    imported = ImportRun.objects.order_by().values_list("provider_id", flat=True).distinct()
    return {pk: error for pk in imported if (error := alarm(pk))}


def work(run: ImportRun) -> None:
    """Does one queued import and writes how it ended."""
    now = timezone.now()
    taken = ImportRun.objects.filter(pk=run.pk, state=State.QUEUED)
    if not taken.update(state=State.RUNNING, started_at=now, seen_at=now):
        return  # another worker has it
    run.state, run.started_at = State.RUNNING, now
    _work(run)


def _work(run: ImportRun) -> None:
    try:
        with Listed() as listed:
            _read_all(run, listed)
            with transaction.atomic():
                run.report = apply(run, listed)
                _show(run)
        run.state = State.DONE
    except _Cancelled:
        run.state, run.error = State.CANCELLED, "Cancelled. Nothing was changed."
    except ImportFailed as failed:
        run.state = State.FAILED
        run.error = Redactor(run.provider.secret_values).text(str(failed))[:1000]
        run.report = {"empty_list": True} if isinstance(failed, EmptyList) else {}
    except IntegrityError:
        run.state, run.error = State.FAILED, "Somebody added templates meanwhile. Nothing was changed."
    except Exception as error:
        run.state = State.FAILED
        run.error = f"Our own fault: {type(error).__name__}. Nothing was changed."
        raise
    finally:
        run.finished_at = timezone.now()
        ended = {name: getattr(run, name) for name in ENDED}
        # One that was given up stays so, and with its provider it may be gone.
        ImportRun.objects.filter(pk=run.pk, state=State.RUNNING).update(**ended)
        known.forget()


def _read_all(run: ImportRun, listed: Listed) -> None:
    """Every page into `listed`. Raises ImportFailed when one is missing."""
    pages = source.of(run.provider)
    seen = {""}
    cursor = ""
    while True:
        page = _read(pages, cursor)
        if run.provider.import_paging == Provider.Paging.PAGE and page.templates and listed.repeats(page):
            raise ImportFailed(f"Page {run.pages + 1} is the one before again. Is it paged by number?")
        listed.add(page)
        run.pages += 1
        run.templates = listed.count
        _show(run)
        cursor = page.next
        if not cursor:
            return
        if cursor in seen:
            raise ImportFailed(f"Page {run.pages} points back to a page that was read already.")
        if run.pages >= MOST_PAGES:
            raise ImportFailed(f"The list goes on after {MOST_PAGES} pages.")
        seen.add(cursor)


def _show(run: ImportRun) -> None:
    """Writes the progress. Raises _Cancelled for a run that was cancelled, given up, or deleted."""
    mine = ImportRun.objects.filter(pk=run.pk, state=State.RUNNING, cancel=False)
    if not mine.update(pages=run.pages, templates=run.templates, seen_at=timezone.now()):
        raise _Cancelled


def _read(pages: source.Source, cursor: str) -> TemplatePage:
    """One page, asked for again when it fails for a moment."""
    request = pages.request(cursor)
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
                return pages.read(response, cursor)
            except Malformed as error:
                raise ImportFailed(
                    f"{pages.name} answered with something else than a list: {error}"
                ) from error
        why = _words(response)
        if response.status not in (408, 429) and response.status < 500:
            break
        wait = min(retry_after(response) or wait, LONGEST_PAUSE)
    raise ImportFailed(f"{pages.name} gave no page {cursor or 'at all'}: {why}")


def _words(response: HttpResponse) -> str:
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
