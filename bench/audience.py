"""The audience: a CSV file of 200,000 contacts, its memory up to a million, and calls of the upload API."""

import tempfile
from pathlib import Path

from bench.surroundings import database, inside, query, table

FEW, MANY, MILLION = 20_000, 200_000, 1_000_000
NAIVE = 10_000
CALLS = 100


def run() -> str:
    with tempfile.TemporaryDirectory() as folder, database("postgresql", Path(folder)) as env:

        def upload(rows: int, command: str = "upload_contacts") -> dict:
            found = inside(env, command, str(rows), str(Path(folder) / f"{rows}.csv"))
            assert found["failed"] == 0, found
            return found

        def empty() -> None:
            query(env, "TRUNCATE audience_contact CASCADE")

        naive_few = upload(NAIVE // 10, "upload_naively")
        empty()
        naive = upload(NAIVE, "upload_naively")
        empty()
        few = upload(FEW)
        empty()
        first = upload(MANY)
        assert first["created"] == MANY, first
        again = upload(MANY)
        assert again["unchanged"] == MANY, again
        empty()
        million = upload(MILLION)
        empty()
        loop = inside(env, "call_naively", str(CALLS // 20))
        empty()
        calls = inside(env, "call_upload", str(CALLS))
        repeated = inside(env, "call_upload", str(CALLS))

    uploads = table(
        "Contacts from a CSV file",
        ("9 columns, one worker", "rows/s", "memory"),
        [
            (
                "the file as a list, `update_or_create` each",
                _rate(naive, NAIVE),
                _memory(naive_few, naive, NAIVE // 10, NAIVE),
            ),
            (
                f"**Waypost**, {MANY:,} new, with proof of consent",
                _rate(first, MANY),
                _memory(few, first, FEW, MANY),
            ),
            (f"**Waypost**, the same {MANY:,} again", _rate(again, MANY), f"{again['megabytes']:.0f} MB"),
            (f"**Waypost**, {MILLION:,} new", _rate(million, MILLION), f"{million['megabytes']:.0f} MB"),
        ],
    )
    api = table(
        "Upload API",
        ("1,000 records a call, half profiles, half events", "records/s"),
        [
            ("a view that saves record by record", _rate(loop, loop["records"])),
            ("**Waypost**, new", _rate(calls, calls["records"])),
            ("**Waypost**, the same calls again", _rate(repeated, repeated["records"])),
        ],
    )
    return uploads + "\n" + api


def _rate(figures: dict, count: int) -> str:
    return f"{count / figures['seconds']:,.0f}"


def _memory(few: dict, many: dict, fewer: int, more: int) -> str:
    return f"{few['megabytes']:.0f} → {many['megabytes']:.0f} MB, {fewer:,} → {more:,} rows"


if __name__ == "__main__":
    print(run())
