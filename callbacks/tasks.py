"""Celery's view of the callbacks: tasks only wake the drain functions, rows are the queue."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from callbacks import forward, inbox, ingest, media
from lib.wake import stopping, wake
from providers.models import Provider

LINGER = 1.0


@shared_task(name="callbacks.ingest")
def read() -> None:
    ingest.drain(linger=LINGER, stop=stopping)


@shared_task(name="callbacks.forward")
def bring(provider_id: int) -> None:
    forward.drain(provider_id, linger=LINGER, stop=stopping)


@shared_task(name="callbacks.media")
def fetch() -> None:
    media.drain(linger=LINGER, stop=stopping)


@shared_task(name="callbacks.sweep")
def sweep() -> None:
    """Finds what no wake-up announced: webhooks that waited, forwards whose wait is over."""
    if ingest.due():
        wake("callbacks.ingest")
    if media.due():
        wake("callbacks.media")
    for provider in Provider.objects.all():
        if forward.due(provider):
            wake("callbacks.forward", provider.pk)


@shared_task(name="callbacks.upkeep")
def upkeep() -> None:
    now = timezone.now()
    forward.park_old(now)
    while inbox.forget(now, settings.WEBHOOK_RETENTION_DAYS):
        pass
    while media.forget(now, settings.MEDIA_RETENTION_DAYS):
        pass
