"""One look at everything: what is wrong opens an incident, or keeps it open; what no longer is ends it."""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest

from lib import sql
from lib.log_repeats import EVERY_TIME
from operations.kinds import KINDS, Found, Kind
from operations.models import Incident

logger = logging.getLogger(__name__)


class _Row(NamedTuple):
    """The columns of an incident that a look writes."""

    kind: str
    scope: str
    subject: str
    provider_id: int | None
    severity: int
    began_at: datetime
    seen_at: datetime
    messages: int
    text: str
    silence_reason: str = ""


class Looked(NamedTuple):
    """What a look changed: the incidents that it opened, and those that it ended."""

    opened: list[Incident]
    ended: list[Incident]


def look(now: datetime, kinds: Iterable[Kind] = ()) -> Looked:
    """Asks every kind, and writes what it found. A kind that fails to answer changes nothing.

    Two looks at once do no harm: a constraint allows one open incident a kind and scope.
    """
    opened: list[Incident] = []
    ended: list[Incident] = []
    for kind in kinds or KINDS.values():
        try:
            with transaction.atomic():
                found = list(kind.find(now))
                opened += _open(kind, found, now)
                ended += _end(kind, now)
        except Exception:
            logger.exception("Incidents of the kind %s could not be looked for", kind.slug)
    for incident in opened:
        words = (incident.kind, incident.subject, incident.text)
        logger.error("Incident %s began: %s: %s", *words, extra=EVERY_TIME)  # each begins but once
    for incident in ended:
        logger.info("Incident %s ended: %s", incident.kind, incident.subject)
    return Looked(opened, ended)


def _open(kind: Kind, found: list[Found], now: datetime) -> list[Incident]:
    """Opens what is new, and notes of the rest that it is still so."""
    if not found:
        return []
    known = dict(Incident.objects.filter(kind=kind.slug, ended_at=None).values_list("scope", "pk"))
    rows = {each.scope: _row(kind, each, now) for each in found}
    sql.insert(
        Incident,
        _Row._fields,
        list(rows.values()),
        conflict="(kind, scope) WHERE ended_at IS NULL DO UPDATE SET"
        " seen_at = excluded.seen_at, messages = excluded.messages, text = excluded.text,"
        " severity = excluded.severity, subject = excluded.subject",
    )
    new = [scope for scope in rows if scope not in known]
    return list(Incident.objects.filter(kind=kind.slug, scope__in=new, ended_at=None)) if new else []


def _row(kind: Kind, found: Found, now: datetime) -> _Row:
    return _Row(
        kind.slug,
        found.scope,
        (found.subject or found.scope)[:300],
        found.provider_id,
        found.severity or kind.severity,
        min(found.since or now, now),
        now,
        found.messages,
        found.text[:500],
    )


def _end(kind: Kind, now: datetime) -> list[Incident]:
    gone = Incident.objects.filter(kind=kind.slug, ended_at=None, seen_at__lt=now - kind.calm)
    ended = list(gone.select_for_update())
    Incident.objects.filter(pk__in=[each.pk for each in ended]).update(
        ended_at=Greatest(F("began_at"), F("seen_at"))
    )
    return ended
