import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from providers.models import Provider
from templates_app import importer
from templates_app.models import ImportRun, Template


class Command(BaseCommand):
    help = "Imports and lists the templates of a provider."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for action, text in (
            ("import", "Take over the list the BSP keeps."),
            ("list", "What may be sent."),
        ):
            sub = actions.add_parser(action, help=text)
            sub.add_argument("nickname")
            sub.add_argument("--json", action="store_true")
            if action == "import":
                sub.add_argument("--allow-empty", action="store_true", help="Believe a list that is empty.")

    def handle(self, *args: Any, **options: Any) -> None:
        provider = Provider.objects.filter(nickname=options["nickname"]).first()
        if provider is None:
            raise CommandError(f"There is no provider {options['nickname']!r}.")
        if options["action"] == "list":
            self._list(provider, options["json"])
        else:
            self._import(provider, options["json"], options["allow_empty"])

    def _import(self, provider: Provider, as_json: bool, allow_empty: bool) -> None:
        run = importer.run(provider, by="the command line", allow_empty=allow_empty)
        report = importer.summary(run)
        if as_json:
            self.stdout.write(json.dumps(report))
        else:
            for word in ("created", "changed", "unchanged", "unsupported", "failed", "vanished", "pages"):
                self.stdout.write(f"{report[word]:6} {word}")
        if run.state != ImportRun.State.DONE:
            raise CommandError(run.error or "An import is under way already.")

    def _list(self, provider: Provider, as_json: bool) -> None:
        rows = Template.objects.filter(provider=provider)
        if as_json:
            fields = ("name", "language", "category", "status", "bsp_id", "components")
            self.stdout.write(json.dumps(list(rows.values(*fields))))
            return
        for row in rows:
            self.stdout.write(f"{row.name}  {row.language}  {row.status}")
