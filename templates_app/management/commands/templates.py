import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from providers.models import Provider
from templates_app import importer
from templates_app.models import ImportRun, Template
from templates_app.validate import validate

LISTED = ("name", "language", "category", "status", "bsp_id", "components")


class Command(BaseCommand):
    help = "Imports, lists and checks the templates of a provider."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for action, text in (
            ("import", "Take over the list the BSP keeps, and print the report."),
            ("list", "What may be sent."),
            ("check", "Send what CleverTap sends on saving the template: request, answer, time."),
        ):
            sub = actions.add_parser(action, help=text)
            sub.add_argument("nickname")
            if action == "check":
                sub.add_argument("name")
                sub.add_argument("language")
            sub.add_argument("--json", action="store_true")
            if action == "import":
                sub.add_argument("--allow-empty", action="store_true", help="Believe a list that is empty.")

    def handle(self, *args: Any, **options: Any) -> None:
        provider = Provider.objects.filter(nickname=options["nickname"]).first()
        if provider is None:
            names = ", ".join(Provider.objects.values_list("nickname", flat=True)) or "none"
            raise CommandError(f"There is no provider {options['nickname']!r}; there are: {names}")
        if options["action"] == "list":
            self._list(provider, options["json"])
        elif options["action"] == "check":
            self._check(provider, options["name"], options["language"], options["json"])
        else:
            self._import(provider, options["json"], options["allow_empty"])

    def _import(self, provider: Provider, as_json: bool, allow_empty: bool) -> None:
        """Fails when nothing was applied: the exit status is 1 then."""
        run = importer.run(provider, by="the command line", allow_empty=allow_empty)
        report = importer.summary(run)
        if run.finished_at is None:
            report["error"] = "Another import of this provider is under way. Try again when it has ended."
        if as_json:
            self.stdout.write(json.dumps(report))
        else:
            for word in (*importer.COUNTED, "pages"):
                self.stdout.write(f"{report[word]:6} {word}")
            for one in report["details"].get("failed", ()):
                self.stdout.write(f"failed: {one['template']}: {one['reason']}")
        if run.state != ImportRun.State.DONE:
            raise CommandError(report["error"])

    def _list(self, provider: Provider, as_json: bool) -> None:
        rows = Template.objects.filter(provider=provider)
        if as_json:
            self.stdout.write(json.dumps(list(rows.values(*LISTED))))
            return
        for row in rows:
            self.stdout.write(f"{row.name}  {row.language}  {row.status}")

    def _check(self, provider: Provider, name: str, language: str, as_json: bool) -> None:
        rows = Template.objects.filter(provider=provider, name=name).select_related("provider")
        template = rows.filter(language=language).first()
        if template is None:
            languages = ", ".join(rows.values_list("language", flat=True))
            there = f"in {languages}" if languages else "in no language"
            raise CommandError(f"{provider} has no template {name!r} in {language}; it is there {there}.")
        checked = validate(template)
        self.stdout.write(json.dumps(asdict(checked), indent=None if as_json else 2))
        if not checked.ok:
            raise CommandError(checked.verdict)
