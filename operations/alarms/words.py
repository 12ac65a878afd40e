"""What an alarm says, for people and for programs. Phone numbers in it are hidden."""

import msgspec
from django.conf import settings

from lib.admin import page_url
from lib.phone_hiding import hidden
from operations.kinds import KINDS
from operations.models import Delivery, Incident

About = Delivery.About


class Alarm(msgspec.Struct, frozen=True):
    """One alarm. An endpoint of your own gets it as JSON; `key` is the same for all alarms about one
    incident."""

    key: str
    about: str
    kind: str
    title: str
    severity: str
    subject: str
    text: str
    next_step: str
    messages: int
    began: str
    ended: str | None
    url: str

    @property
    def heading(self) -> str:
        ended = self.about == About.ENDED
        return f"{'Resolved' if ended else self.severity.capitalize()}: {self.title} ({self.subject})"

    @property
    def body(self) -> str:
        if self.about == About.ENDED:
            return f"It is over.\n{self.url}"
        parts = [self.text, f"What to do: {self.next_step}" if self.next_step else "", self.url]
        return "\n".join(filter(None, parts))


TEST = Alarm(
    "waypost-test", About.TEST, "test", "This is a test", "notice", "Waypost",
    "If you read this, alarms arrive here.", "", 0, "", None, settings.PUBLIC_BASE_URL,
)  # fmt: skip


def alarm(incident: Incident, about: str) -> Alarm:
    kind = KINDS.get(incident.kind)
    return Alarm(
        key=f"waypost-incident-{incident.pk}",
        about=about,
        kind=incident.kind,
        title=kind.title if kind else incident.kind,
        severity=incident.get_severity_display(),
        subject=hidden(incident.subject),
        text=hidden(incident.text),
        next_step=kind.step(incident).words if kind else "",
        messages=incident.messages,
        began=incident.began_at.isoformat(),
        ended=incident.ended_at.isoformat() if incident.ended_at else None,
        url=settings.PUBLIC_BASE_URL + page_url("operations_incident", incident.pk),
    )
