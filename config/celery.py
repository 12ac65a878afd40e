"""The Celery application of a distributed deployment."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_shutting_down

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("waypost")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_shutting_down.connect
def _stop(**_: Any) -> None:
    """A warm shutdown waits for its tasks, which would otherwise work until their queue is empty."""
    from lib.wake import stopping

    stopping.set()
