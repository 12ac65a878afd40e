"""Celery's view of the audience: tasks only wake the drain functions, rows are the queue."""

from time import sleep

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from audience import drafts, events, subscribing, upload
from lib import sql
from lib.wakeup import stopping

FOR_EVER = 36_500  # days; drafts that nobody started go all the same


@shared_task(name=drafts.TASK)
def look_through() -> None:
    drafts.drain(stop=stopping)


@shared_task(name="audience.upload")
def take_over() -> None:
    upload.drain(stop=stopping)


@shared_task(name="audience.subscribe")
def tell(provider_id: int | None = None) -> None:
    subscribing.drain(provider_id, stop=stopping)


@shared_task(name="audience.upkeep")
def upkeep() -> None:
    now, days = timezone.now(), settings.AUDIENCE_RETENTION_DAYS or FOR_EVER
    for forget in (upload.forget, subscribing.forget):
        while forget(now, days):
            sleep(sql.PAUSE)
    while events.forget(now, settings.CONTACT_EVENT_RETENTION_DAYS):
        sleep(sql.PAUSE)
