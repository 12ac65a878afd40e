"""Celery's view of broadcasts: a task only wakes the drain function, rows are the queue."""

from celery import shared_task

from broadcasts.run import worker
from lib.wakeup import stopping

SOON = 1.0  # seconds; what is due so soon is waited for


@shared_task(name="broadcasts.run")
def run(broadcast_id: int | None = None) -> None:
    worker.drain(broadcast_id, soon=SOON, stop=stopping)
