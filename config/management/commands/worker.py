import signal
from typing import Any

from django.core.management.base import BaseCommand

from config.worker import Worker


class Command(BaseCommand):
    help = "Sends messages, reads webhooks and forwards reports, without a broker."

    def handle(self, *args: Any, **options: Any) -> None:
        worker = Worker()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: worker.stop.set())
        worker.run()
