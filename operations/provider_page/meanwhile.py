"""What failed while a provider could not send, so that it can be sent again."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Q, QuerySet

from campaigns.models import Event, Message, Status
from operations.models import Incident
from providers.messages import ReportCode
from providers.models import Provider

KINDS = (
    "provider_paused_credentials",
    "provider_paused_account",
    "provider_paused",
    "provider_held_outage",
)
LATELY = timedelta(days=1)  # this long after its end the page no longer offers it
# A message that failed for one of these may go through now; one that failed for its number will not.
_FOR_THE_OUTAGE = (
    ReportCode.CREDENTIALS,
    ReportCode.TOO_MANY,
    ReportCode.UNAVAILABLE,
    ReportCode.OTHER,
)


class Outage(NamedTuple):
    """The last stretch in which the provider did not send, and the messages that failed in it."""

    began: datetime
    ended: datetime | None
    failed: QuerySet[Message]


def last_outage(provider: Provider, now: datetime) -> Outage | None:
    """None if there was no outage lately."""
    mine = Incident.objects.filter(provider=provider, kind__in=KINDS)
    lately = mine.filter(Q(ended_at=None) | Q(ended_at__gt=now - LATELY))
    incident = lately.order_by("-began_at").first()
    if incident is None:
        return None
    events = Event.objects.filter(
        provider=provider,
        kind=Event.Kind.FAILED,
        not_sent=True,
        code__in=_FOR_THE_OUTAGE,
        at__gte=incident.began_at,
        at__lte=incident.ended_at or now,
    )
    failed = Message.objects.filter(pk__in=events.values("message"), status=Status.FAILED)
    return Outage(incident.began_at, incident.ended_at, failed)
