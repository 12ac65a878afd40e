"""Real processes on databases of their own: started on free ports, stopped without a trace.

    with migrated(tmp_path) as env:  # or fresh_environment, where the tables are to be made there
        with running(["manage.py", "serve", "--port", str(port)], env) as server:
            wait_until(lambda: answers(port))
            assert server.stop() == 0

The environment is SQLite without a broker, or PostgreSQL with Redis when the suite runs on
PostgreSQL. Nothing here touches the databases of the suite itself.
"""

import contextlib
import fcntl
import os
import random
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis

from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parent.parent
# Settings of the suite's own environment that the processes must not inherit.
_OURS = (
    "DATABASE_URL",
    "CELERY_BROKER_URL",
    "FIELD_ENCRYPTION_KEYS",
    "PUBLIC_BASE_URL",
    "PORT",
    "PYTEST_CURRENT_TEST",
)
_reserved: set[int] = set()  # ports, and Redis' databases

T = TypeVar("T")
Migrated = Callable[[Path], AbstractContextManager[dict[str, str]]]


def free_port(width: int = 1) -> int:
    """A free port, with `width - 1` free ports above it. Nobody else is given them while this process lives.

    Below those that the system gives to outgoing connections, one of which could take it first.
    """
    while True:
        first = random.randrange(20_000, 32_000)
        with contextlib.ExitStack() as sockets, contextlib.suppress(OSError):
            for port in range(first, first + width):
                sockets.enter_context(_bound(port))
                _reserve(port)
            return first


def _reserve(number: int) -> None:
    """Keeps the number for this process. Raises OSError if a test has it, in this process or in another.

    A test that has chosen a port uses it seconds later, and other processes choose meanwhile.
    """
    if number in _reserved:
        raise FileExistsError(number)
    fcntl.lockf(_reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
    _reserved.add(number)


@cache
def _reservations() -> BinaryIO:
    """A file of which each process locks the bytes whose numbers it has. Closing it would give all back."""
    return (Path(tempfile.gettempdir()) / f"waypost-tests-{os.getuid()}").open("ab")


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    try:
        made.bind(("127.0.0.1", port))
    except OSError:
        made.close()
        raise
    return made


def wait_until(condition: Callable[[], T], pause: float = 0.05) -> T:
    """The condition's value as soon as it is true, or TimeoutError. An OSError counts as not yet."""
    end = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError):
            if value := condition():
                return value
        if time.monotonic() > end:
            raise TimeoutError(f"not true within {PATIENCE:g} s")
        time.sleep(pause)


def answers(port: int) -> bool:
    """Whether somebody listens at the port. For `wait_until`."""
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


@contextlib.contextmanager
def fresh_environment(data_dir: Path, copied: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
    """The environment of an installation that keeps everything under `data_dir`: empty yet, or a copy of
    another that nobody uses now.

    On PostgreSQL it has a new database, dropped at the end, and a Redis database of its own.
    """
    if copied:
        shutil.copytree(copied["DATA_DIR"], data_dir, dirs_exist_ok=True)
    env = {name: value for name, value in os.environ.items() if name not in _OURS}
    env |= {
        "DATA_DIR": str(data_dir),
        "DATABASE_URL": f"sqlite:///{data_dir / 'waypost.sqlite3'}",
        "CELERY_BROKER_URL": "",
        "ALLOW_PRIVATE_TARGETS": "1",
        "PYTHONUNBUFFERED": "1",
        "INTAKE_MAX_WAIT": str(PATIENCE),  # a slow machine refuses no message
    }
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield env
        return
    broker = os.environ.get("CELERY_BROKER_URL") or "redis://127.0.0.1:6379"
    like = urlsplit(copied["DATABASE_URL"]).path[1:] if copied else "template1"
    with _postgres_database(url, like) as database, _redis_database(broker) as broker:
        yield env | {"DATABASE_URL": database, "CELERY_BROKER_URL": broker}


@contextlib.contextmanager
def _postgres_database(url: str, like: str) -> Iterator[str]:
    name = f"waypost_process_{secrets.token_hex(6)}"
    with psycopg.connect(_at(url, "postgres"), autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
        try:
            yield _at(url, name)
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextlib.contextmanager
def _redis_database(url: str) -> Iterator[str]:
    """One of Redis' numbered databases that is empty and that no other test uses; never 0."""
    for number in set(range(1, 16)) - {int(urlsplit(url).path.strip("/") or 0)}:
        with redis.Redis.from_url(_at(url, str(number))) as database, _reserved_for_a_while(number) as mine:
            if not mine or database.dbsize():  # somebody's own
                continue
            try:
                yield _at(url, str(number))
            finally:
                database.flushdb()
            return
    raise RuntimeError("Every Redis database from 1 to 15 is in use.")


@contextlib.contextmanager
def _reserved_for_a_while(number: int) -> Iterator[bool]:
    """Whether the number is this block's."""
    try:
        _reserve(number)
    except OSError:
        yield False
        return
    try:
        yield True
    finally:
        fcntl.lockf(_reservations(), fcntl.LOCK_UN, 1, number)
        _reserved.remove(number)


def _at(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))


class Running:
    """A started process. What it and its children print goes to one file."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, env: Mapping[str, str]) -> None:
        self.process = process
        self.log = log
        self.env = env

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for(self, text: str) -> str:
        """Everything printed, once `text` is in it. When it never comes, says what came instead."""
        end = time.monotonic() + PATIENCE
        while text not in self.output:
            over = self.process.poll() is not None or time.monotonic() > end
            assert not over, f"{text!r} was not printed, but:\n{self.output}"
            time.sleep(0.05)
        return self.output

    def send_signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Sends the signal and waits. Returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def family(self) -> dict[int, str]:
        """Process id → command line of everything alive in this environment, children included."""
        return alive(self.env)


def alive(env: Mapping[str, str]) -> dict[int, str]:
    """Process id → command line of every process whose DATA_DIR is that of `env`."""
    mark = f"DATA_DIR={env['DATA_DIR']}".encode()
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if command:  # a zombie has none
                    found[int(entry.name)] = command
    return found


@contextlib.contextmanager
def running(
    argv: Sequence[str], env: Mapping[str, str], name: str = "", project: Path = ROOT
) -> Iterator[Running]:
    """Starts `python <argv>` in the project. Nothing that it started outlives the block."""
    log = Path(env["DATA_DIR"]) / f"{name or secrets.token_hex(4)}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    others = set(alive(env))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *argv],
            cwd=project,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield Running(process, log, env)
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            if process.poll() is None:
                process.terminate()
            process.wait(20)  # nothing is asked of it any more
        for pid in set(alive(env)) - others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def many_files(wanted: int) -> Iterator[None]:
    """Has this process, and those it starts, open as many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip("this system allows fewer open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def manage(env: Mapping[str, str], *argv: str, project: Path = ROOT) -> str:
    """Runs `manage.py <argv>` to its end and returns what it printed."""
    done = subprocess.run(
        [sys.executable, "manage.py", *argv],
        cwd=project,
        env=env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
