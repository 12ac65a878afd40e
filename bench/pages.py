"""Pages: the server time of each, among a hundred providers and a thousand templates.

Fails where one is slower than promised.
"""

import tempfile
from pathlib import Path
from statistics import median

from bench.surroundings import database, inside, table

TIMES = 5
PAGE_MS = 300
SLOWEST = 8
# What lists and forms make heavy is shown whether it is slow or not.
NAMED = ("admin:templates_app_template_changelist", "admin:providers_provider_add")
SLOW = "**slow** "
KINDS = ("postgresql", "sqlite")


def run() -> str:
    found = {}
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder, database(kind, Path(folder)) as env:
            found[kind] = inside(env, "measure_pages", str(TIMES))
    one, other = (found[kind] for kind in KINDS)
    slowest = sorted(one, key=lambda label: -max(one[label]["ms"], other[label]["ms"]))[:SLOWEST]
    times = [median(each["ms"] for each in found[kind].values()) for kind in KINDS]
    return table(
        "Server time of pages",
        ("median of five; the slowest pages, and two heavy ones", "PostgreSQL", "SQLite", "queries", "bytes"),
        [
            *(_row(label, one[label], other[label]) for label in dict.fromkeys((*slowest, *NAMED))),
            (f"*the middle one of all {len(one)}*", *(f"{each:.0f} ms" for each in times), "", ""),
        ],
    )


def _row(label: str, one: dict[str, float], other: dict[str, float]) -> tuple[str, ...]:
    slow = SLOW if max(one["ms"], other["ms"]) > PAGE_MS else ""
    return (
        slow + label.removeprefix("admin:"),
        f"{one['ms']:.0f} ms",
        f"{other['ms']:.0f} ms",
        f"{one['queries']}",
        f"{one['bytes'] / 1000:.1f} kB",
    )
