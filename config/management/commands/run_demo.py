import json
import os
import sys
from argparse import ArgumentParser
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from config import demo, web
from config.demo import Demo, Shown
from config.management.commands import serve
from config.only_one import only_one
from config.processes import Processes, terminal_of_our_own
from lib import schema
from lib.commands import BaseCommand
from providers.models import Provider

HOST = "127.0.0.1"


class Command(BaseCommand):
    help = "Runs Waypost on a simulator of CleverTap and every BSP, with everything set up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port",
            type=int,
            default=settings.PORT,
            help="The port of Waypost; the simulator uses the next one.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        port = options["port"]
        base, simulator = f"http://{HOST}:{port}", f"http://{HOST}:{port + 1}"
        _start_again_with(PORT=str(port), PUBLIC_BASE_URL=base, ALLOW_PRIVATE_TARGETS="1")
        os.chdir(settings.BASE_DIR)
        with (
            only_one(port, "Give this demo its own: make run PORT=… DATA_DIR=…") as killed,
            terminal_of_our_own(),
            Processes() as processes,
        ):
            advice, patience = (
                f"Choose another pair: make run PORT={port + 10}",
                serve.FREED if killed else 0.0,
            )
            serve.check_port(HOST, port, advice, patience)
            serve.check_port(HOST, port + 1, f"The simulator needs it. {advice}", patience)
            call_command("migrate", verbosity=0)
            if words := schema.problem():
                raise CommandError(words)
            made = _seed(simulator)
            self._start(processes, port)
            while not (processes.stopping or (_answers(port, "/readyz") and _answers(port + 1, "/"))):
                processes.look()
            if not processes.stopping:
                demo.import_templates()
                self.stdout.write(introduction(made, base, simulator))
                self.stdout.flush()
            processes.run()

    def _start(self, processes: Processes, port: int) -> None:
        workers = serve.web_workers()
        serve.close_database()
        processes.start("worker", serve.worker_command())
        processes.start("web", web.command(HOST, port, workers))
        # Last, so that it ends first: requests it holds on purpose must not keep the worker.
        simulator = ["-m", "simulator", "--port", str(port + 1)]
        simulator += ["--accounts", str(_file("simulator")), "--traffic", str(_file("traffic"))]
        processes.start("simulator", [sys.executable, *simulator])


def _file(name: str) -> Path:
    """A file of settings for the simulator."""
    return Path(settings.DATA_DIR) / f"{name}.json"


def _seed(simulator: str) -> Demo:
    """Fills the database, unless it was made for something else, and the simulator's accounts."""
    if not demo.path().exists() and Provider.objects.exists():
        raise CommandError(
            f"{settings.DATABASES['default']['NAME']} has providers that are not the demo's, so the demo "
            "stays out of it. Serve it with: manage.py serve. Or run the demo elsewhere, with DATA_DIR=…"
        )
    made = demo.seed(simulator)
    demo.write_private(_file("simulator"), msgspec.json.encode(made.accounts))
    demo.write_private(_file("traffic"), msgspec.json.encode(made.traffic))
    return made


def _start_again_with(**wanted: str) -> None:
    """Settings are read once, at the start; so the demo's own ones are set before that."""
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        sys.stdout.flush()
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | wanted)  # noqa: S606


def _answers(port: int, path: str) -> bool:
    connection = HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def introduction(made: Demo, base: str, simulator: str) -> str:
    password = "(as you changed it)" if made.admin_changed else made.admin.password
    first = made.providers[0]
    width = max(len(provider.nickname) for provider in made.providers)
    endpoints = "\n".join(
        f"  {provider.nickname:{width}}  {provider.messages_url}\n"
        f"  {'':{width}}  username {provider.login.username}  password {provider.login.password}"
        for provider in made.providers
    )
    return f"""
Waypost runs, with a simulator in place of CleverTap and the BSPs.

  Admin:      {base}/admin/
              username {made.admin.username}  password {password}
  Simulator:  {simulator}/

Campaigns run already: two that CleverTap posts, a message every other second, and two broadcasts. People
write, too: some without a number, some to the second number of Meta's app; they edit, delete, react and stop.

  Broadcast:  {base}/admin/broadcasts/broadcast/{made.broadcast}/change/
  Its stats:  {base}/admin/stats/campaigns/one/?campaign=wp-{made.broadcast}&range=24h
  All stats:  {base}/admin/stats/overview/?range=24h
  Contacts:   {base}/admin/audience/contact/

CleverTap would post its messages to one of these, with Basic authentication:

{endpoints}

Send a message as CleverTap does, from another shell:

{curl(first)}

It answers {{"status":"success"}}. Then watch the message
  arrive at the BSP, be delivered and read, and be reported to CleverTap:  {simulator}/
  with each attempt and report in the message log:  {base}/admin/campaigns/message/

Ctrl-C stops everything. What was made stays in {settings.DATA_DIR} for the next run.
"""


def curl(provider: Shown) -> str:
    """A command to paste. The shell makes the message's id, so that each is a new one."""
    values = ("Dr Rao", "Friday", "10:30")
    payload = json.dumps(
        {
            "payloadVersion": 0.1,
            "to": "+919812300001",
            "wabaNumber": provider.number,
            "isTemplate": True,
            "msgId": "@ID@|1767225600|20260105|1|0",
            "template": {"namespace": "appointment_reminder", "languageCode": "en_US"},
            "components": [
                {
                    "type": "body",
                    "body": {
                        "text": "A reminder: {} sees you on {} at {}. Will you be there?".format(*values),
                        "parameters": [{"type": "text", "text": value} for value in values],
                    },
                }
            ],
        }
    ).replace("@ID@", "'$(date +%s)$RANDOM'")
    login = f"{provider.login.username}:{provider.login.password}"
    return (
        f"  curl -u '{login}' -H 'Content-Type: application/json' \\\n"
        f"    {provider.messages_url} \\\n"
        f"    -d '{payload}'"
    )
