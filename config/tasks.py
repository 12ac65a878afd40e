"""Celery's view of all queues: finds due work that no wake-up announced, and wakes its workers."""

from celery import shared_task

from config import due
from lib import clock
from lib.wakeup import wake

READERS = 4  # called at once, at most, for webhooks that nobody reads


@shared_task(name="queues.look")
def look() -> None:
    """Retries that are due, waits that are over, and what a broker's outage left."""
    found = due.now_due(due.look())
    for each in found:
        if each.task != "callbacks.ingest":
            wake(each.task, each.key)
    for reader in range(min(READERS, sum(each.task == "callbacks.ingest" for each in found))):
        wake("callbacks.ingest", reader)


@shared_task(name="queues.upkeep")
def upkeep() -> None:
    clock.warn()
