from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from accounts import trail
from accounts.trail import What
from callbacks.models import Webhook
from callbacks.webhooks import ingest
from lib.commands import BaseCommand
from lib.display import counted
from providers.models import Provider


class Command(BaseCommand):
    help = "Reads stored webhooks again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        again = actions.add_parser(
            "reread", help="Read again the webhooks of which an earlier version left something unhandled."
        )
        again.add_argument(
            "--provider", default="", metavar="NICKNAME", help="Only webhooks of this provider."
        )
        again.add_argument(
            "--found",
            default="unhandled",
            metavar="TEXT",
            help="Only webhooks whose summary contains this text, such as “unhandled no_phone_number”.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        webhooks = Webhook.objects.filter(summary__contains=options["found"])
        if options["provider"]:
            provider = Provider.objects.filter(nickname=options["provider"]).first()
            if provider is None:
                raise CommandError(f"There is no provider {options['provider']!r}.")
            webhooks = webhooks.filter(provider=provider)
        count = ingest.reread(webhooks)
        asked = {name: options[name] for name in ("provider", "found")}
        trail.note(None, What.STARTED, "webhooks read again", filter=asked, rows=count)
        self.stdout.write(f"{counted(count, 'webhook')} will be read again.")
