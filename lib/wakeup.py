"""Tells workers that there is work, and does not wait for them.

With a broker a Celery task is published, with PostgreSQL alone a NOTIFY, both from a background thread, so
that a slow or dead server never slows a request. On SQLite a datagram goes to the local worker's socket. All
are only hints: the rows are the queue, and workers also look without a wake-up.
"""

import contextlib
import hashlib
import logging
import os
import select
import socket
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from time import monotonic, sleep

import psycopg
from celery import current_app
from django.conf import settings
from django.db import connection

logger = logging.getLogger(__name__)

PAUSE = 0.02  # seconds in which wake-ups gather after one was told
AGAIN = 0.2  # seconds between tries to listen anew
CHANNEL = "waypost"
LOOK = ""  # what a listener hears when it may have missed something
# Set when this process has been told to end: finish what is under way, take on nothing new.
stopping = threading.Event()
_lock = threading.Lock()
_pending: set[tuple[str, int | None]] = set()
_asked = threading.Event()
_publisher: threading.Thread | None = None
_publisher_pid = 0


def wake(task: str, key: int | None = None) -> None:
    """Asks for `task` (a Celery task's name) to run soon, once for many calls."""
    global _publisher, _publisher_pid
    if local():
        _datagram(_name(task, key))
        return
    with _lock:
        _pending.add((task, key))
        if _publisher is None or _publisher_pid != os.getpid():
            _publisher = threading.Thread(target=_publish, name="wake", daemon=True)
            _publisher_pid = os.getpid()
            _publisher.start()
    _asked.set()


def local() -> bool:
    """Whether all processes are on one machine, so that datagrams reach the worker."""
    return not settings.CELERY_BROKER_URL and connection.vendor != "postgresql"


def _name(task: str, key: int | None) -> str:
    return task if key is None else f"{task}:{key}"


def _publish() -> None:
    complained = -60.0
    while True:
        _asked.wait()
        _asked.clear()
        with _lock:
            tasks = list(_pending)
            _pending.clear()
        try:
            if settings.CELERY_BROKER_URL:
                _send(tasks)
            else:
                _notify([_name(task, key) for task, key in tasks])
        except Exception as error:
            if monotonic() - complained > 60:
                complained = monotonic()
                logger.warning("No wake-up can be sent (%s); workers will find the rows later.", error)
        sleep(PAUSE)  # one wake-up for all that gathers meanwhile


def _send(tasks: Collection[tuple[str, int | None]]) -> None:
    failed: Exception | None = None
    for task, key in tasks:
        try:
            current_app.send_task(task, args=[] if key is None else [key], retry=False)
        except Exception as error:
            failed = error
    if failed:
        raise failed


def _notify(names: Collection[str]) -> None:
    try:
        with connection.cursor() as cursor:
            statement = "SELECT pg_notify(%s, name) FROM unnest(%s::text[]) AS name"
            cursor.execute(statement, [CHANNEL, list(names)])
    finally:
        connection.close()  # back to the pool


def socket_path() -> Path:
    """Where the local worker listens; short, because such paths end at 108 bytes."""
    return _socket_path(str(settings.DATA_DIR))


@lru_cache(maxsize=4)
def _socket_path(data_dir: str) -> Path:
    name = hashlib.sha256(data_dir.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"waypost-{name}.sock"


_sender: socket.socket | None = None


def _datagram(name: str) -> None:
    global _sender
    if _sender is None:
        _sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        _sender.setblocking(False)
    # No worker, or a full buffer: it is awake or will look soon anyway.
    with contextlib.suppress(OSError):
        _sender.sendto(name.encode(), str(socket_path()))


class Listener(ABC):
    """The worker's end. `wait` ends early when `poke` is called, from any thread."""

    def __init__(self) -> None:
        self._poked, self._poke = socket.socketpair()
        self._poked.setblocking(False)
        self._poke.setblocking(False)

    def wait(self, timeout: float) -> set[str]:
        """What was asked for since the last call, as TASK or TASK:KEY, after at most `timeout` seconds.
        LOOK among it means that something may have been missed."""
        names = self._heard(max(0.0, timeout))
        with contextlib.suppress(BlockingIOError):
            while self._poked.recv(1024):
                names.add(LOOK)
        return names

    def poke(self) -> None:
        """Has `wait` return LOOK."""
        with contextlib.suppress(OSError):
            self._poke.send(b".")

    @abstractmethod
    def _heard(self, timeout: float) -> set[str]: ...

    def close(self) -> None:
        self._poked.close()
        self._poke.close()


class DatagramListener(Listener):
    """On the local worker's socket."""

    def __init__(self) -> None:
        super().__init__()
        self.path = socket_path()
        self.path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.setblocking(False)
        self.path.chmod(0o600)
        self._place = self.path.stat().st_ino

    def _heard(self, timeout: float) -> set[str]:
        select.select([self._socket, self._poked], [], [], timeout)
        names: set[str] = set()
        with contextlib.suppress(OSError):
            while True:
                names.add(self._socket.recv(64).decode())
        return names

    def close(self) -> None:
        super().close()
        self._socket.close()
        with contextlib.suppress(OSError):  # a worker that took over has a socket of its own there
            if self.path.stat().st_ino == self._place:
                self.path.unlink()


class DatabaseListener(Listener):
    """On a PostgreSQL connection of its own. When it breaks it is made anew, and the worker looks once.

    Poolers that share connections by transaction pass no notifications on, hence LISTEN_DATABASE_URL.
    """

    def __init__(self) -> None:
        super().__init__()
        self._connection: psycopg.Connection | None = None

    def _heard(self, timeout: float) -> set[str]:
        try:
            if self._connection is None:
                self._connection = _listening()
                return {LOOK}
            return self._notified(self._connection, timeout)
        except psycopg.Error as error:
            logger.warning("Wake-ups cannot be heard (%s); listening anew", str(error).strip())
            self._drop()
            select.select([self._poked], [], [], min(AGAIN, timeout))
            return set()

    def _notified(self, server: psycopg.Connection, timeout: float) -> set[str]:
        names = {each.payload for each in server.notifies(timeout=0)}
        if not names:
            select.select([server.fileno(), self._poked.fileno()], [], [], timeout)
            names = {each.payload for each in server.notifies(timeout=0)}
        return names

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        super().close()
        self._drop()


def _listening() -> psycopg.Connection:
    if settings.LISTEN_DATABASE_URL:
        server = psycopg.connect(settings.LISTEN_DATABASE_URL, autocommit=True, connect_timeout=5)
    else:
        parameters = connection.get_connection_params()
        server = psycopg.connect(**parameters, autocommit=True)
    server.execute(f"LISTEN {CHANNEL}")
    return server


def listener() -> Listener:
    """For the worker that works without a broker."""
    return DatagramListener() if local() else DatabaseListener()
