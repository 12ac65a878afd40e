"""Intake: 1,500 open connections on PostgreSQL and on the embedded SQLite."""

import base64
import tempfile
from pathlib import Path

from bench.surroundings import add_provider, database, granian, query, running, table, wrk

PORT = 8650
CONNECTIONS = 1500


def run(seconds: int = 8) -> str:
    rows = []
    with tempfile.TemporaryDirectory() as folder, database("postgresql", Path(folder)) as env:
        provider = _provider(env)
        plain = _measure(env, provider, "bench.baselines:plain", seconds, workers=2, threads=16)
        ceiling = _measure(env, provider, "bench.baselines:ceiling", seconds, workers=2)
        ours = _measure(env, provider, "config.asgi:application", seconds, workers=2)
        rows.append(_row("DRF serializer + ORM insert a request", plain, plain, ceiling))
        rows.append(_row("raw ASGI function + group commit", ceiling, plain, ceiling))
        rows.append(_row("**Waypost**, PostgreSQL", ours, plain, ceiling))
    with tempfile.TemporaryDirectory() as folder, database("sqlite", Path(folder)) as env:
        embedded = _measure(env, _provider(env), "config.asgi:application", seconds, workers=1)
        rows.append(_row("**Waypost**, embedded SQLite", embedded, plain, ceiling))
    header = (
        "intake, 1,500 connections",
        "accepted/s",
        "p50",
        "p99",
        "not 200",
        "rows = answers",
        "× plain view",
        "of the ceiling",
    )
    return table("Intake", header, rows)


def _provider(env: dict[str, str]) -> dict:
    return add_provider(
        env, "--nickname", "bench", "--connector", "generic", "--waba-number", "15550001111",
        "--endpoint", "http://127.0.0.1:9/messages",
    )  # fmt: skip


def _measure(
    env: dict[str, str], provider: dict, app: str, seconds: int, *, workers: int, threads: int = 0
) -> dict:
    query(env, "DELETE FROM campaigns_message")
    pair = base64.b64encode(f"{provider['username']}:{provider['password']}".encode()).decode()
    url = f"http://127.0.0.1:{PORT}/v1/{provider['messages_url'].split('/')[-2]}/messages"
    argv = granian(app, PORT, workers=workers, threads=threads)
    with running(argv, env, f"http://127.0.0.1:{PORT}/"):
        load = {"BENCH_AUTHORIZATION": f"Basic {pair}"}
        script = Path(__file__).with_name("intake.lua")
        wrk(url, script, connections=64, seconds=2, env=load)
        query(env, "DELETE FROM campaigns_message")
        figures = wrk(url, script, connections=CONNECTIONS, seconds=seconds, env=load)
    ((stored,),) = query(env, "SELECT count(*) FROM campaigns_message")
    # wrk counts neither the requests that are open when its time is over, nor those that follow them.
    figures["even"] = 0 <= stored - figures["requests"] <= 2 * CONNECTIONS
    figures["stored"] = stored
    return figures


def _row(name: str, figures: dict, plain: dict, ceiling: dict) -> tuple[str, ...]:
    bad = figures["not_200"] + figures["failures"] + figures["socket_errors"]
    return (
        name,
        f"{figures['rate']:,.0f}",
        f"{figures['p50']:.2f} s",
        f"{figures['p99']:.2f} s",
        str(bad),
        f"{figures['stored']:,} = {figures['requests']:,} + open"
        if figures["even"]
        else f"NO: {figures['stored']:,} / {figures['requests']:,}",
        f"{figures['rate'] / plain['rate']:.1f}",
        f"{figures['rate'] / ceiling['rate']:.0%}",
    )


if __name__ == "__main__":
    print(run())
