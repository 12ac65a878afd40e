"""Faults in the log: one line each, and a count of what comes again."""

import logging
import os
import threading
import traceback
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from celery.beat import SchedulingError
from django.core.exceptions import DisallowedHost
from django.db import OperationalError
from django.test import Client

from callbacks.webhooks import views
from lib.group_commit import Overloaded
from lib.log_repeats import EVERY_TIME, MOST_KINDS, MOST_TEXTS, Counting
from lib.logs import ForeignHost, Ids, Plain, bound
from providers.models import Provider
from tests.gateway import call_back
from tests.waiting import PATIENCE

logger = logging.getLogger("waypost.test")


class Log:
    """What is written to the console. Its minute ends when the test says so."""

    def __init__(self) -> None:
        self._stream = StringIO()
        self.handler = Counting(self._stream)
        self.handler.addFilter(Ids())
        self.handler.setFormatter(Plain("%(levelname)s %(message)s%(ids_text)s"))

    def take(self) -> list[str]:
        """The lines since the last time."""
        lines = self._stream.getvalue().splitlines()
        self._stream.seek(0)
        self._stream.truncate()
        return lines


@pytest.fixture
def log() -> Iterator[Log]:
    log, root = Log(), logging.getLogger()
    root.addHandler(log.handler)
    yield log
    root.removeHandler(log.handler)
    log.handler.close()


def test_what_comes_again_is_counted(log: Log) -> None:
    for n in range(313):
        with bound(request=n):
            logger.warning("The database does not answer (%s)", "refused")
    assert log.take() == ["WARNING The database does not answer (refused) request=0"]
    log.handler.tell()
    told = "WARNING The database does not answer (refused) (and 312 more like it in a minute) request=312"
    assert log.take() == [told], "with the ids of the last"
    logger.warning("The database does not answer (%s)", "refused")
    assert log.take() == [], "it goes on"
    log.handler.tell()
    assert log.take()[0].endswith("(and 1 more like it in a minute)")
    log.handler.tell()
    assert log.take() == []
    logger.warning("The database does not answer (%s)", "refused")
    assert log.take() == ["WARNING The database does not answer (refused)"], "after a quiet minute anew"


def test_different_ones_of_a_kind_are_told_until_they_are_many(log: Log) -> None:
    for n in range(MOST_TEXTS + 10):
        logger.error("Provider %s paused", n)
    logger.error("Something else")
    *first, other = log.take()
    assert first == [f"ERROR Provider {n} paused" for n in range(MOST_TEXTS)]
    assert other == "ERROR Something else"
    log.handler.tell()
    assert log.take() == [f"ERROR Provider {MOST_TEXTS + 9} paused (and 10 more like it in a minute)"]


def test_however_many_kinds_there_are_the_log_stays_short(log: Log) -> None:
    for n in range(MOST_KINDS * 2):
        logger.warning("%s: %s", f"From outside {n}", "x")
    assert len(log.take()) == MOST_KINDS + MOST_TEXTS


def test_answers_are_of_a_kind_by_their_reason(log: Log) -> None:
    for n in range(MOST_TEXTS):
        logger.warning("%s: %s", "Not Found", f"/{n}")
    logger.warning("%s: %s", "Service Unavailable", "/readyz")
    assert log.take()[-1] == "WARNING Service Unavailable: /readyz"


def test_nobody_writes_a_line_of_ours(log: Log) -> None:
    with bound(msg_id="1\nERROR forged"):
        logger.warning("Connection refused\n\tIs the server running?")
    assert log.take() == ["WARNING Connection refused Is the server running? msg_id=1 ERROR forged"]


def test_lines_that_somebody_counts_and_those_of_a_healthy_system_are_all_there(log: Log) -> None:
    logging.getLogger().setLevel(logging.INFO)
    for _ in range(3):
        logger.info("POST /v1/x/messages")
        logger.warning("Failed sign-in from %s", "203.0.113.1", extra=EVERY_TIME)
    assert len(log.take()) == 6


