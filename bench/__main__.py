"""All benchmarks, their tables printed and put into docs/benchmarks.md: `make bench`.

`make bench ARGS="NAME …"` runs some of them: intake, sending, webhooks, links, templates,
audience, broadcasts, stats, pages, quiet, wide, end_to_end, footprint, archive, year.
"""

import os
import platform
import re
import shutil
import subprocess
import sys

from bench import (
    archive,
    audience,
    broadcasts,
    end_to_end,
    footprint,
    intake,
    links,
    pages,
    quiet,
    sending,
    stats,
    templates,
    webhooks,
    wide,
    year,
)
from bench.surroundings import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
ALL = {
    module.__name__.partition(".")[2]: module
    for module in (
        intake,
        sending,
        webhooks,
        links,
        templates,
        audience,
        broadcasts,
        stats,
        pages,
        quiet,
        wide,
        end_to_end,
        footprint,
        year,
        archive,
    )
}


def main(names: list[str]) -> None:
    if shutil.which("wrk") is None:
        raise SystemExit("The benchmarks need wrk: apt-get install wrk")
    tables = []
    for name in names or list(ALL):
        tables.append(ALL[name].run())
        print(tables[-1], flush=True)
    if names == ["stats"] and stats.FULL:
        how = f"STATS_SIZES={','.join(map(str, stats.SIZES))} make bench ARGS=stats"
        _put_into_page("bench-stats", "\n".join([_where(how), *tables]))
    else:
        # A table takes the place of the one with its heading.
        written = _sections(_of_page("bench")) | _sections("\n".join([_where("make bench"), *tables]))
        _put_into_page("bench", "".join(written.values()).rstrip() + "\n")
    if stats.SLOW in "".join(tables):
        raise SystemExit("Something is slower than promised; the tables mark it.")


def _where(how: str) -> str:
    version = subprocess.run(["psql", "--version"], capture_output=True, text=True).stdout.strip()
    return (
        f"Measured by `{how}` on {os.cpu_count()} cores that ran everything at once: wrk, {version},\n"
        f"the fake BSP and the gateway, on Python {platform.python_version()}; load of the machine "
        f"{os.getloadavg()[2]:.0f}. Read them as ratios.\n"
    )


def _sections(text: str) -> dict[str, str]:
    """Heading → its part of the text; what stands before the first has none."""
    parts = re.split(r"^(?=### )", text.strip() + "\n\n", flags=re.MULTILINE)
    return {part.partition("\n")[0] if part.startswith("### ") else "": part for part in parts if part}


def _of_page(name: str) -> str:
    return PAGE.read_text().partition(f"<!-- {name}:begin -->")[2].partition(f"<!-- {name}:end -->")[0]


def _put_into_page(name: str, text: str) -> None:
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, _, rest = PAGE.read_text().partition(begin)
    _, _, after = rest.partition(end)
    if not after:
        raise SystemExit(f"{PAGE} has no {begin} … {end}")
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{after}")


if __name__ == "__main__":
    main(sys.argv[1:])
