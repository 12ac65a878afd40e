"""The report: as JSON, and as one HTML file that needs nothing else."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from django.template.loader import render_to_string

from operations.acceptance import runs
from operations.acceptance.rows import Row, Verdict
from operations.models import AcceptanceRun


class Summary(NamedTuple):
    """How a run came out. `passed` is whether it came to its end and nothing failed."""

    verdict: str  # in a few words
    passed: bool
    counts: dict[str, int]  # rows by verdict


def summary(run: AcceptanceRun, rows: Sequence[Row]) -> Summary:
    """Of a run with these rows, which are its own."""
    found = Counter(row.verdict for row in rows)
    failed, words = found[Verdict.FAILED], "Passed"
    if run.state in AcceptanceRun.OPEN:
        words = "Under way"
    elif run.state == AcceptanceRun.State.FAILED:
        words = f"Not finished. {run.error}"
    elif failed:
        words = f"{failed} failed"
    passed = run.state == AcceptanceRun.State.DONE and not failed
    return Summary(words, passed, {verdict.value: found[verdict] for verdict in Verdict})


def as_json(run: AcceptanceRun) -> dict[str, Any]:
    rows = runs.rows_of(run)
    came_out = summary(run, rows)
    return {
        "provider": run.provider.nickname,
        "connector": run.provider.connector_slug,
        "state": run.state,
        "passed": came_out.passed,
        "began": run.created_at.isoformat(),
        "ended": run.finished_at.isoformat() if run.finished_at else None,
        "error": run.error,
        "counts": came_out.counts,
        "rows": msgspec.to_builtins(rows),
    }


def context(run: AcceptanceRun) -> dict[str, Any]:
    rows = runs.rows_of(run)
    came_out = summary(run, rows)
    return {
        "run": run,
        "verdict": came_out.verdict,
        "passed": came_out.passed,
        "open": run.state in AcceptanceRun.OPEN,
        "counts": came_out.counts.items(),
        "sections": [(name, list(mine)) for name, mine in groupby(rows, lambda row: row.section)],
    }


def html(run: AcceptanceRun) -> str:
    return render_to_string("operations/acceptance_report.html", context(run))
