"""What people do with an incident: acknowledge it, or silence it until a time and for a reason."""

from datetime import datetime
from typing import Any

from operations.models import Incident


def acknowledge(incident: Incident, by: Any, now: datetime) -> bool:
    """Notes who takes care of it. Returns whether nobody did so before."""
    mine = Incident.objects.filter(pk=incident.pk, ended_at=None, acknowledged_at=None)
    return bool(mine.update(acknowledged_at=now, acknowledged_by=by))


def silence(incident: Incident, by: Any, until: datetime, reason: str) -> bool:
    """No notification is sent before `until`. Raises ValueError without a reason. Returns whether it is
    open."""
    if not reason.strip():
        raise ValueError("Say why it is silenced.")
    mine = Incident.objects.filter(pk=incident.pk, ended_at=None)
    return bool(mine.update(silenced_until=until, silenced_by=by, silence_reason=reason.strip()[:300]))
