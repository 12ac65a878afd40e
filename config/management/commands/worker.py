import logging
import signal
from typing import Any

from django.core.management.base import CommandError

from config.processes import end_quickly
from config.worker import Worker
from lib import schema
from lib.commands import BaseCommand
from lib.version import VERSION

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Sends messages, reads webhooks and forwards reports, without a broker."

    def handle(self, *args: Any, **options: Any) -> None:
        if words := schema.problem():
            raise CommandError(words)
        worker = Worker()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: worker.end())
        logger.info("Waypost %s: the worker has started", VERSION)
        worker.run()
        end_quickly()
