"""Shows, exports and erases everything about one person."""

import json
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from time import sleep
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from accounts import trail
from accounts.trail import What
from identities import pseudonyms
from lib.arguments import with_json
from lib.commands import BaseCommand
from privacy import erasing, export, finding, receipt
from privacy.finding import Person
from privacy.models import Erasure

LOOK = 0.5  # seconds between two looks at what another worker does


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        show = actions.add_parser("show", help="Count a person's rows of each kind.")
        exported = actions.add_parser(
            "export", help="Write everything about a person into a ZIP of JSON and CSV."
        )
        exported.add_argument(
            "--to", type=Path, default=Path("person.zip"), metavar="FILE", help="Default: person.zip"
        )
        erase = actions.add_parser("erase", help="Erase a person. Counts in the stats stay.")
        erase.add_argument(
            "--dry-run", action="store_true", help="Say what would be deleted, and delete nothing."
        )
        erase.add_argument(
            "--asked-by", default="", metavar="TEXT", help="Who asked for it; the receipt shows this."
        )
        for sub in (show, exported, erase):
            sub.add_argument(
                "number", help="The phone number with its country code, or a WhatsApp user id or username."
            )
            with_json(sub)
        for sub in (show, exported):
            sub.add_argument(
                "--everywhere",
                action="store_true",
                help="Include rows that only name the person, such as raw webhooks. This reads all tables.",
            )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            who = finding.person(options["number"])
            result = getattr(self, "do_" + options["action"])(who, options)
        except (finding.Unknown, erasing.Held, pseudonyms.NoKey) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(result, ensure_ascii=False))
        else:
            for name, value in result.items():
                self.stdout.write(f"{name}: {value}")

    def do_show(self, who: Person, options: dict[str, Any]) -> dict[str, Any]:
        trail.note(None, What.LOOKED, f"everything about {who.stands_for}")
        return {"names": who.names, "identities": who.identities} | _counted(who, options["everywhere"])

    def do_export(self, who: Person, options: dict[str, Any]) -> dict[str, Any]:
        path = options["to"]
        try:
            path.touch(0o600, exist_ok=False)
            with path.open("wb") as file:
                rows = export.write(who, file, timezone.now(), everywhere=options["everywhere"])
        except FileExistsError as error:
            raise CommandError(f"{path} is there already. Name another file with --to.") from error
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error}") from error
        if options["everywhere"]:
            self.stderr.write("The folder elsewhere names other people too. Read it before you hand it out.")
        trail.note(None, What.EXPORTED, f"everything about {who.stands_for}", rows=sum(rows.values()))
        return {"file": str(path), "rows": rows}

    def do_erase(self, who: Person, options: dict[str, Any]) -> dict[str, Any]:
        if options["dry_run"]:
            trail.note(None, What.LOOKED, f"everything about {who.stands_for}")
            return {"names": who.names, "identities": who.identities} | _counted(who, everywhere=True)
        erasure = erasing.start(who, "the command line", options["asked_by"], timezone.now())
        trail.note(None, What.ERASED, erasure)
        self._follow(erasure)
        return receipt.of(erasure)

    def _follow(self, erasure: Erasure) -> None:
        """Works on the erasure, or watches the worker that was quicker, until it is done or waits for
        something else."""
        said = ""
        while True:
            if mine := erasing.take(erasure):
                erasing.work(mine)
            erasure.refresh_from_db()
            waits = receipt.waits(erasure)
            if not erasing.is_worked(erasure, timezone.now()):
                break
            if waits != said:
                self.stderr.write(f"A worker does it: {waits}")
                said = waits
            sleep(LOOK)
        if waits:
            self.stderr.write(
                f"The erasure is not done yet. It waits: {waits}. The same command, or Erasures in "
                "the admin, says "
                f"how far it is; it has to be done by {timezone.localtime(erasure.deadline):%Y-%m-%d %H:%M}."
            )


def _counted(who: Person, everywhere: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"rows": finding.counts(who)}
    if everywhere:
        others: Counter[str] = Counter()
        for model, keys in finding.elsewhere(who):
            others[model._meta.label] += len(keys)
        found["elsewhere"] = dict(others)
    return found
