"""Celery's view of importing: tasks only wake the drain function, rows are the queue."""

from celery import shared_task
from django.utils import timezone

from lib.wakeup import stopping
from templates_app.imports import renewal, runs


@shared_task(name="templates.import")
def import_queued() -> None:
    runs.drain(stop=stopping)


@shared_task(name="templates.upkeep")
def upkeep() -> None:
    """Starts what the schedule wants and what is stale, and ends what has lost its worker."""
    now = timezone.now()
    runs.give_up_lost(now)
    runs.schedule(now)
    renewal.renew(now)
