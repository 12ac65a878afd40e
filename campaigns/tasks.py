"""Celery's view of sending: tasks only wake the drain functions, rows are the queue."""

from time import sleep

from celery import shared_task
from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from campaigns.counting import deltas, points
from campaigns.ledger import ledger, months, once
from campaigns.links import short_links
from campaigns.sending import dispatch, resuming
from lib import sql
from lib.wakeup import stopping
from providers.models import Provider


@shared_task(name="campaigns.send")
def send(provider_id: int) -> None:
    dispatch.drain(provider_id, stop=stopping)


@shared_task(name=resuming.TASK)
def hurry(provider_id: int) -> None:
    resuming.hurry(provider_id)


@shared_task(name="campaigns.upkeep")
def upkeep() -> None:
    """Everything that may wait a minute: expiry on providers that do not send, folding the counts, old short
    links."""
    now = timezone.now()
    held = Q(state=Provider.State.PAUSED) | Q(hold_until__gt=now)
    for provider in Provider.objects.filter(held):  # the others' senders do it
        while ledger.fail_expired(provider.pk, now, provider.validity):
            pass
    while deltas.squash() == deltas.BATCH:
        sleep(sql.PAUSE)
    while points.forget_minutes():
        sleep(sql.PAUSE)
    while short_links.forget(now):
        sleep(sql.PAUSE)
    while once.forget(now, settings.REPEAT_RETENTION_DAYS):
        sleep(sql.PAUSE)
    months.turn(now)
