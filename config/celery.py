"""The Celery application of a distributed deployment."""

import logging
import os
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from celery import Celery
from celery.signals import (
    beat_init,
    heartbeat_sent,
    setup_logging,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_shutdown,
    worker_shutting_down,
)
from django.db import DatabaseError, connection
from django.utils import timezone
from kombu.transport.virtual import Channel

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = Celery("waypost")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
logger = logging.getLogger(__name__)
# Wake-ups may be lost. A worker that wants to give them back to a Redis that has gone ends with an error, and
# leaves the calls under way in doubt.
Channel.do_restore = False

SIGN_EVERY = 10.0  # seconds
_told = -SIGN_EVERY
_reporter: Any = None


@setup_logging.connect
def _log_as_set(**_: Any) -> None:
    """LOGGING has set it up. Celery would give all loggers the level of its own option, and hide our INFO."""


@heartbeat_sent.connect
def _alive(**_: Any) -> None:
    """The sign of life of this worker, whichever tasks it gets. A clock cannot give it: any worker may take
    the clock's tasks."""
    global _told
    if monotonic() - _told < SIGN_EVERY:
        return
    _told = monotonic()
    _sign(lambda signs, what: signs.give(what, timezone.now()))


@worker_shutdown.connect
def _gone(**_: Any) -> None:
    _sign(lambda signs, what: signs.take_away(what))


def _sign(write: Callable[[Any, Any], None]) -> None:
    from operations import signs
    from operations.models import Sign

    try:
        write(signs, Sign.What.WORKER)
    except DatabaseError:
        logger.warning("The database does not take this worker's sign of life")
    finally:
        connection.close()


@worker_init.connect
@beat_init.connect
def _stand_or_end(**_: Any) -> None:
    """Celery would log any other exception, and go on."""
    from lib import schema
    from lib.version import VERSION

    if words := schema.problem():
        raise SystemExit(words)
    connection.close()
    logger.info("Waypost %s: Celery has started", VERSION)


@worker_init.connect
@worker_process_init.connect
def _keep_leases(**_: Any) -> None:
    """Renews the leases of this process; with a pool of processes, each of them renews its own."""
    from lib.wakeup import stopping
    from providers import leases

    threading.Thread(target=leases.beat, args=[stopping], name="leases", daemon=True).start()


@worker_init.connect
@worker_process_init.connect
def _report(**_: Any) -> None:
    """Has this process say how long things take, in rows."""
    from operations.metrics.reporting import Reporter

    global _reporter
    _reporter = Reporter("celery")
    _reporter.start()


@worker_shutdown.connect
@worker_process_shutdown.connect
def _reported(**_: Any) -> None:
    if _reporter is not None:
        _reporter.end()


@worker_shutting_down.connect
def _stop(**_: Any) -> None:
    """Tells running drains to stop. A warm shutdown waits for them, and their queues may never be empty."""
    from lib.wakeup import stopping

    stopping.set()
