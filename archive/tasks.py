"""Celery's view of the archive. pyarrow is loaded only where there is one."""

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from archive.models import Run
from lib.wakeup import stopping

SECONDS = 30.0  # of each minute, until all is written


@shared_task(name="archive.upkeep")
def upkeep() -> None:
    every = timedelta(minutes=settings.ARCHIVE_MINUTES)
    if settings.ARCHIVE_TO and (mine := Run.begin(timezone.now(), every)):
        from archive import writing

        writing.work(mine, SECONDS, stopping)
