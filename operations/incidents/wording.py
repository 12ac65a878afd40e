"""Incidents in words."""

from typing import Any

from django.utils import timezone

from lib import display
from lib.admin import Tone
from operations.kinds import KINDS
from operations.models import Incident

TONES: dict[int, Tone] = {
    Incident.Severity.NOTICE: "info",
    Incident.Severity.WARNING: "warning",
    Incident.Severity.CRITICAL: "danger",
}


def title_of(incident: Incident) -> str:
    kind = KINDS.get(incident.kind)
    return kind.title if kind else incident.kind.replace("_", " ")


def state_words(incident: Incident) -> str:
    """Whether it is open, and who takes care of it."""
    if incident.ended_at:
        return "Ended"
    if incident.silenced_until and incident.silenced_until > timezone.now():
        return f"Silenced until {display.to_minute(incident.silenced_until)}: {incident.silence_reason}"
    if incident.acknowledged_at:
        return f"{incident.acknowledged_by or 'Somebody'} takes care of it"
    return "Open"


def as_json(incident: Incident) -> dict[str, Any]:
    """As `manage.py incidents` and /healthz give it. Times are ISO 8601; `ended` is None while it is open."""
    kind = KINDS.get(incident.kind)
    return {
        "kind": incident.kind,
        "scope": incident.scope,
        "severity": incident.get_severity_display(),
        "began": incident.began_at.isoformat(),
        "ended": incident.ended_at.isoformat() if incident.ended_at else None,
        "messages": incident.messages,
        "next_step": kind.step(incident).words if kind else "",
        # For people, and for `incidents ack`.
        "id": incident.pk,
        "subject": incident.subject,
        "text": incident.text,
        "acknowledged_by": str(incident.acknowledged_by or ""),
        "silenced_until": incident.silenced_until.isoformat() if incident.silenced_until else None,
    }
