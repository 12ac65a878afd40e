"""Log lines with the ids of what they are about: the request, the provider, CleverTap's msgId, the queue.

`bound` names them for whatever a thread or task logs meanwhile. With LOG_FORMAT=json a line is one JSON
object, without the secrets of URLs and with phone numbers masked. Only our own errors have tracebacks: errors
of others are one line.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from pythonjsonlogger.json import JsonFormatter

from lib.phone_hiding import hidden
from lib.redact import MASK

_ids: ContextVar[Mapping[str, str]] = ContextVar("ids", default={})  # noqa: B039  (never changed in place)
_BREAK = re.compile(r"[\r\n]\s*")
# The parts of our URLs that open them, wherever a line has them.
_URL_TOKEN = re.compile(r"(/(?:callbacks|webhooks|media|l)/)[^/\s\"']+")


@contextmanager
def bound(**ids: object) -> Iterator[None]:
    """Has these ids in every line until the end of the block."""
    token = _ids.set({**_ids.get(), **{name: str(value) for name, value in ids.items()}})
    try:
        yield
    finally:
        _ids.reset(token)


def bind(**ids: object) -> None:
    """Adds ids until the end of the block of `bound` that is open."""
    if _ids.get():
        _ids.set({**_ids.get(), **{name: str(value) for name, value in ids.items()}})


class Ids(logging.Filter):
    """Gives each record the ids: as a mapping, and as text for the plain format."""

    def filter(self, record: logging.LogRecord) -> bool:
        ids = _ids.get()
        record.ids = ids
        record.ids_text = "".join(f" {name}={value}" for name, value in ids.items())
        return True


class ForeignHost(logging.Filter):
    """Shortens the log of a request with a foreign Host, which Django logs as an error of the code."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        host = request.META.get("HTTP_HOST", "") if request is not None else ""
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg = "A request for %r was refused: ALLOWED_HOSTS does not name it"
        record.args = (host[:200],)
        record.exc_info = record.exc_text = None
        return True


class BrokerAway(logging.Filter):
    """Shortens what Celery's clock logs for each task that the broker does not take: two stacks."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is not None:
            record.msg = "The clock cannot wake the workers: %s"
            record.args = (str(error.__context__ or error),)
            record.exc_info = record.exc_text = None
        return True


# The database is away, or a request is not as any program of ours makes it.
_OF_OTHERS = (OperationalError, InterfaceError, SuspiciousOperation)


def _told(error: Any) -> str:
    """The error in one line if it is the fault of others; otherwise empty."""
    if not error or not isinstance(error[1], _OF_OTHERS):
        return ""
    return " ".join(f"{type(error[1]).__name__}: {error[1]}".split())


class Plain(logging.Formatter):
    """A line with the ids, and a traceback below it where the error is our own."""

    def format(self, record: logging.LogRecord) -> str:
        if told := _told(record.exc_info):
            record = copy(record)
            record.msg, record.args = "%s: %s", (record.getMessage(), told)
            record.exc_info = record.exc_text = None
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:
        """One line, whatever a server or a caller has put into it."""
        return _BREAK.sub(" ", super().formatMessage(record))


class Json(JsonFormatter):
    """`time`, `level`, `logger`, `message`, the ids, and `error` with a traceback or a line."""

    def process_log_record(self, log_record: dict[str, Any]) -> dict[str, Any]:
        return {name: masked(value) if name in _TEXTS else value for name, value in log_record.items()}

    def add_fields(
        self, log_record: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        log_record["time"] = datetime.fromtimestamp(record.created, UTC).isoformat()
        log_record["level"], log_record["logger"] = record.levelname, record.name
        log_record["message"] = record.getMessage()
        log_record |= getattr(record, "ids", {})
        for name in ("status", "milliseconds", "method", "path"):
            if name in record.__dict__:
                log_record[name] = record.__dict__[name]
        if record.exc_info:
            log_record["error"] = _told(record.exc_info) or self.formatException(record.exc_info)


_TEXTS = ("message", "path", "error")


def masked(text: str) -> str:
    """Without the tokens of URLs, and with phone numbers masked."""
    return hidden(_URL_TOKEN.sub(rf"\1{MASK}", text))
