"""Celery's view of broadcasts: a task only wakes the drain function, rows are the queue."""

from celery import shared_task

from broadcasts import running
from lib.wake import stopping, wake

LINGER = 1.0


@shared_task(name="broadcasts.run")
def run() -> None:
    running.drain(linger=LINGER, stop=stopping)


@shared_task(name="broadcasts.sweep")
def sweep() -> None:
    """Finds what no wake-up announced: the next steps that are due."""
    if running.due():
        wake("broadcasts.run")
