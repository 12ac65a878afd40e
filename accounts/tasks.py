"""Celery's view of the accounts."""

from time import sleep

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from accounts import trail
from accounts import upkeep as over
from lib import sql


@shared_task(name="accounts.upkeep")
def upkeep() -> None:
    now = timezone.now()
    while trail.forget(now, settings.TRAIL_RETENTION_DAYS):
        sleep(sql.PAUSE)
    while over.forget(now, settings.TOKEN_RETENTION_DAYS):
        sleep(sql.PAUSE)
