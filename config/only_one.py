"""Allows only one running Waypost on a directory of data."""

import contextlib
import fcntl
import os
from collections.abc import Iterator

from django.conf import settings
from django.core.management.base import CommandError


@contextlib.contextmanager
def only_one(port: int, advice: str) -> Iterator[bool]:
    """Holds a lock on DATA_DIR, which ends with this process, however it ends. Yields whether its last holder
    was killed. Raises CommandError while another process holds it."""
    lock = settings.DATA_DIR / "running.lock"
    with os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(
                f"Waypost is running on {settings.DATA_DIR} already ({file.read()}). {advice}"
            ) from error
        killed = bool(file.read())
        _write(file.fileno(), f"process {os.getpid()}, port {port}")
        yield killed
        _write(file.fileno(), "")


def _write(file: int, words: str) -> None:
    os.ftruncate(file, 0)
    os.pwrite(file, words.encode(), 0)
