"""A worker with little to do: what idle providers cost, and what a message costs when few come.

Then the idle latency, with and without a broker: one message at a time into a gateway that does nothing else.
"""

import os
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.end_to_end import PROBES, SIMULATOR, WEB, latency
from bench.surroundings import (
    PYTHON,
    add_provider,
    control,
    cpu_seconds,
    database,
    granian,
    inside,
    postgres_cpu,
    query,
    running,
    simulator,
    table,
)

IDLE, BUSY = 100, 20
BROKER = os.environ.get("BENCH_BROKER_URL", "redis://127.0.0.1:6379/9")
CELERY = [
    PYTHON, "-m", "celery", "--quiet", "-A", "config", "worker", "--beat", "--pool", "threads",
    "--without-gossip", "--without-mingle", "--concurrency", "16", "--queues", "celery,forward",
]  # fmt: skip
WORKERS = {"without a broker": [PYTHON, "manage.py", "worker"], "with a broker": CELERY}


def run(seconds: int = 20) -> str:
    rows = []
    for name, argv in WORKERS.items():
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            env = stack.enter_context(database("postgresql", folder))
            if argv is CELERY:
                env |= {"CELERY_BROKER_URL": BROKER}
            stack.enter_context(running(*simulator(SIMULATOR)))
            control(SIMULATOR, "accounts", {"dialect": "interakt", "key": "k"})
            control(SIMULATOR, "behaviour", {"magic": False, "webhooks": False})
            inside(env, "make_providers", str(IDLE), f"http://127.0.0.1:{SIMULATOR}")
            worker = stack.enter_context(running(argv, env))
            time.sleep(8)
            idle = _spent(worker.pid, partial(time.sleep, seconds))
            rows.append(
                (
                    f"{IDLE} idle providers, {name}",
                    f"{idle[0] / seconds:.1%} of a core",
                    f"PostgreSQL {idle[1] / seconds:.1%}",
                )
            )
            inside(env, "trickle", str(BUSY), "5", "warm")  # threads, connections and caches are there
            time.sleep(2)
            busy = _spent(worker.pid, partial(inside, env, "trickle", str(BUSY), str(seconds), "probe"))
            sent = BUSY * seconds
            statement = "SELECT count(*) FROM campaigns_message WHERE status = 40 AND msg_id LIKE '%probe%'"
            ((done,),) = query(env, statement)
            assert done == sent, (done, sent)
            rows.append(
                (
                    f"{BUSY} providers, one message a second each, {name}",
                    f"{(busy[0]) / sent * 1e3:.1f} ms CPU a message",
                    f"PostgreSQL {busy[1] / sent * 1e3:.1f} ms",
                )
            )
    tables = [table("A quiet worker", ("the worker's process", "", "all of PostgreSQL's"), rows)]
    for name, argv in WORKERS.items():
        tables.append(_idle_latency(name, argv))
    return "\n".join(tables)


def _spent(pid: int, work) -> tuple[float, float]:
    """CPU seconds of the process, and of PostgreSQL, while the work is done."""
    before = cpu_seconds(pid), postgres_cpu()
    work()
    time.sleep(1)
    return cpu_seconds(pid) - before[0], postgres_cpu() - before[1]


def _idle_latency(name: str, argv: list[str]) -> str:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        env = stack.enter_context(database("postgresql", folder)) | {"PORT": str(WEB)}
        if argv is CELERY:
            env |= {"CELERY_BROKER_URL": BROKER}
        stack.enter_context(running(*simulator(SIMULATOR)))
        provider = add_provider(
            env, "--nickname", "bench", "--connector", "interakt", "--waba-number", "15550001111",
            "--credential", "api_key=k", "--credential", "webhook_secret=s",
            "--option", f"base_url=http://127.0.0.1:{SIMULATOR}", "--rate", "none",
            "--delivery-url", f"http://127.0.0.1:{SIMULATOR}/sink/bench/delivery",
        )  # fmt: skip
        account = {"dialect": "interakt", "key": "k", "secret": "s", "webhook_url": provider["webhook_url"]}
        control(SIMULATOR, "accounts", account)
        control(SIMULATOR, "behaviour", {"magic": False, "delays": [0.05, 0.1, 0.2]})
        web = granian("config.asgi:application", WEB, workers=1)
        stack.enter_context(running(web, env, f"http://127.0.0.1:{WEB}/"))
        stack.enter_context(running(argv, env))
        time.sleep(5)
        return latency(env, provider, f"Idle latency {name}", PROBES // 2)


if __name__ == "__main__":
    print(run(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
