"""What a deployment takes: memory of each process, connections to PostgreSQL, bytes a message on disk.

Processes are measured when idle, and at the most while messages with three reports each go through, posted by
1,500 callers at once: as `manage.py serve` has them, and as the systemd units do, with Celery.
"""

import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.end_to_end import SIMULATOR, WEB, customer, there_and_back
from bench.surroundings import PYTHON, database, granian, memory, query, running, simulator, table

BROKER = os.environ.get("BENCH_BROKER_URL", "redis://127.0.0.1:6379/9")
WEB_PROCESSES = 2
AT_ONCE = 1500  # calls of CleverTap's
LITTLE = 30  # bytes a message; tables that take less are left out
_CELERY = [PYTHON, "-m", "celery", "--quiet", "-A", "config"]


def _commands() -> dict[str, dict[str, list[str]]]:
    web = granian("config.asgi:application", WEB, workers=WEB_PROCESSES)
    threads = [*_CELERY, "worker", "--pool", "threads", "--without-gossip", "--without-mingle"]
    return {
        "without a broker": {"web": web, "worker": [PYTHON, "manage.py", "worker"]},
        "with Celery": {
            "web": web,
            "worker": [*threads, "--hostname", "worker@%h", "--concurrency", "16", "--queues", "celery"],
            "forward": [*threads, "--hostname", "forward@%h", "--concurrency", "8", "--queues", "forward"],
            "beat": [*_CELERY, "beat"],
        },
    }


def run(messages: int = 10_000) -> str:
    processes, sizes = [], ""
    for name in ("without a broker", "with Celery"):
        with (
            tempfile.TemporaryDirectory() as folder,
            database("postgresql", Path(folder)) as env,
            running(*simulator(SIMULATOR)),
        ):
            env |= {"PORT": str(WEB), "CELERY_BROKER_URL": BROKER if name == "with Celery" else ""}
            commands = _commands()[name]
            processes += [(f"{name}: {each[0]}", *each[1:]) for each in _measured(env, commands, messages)]
            sizes = sizes or _sizes(env, messages)
    header = ("process", "idle", f"at most, over {messages:,} messages", "connections at most")
    return "\n".join([table("Memory and connections", header, processes), sizes])


def _measured(
    env: dict[str, str], commands: dict[str, list[str]], messages: int
) -> Iterator[tuple[str, str, str, str]]:
    """A line for each command, once it has been through all messages."""
    with ExitStack() as stack:
        pids = {}
        for name, argv in commands.items():
            named = env | {"PGAPPNAME": name}
            ready = f"http://127.0.0.1:{WEB}/" if name == "web" else ""
            pids[name] = stack.enter_context(running(argv, named, ready)).pid
        provider = customer(env)
        time.sleep(8)  # until all are up
        idle = {name: memory(pid) for name, pid in pids.items()}
        with _watched(env, pids) as most:
            there_and_back(env, provider, messages, AT_ONCE)
    for name in commands:
        count = f"{WEB_PROCESSES} processes and their parent" if name == "web" else name
        yield (
            f"web, {count}" if name == "web" else name,
            f"{sum(idle[name]) / 1e6:.0f} MB",
            f"{most['memory', name] / 1e6:.0f} MB",
            str(most["connections", name]),
        )


@contextmanager
def _watched(env: dict[str, str], pids: dict[str, int]) -> Iterator[Counter[tuple[str, str]]]:
    """The most memory and connections of each, as seen twice a second."""
    most: Counter[tuple[str, str]] = Counter()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            for name, pid in pids.items():
                most["memory", name] = max(most["memory", name], sum(memory(pid)))
            connections = query(
                env,
                "SELECT application_name, count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() GROUP BY 1",
            )
            for name, count in connections:
                most["connections", name] = max(most["connections", name], count)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield most
    finally:
        ended.set()
        thread.join()


def _sizes(env: dict[str, str], messages: int) -> str:
    """Bytes a message of every table. Rows that change leave their former versions behind, whose room is used
    again after a VACUUM: so what is written at first, and what a copy of the rows takes."""
    written = dict(
        query(env, "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables ORDER BY 2 DESC")
    )
    lines = [
        (name, size, _of_a_copy(env, name)) for name, size in written.items() if size >= LITTLE * messages
    ]
    lines.append(("**all**", sum(size for _, size, _ in lines), sum(size for *_, size in lines)))
    rows = [(name, *(f"{size / messages:,.0f}" for size in sizes)) for name, *sizes in lines]
    return table("Bytes a message, with indexes", ("table", "before a VACUUM", "of present rows"), rows)


def _of_a_copy(env: dict[str, str], name: str) -> int:
    """Bytes of a table as if it had been filled at once. VACUUM FULL keeps what others may still look at."""
    query(env, f"CREATE TABLE copied (LIKE {name} INCLUDING ALL EXCLUDING GENERATED EXCLUDING IDENTITY)")
    query(env, f"INSERT INTO copied SELECT * FROM {name}")
    ((size,),) = query(env, "SELECT pg_total_relation_size('copied')")
    query(env, "DROP TABLE copied")
    return size


if __name__ == "__main__":
    print(run(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
