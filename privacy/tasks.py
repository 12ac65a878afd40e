"""Celery's view of privacy: tasks only wake what does the work, rows are the queue."""

from celery import shared_task
from django.utils import timezone

from lib.wakeup import stopping
from privacy import erasing, gists
from privacy.models import RetentionRun
from privacy.retention import run

SECONDS = 30.0  # of each minute, until the day's run has ended; a third of it for gists


@shared_task(name=erasing.TASK)
def erase() -> None:
    erasing.drain(stop=stopping)


@shared_task(name="privacy.upkeep")
def upkeep() -> None:
    if mine := RetentionRun.begin(timezone.now(), run.EVERY):
        run.work(mine, SECONDS, stopping)
    gists.make(timezone.now(), SECONDS / 3, stopping)
