"""What every benchmark needs: a fresh database, processes that are stopped again, wrk, a table."""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
BIN = Path(PYTHON).parent
ADMIN_URL = os.environ.get("BENCH_DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")


@contextmanager
def database(kind: str, directory: Path, kept: str = "") -> Iterator[dict[str, str]]:
    """The environment of a gateway on an empty, migrated database: "postgresql" or "sqlite".

    On PostgreSQL one may be `kept` under a name, and is then what the last one left.
    """
    env = {
        "DATA_DIR": str(directory),
        "ALLOW_PRIVATE_TARGETS": "1",
        "LOG_LEVEL": "WARNING",
        "CELERY_BROKER_URL": "",
    }
    name = f"waypost_bench_{kept or secrets.token_hex(4)}"
    if kind == "postgresql":
        if not _psql(f"SELECT 1 FROM pg_database WHERE datname = '{name}' AND '{kept}' <> ''"):
            _psql(f'CREATE DATABASE "{name}"')
        env["DATABASE_URL"] = urlsplit(ADMIN_URL)._replace(path=f"/{name}").geturl()
    else:
        env["DATABASE_URL"] = f"sqlite:///{directory / 'bench.sqlite3'}"
    try:
        manage(env, "migrate", "--verbosity", "0")
        yield env
    finally:
        if kind == "postgresql" and not kept:
            _psql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _psql(statement: str) -> list[tuple]:
    import psycopg

    with psycopg.connect(ADMIN_URL.replace("postgres://", "postgresql://"), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def query(env: Mapping[str, str], statement: str) -> list[tuple]:
    """Rows of a query on the benchmark's database."""
    if env["DATABASE_URL"].startswith("sqlite"):
        import sqlite3

        with sqlite3.connect(env["DATABASE_URL"].removeprefix("sqlite:///")) as connection:
            return connection.execute(statement).fetchall()
    import psycopg

    with psycopg.connect(
        env["DATABASE_URL"].replace("postgres://", "postgresql://"), autocommit=True
    ) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def manage(env: Mapping[str, str], *arguments: str) -> str:
    result = subprocess.run(
        [PYTHON, "manage.py", *arguments], cwd=ROOT, env=os.environ | env, capture_output=True, text=True
    )
    if result.returncode:
        raise SystemExit(f"manage.py {' '.join(arguments)}: {result.stdout}{result.stderr}")
    return result.stdout


def add_provider(env: Mapping[str, str], *arguments: str) -> dict:
    return json.loads(manage(env, "provider", "add", "--json", *arguments))


@contextmanager
def running(argv: Sequence[str], env: Mapping[str, str], ready: str = "") -> Iterator[subprocess.Popen]:
    """A process, once `ready` (a URL) answers anything; stopped at the end."""
    process = subprocess.Popen(argv, cwd=ROOT, env=os.environ | env, start_new_session=True)
    try:
        if ready:
            wait_for(ready)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(url: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=2)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def granian(application: str, port: int, *, workers: int, threads: int = 0) -> list[str]:
    """An ASGI application, or a WSGI application with so many threads."""
    interface = "wsgi" if threads else "asgi"
    blocking = ["--blocking-threads", str(threads)] if threads else []
    return [
        str(BIN / "granian"), "--interface", interface, "--host", "127.0.0.1", "--port", str(port),
        "--workers", str(workers), *blocking, "--backlog", "4096", "--backpressure", "4096",
        "--http", "1", "--no-ws", "--log-level", "error", application,
    ]  # fmt: skip


def simulator(port: int, delay: float = 0.0) -> tuple[list[str], dict[str, str], str]:
    """The arguments of `running` for a simulator that keeps only counts."""
    argv = [PYTHON, "-m", "simulator", "--port", str(port), "--delay", str(delay), "--no-record"]
    return argv, {}, f"http://127.0.0.1:{port}/_control/summary"


def control(port: int, what: str, content: object = None) -> dict:
    """A call of the simulator's control API: a GET without content."""
    data = None if content is None else json.dumps(content).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_control/{what}", data, timeout=10) as answer:
        return json.load(answer)


def inside(env: Mapping[str, str], *arguments: str) -> dict:
    """A command of bench.inside in a process of its own."""
    result = subprocess.run(
        [PYTHON, "-m", "bench.inside", *arguments],
        cwd=ROOT,
        env=os.environ | env,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise SystemExit(result.stderr)
    return json.loads(result.stdout.splitlines()[-1])


def wrk(
    url: str, script: Path, *, connections: int, seconds: int, env: Mapping[str, str] | None = None
) -> dict:
    """Load by wrk: requests, rate, p50 and p99 in seconds, answers other than 200, socket errors."""
    options = ["-t2", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency", "-s", str(script)]
    result = subprocess.run(
        ["wrk", *options, url], capture_output=True, text=True, env=os.environ | (env or {}), check=True
    ).stdout
    figures = json.loads(result[result.index('{"requests"') :].splitlines()[0])
    figures["rate"] = figures["requests"] / figures["seconds"]
    return figures


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and its children that still run."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for process in [pid, *_descendants(pid)]:
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        except FileNotFoundError:
            continue
        total += (int(fields[11]) + int(fields[12])) / ticks
    return total


def memory(pid: int) -> list[int]:
    """Bytes of a process and each of its descendants; what they share is divided among them (PSS)."""
    found = []
    for process in [pid, *_descendants(pid)]:
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += [int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")]
    return found


def postgres_cpu() -> float:
    """CPU time of all PostgreSQL processes that run now."""
    pids = subprocess.run(["pgrep", "-x", "postgres"], capture_output=True, text=True).stdout.split()
    return sum(cpu_seconds(int(pid)) for pid in pids if _parent(int(pid)) == 1) if pids else 0.0


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except FileNotFoundError:
        return 0


def _descendants(pid: int) -> list[int]:
    children: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == pid:
                children += [int(entry.name), *_descendants(int(entry.name))]
    return children


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [f"### {title}", "", "| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
