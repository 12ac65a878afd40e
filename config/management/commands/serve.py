import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

from config.processes import Processes

THREADS = 64


def web_command(host: str, port: int, workers: int) -> list[str]:
    """Granian, with as many threads as group commit makes good use of."""
    granian = str(Path(sys.executable).parent / "granian")
    return [
        granian, "--interface", "wsgi", "--host", host, "--port", str(port), "--workers", str(workers),
        "--blocking-threads", str(THREADS), "--backlog", "4096", "--backpressure", "4096", "--http", "1",
        "--respawn-failed-workers", "--no-ws", "--log-level", "warning", "config.wsgi:application",
    ]  # fmt: skip


def worker_command() -> list[str]:
    if settings.CELERY_BROKER_URL:
        return [
            sys.executable, "-m", "celery", "-A", "config", "worker", "--beat", "--pool", "threads",
            "--concurrency", "16", "--queues", "celery,forward", "--loglevel", "WARNING",
            "--schedule", str(settings.DATA_DIR / "beat"),
        ]  # fmt: skip
    return [sys.executable, "manage.py", "worker"]


class Command(BaseCommand):
    help = "Serves the web and works the queues, in one go."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=settings.PORT)
        parser.add_argument(
            "--workers", type=int, help="Web processes; 1 on SQLite, else one a core, unless given."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        os.chdir(settings.BASE_DIR)
        os.environ["PORT"] = str(options["port"])
        call_command("migrate", verbosity=0)
        workers = options["workers"] or (1 if connection.vendor == "sqlite" else os.cpu_count() or 1)
        connection.close()
        processes = Processes()
        processes.start("web", web_command(options["host"], options["port"], workers))
        processes.start("worker", worker_command())
        self.stdout.write(f"Waypost at http://{options['host']}:{options['port']}/admin/")
        self.stdout.flush()
        processes.run()
