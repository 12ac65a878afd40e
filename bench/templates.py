"""Templates: importing 10,000 of them in pages of 500, and what intake pays for checking them."""

import tempfile
from pathlib import Path

from bench.surroundings import add_provider, control, database, inside, query, running, simulator, table

SIMULATOR = 8663
MANY, FEW = 10_000, 1_000
MOST_SECONDS = 15
CHECKS = 20_000


def run() -> str:
    with (
        tempfile.TemporaryDirectory() as folder,
        database("postgresql", Path(folder)) as env,
        running(*simulator(SIMULATOR)),
    ):
        account = {"dialect": "meta", "key": "k", "secret": "s", "verify_token": "v"}
        control(SIMULATOR, "accounts", account | {"phone_number_id": "1", "waba_id": "2"})
        add_provider(
            env, "--nickname", "bench", "--connector", "generic", "--waba-number", "15550001111",
            "--endpoint", "http://127.0.0.1:9/messages", "--import-limit", "500",
            "--import-endpoint", f"http://127.0.0.1:{SIMULATOR}/v23.0/2/message_templates",
            "--import-header", "Authorization=Bearer k",
        )  # fmt: skip

        def empty(count: int) -> None:
            control(SIMULATOR, "behaviour", {"templates_count": count})
            query(env, "TRUNCATE templates_app_template CASCADE")

        empty(FEW)
        few = inside(env, "import_list")
        empty(MANY)
        first = inside(env, "import_list")
        again = inside(env, "import_list")
        assert first["created"] + first["unsupported"] == MANY, first
        assert again["created"] + again["changed"] == 0, again
        assert first["seconds"] < MOST_SECONDS, first
        empty(FEW)
        naive_few = inside(env, "import_naively")
        empty(MANY)
        naive = inside(env, "import_naively")
        query(env, "TRUNCATE templates_app_template CASCADE")
        check = inside(env, "template_check", str(CHECKS))

    rows = [
        (name, f"{figures['seconds']:.1f} s", f"{MANY / figures['seconds']:,.0f}", memory)
        for name, figures, memory in (
            (
                "every page in a list, `update_or_create` each",
                naive,
                f"{naive_few['megabytes']:.0f} → {naive['megabytes']:.0f} MB",
            ),
            (
                "**Waypost**, first import, with timeline and report",
                first,
                f"{few['megabytes']:.0f} → {first['megabytes']:.0f} MB",
            ),
            ("**Waypost**, nothing changed since", again, f"{again['megabytes']:.0f} MB"),
        )
    ]
    imports = table(
        "Template import",
        (f"{MANY:,} templates in pages of 500", "time", "templates/s", f"memory, {FEW:,} → {MANY:,}"),
        rows,
    )
    checks = table(
        "What checking templates costs",
        ("reading and checking a message", "CPU", "more"),
        [
            (
                name,
                f"{check[key]:.0f} µs",
                f"{check[key] - check['without']:+.0f} µs" if key != "without" else "",
            )
            for name, key in (
                ("templates not looked at", "without"),
                ("its template is unknown", "unknown"),
                ("its template is known: every slot checked", "known"),
            )
        ],
    )
    return imports + "\n" + checks


if __name__ == "__main__":
    print(run())
