import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import IntegrityError

from accounts import trail
from accounts.trail import What
from lib.arguments import with_json
from lib.commands import BaseCommand
from operations.alarms import channels, deliver
from operations.models import Channel, Rule


class Command(BaseCommand):
    help = "Adds, lists and tests the channels that alarms go to."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        added = actions.add_parser(
            "add",
            help="Add a channel. Its address is read from standard input, so no list of processes shows it.",
        )
        added.add_argument("name", help="The name of the new channel.")
        for how in Channel.How:
            added.add_argument(f"--{how.value}", dest="how", action="store_const", const=how, help=how.label)
        added.set_defaults(how=Channel.How.APPRISE)
        shown = actions.add_parser("list", help="List the channels.")
        with_json(shown)
        tried = actions.add_parser("test", help="Send a test alarm to a channel.")
        tried.add_argument("name", help="The name of the channel.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "add":
            self._add(**options)
        elif options["action"] == "list":
            self._list(**options)
        else:
            self._test(**options)

    def _add(self, name: str, how: Channel.How, **_: Any) -> None:
        address = sys.stdin.readline().strip()
        if not address:
            raise CommandError("Write the address to standard input.")
        try:
            channels.check(how, address)
            channel = Channel.objects.create(name=name, how=how, address=address)
        except ValueError as error:
            raise CommandError(str(error)) from error
        except IntegrityError as error:
            raise CommandError(f"There is a channel {name!r} already.") from error
        Rule.objects.create(channel=channel)
        trail.note(None, What.ADDED, channel)
        self.stdout.write(f"Added {name}. It gets every warning and every critical incident.")

    def _list(self, **options: Any) -> None:
        rows = [
            {
                "name": channel.name,
                "kind": channel.how,
                "active": channel.active,
                "rules": channel.rules.count(),
                "failures": channel.failures,
                "last_error": channel.last_error,
                "last_success": channel.last_success_at.isoformat() if channel.last_success_at else None,
            }
            for channel in Channel.objects.all()
        ]
        if options["json"]:
            self.stdout.write(json.dumps(rows))
            return
        for row in rows:
            state = row["last_error"] or (
                f"last accepted {row['last_success']}" if row["last_success"] else ""
            )
            self.stdout.write(f"{row['name']}  {row['kind']}  {state}")

    def _test(self, name: str, **_: Any) -> None:
        channel = Channel.objects.filter(name=name).first()
        if channel is None:
            raise CommandError(f"There is no channel {name!r}.")
        wrong = deliver.test(channel)
        trail.note(None, What.SENT, channel, test=True)
        if wrong:
            raise CommandError(wrong)
        self.stdout.write(f"{name} accepted a test.")
