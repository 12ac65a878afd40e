"""What an erasure's row says: for its page and for the command."""

from typing import Any

from privacy import register
from privacy.models import Erasure
from privacy.table_names import plain


def of(erasure: Erasure) -> dict[str, Any]:
    """Times in ISO format. Rows that are gone are counted apart from those that only lost the person. `waits`
    says in words what it still waits for."""
    return {
        "receipt": erasure.pk,
        "person": erasure.person,
        "others": erasure.others.split(),
        "state": erasure.state,
        "asked_by": erasure.asked_by,
        "entered_by": erasure.by,
        "asked_at": erasure.asked_at.isoformat(),
        "deadline": erasure.deadline.isoformat(),
        "own_rows_gone_at": erasure.rows_done_at.isoformat() if erasure.rows_done_at else None,
        "finished_at": erasure.finished_at.isoformat() if erasure.finished_at else None,
        register.DELETED: _rows(erasure, register.DELETED),
        register.ALTERED: _rows(erasure, register.ALTERED),
        "not_sent": erasure.counts.get(register.NOT_SENT, 0),
        "waits": waits(erasure),
    }


def _rows(erasure: Erasure, became: str) -> dict[str, int]:
    parts = ((name.partition(" "), number) for name, number in erasure.counts.items())
    return {label: number for (fate, _, label), number in parts if fate == became}


def waits(erasure: Erasure) -> str:
    if erasure.state != Erasure.State.OPEN:
        return ""
    if erasure.error:
        return erasure.error
    if erasure.rows_done_at is None:
        return "for what is being sent or owed to CleverTap; a worker goes on with it"
    if erasure.left:
        rows = "1 row" if len(erasure.left) == 1 else f"{len(erasure.left)} rows"
        return f"for {rows} that something still works on; a worker goes on with it"
    return f"a worker looks through {plain(erasure.table) if erasure.table else 'the tables'}"
