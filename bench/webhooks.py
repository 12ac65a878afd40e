"""Callbacks: webhooks taken in over HTTP, and statuses through parsing, ledger and counts."""

import tempfile
from pathlib import Path

from bench.surroundings import add_provider, database, granian, inside, query, running, table, wrk

PORT = 8652
MESSAGES = 15_000


def run(seconds: int = 6) -> str:
    with tempfile.TemporaryDirectory() as folder, database("postgresql", Path(folder)) as env:
        provider = add_provider(
            env, "--nickname", "bench", "--connector", "interakt", "--waba-number", "15550001111",
            "--credential", "api_key=k", "--credential", "webhook_secret=bench-secret",
        )  # fmt: skip
        argv = granian("config.wsgi:application", PORT, workers=2, threads=64)
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
    ]
    return table("Callbacks", ("callbacks", "per second", ""), rows)


if __name__ == "__main__":
    print(run())
