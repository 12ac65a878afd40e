"""A long report is read by a worker: with progress, to be cancelled, and whatever happens to the worker."""

import io
import threading
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client

from config import worker
from config.tasks import look
from providers.models import Provider
from stats import tasks
from stats.models import Report, ReportLine
from stats.reconciliation import loading, reading, storage
from tests.conftest import Woken
from tests.stats.conftest import NOW
from tests.visitor import visiting

HEAD = "Run Date,Campaign ID,Total Sent (events),Total Delivered (Events),Total Viewed (events),Errors\n"
ROWS = 12
PAGE = "/admin/stats/reconciliation/"

State = Report.State


class Killed(BaseException):
    """As when the process of a worker ends."""


@pytest.fixture(autouse=True)
def _short_is_long(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    monkeypatch.setattr(loading, "AT_ONCE", ROWS - 1)
    monkeypatch.setattr(reading, "TOLD_EVERY", 5)


@pytest.fixture
def report(shop: Provider) -> Report:
    """Twelve lines, which is long here."""
    return uploaded(f"2026-03-17,c{n},{n},0,0,0\n" for n in range(ROWS))


def uploaded(lines: Iterable[str]) -> Report:
    content = io.BytesIO((HEAD + "".join(lines)).encode())
    return storage.draft("long.csv", content, zone="UTC", exported_at=NOW)


def meanwhile(monkeypatch: pytest.MonkeyPatch, what: Callable[[int], None]) -> None:
    """Does something after each sign of life, which has the count of rows."""
    tell = loading._tell

    def told(report: Report, stop: threading.Event | None, done: int) -> None:
        tell(report, stop, done)
        what(done)

    monkeypatch.setattr(loading, "_tell", told)


def test_a_long_report_waits_for_a_worker(
    report: Report, woken: Woken, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert loading.start(report)
    assert report.state == State.QUEUED
    assert woken() == {loading.TASK}
    assert loading.due()
    assert not loading.start(report), "it has been started"
    assert loading.drain() == 1
    assert f"Campaign report {report.pk} ended: " in caplog.text
    report.refresh_from_db()
    assert (report.state, report.done, report.rows, report.file.name) == (State.DONE, ROWS, ROWS, "")
    assert report.lines.count() == ROWS
    assert not loading.due()


def test_a_short_report_waits_for_nobody(shop: Provider, woken: Woken) -> None:
    short = uploaded(["2026-03-17,c1,1,0,0,0\n"])
    assert loading.start(short)
    assert short.state == State.DONE
    assert woken() == set()


def test_progress(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, bool]] = []

    def look(done: int) -> None:
        now = Report.objects.get()
        assert (now.state, now.done) == (State.RUNNING, done)
        seen.append((done, ReportLine.objects.exists()))

    meanwhile(monkeypatch, look)
    loading.start(report)
    loading.drain()
    # Once more at the beginning of each pass: the first looks at the days alone.
    assert list(dict.fromkeys(seen)) == [(0, False), (5, False), (10, False), (ROWS, False)]


def test_a_report_that_is_cancelled_leaves_what_it_would_have_replaced(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = uploaded(["2026-03-17,c1,99,0,0,0\n"])
    loading.start(earlier)
    loading.start(report)
    meanwhile(monkeypatch, lambda done: loading.cancel(report) if done == 10 else None)
    loading.drain()
    report.refresh_from_db()
    assert report.state == State.CANCELLED
    assert list(ReportLine.objects.values_list("campaign", "sent")) == [("c1", 99)]
    monkeypatch.undo()
    assert loading.start(report), "it may be read after all"


def test_a_cancel_before_it_begins(report: Report) -> None:
    loading.start(report)
    loading.cancel(report)
    assert loading.drain() == 0
    assert Report.objects.get().state == State.CANCELLED


@pytest.mark.parametrize("at", [0, 10, ROWS])
def test_a_worker_that_is_killed(report: Report, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Wherever it is: nothing of the report counts, and the next worker reads it from its beginning."""

    def die(done: int) -> None:
        if done == at:
            raise Killed

    with monkeypatch.context() as dying:
        meanwhile(dying, die)
        loading.start(report)
        with pytest.raises(Killed):
            loading.drain()
    assert Report.objects.get().state == State.RUNNING
    assert not ReportLine.objects.exists()
    assert not loading.due(), "the worker may be alive"
    with time_machine.travel(NOW + loading.SILENCE + timedelta(seconds=1), tick=False):
        assert loading.drain() == 1
    assert Report.objects.get().state == State.DONE
    assert ReportLine.objects.count() == ROWS


def test_a_worker_that_was_taken_for_dead_changes_nothing(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[Any] = []

    def be_overtaken(done: int) -> None:
        if done == 10 and not ended:
            ended.append(None)
            Report.objects.update(seen_at=NOW - loading.SILENCE - timedelta(seconds=1))
            assert loading.work(Report.objects.get()), "another takes it"
            ended[:] = ReportLine.objects.order_by("pk").values_list("pk", flat=True)

    meanwhile(monkeypatch, be_overtaken)
    loading.start(report)
    loading.drain()
    assert Report.objects.get().state == State.DONE
    assert len(ended) == ROWS
    assert list(ReportLine.objects.order_by("pk").values_list("pk", flat=True)) == ended


def test_a_worker_that_is_told_to_stop(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    meanwhile(monkeypatch, lambda done: stop.set() if done == 5 else None)
    loading.start(report)
    loading.drain(stop=stop)
    assert Report.objects.get().state == State.QUEUED
    assert loading.drain() == 1
    assert Report.objects.get().state == State.DONE


def test_a_report_that_cannot_be_used_says_why(shop: Provider) -> None:
    report = uploaded(f"someday,c{n},1,0,0,0\n" for n in range(ROWS))
    loading.start(report)
    loading.drain()
    report.refresh_from_db()
    assert report.state == State.FAILED
    assert "“someday” is not a day" in report.error
    assert report.file.name, "other columns may be chosen"


def test_a_fault_of_ours_ends_it(report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(storage, "store", broken)
    loading.start(report)
    with pytest.raises(ZeroDivisionError):
        loading.drain()
    assert (Report.objects.get().state, Report.objects.get().error) == (
        State.FAILED,
        "An error in Waypost: ZeroDivisionError.",
    )
    assert not loading.due()


def test_both_workers_know_the_queue(report: Report, woken: Woken) -> None:
    drain = worker.QUEUES[loading.TASK].work
    loading.start(report)
    woken()
    look()
    assert woken() == {loading.TASK}, "beat finds what nobody was told of"
    tasks.read_reports()
    assert Report.objects.get().state == State.DONE
    assert drain() == 0
    assert tasks.read_reports.name == loading.TASK


def test_beat_starts_the_upkeep(settings: Any) -> None:
    assert tasks.upkeep.name in {each["task"] for each in settings.CELERY_BEAT_SCHEDULE.values()}


def test_the_page_of_a_report_while_it_is_read(report: Report, admin_user: Any) -> None:
    browser = visiting(admin_user)
    where = f"{PAGE}{report.pk}/"
    loading.start(report)
    waiting = text(browser, where)
    assert "It waits for a worker." in waiting
    assert f'hx-get="{where}?part=1"' in waiting
    Report.objects.update(state=State.RUNNING, done=6)
    part = text(browser, f"{where}?part=1")
    assert "<html" not in part
    assert '<progress class="wp-progress" aria-label="Rows read" value="6" max="12">' in part
    assert "50%" in part
    browser.post(f"{where}cancel/")
    assert "It stops before its next rows." in text(browser, where)
    browser.get(f"{where}cancel/", status=403)
    Report.objects.update(state=State.QUEUED, cancel=False)
    loading.drain()
    done = text(browser, f"{where}?part=1")
    assert "It is read: 12 lines by day and campaign." in done
    assert f'href="{PAGE}?from=2026-03-17&amp;to=2026-03-17"' in done
    assert "hx-get" not in done, "the last part asks for no other"


def test_the_page_of_a_report_names_the_days_without_a_line(shop: Provider, admin_user: Any) -> None:
    """The comparison does so for the days that it shows, which may not be all of a long report."""
    report = uploaded(f"2026-03-{day},c{n},1,0,0,0\n" for day in (14, 17) for n in range(ROWS))
    loading.start(report)
    loading.drain()
    assert "Days without a line</dt><dd>2026-03-15, 2026-03-16<" in text(
        visiting(admin_user), f"{PAGE}{report.pk}/"
    )


def test_the_page_of_a_report_that_cannot_be_used(shop: Provider, admin_user: Any) -> None:
    browser = visiting(admin_user)
    report = uploaded(f"someday,c{n},1,0,0,0\n" for n in range(ROWS))
    loading.start(report)
    loading.drain()
    page = text(browser, f"{PAGE}{report.pk}/")
    assert "It cannot be used. Nothing of it counts." in page
    assert "“someday” is not a day" in page
    assert f'href="{PAGE}{report.pk}/columns/"' in page
    assert "Cannot be used" in text(browser, f"{PAGE}?range=7d")


def text(browser: Client, path: str) -> str:
    return " ".join(browser.get(path).content.decode().split())


def test_days_without_a_line_are_kept_with_the_report(shop: Provider) -> None:
    report = uploaded(f"2026-03-{day},c1,1,0,0,0\n" for day in (11, 12, 15, 17))
    loading.start(report)
    assert report.missing_days == ["2026-03-13", "2026-03-14", "2026-03-16"]


def test_pages_of_days(shop: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page has as many whole days as fit, and all pages together have all days."""
    monkeypatch.setattr(storage, "LINES_A_PAGE", 3)
    lines = [(11, 1), (12, 2), (13, 1), (15, 9), (16, 1)]
    loading.start(uploaded(f"2026-03-{day},c{n},1,0,0,0\n" for day, many in lines for n in range(many)))
    loading.drain()

    def day(number: int) -> date:
        return datetime(2026, 3, number, tzinfo=NOW.tzinfo).date()

    assert storage.pages(day(1), day(20)) == [
        (day(16), day(20)), (day(15), day(15)), (day(12), day(14)), (day(1), day(11)),
    ]  # fmt: skip
    assert storage.pages(day(12), day(13)) == [(day(12), day(13))]
    assert storage.pages(day(1), day(5)) == [(day(1), day(5))]
    assert storage.pages(None, None)[0] == (day(16), None)
