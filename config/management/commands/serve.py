import errno
import os
import socket
import sys
from argparse import ArgumentParser
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from config import web
from config.checks import missing_for_production
from config.only_one import only_one
from config.processes import Processes
from lib import open_files, schema
from lib.commands import BaseCommand

FREED = 15.0  # seconds in which what a killed `serve` left behind lets go of its port


def worker_command() -> list[str]:
    if settings.CELERY_BROKER_URL:
        return [
            sys.executable, "-m", "celery", "--quiet", "-A", "config", "worker", "--beat",
            "--pool", "threads", "--without-gossip", "--without-mingle", "--concurrency", "16",
            "--queues", "celery,forward",
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


def check_port(host: str, port: int, advice: str, patience: float = 0.0) -> None:
    """Raises CommandError when nobody could listen there, not even after so many seconds."""
    end = monotonic() + patience
    while monotonic() < end:
        with suppress(CommandError):
            return check_port(host, port, advice)
        sleep(0.1)
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
    help = "Serves the web and works the queues, in one command."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--host", default="127.0.0.1", help="The address to listen at. Default: 127.0.0.1"
        )
        parser.add_argument("--port", type=int, default=settings.PORT, help=f"Default: {settings.PORT}")
        parser.add_argument(
            "--workers",
            type=int,
            help="How many web processes. Default: 1 on SQLite, otherwise one for each core.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["host"], options["port"]
        os.chdir(settings.BASE_DIR)
        os.environ["PORT"] = str(port)
        advice = "Stop it first, or give this one another DATA_DIR."
        with only_one(port, advice) as killed, Processes() as processes:
            check_port(host, port, "Choose another with --port or PORT.", FREED if killed else 0.0)
            call_command("migrate", verbosity=0)
            if words := schema.problem():
                raise CommandError(words)
            workers = options["workers"] or web_workers()
            close_database()
            open_files.allow(web.CONNECTIONS * 2)
            processes.start("web", web.command(host, port, workers))
            processes.start("worker", worker_command())
            self.stdout.write(f"Waypost at http://{host}:{port}/admin/")
            if missing := missing_for_production():
                self.stderr.write(
                    f"Not set up for production: {', '.join(missing)} (manage.py check --deploy says more)."
                )
            self.stdout.flush()
            processes.run()
