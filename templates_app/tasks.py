"""Celery's view of importing: tasks only wake the drain function, rows are the queue."""

from celery import shared_task
from django.utils import timezone

from lib.wake import stopping, wake
from templates_app import importer


@shared_task(name="templates.import")
def import_queued() -> None:
    importer.drain(stop=stopping)


@shared_task(name="templates.upkeep")
def upkeep() -> None:
    """Starts what the schedule wants, and ends what has lost its worker."""
    now = timezone.now()
    importer.give_up_lost(now)
    importer.schedule(now)
    if importer.due():
        wake("templates.import")
