"""Celery's view of the reports: tasks only wake the drain function, rows are the queue."""

from celery import shared_task
from django.utils import timezone

from lib.wakeup import stopping
from stats.pages import monday_mails
from stats.reconciliation import loading


@shared_task(name=loading.TASK)
def read_reports() -> None:
    loading.drain(stop=stopping)


@shared_task(name="stats.upkeep")
def upkeep() -> None:
    now = timezone.now()
    loading.forget(now)
    monday_mails.send_due(now)
