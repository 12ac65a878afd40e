"""Celery's view of sending: tasks only wake the drain functions, rows are the queue."""

from time import sleep

from celery import shared_task
from django.utils import timezone

from campaigns import counts, dispatch, ledger, links, rollups
from lib.wake import stopping, wake
from providers.models import Provider

LINGER = 1.0
PAUSE = 0.1  # between long writes: on SQLite, who waits to write looks that often whether it may


@shared_task(name="campaigns.send")
def send(provider_id: int) -> None:
    dispatch.drain(provider_id, linger=LINGER, stop=stopping)


@shared_task(name="campaigns.sweep")
def sweep() -> None:
    """Finds what no wake-up announced: retries that are due, messages from a broker's outage."""
    for provider_id in Provider.objects.values_list("pk", flat=True):
        if dispatch.due(provider_id) or dispatch.abandoned(provider_id):
            wake("campaigns.send", provider_id)


@shared_task(name="campaigns.upkeep")
def upkeep() -> None:
    """What may wait a minute: expiry on paused providers, folding the counts, old short links."""
    now = timezone.now()
    for provider in Provider.objects.filter(state=Provider.State.PAUSED):
        while ledger.fail_expired(provider.pk, now, provider.validity):
            pass
    while counts.squash() == counts.BATCH:
        sleep(PAUSE)
    while rollups.forget_minutes() >= rollups.FORGET:
        sleep(PAUSE)
    while links.forget(now):
        pass
