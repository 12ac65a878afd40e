"""Stats: what pages ask, among more and more messages.

STATS_SIZES names the numbers of messages, each with three reports: the full run is
`STATS_SIZES=1000000,10000000 make bench ARGS=stats`. It needs 3 GB of disk for a million, and time:
about two minutes for a million on two cores.
"""

import os
import tempfile
from pathlib import Path

from bench.surroundings import database, inside, table

SIZES = [int(size) for size in os.environ.get("STATS_SIZES", "100000,1000000").split(",")]
TIMES = 40
PAGE_MS, LIST_MS = 100, 300


def run() -> str:
    found = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder, database("postgresql", Path(folder)) as env:
            loaded = inside(env, "load_stats", str(size))
            if size <= 1_000_000:
                inside(env, "agree")
            found[size] = loaded | inside(env, "measure_stats", str(TIMES))
            print(size, {name: loaded[name] for name in sorted(loaded)}, flush=True)

    def rows(kind: str, most: int) -> list[tuple[str, ...]]:
        names = found[SIZES[-1]][kind]
        for name in names:
            assert found[SIZES[-1]][kind][name]["p95"] < most, (name, found[SIZES[-1]][kind][name])
        return [
            (
                name,
                *(
                    f"{found[size][kind][name]['p50']:.0f} / {found[size][kind][name]['p95']:.0f} ms"
                    for size in SIZES
                ),
            )
            for name in names
        ]

    heading = [f"{size:,} messages" for size in SIZES]
    about = [
        ("*reports*", *(f"{found[size]['events']:,}" for size in SIZES)),
        ("*database*", *(f"{found[size]['gigabytes']:.1f} GB" for size in SIZES)),
        (
            "*rows that stats read*",
            *(f"{found[size]['points'] + found[size]['details']:,}" for size in SIZES),
        ),
    ]
    return "\n".join(
        [
            table(
                "Stats pages",
                ("all queries of the page, p50 / p95", *heading),
                about + rows("pages", PAGE_MS),
            ),
            table(
                "Messages behind a figure",
                ("one page of the list, p50 / p95", *heading),
                rows("lists", LIST_MS),
            ),
            table("The message log", ("the admin's page, filtered by", *heading), rows("log", LIST_MS)),
        ]
    )


if __name__ == "__main__":
    print(run())
