"""A broadcast: from the launch to the last message in the queue, and the longest lock on the way.

BROADCAST_PEOPLE names the numbers of contacts; the last is the one that is measured on PostgreSQL.
"""

import os
import tempfile
from pathlib import Path

from bench.surroundings import add_provider, database, inside, table

FEW, MANY = (int(size) for size in os.environ.get("BROADCAST_PEOPLE", "10000,50000").split(","))
NAIVE = 2000


def run() -> str:
    naive = _measure("postgresql", NAIVE, "run_naively")
    few, many = _measure("postgresql", FEW), _measure("postgresql", MANY)
    sqlite = _measure("sqlite", FEW)
    return table(
        "A broadcast",
        ("recipients planned and their messages queued", "people/s", "times", "memory", "longest lock"),
        [
            (f"everybody in a list, row by row, {NAIVE:,}", *_row(naive, naive)),
            (f"**Waypost**, {FEW:,}", *_row(few, naive)),
            (f"**Waypost**, {MANY:,}", *_row(many, naive)),
            (f"**Waypost** on SQLite, {FEW:,}", *_row(sqlite, naive)),
        ],
    )


def _measure(kind: str, people: int, command: str = "run_broadcast") -> dict:
    with tempfile.TemporaryDirectory() as folder, database(kind, Path(folder)) as env:
        add_provider(
            env, "--nickname", "bench", "--connector", "interakt", "--waba-number", "15550001111",
            "--credential", "api_key=k", "--rate", "none",
        )  # fmt: skip
        assert inside(env, "load_people", str(people))["people"] == people
        found = inside(env, command)
        assert 0.7 * people < found["queued"] < found["recipients"] <= people, found
        return found


def _row(found: dict, naive: dict) -> tuple[str, ...]:
    def rate(one: dict) -> float:
        return one["recipients"] / one["seconds"]

    longest = f"{found['longest'] * 1000:.0f} ms" if "longest" in found else ""
    times = rate(found) / rate(naive)
    return f"{rate(found):,.0f}", f"{times:.1f}", f"{found['megabytes']:.0f} MB", longest


if __name__ == "__main__":
    print(run())
