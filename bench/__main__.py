"""All benchmarks, their tables printed and put into the README: `make bench`.

`python -m bench NAME …` runs some of them: intake, sending, webhooks, links, templates,
audience, broadcasts, stats, end_to_end.
"""

import os
import platform
import shutil
import subprocess
import sys

from bench import audience, broadcasts, end_to_end, intake, links, sending, stats, templates, webhooks
from bench.surroundings import ROOT

ALL = {
    module.__name__.partition(".")[2]: module
    for module in (intake, sending, webhooks, links, templates, audience, broadcasts, stats, end_to_end)
}


def main(names: list[str]) -> None:
    if shutil.which("wrk") is None:
        raise SystemExit("The benchmarks need wrk: apt-get install wrk")
    tables = []
    for name in names or list(ALL):
        tables.append(ALL[name].run())
        print(tables[-1], flush=True)
    if not names:
        _put_into_readme("bench", "\n".join([_where("make bench"), *tables]))
    elif names == ["stats"] and stats.FULL:
        how = f"STATS_SIZES={','.join(map(str, stats.SIZES))} make bench ARGS=stats"
        _put_into_readme("bench-stats", "\n".join([_where(how), *tables]))
    if stats.SLOW in "".join(tables):
        raise SystemExit("Something is slower than promised; the tables mark it.")


def _where(how: str) -> str:
    version = subprocess.run(["psql", "--version"], capture_output=True, text=True).stdout.strip()
    return (
        f"Measured by `{how}` on {os.cpu_count()} cores that ran everything at once: wrk, {version},\n"
        f"the fake BSP and the gateway, on Python {platform.python_version()}; load of the machine "
        f"{os.getloadavg()[2]:.0f}. Read them as ratios.\n"
    )


def _put_into_readme(name: str, text: str) -> None:
    path, begin, end = ROOT / "README.md", f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, _, rest = path.read_text().partition(begin)
    _, _, after = rest.partition(end)
    if not after:
        raise SystemExit(f"README.md has no {begin} … {end}")
    path.write_text(f"{before}{begin}\n{text}\n{end}{after}")


if __name__ == "__main__":
    main(sys.argv[1:])
