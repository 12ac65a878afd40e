"""Broadcasts that paused automatically."""

from collections.abc import Iterable
from datetime import datetime

from broadcasts.models import Broadcast
from operations.kinds.base import Found, Kind, Severity, on_page


def _paused(now: datetime) -> Iterable[Found]:
    paused = Broadcast.objects.filter(state=Broadcast.State.PAUSED).exclude(reason__startswith="Paused by ")
    for broadcast in paused.select_related("provider"):
        yield Found(
            f"broadcast:{broadcast.pk}",
            broadcast.reason or "It paused itself.",
            f"{broadcast} through {broadcast.provider}",
            broadcast.provider_id,
            messages=broadcast.waiting,
            since=broadcast.updated_at,
        )


KINDS = (
    Kind(
        "broadcast_paused",
        "A broadcast paused itself",
        Severity.CRITICAL,
        _paused,
        on_page("Correct the cause, then Resume", "broadcasts_broadcast"),
    ),
)
