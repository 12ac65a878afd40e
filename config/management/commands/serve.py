import errno
import os
import socket
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from config.checks import missing_for_production
from config.processes import Processes

THREADS = 64


def web_command(host: str, port: int, workers: int) -> list[str]:
    """Granian, with as many threads as group commit makes good use of."""
    granian = str(Path(sys.executable).parent / "granian")
    return [
        granian, "--interface", "wsgi", "--host", host, "--port", str(port), "--workers", str(workers),
        "--blocking-threads", str(THREADS), "--backlog", "4096", "--backpressure", "4096", "--http", "1",
        "--respawn-failed-workers", "--workers-kill-timeout", "10", "--no-ws",
        # Its warnings are about the number of threads, which is meant: they wait for one commit together.
        "--log-level", "error", "config.wsgi:application",
    ]  # fmt: skip


def worker_command() -> list[str]:
    if settings.CELERY_BROKER_URL:
        return [
            sys.executable, "-m", "celery", "--quiet", "-A", "config", "worker", "--beat",
            "--pool", "threads", "--concurrency", "16", "--queues", "celery,forward", "--loglevel", "WARNING",
            "--schedule", str(settings.DATA_DIR / "beat"),
        ]  # fmt: skip
    return [sys.executable, "manage.py", "worker"]


def web_workers() -> int:
    """SQLite has one writer at a time, and one process gathers more messages into each commit."""
    return 1 if connection.vendor == "sqlite" else os.cpu_count() or 1


def close_database() -> None:
    """The children have connections of their own; this process needs none any more."""
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]


def check_port(host: str, port: int, advice: str) -> None:
    """Raises CommandError when nobody could listen there."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CommandError(f"Port {port} is taken by another program. {advice}") from error
            raise CommandError(f"Cannot listen at {host} port {port}: {error.strerror}.") from error


class Command(BaseCommand):
    help = "Serves the web and works the queues, in one go."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=settings.PORT)
        parser.add_argument(
            "--workers", type=int, help="Web processes; 1 on SQLite, else one a core, unless given."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        check_port(host, port, "Choose another with --port or PORT.")
        os.chdir(settings.BASE_DIR)
        os.environ["PORT"] = str(port)
        with Processes() as processes:
            call_command("migrate", verbosity=0)
            workers = options["workers"] or web_workers()
            close_database()
            processes.start("web", web_command(host, port, workers))
            processes.start("worker", worker_command())
            self.stdout.write(f"Waypost at http://{host}:{port}/admin/")
            if missing := missing_for_production():
                self.stderr.write(
                    f"Not set up for production: {', '.join(missing)} (manage.py check --deploy says more)."
                )
            self.stdout.flush()
            processes.run()
