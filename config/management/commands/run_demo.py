import fcntl
import json
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError
from urllib.request import urlopen

import msgspec
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from config import demo
from config.demo import Demo, Shown
from config.management.commands import serve
from config.processes import Processes, terminal_of_our_own
from providers.models import Provider

HOST = "127.0.0.1"


class Command(BaseCommand):
    help = "Runs Waypost on a simulator of CleverTap and three BSPs, with everything set up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port", type=int, default=settings.PORT, help="The simulator takes the one after it."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        port = options["port"]
        base, simulator = f"http://{HOST}:{port}", f"http://{HOST}:{port + 1}"
        _start_again_with(PORT=str(port), PUBLIC_BASE_URL=base, ALLOW_PRIVATE_TARGETS="1")
        os.chdir(settings.BASE_DIR)
        with _only_one(settings.DATA_DIR / "demo.lock"), terminal_of_our_own():
            processes = Processes()
            serve.check_port(HOST, port, f"Choose another: make run PORT={port + 10}")
            serve.check_port(HOST, port + 1, f"The simulator needs it. Choose another: make run PORT={port + 10}")
            call_command("migrate", verbosity=0)
            _only_demos()
            made = demo.seed(simulator)
            accounts = settings.DATA_DIR / "simulator.json"
            demo.write_private(accounts, msgspec.json.encode(made.accounts))
            workers = serve.web_workers()
            serve.close_database()
            processes.start(
                "simulator",
                [sys.executable, "-m", "simulator", "--port", str(port + 1), "--accounts", str(accounts), "--quiet"],
            )
            processes.start("worker", serve.worker_command())
            processes.start("web", serve.web_command(HOST, port, workers))
            while not (processes.stopping or (_answers(f"{base}/readyz") and _answers(simulator))):
                processes.look()
            if not processes.stopping:
                self.stdout.write(introduction(made, base, simulator))
                self.stdout.flush()
            processes.run()
