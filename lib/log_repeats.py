"""The handler of all logs. It writes an error once and then counts it: if the database is down, the log has
some lines a minute, not one for each request.
"""

import logging
import os
import re
import threading
from copy import copy
from typing import TextIO

MINUTE = 60.0
EVERY_TIME = {"every_time": True}  # the `extra` of lines that each say something, or that fail2ban counts
MOST_TEXTS = 5  # of one kind that are written in a minute, such as one each for some providers

MOST_KINDS = 500  # at once; further ones count as one
_OTHERS = ("", 0, "", "")
_WORD = re.compile("[a-z]{2}")
_Key = tuple[str, int, str, str]


class _Kind:
    """Lines that one statement of the code writes: whole ones until `texts` is full, then a count."""

    def __init__(self) -> None:
        self.texts: set[str] = set()
        self.more = 0
        self.last: logging.LogRecord | None = None


class Counting(logging.StreamHandler[TextIO]):
    """Of warnings and errors, a text is written once, and up to MOST_TEXTS different ones of a kind. The rest
    is counted, and told by one line a minute with the last text. A kind that is silent for a minute begins
    anew.

    Records with EVERY_TIME are always written, as are those below a warning.
    """

    def __init__(self, stream: TextIO | None = None, seconds: float = MINUTE) -> None:
        super().__init__(stream)
        self._seconds = seconds
        self._kinds: dict[_Key, _Kind] = {}
        self._timer: threading.Timer | None = None
        os.register_at_fork(after_in_child=self._begin_anew)

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno < logging.WARNING or getattr(record, "every_time", False):
            super().emit(record)
            return
        key, text = _key(record), record.getMessage()
        if key not in self._kinds and len(self._kinds) >= MOST_KINDS:
            key = _OTHERS
        kind = self._kinds.setdefault(key, _Kind())
        if text in kind.texts or len(kind.texts) >= MOST_TEXTS:
            kind.more, kind.last = kind.more + 1, record
        else:
            kind.texts.add(text)
            super().emit(record)
        if self._timer is None:
            self._wait()

    def tell(self) -> None:
        """Writes what was counted, and forgets what did not come again."""
        with self.lock or threading.RLock():
            for key, kind in list(self._kinds.items()):
                if kind.last is None:
                    del self._kinds[key]
                    continue
                super().emit(_told(kind.last, kind.more, self._seconds))
                kind.more, kind.last = 0, None
            self._timer = None
            if self._kinds:
                self._wait()

    def close(self) -> None:
        """Writes what was counted, since no minute will end any more."""
        if self._timer is not None:
            self._timer.cancel()
        self.tell()
        if self._timer is not None:
            self._timer.cancel()
        super().close()

    def _wait(self) -> None:
        self._timer = threading.Timer(self._seconds, self.tell)
        self._timer.daemon = True
        self._timer.name = "log-repeats"
        self._timer.start()

    def _begin_anew(self) -> None:
        """The parent tells what it has counted, and its timer is not here."""
        self._kinds, self._timer = {}, None


def _key(record: logging.LogRecord) -> _Key:
    """Of the statement that wrote the line. Where its text is nothing but values, as of Django's lines about
    answers, the first value counts. Lines that were put together before are one kind for each logger.
    """
    error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
    text = str(record.msg) if record.args else ""
    if isinstance(record.args, tuple) and record.args and not _WORD.search(text):
        text = str(record.args[0])
    return record.name, record.levelno, text, error


def _told(last: logging.LogRecord, more: int, seconds: float) -> logging.LogRecord:
    told = copy(last)
    span = "a minute" if seconds == MINUTE else f"{seconds:g} s"
    told.msg, told.args = "%s (and %s more like it in %s)", (last.getMessage(), f"{more:,}", span)
    told.exc_info = told.exc_text = None
    return told
