"""Callbacks: webhooks taken in over HTTP, statuses through parsing and ledger, and on to CleverTap."""

import tempfile
from pathlib import Path

from bench.surroundings import (
    add_provider,
    control,
    database,
    granian,
    inside,
    query,
    running,
    simulator,
    table,
    wrk,
)

PORT, SIMULATOR = 8652, 8664
MESSAGES = 15_000
ONE_BY_ONE = 4_000


def run(seconds: int = 6) -> str:
    with (
        tempfile.TemporaryDirectory() as folder,
        database("postgresql", Path(folder)) as env,
        running(*simulator(SIMULATOR)),
    ):
        provider = add_provider(
            env, "--nickname", "bench", "--connector", "interakt", "--waba-number", "15550001111",
            "--credential", "api_key=k", "--credential", "webhook_secret=bench-secret",
            "--delivery-url", f"http://127.0.0.1:{SIMULATOR}/sink/bench/delivery",
        )  # fmt: skip
        argv = granian("config.asgi:application", PORT, workers=2)
        url = f"http://127.0.0.1:{PORT}/webhooks/{provider['webhook_url'].split('/')[-1]}"
        with running(argv, env, f"http://127.0.0.1:{PORT}/"):
            taken = wrk(url, Path(__file__).with_name("webhook.lua"), connections=256, seconds=seconds)
        ((stored,),) = query(env, "SELECT count(*) FROM callbacks_webhook")
        assert 0 <= stored - taken["requests"] <= 256, (stored, taken)
        query(env, "DELETE FROM callbacks_webhook")
        inside(env, "fill", str(MESSAGES))
        inside(env, "fill_webhooks")
        read = inside(env, "drain", "ingest")
        ((events,),) = query(env, "SELECT count(*) FROM campaigns_event")
        assert events == 3 * MESSAGES, events
        plain = inside(env, "forward_loop", str(ONE_BY_ONE), "16")
        forwarded = inside(env, "drain", "forward")
        counts = control(SIMULATOR, "summary")["counts"]
        arrived = sum(counts.get(f"sink.delivery.{kind}", 0) for kind in ("sent", "delivered", "read"))
        assert plain["done"] + forwarded["done"] == arrived == events, (plain, forwarded, counts)
    bad = taken["not_200"] + taken["socket_errors"]
    rows = [
        (
            "webhooks accepted: verified, committed, answered",
            f"{taken['rate']:,.0f}",
            f"p99 {taken['p99']:.2f} s, {bad} not 200",
        ),
        (
            "statuses through parsing, ledger and counts, one process",
            f"{read['done'] / read['seconds']:,.0f}",
            f"{read['cpu'] / read['done'] * 1e6:.0f} µs CPU each",
        ),
        (
            "forwarded by `requests` in 16 threads, a call and an ORM update a report",
            f"{plain['done'] / plain['seconds']:,.0f}",
            f"{plain['cpu'] / plain['done'] * 1e6:.0f} µs CPU each",
        ),
        (
            "**Waypost**: forwarded in order, calls and answers recorded, one process",
            f"{forwarded['done'] / forwarded['seconds']:,.0f}",
            f"{forwarded['cpu'] / forwarded['done'] * 1e6:.0f} µs CPU each, "
            f"× {forwarded['done'] / forwarded['seconds'] / (plain['done'] / plain['seconds']):.1f}",
        ),
    ]
    return table("Callbacks", ("callbacks", "per second", ""), rows)


if __name__ == "__main__":
    print(run())
