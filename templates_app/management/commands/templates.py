import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from providers.models import Provider
from templates_app import importer
from templates_app.models import Template


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

    def handle(self, *args: Any, **options: Any) -> None:
        provider = Provider.objects.filter(nickname=options["nickname"]).first()
        if provider is None:
            raise CommandError(f"There is no provider {options['nickname']!r}.")
        if options["action"] == "list":
            self._list(provider, options["json"])
        else:
            self._import(provider, options["json"])

    def _import(self, provider: Provider, as_json: bool) -> None:
        report = importer.run(provider)
        if as_json:
            self.stdout.write(json.dumps(asdict(report)))
        else:
            for word in ("created", "changed", "unchanged", "failed", "vanished"):
                self.stdout.write(f"{len(getattr(report, word)):6} {word}")
        if report.error:
            raise CommandError(report.error)

    def _list(self, provider: Provider, as_json: bool) -> None:
        rows = Template.objects.filter(provider=provider)
        if as_json:
            fields = ("name", "language", "category", "status", "bsp_id", "components")
            self.stdout.write(json.dumps(list(rows.values(*fields))))
            return
        for row in rows:
            self.stdout.write(f"{row.name}  {row.language}  {row.status}")
