"""Stats: the queries of pages, among more and more messages. Fails where a page is slower than promised.

STATS_SIZES names the numbers of messages, each with three reports. The full run, whose tables have a part
of their own in docs/benchmarks.md, is `STATS_SIZES=1000000,10000000 make bench ARGS=stats`. It needs 4 GB
of disk for a million messages, and about three minutes. With STATS_KEEP=1 its databases stay, and the next
run with it takes them as they are.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.surroundings import database, inside, table

FULL = "STATS_SIZES" in os.environ
SIZES = [int(size) for size in os.environ.get("STATS_SIZES", "100000,1000000").split(",")]
KEEP = "STATS_KEEP" in os.environ
TIMES = 16  # every range twice
PAGE_MS, LIST_MS = 100, 300
SLOW = "**slow** "

Found = dict[int, dict[str, Any]]


def run() -> str:
    found = {}
    for size in SIZES:
        with _folder() as folder, database("postgresql", folder, f"stats_{size}" if KEEP else "") as env:
            inside(env, "load_stats", str(size))
            if size <= 100_000:
                inside(env, "agree")
            found[size] = measured(env)
    return tables(found)


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for the key that encrypts stored secrets."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(tempfile.gettempdir()) / "waypost_bench_stats"
        yield kept if KEEP else Path(folder)


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
    grown = [f"p50, blocks: × from {sizes[0]:,}"] if len(sizes) > 1 else []
    about = [
        (f"*{name}*", *(text.format(**each) for each in abouts), *("" for _ in grown))
        for name, text in (
            ("reports", "{events:,}"),
            ("database", "{gigabytes:.1f} GB"),
            ("rows of counts", "{rows_of_counts:,}"),
        )
    ]
    kinds = (
        ("Stats pages", "pages", PAGE_MS, "all queries of a page", about),
        ("Messages behind a figure", "lists", LIST_MS, "all queries of the page", []),
        ("The message log", "log", LIST_MS, "all queries of the admin's list, filtered by", []),
    )
    reading = "p50 / p95 (whole page p95; 8 kB blocks read at most)"
    return "\n".join(
        [
            *(
                table(title, (f"{what}: {reading}", *heading, *grown), more + _rows(found, kind, most))
                for title, kind, most, what, more in kinds
            ),
            table(
                "Counts and indexes against plain queries",
                ("plain ORM over messages and reports → Waypost", *heading),
                _compared(found),
            ),
        ]
    )


def _rows(found: Found, kind: str, most: int) -> list[tuple[str, ...]]:
    """Slow ones are marked. The last column is the ratio of the largest to the smallest."""
    sizes, rows = sorted(found), []
    for name in found[sizes[0]][kind]:
        each = [found[size][kind][name] for size in sizes]
        cells = [
            f"{SLOW * (one['p95'] > most)}{one['p50']:.0f} / {one['p95']:.0f} ms "
            f"({one['whole_p95']:.0f} ms; {one['blocks']:,.0f})"
            for one in each
        ]
        if len(each) > 1:
            time, read = (each[-1][what] / max(each[0][what], 1) for what in ("p50", "blocks"))
            cells.append(f"{time:.1f}, {read:.1f}")
        rows.append((name, *cells))
    return rows


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
