"""The archive: how quickly messages with their reports become files, and whether memory stays flat."""

import sys
import tempfile
from pathlib import Path

from bench.surroundings import database, inside, table

LEAST = 50_000  # messages a second
GROWTH = 1.5  # of memory, from the first batch to the last


def run(messages: int = 1_000_000) -> str:
    with tempfile.TemporaryDirectory() as folder, database("postgresql", Path(folder)) as env:
        inside(env, "load_stats", str(messages))
        done = inside(env | {"ARCHIVE_TO": f"{folder}/archive"}, "archive_all")
    rates = {name: rows / done["seconds"][name] for name, rows in done["rows"].items()}
    assert rates["messages"] >= LEAST, rates
    assert done["most"] <= GROWTH * done["first"], done
    rows = [(name, f"{done['rows'][name]:,}", f"{rate:,.0f}") for name, rate in rates.items()]
    size, all_rows = done["bytes"] / 1e6, sum(done["rows"].values())
    rows.append(("memory after the first batch, and at most", f"{all_rows:,}",
                 f"{done['first'] / 1e6:.0f} MB, {done['most'] / 1e6:.0f} MB"))  # fmt: skip
    rows.append(("files", f"{all_rows:,}", f"{size:.0f} MB, {done['bytes'] / messages:.0f} bytes a message"))
    return table("The archive", ("what", "rows", "rows a second"), rows)


if __name__ == "__main__":
    print(run(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