def test_the_minute_ends_by_itself_and_with_the_process() -> None:
    stream = StringIO()
    handler, written = Counting(stream, seconds=0.01), threading.Event()
    tell = handler.tell
    handler.tell = lambda: (tell(), written.set())  # type: ignore[assignment,func-returns-value]
    record = logging.makeLogRecord({"levelno": logging.WARNING, "msg": "It fails"})
    with handler.lock:  # type: ignore[union-attr]
        handler.handle(record)
        handler.handle(record)
    assert written.wait(PATIENCE)
    assert stream.getvalue().splitlines() == ["It fails", "It fails (and 1 more like it in 0.01 s)"]
    ends = Counting(stream)
    for _ in range(3):
        ends.handle(record)
    ends.close()
    assert stream.getvalue().splitlines()[-1] == "It fails (and 2 more like it in a minute)"


def test_a_child_counts_for_itself(log: Log) -> None:
    """Else parent and child would both tell what the parent counted."""
    for _ in range(2):
        logger.warning("It fails")
    pid = os.fork()
    if pid == 0:
        os._exit(len(log.handler._kinds))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    log.handler.tell()
    assert len(log.take()) == 2


def test_an_outage_is_one_line_and_a_mistake_has_its_traceback(log: Log) -> None:
    for error in (OperationalError("connection refused\n\tIs the server running?"), ValueError("ours")):
        try:
            raise error
        except (OperationalError, ValueError):
            logger.exception("A message could not be stored")
    outage, *mistake = log.take()
    assert outage == (
        "ERROR A message could not be stored: OperationalError: connection refused Is the server running?"
    )
    assert mistake[0] == "ERROR A message could not be stored"
    assert mistake[-1] == "ValueError: ours"


@pytest.mark.django_db
def test_a_foreign_host_is_one_warning(log: Log, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["waypost.example.test"]
    assert any(
        isinstance(each, ForeignHost) for each in logging.getLogger("django.security.DisallowedHost").filters
    )
    for n in range(20):
        assert Client(headers={"Host": f"{n % 2}.example"}).get("/admin/login/").status_code == 400
    lines = [line for line in log.take() if "ALLOWED_HOSTS" in line]
    assert lines == [
        f"WARNING A request for '{n}.example' was refused: ALLOWED_HOSTS does not name it" for n in range(2)
    ]
    assert DisallowedHost.__name__ not in "".join(lines)


def test_a_broker_that_is_away_is_one_line_of_the_clock(log: Log) -> None:
    """Celery's own would be 45 kB a minute, of which nothing says more."""
    for task in range(3):
        try:
            try:
                raise ConnectionError("refused")
            except ConnectionError:  # as Celery does it
                raise SchedulingError(f"Couldn't apply scheduled task {task}: refused")  # noqa: B904
        except SchedulingError as error:
            stack = traceback.format_stack()
            logging.getLogger("celery.beat").error("Message Error: %s\n%s", error, stack, exc_info=True)
    assert log.take() == ["ERROR The clock cannot wake the workers: refused"]


@pytest.mark.django_db
def test_a_503_says_why(log: Log, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from config import health

    def away() -> dict[str, Any]:
        raise OperationalError("the server closed the connection")

    monkeypatch.setitem(health.CHECKS, "database", away)
    assert Client().get("/readyz").status_code == 503
    assert "ERROR Not ready: database, migrations: /readyz" in log.take()


@pytest.mark.django_db
def test_a_503_to_a_bsp_says_why(log: Log, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: object) -> None:
        raise Overloaded

    monkeypatch.setattr(views, "store", full)
    assert call_back(provider, "delivery", b"[]").status == 503
    (line,) = (line for line in log.take() if "Service Unavailable" in line)
    assert "Too many requests to process" in line
    assert "/callbacks/•••" in line
