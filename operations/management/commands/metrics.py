"""Serves /metrics at an address of its own, for a Prometheus that should not come through the proxy."""

import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import connection
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import Metric

from lib.commands import BaseCommand
from operations.metrics.collector import FromRows


class _GivingBack(FromRows):
    """Each request has a thread of its own, which must leave no connection behind."""

    def collect(self) -> Any:
        found: list[Metric] = []
        try:
            found += super().collect()
        finally:
            connection.close()
        return found


class Command(BaseCommand):
    help = "Serves the metrics without a token. Use an address that only Prometheus can reach."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--bind", default="127.0.0.1:9464", help="The ADDRESS:PORT to listen at. Default: 127.0.0.1:9464"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        address, _, port = options["bind"].rpartition(":")
        if not address or not port.isdecimal():
            raise CommandError("--bind is ADDRESS:PORT.")
        registry = CollectorRegistry()
        registry.register(_GivingBack())
        _, thread = start_http_server(int(port), address, registry)
        self.stdout.write(f"Metrics are at http://{options['bind']}/metrics")
        self.wait(thread)

    def wait(self, thread: threading.Thread) -> None:
        thread.join()
