"""How long contacts' events are kept."""

from datetime import datetime, timedelta

from audience.models import ContactEvent
from lib import sql
from lib.postgres import parts


def forget(now: datetime, days: int) -> int:
    """Deletes the oldest events that are older than `days`, with their dates; 0 days keep all of them.

    Returns how many."""
    if not days:
        return 0
    old = parts.too_old(ContactEvent.objects.order_by("at"), now - timedelta(days=days))
    pks = list(old.values_list("pk", flat=True)[: sql.at_once()])
    ContactEvent.objects.filter(pk__in=pks).delete()
    return len(pks)
