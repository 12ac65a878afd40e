"""Telling workers that there is work, without waiting for them.

With a broker a Celery task is published from a background thread, so that a slow or dead
broker never slows a request. Without one a datagram goes to the local worker's socket. Both
are only hints: the rows are the queue, and workers also look by themselves.
"""

import contextlib
import hashlib
import logging
import socket
import tempfile
import threading
from functools import lru_cache
from pathlib import Path
from time import monotonic, sleep

from celery import current_app
from django.conf import settings

logger = logging.getLogger(__name__)

PAUSE = 0.05
# Set when this process has been told to end: finish what is under way, take on nothing new.
stopping = threading.Event()
_lock = threading.Lock()
_pending: set[tuple[str, int | None]] = set()
_stirred = threading.Event()
_publisher: threading.Thread | None = None


def wake(task: str, key: int | None = None) -> None:
    """Asks for `task` (a Celery task's name) to run soon, once for many calls."""
    global _publisher
    if not settings.CELERY_BROKER_URL:
        _datagram(task if key is None else f"{task}:{key}")
        return
    with _lock:
        _pending.add((task, key))
        if _publisher is None:
            _publisher = threading.Thread(target=_publish, name="wake", daemon=True)
            _publisher.start()
    _stirred.set()


def _publish() -> None:
    complained = -60.0
    while True:
        _stirred.wait()
        _stirred.clear()
        with _lock:
            tasks = list(_pending)
            _pending.clear()
        for task, key in tasks:
            try:
                current_app.send_task(task, args=[] if key is None else [key], retry=False)
            except Exception as error:
                if monotonic() - complained > 60:
                    complained = monotonic()
                    logger.warning(
                        "The broker takes no wake-up (%s); workers will find the rows later.", error
                    )
        sleep(PAUSE)  # one task for all that gathers meanwhile


def socket_path() -> Path:
    """Where the local worker listens; short, because such paths end at 108 bytes."""
    return _socket_path(str(settings.DATA_DIR))


@lru_cache(maxsize=4)
def _socket_path(data_dir: str) -> Path:
    name = hashlib.sha256(data_dir.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"waypost-{name}.sock"


_sender: socket.socket | None = None


def _datagram(task: str) -> None:
    global _sender
    if _sender is None:
        _sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        _sender.setblocking(False)
    # No worker, or a full buffer: it is awake or will look by itself.
    with contextlib.suppress(OSError):
        _sender.sendto(task.encode(), str(socket_path()))


class Listener:
    """The local worker's end of the socket."""

    def __init__(self) -> None:
        self.path = socket_path()
        self.path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self.path.chmod(0o600)

    def wait(self, timeout: float) -> set[str]:
        """What was asked for since the last call, as TASK or TASK:KEY, after at most `timeout` seconds."""
        self._socket.settimeout(timeout)
        tasks: set[str] = set()
        with contextlib.suppress(OSError):
            while True:
                tasks.add(self._socket.recv(64).decode())
                self._socket.settimeout(0)
        return tasks

    def close(self) -> None:
        self._socket.close()
        self.path.unlink(missing_ok=True)
