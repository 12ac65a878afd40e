import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError

from accounts import trail
from accounts.trail import What
from lib.arguments import with_json
from lib.commands import BaseCommand
from providers.models import Provider
from templates_app.gate.validate import validate
from templates_app.imports import runs
from templates_app.models import ImportRun, Template

LISTED = ("name", "language", "category", "status", "bsp_id", "components")


class Command(BaseCommand):
    help = "Imports, lists and checks the templates of a provider."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for action, text in (
            ("import", "Import the BSP's template list, and print the report."),
            ("list", "List the templates, and whether each may be sent."),
            (
                "check",
                "Send the validation message that CleverTap sends when a template is saved. Prints "
                "request, answer, time.",
            ),
        ):
            sub = actions.add_parser(action, help=text)
            sub.add_argument("nickname", help="The provider.")
            if action == "check":
                sub.add_argument("name", help="The template's name.")
                sub.add_argument("language", help="The template's language, such as en_GB.")
            with_json(sub)
            if action == "import":
                sub.add_argument(
                    "--allow-empty", action="store_true", help="Import the list even if it is empty."
                )
                sub.add_argument(
                    "--allow-vanishing",
                    action="store_true",
                    help="Import the list even if many templates that it had before are missing.",
                )

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
            allowed = {name: options[name] for name in ("allow_empty", "allow_vanishing")}
            self._import(provider, options["json"], allowed)

    def _import(self, provider: Provider, as_json: bool, allowed: dict[str, bool]) -> None:
        """Fails when nothing was applied: the exit status is 1 then."""
        run = runs.import_now(provider, by="the command line", **allowed)
        trail.note(None, What.STARTED, run, **allowed)
        report = runs.summary(run)
        if run.finished_at is None:
            report["error"] = "Another import of this provider is under way. Try again when it has ended."
        if as_json:
            self.stdout.write(json.dumps(report))
        else:
            for word in (*runs.COUNTED, "pages"):
                self.stdout.write(f"{report[word]:6} {word}")
            for word in ("unsupported", "failed"):
                for one in report["details"].get(word, ()):
                    self.stdout.write(f"{word}: {one['template']}: {one['reason']}")
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
