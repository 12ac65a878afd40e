"""Celery's view of the audience: tasks only wake the drain functions, rows are the queue."""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from audience import subscribing, upload
from lib.wake import stopping, wake


@shared_task(name="audience.upload")
def take_over() -> None:
    upload.drain(stop=stopping)


@shared_task(name="audience.subscribe")
def tell() -> None:
    subscribing.drain(stop=stopping)


@shared_task(name="audience.upkeep")
def upkeep() -> None:
    now, days = timezone.now(), settings.AUDIENCE_RETENTION_DAYS
    for forget in (upload.forget, subscribing.forget):
        while forget(now, days):
            pass
    if upload.due():
        wake("audience.upload")
    if subscribing.due():
        wake("audience.subscribe")
