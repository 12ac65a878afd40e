"""Stats: what pages ask, among more and more messages.

STATS_SIZES names the numbers of messages, each with three reports. The full run, whose tables have a place
of their own in the README, is `STATS_SIZES=1000000,10000000 make bench ARGS=stats`. It needs 3 GB of disk
for a million messages, and about two minutes.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from bench.surroundings import database, inside, table

FULL = "STATS_SIZES" in os.environ
SIZES = [int(size) for size in os.environ.get("STATS_SIZES", "100000,1000000").split(",")]
TIMES = 8  # every range once
PAGE_MS, LIST_MS = 100, 300

Found = dict[int, dict[str, Any]]


def run() -> str:
    found = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder, database("postgresql", Path(folder)) as env:
            inside(env, "load_stats", str(size))
            if size <= 100_000:
                inside(env, "agree")
            found[size] = measured(env)
    return tables(found)


def measured(env: dict[str, str]) -> dict[str, Any]:
    return {
        "about": inside(env, "about_stats"),
        "compared": inside(env, "compare_stats"),
        **inside(env, "measure_stats", str(TIMES)),
    }


def tables(found: Found) -> str:
    sizes = sorted(found)
    heading = [f"{size:,} messages" for size in sizes]
    abouts = [found[size]["about"] for size in sizes]
    about = [
        ("*reports*", *(f"{each['events']:,}" for each in abouts)),
        ("*database*", *(f"{each['gigabytes']:.1f} GB" for each in abouts)),
        ("*rows of counts*", *(f"{each['points'] + each['details']:,}" for each in abouts)),
    ]
    return "\n".join(
        [
            table(
                "Stats pages",
                ("all queries of a page: p50 / p95 (whole page p95; 8 kB blocks read at most)", *heading),
                about + _rows(found, "pages", PAGE_MS),
            ),
            table(
                "Messages behind a figure",
                ("all queries of the page, as above", *heading),
                _rows(found, "lists", LIST_MS),
            ),
            table(
                "The message log",
                ("all queries of the admin's list, filtered by", *heading),
                _rows(found, "log", LIST_MS),
            ),
            table(
                "Counts and indexes against plain queries",
                ("plain ORM over messages and reports → Waypost", *heading),
                _compared(found),
            ),
        ]
    )


def _rows(found: Found, kind: str, most: int) -> list[tuple[str, ...]]:
    """Slow ones are marked."""
    return [
        (
            name,
            *(
                f"{'**slow** ' * (each['p95'] > most)}{each['p50']:.0f} / {each['p95']:.0f} ms "
                f"({each['whole_p95']:.0f} ms; {each['blocks']:,.0f})"
                for size in sorted(found)
                for each in [found[size][kind][name]]
            ),
        )
        for name in found[min(found)][kind]
    ]


def _compared(found: Found) -> list[tuple[str, ...]]:
    return [
        (
            name,
            *(
                f"{each['plain']:,.0f} → {each['ours']:.0f} ms: × {each['plain'] / each['ours']:.0f}"
                for size in sorted(found)
                for each in [found[size]["compared"][name]]
            ),
        )
        for name in found[min(found)]["compared"]
    ]


if __name__ == "__main__":
    print(run())
