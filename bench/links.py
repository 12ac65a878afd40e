"""Short links: following them with every click recorded, and a view that looks nothing up."""

import tempfile
import time
from pathlib import Path

from bench.surroundings import add_provider, database, granian, inside, query, running, table, wrk

PORT = 8653
LINKS = 60_000
CONNECTIONS = 8
PAUSE = 40  # milliseconds between two requests of a connection: about 200 a second in all


def run(seconds: int = 6) -> str:
    with tempfile.TemporaryDirectory() as folder, database("postgresql", Path(folder)) as env:
        add_provider(
            env, "--nickname", "bench", "--connector", "generic", "--waba-number", "15550001111",
            "--endpoint", "http://127.0.0.1:9/messages",
        )  # fmt: skip
        tokens = Path(folder) / "tokens"
        inside(env, "fill", str(LINKS))
        inside(env, "fill_links", str(tokens))
        bare = _measure(env, tokens, "bench.baselines:bare", seconds)
        ours = _measure(env, tokens, "config.asgi:application", seconds)
    rows = [
        _row("a Django view that looks nothing up", bare, ""),
        _row("**Waypost**, PostgreSQL", ours, _kept(ours)),
    ]
    header = (
        "short links, 8 connections",
        "p50 at 200 a second",
        "p99",
        "most redirects/s",
        "p50 then",
        "not 302",
        "clicks recorded = redirects",
    )
    return table("Short links", header, rows)


def _measure(env: dict[str, str], tokens: Path, app: str, seconds: int) -> dict:
    argv = granian(app, PORT, workers=2)
    with running(argv, env, f"http://127.0.0.1:{PORT}/"):
        script, load = Path(__file__).with_name("links.lua"), {"BENCH_TOKENS": str(tokens)}
        url = f"http://127.0.0.1:{PORT}"
        wrk(url, script, connections=CONNECTIONS, seconds=1, env=load)
        _recorded(env)
        calm = wrk(
            url, script, connections=CONNECTIONS, seconds=seconds, env=load | {"BENCH_PAUSE": str(PAUSE)}
        )
        _recorded(env)
        query(env, "DELETE FROM campaigns_click")
        time.sleep(1)  # a link clicked twice within a second counts once
        most = wrk(url, script, connections=CONNECTIONS, seconds=seconds, env=load)
        return {"calm": calm, "most": most, "recorded": _recorded(env)}


def _recorded(env: dict[str, str]) -> int:
    """Clicks in the database, once no more come."""
    before = -1
    while True:
        ((count,),) = query(env, "SELECT count(*) FROM campaigns_click")
        if count == before:
            return count
        before = count
        time.sleep(0.5)


def _kept(figures: dict) -> str:
    # wrk does not count what is still open when it stops.
    recorded, requests = figures["recorded"], figures["most"]["requests"]
    even = 0 <= recorded - requests <= 2 * CONNECTIONS
    return f"{recorded:,} = {requests:,} + open" if even else f"NO: {recorded:,} / {requests:,}"


def _row(name: str, figures: dict, kept: str) -> tuple[str, ...]:
    calm, most = figures["calm"], figures["most"]
    return (
        name,
        f"{calm['p50'] * 1000:.1f} ms",
        f"{calm['p99'] * 1000:.1f} ms",
        f"{most['rate']:,.0f}",
        f"{most['p50'] * 1000:.1f} ms",
        str(sum(each["not_302"] + each["socket_errors"] for each in (calm, most))),
        kept,
    )


if __name__ == "__main__":
    print(run())
