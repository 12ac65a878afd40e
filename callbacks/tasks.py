"""Celery's view of the callbacks: tasks only wake the drain functions, rows are the queue."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from callbacks.forwarding import forward
from callbacks.media import downloads
from callbacks.webhooks import ingest
from lib.wakeup import stopping


@shared_task(name="callbacks.ingest")
def ingest_webhooks(reader: int = 0) -> None:
    """By several readers at once, each of which takes some of the providers."""
    ingest.drain(stop=stopping)


@shared_task(name="callbacks.forward")
def forward_owed(provider_id: int) -> None:
    forward.drain(provider_id, stop=stopping)


@shared_task(name="callbacks.media")
def fetch_media() -> None:
    downloads.drain(stop=stopping)


@shared_task(name="callbacks.upkeep")
def upkeep() -> None:
    now = timezone.now()
    forward.park_old(now)
    days = settings.MEDIA_RETENTION_DAYS
    while days and downloads.forget(now, days):
        pass
