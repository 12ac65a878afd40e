"""Dispatch: one worker process, a BSP that answers after 50 ms, 500 requests at once."""

import tempfile
from pathlib import Path

from bench.surroundings import add_provider, control, database, inside, query, running, simulator, table

MESSAGES = 15_000
SIMULATOR = 8661


def run() -> str:
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        database("postgresql", Path(folder)) as env,
        running(*simulator(SIMULATOR, delay=0.05)),
    ):
        control(SIMULATOR, "accounts", {"dialect": "interakt", "key": "k"})
        control(SIMULATOR, "behaviour", {"webhooks": False, "magic": False})
        add_provider(
            env, "--nickname", "bench", "--connector", "interakt", "--waba-number", "15550001111",
            "--credential", "api_key=k", "--option", f"base_url=http://127.0.0.1:{SIMULATOR}",
            "--max-concurrency", "500", "--rate", "none",
        )  # fmt: skip
        baselines = [inside(env, "loop", "5000", threads) for threads in ("100", "500")]
        inside(env, "fill", str(MESSAGES))
        ours = inside(env, "drain", "send")
        assert ours["done"] == MESSAGES, ours
        query(env, "UPDATE campaigns_message SET status = 10, next_attempt_at = accepted_at")
        inside(env, "track")
        linked = inside(env, "drain", "send")
        ((made,),) = query(env, "SELECT count(*) FROM campaigns_link")
        assert linked["done"] == made == MESSAGES, (linked, made)
    best = max(figures["done"] / figures["seconds"] for figures in baselines)
    for name, figures in (
        ("`requests` in 100 threads, nothing recorded", baselines[0]),
        ("`requests` in 500 threads, nothing recorded", baselines[1]),
        ("**Waypost**: claimed, sent, settled in the ledger", ours),
        ("**Waypost**, with a short link a message", linked),
    ):
        rate = figures["done"] / figures["seconds"]
        cpu = figures["cpu"] / figures["done"] * 1e6
        rows.append((name, f"{rate:,.0f}", f"{cpu:.0f} µs", f"{rate / best:.1f}"))
    return table(
        "Dispatch", ("one process, answers after 50 ms", "messages/s", "CPU a message", "× best loop"), rows
    )


if __name__ == "__main__":
    print(run())
