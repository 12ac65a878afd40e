"""Two years of messages, a part of the tables for each month: pages and lists beside those of one part, what
dropping a month takes, erasing one person, and retention while messages come in.

YEAR_MESSAGES says how many there are: two million, or as many as the disk holds (4 GB for a million). The one
part has a million, or fewer where there are fewer.
"""

import base64
import os
import tempfile
import threading
from pathlib import Path
from typing import Any

from bench.surroundings import add_provider, database, granian, inside, running, table, wrk

MESSAGES = int(os.environ.get("YEAR_MESSAGES", "2000000"))
MONTHS = 24
ONE_PART = min(MESSAGES, 1_000_000)
TIMES = 8
SECONDS = 8
PORT, CONNECTIONS = 8650, 100


def run() -> str:
    with tempfile.TemporaryDirectory() as folder, database("postgresql", Path(folder)) as env:
        inside(env, "load_year", str(ONE_PART), "0")
        one = inside(env, "measure_stats", str(TIMES))
    with tempfile.TemporaryDirectory() as folder, database("postgresql", Path(folder)) as env:
        inside(env, "load_year", str(MESSAGES), str(MONTHS))
        many = inside(env, "measure_stats", str(TIMES))
        rows = [*_upkeep(env)]
    heading = f"{ONE_PART:,} messages, one part", f"{MESSAGES:,} messages, {MONTHS} parts"
    return "\n".join(
        [
            table(
                "Two years: what pages ask the database", ("p50 of all queries", *heading), _pages(one, many)
            ),
            table("Two years: what goes", ("with that many parts", ""), rows),
        ]
    )


def _pages(one: dict[str, Any], many: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (f"{kind}: {name}", f"{before['p50']:.0f} ms", f"{many[kind][name]['p50']:.0f} ms")
        for kind in ("pages", "lists", "log")
        for name, before in one[kind].items()
    ]


def _upkeep(env: dict[str, str]) -> list[tuple[str, str]]:
    provider = add_provider(
        env, "--nickname", "bench", "--connector", "generic", "--waba-number", "15550001111",
        "--endpoint", "http://127.0.0.1:9/messages",
    )  # fmt: skip
    read = inside(env, "make_gists")
    yield "upkeep has read everything once, for erasures", f"{read['seconds']:.0f} s"
    yield "what it keeps of that", f"{read['bytes'] / MESSAGES:.0f} bytes a message"
    erased = inside(env, "erase_somebody")
    yield "a person's own rows are gone", f"{erased['own_rows']:.1f} s"
    yield "the person is in no other row either", f"{erased['seconds']:.1f} s"
    quiet = _posted(env, provider)
    done: dict[str, Any] = {}
    thread = threading.Thread(target=lambda: done.update(inside(env, "retain", str(MONTHS))))
    thread.start()
    busy = _posted(env, provider)
    thread.join()
    yield f"a month of {done['rows']:,} messages is dropped", f"{done['drop']:.2f} s"
    yield "intake, p50 and p99 without retention", f"{quiet['p50']:.2f}, {quiet['p99']:.2f} s"
    yield "intake, p50 and p99 while retention runs", f"{busy['p50']:.2f}, {busy['p99']:.2f} s"


def _posted(env: dict[str, str], provider: dict[str, Any]) -> dict[str, Any]:
    pair = base64.b64encode(f"{provider['username']}:{provider['password']}".encode()).decode()
    url = f"http://127.0.0.1:{PORT}/v1/{provider['messages_url'].split('/')[-2]}/messages"
    argv = granian("config.asgi:application", PORT, workers=2)
    with running(argv, env, f"http://127.0.0.1:{PORT}/"):
        return wrk(
            url,
            Path(__file__).with_name("intake.lua"),
            connections=CONNECTIONS,
            seconds=SECONDS,
            env={"BENCH_AUTHORIZATION": f"Basic {pair}"},
        )


if __name__ == "__main__":
    print(run())
