"""Contacts that agreed to nothing and did nothing for a long time. Their stops stay."""

from datetime import datetime, timedelta
from time import monotonic, sleep

from django.db import transaction
from django.db.models import QuerySet

from audience.models import Contact, OptChange
from privacy import stops
from privacy.retention.ages import CONTACTS
from privacy.retention.holds import Holds
from privacy.retention.pace import Pace

NAME = f"{CONTACTS.name}: audience.Contact"


def due(now: datetime, held: Holds) -> QuerySet[Contact]:
    if not CONTACTS.days:
        return Contact.objects.none()
    old = Contact.objects.filter(opted_in=False, updated_at__lt=now - timedelta(days=CONTACTS.days))
    return old.exclude(phone__in=held.numbers).order_by("pk")


def remove(now: datetime, held: Holds, pace: Pace) -> int:
    some = list(due(now, held)[: pace.rows])
    if not some:
        return 0
    began = monotonic()
    with transaction.atomic():
        stops.keep(some, now)
        stops.hide_proofs(OptChange.objects.filter(contact__in=some))
        Contact.objects.filter(pk__in=[contact.pk for contact in some]).delete()
    sleep(pace.took(len(some), 1000 * (monotonic() - began)))
    return len(some)
