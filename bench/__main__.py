"""All benchmarks, their tables printed and put into the README: `make bench`.

`python -m bench NAME …` runs some of them: intake, sending, webhooks, links, templates,
audience, stats, end_to_end.
"""

import os
import platform
import shutil
import subprocess
import sys

from bench import audience, end_to_end, intake, links, sending, stats, templates, webhooks
from bench.surroundings import ROOT

ALL = {
    module.__name__.partition(".")[2]: module
    for module in (intake, sending, webhooks, links, templates, audience, stats, end_to_end)
}
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def main(names: list[str]) -> None:
    if shutil.which("wrk") is None:
        raise SystemExit("The benchmarks need wrk: apt-get install wrk")
    tables = []
    for name in names or list(ALL):
        tables.append(ALL[name].run())
        print(tables[-1], flush=True)
    if not names:
        _put_into_readme("\n".join([_where(), *tables]))


def _where() -> str:
    version = subprocess.run(["psql", "--version"], capture_output=True, text=True).stdout.strip()
    return (
        f"Measured by `make bench` on {os.cpu_count()} cores that ran everything at once: wrk, {version},\n"
        f"the fake BSP and the gateway, on Python {platform.python_version()}. Read them as ratios.\n"
    )


def _put_into_readme(text: str) -> None:
    path = ROOT / "README.md"
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise SystemExit(f"README.md has no {BEGIN} … {END}")
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main(sys.argv[1:])
