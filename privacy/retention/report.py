"""What a run did, and what one would do now: for the page and for the command."""

from datetime import datetime
from typing import Any

from privacy.models import RetentionRun
from privacy.retention import run
from providers.models import Provider


def of(done: RetentionRun) -> dict[str, Any]:
    """Times in ISO format."""
    return {
        "run": done.pk,
        "state": done.state,
        "started_at": done.started_at.isoformat(),
        "finished_at": done.finished_at.isoformat() if done.finished_at else None,
        "taken": done.counts,
        "held": done.held,
        "longest_step_ms": done.longest_ms,
    }


def due(now: datetime) -> dict[str, Any]:
    """`more`: at least so many."""
    names = dict(Provider.objects.values_list("pk", "nickname"))
    rows = [
        {"kind": each.kind, "provider": names.get(each.provider_id), "rows": each.rows, "more": each.more}
        for each in run.due(now)
    ]
    return {"due": rows}
