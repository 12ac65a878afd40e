"""What more worker processes bring when the database is 3 ms away, and what many providers cost one."""

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from bench.surroundings import (
    PYTHON,
    ROOT,
    control,
    cpu_seconds,
    database,
    inside,
    query,
    running,
    simulator,
    table,
)

SIMULATOR, PROXY = 8665, 8666
DELAY = 0.003
PROVIDERS, EACH = 8, 500
MANY, EACH_OF_MANY = 64, 100
STEPS = {
    "campaigns.send": ("sending", "SELECT count(*) FROM campaigns_message WHERE status = 40"),
    "callbacks.ingest": ("reading webhooks", "SELECT count(*) FROM campaigns_event"),
    "callbacks.forward": ("forwarding", "SELECT count(*) FROM campaigns_event WHERE forward = 2"),
}


class Measured(NamedTuple):
    rate: float  # a second
    cpu: float  # µs of the workers' processes, each


def run() -> str:
    rates = {workers: _rates(workers, PROVIDERS, EACH, list(STEPS)) for workers in (1, 4)}
    rows = [
        (
            f"{name}, {PROVIDERS} providers",
            f"{rates[1][task].rate:,.0f}",
            f"{rates[4][task].rate:,.0f}",
            f"× {rates[4][task].rate / rates[1][task].rate:.1f}",
            f"{rates[1][task].cpu:,.0f} µs",
        )
        for task, (name, _) in STEPS.items()
    ]
    many = _rates(1, MANY, EACH_OF_MANY, ["callbacks.ingest"])["callbacks.ingest"]
    rows.append((f"reading webhooks, {MANY} providers", f"{many.rate:,.0f}", "", "", f"{many.cpu:,.0f} µs"))
    return table(
        "Wide: the database 3 ms away", ("a second", "one worker process", "four", "", "CPU of the one"), rows
    )


def _rates(workers: int, providers: int, each: int, tasks: list[str]) -> dict[str, Measured]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        env = stack.enter_context(database("postgresql", folder))
        stack.enter_context(running(*simulator(SIMULATOR)))
        control(SIMULATOR, "accounts", {"dialect": "interakt", "key": "k"})
        control(SIMULATOR, "behaviour", {"magic": False, "webhooks": False})
        far = stack.enter_context(_far(env))
        inside(env, "make_providers", str(providers), f"http://127.0.0.1:{SIMULATOR}")
        inside(env, "fill_all", str(each))
        rates = {}
        for task in tasks:
            if task == "callbacks.ingest":
                query(env, "UPDATE campaigns_message SET status = 40, attempt = 1")
                inside(env, "fill_all_webhooks")
            rates[task] = _rate(env, far, workers, task, providers * each)
        return rates


@contextmanager
def _far(env: Mapping[str, str]):
    """The environment in which the same database is further away."""
    url = urlsplit(env["DATABASE_URL"])
    argv = [PYTHON, "-m", "bench.slow_proxy", str(PROXY), str(url.port or 5432), str(DELAY)]
    with running(argv, {}):
        time.sleep(1)
        there = url._replace(netloc=f"{url.username}:{url.password or ''}@127.0.0.1:{PROXY}")
        yield dict(env) | {"DATABASE_URL": there.geturl()}


def _rate(env: Mapping[str, str], far: Mapping[str, str], workers: int, task: str, count: int) -> Measured:
    """How many a second, from the start of the workers, which are ready by then, to the last row."""
    started = [
        subprocess.Popen(
            [PYTHON, "-m", "bench.inside", "work", task],
            cwd=ROOT,
            env=os.environ | far,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(workers)
    ]
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "ready"
        idle = sum(cpu_seconds(process.pid) for process in started)
        began = time.monotonic()
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        while (done := query(env, STEPS[task][1])[0][0]) < count:
            if time.monotonic() - began > 120:
                raise SystemExit(f"{task}: only {done} of {count}")
            time.sleep(0.05)
        seconds = time.monotonic() - began
        cpu = sum(cpu_seconds(process.pid) for process in started) - idle
        return Measured(count / seconds, cpu / count * 1e6)
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(30)


if __name__ == "__main__":
    print(run())
