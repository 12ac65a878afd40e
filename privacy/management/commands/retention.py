"""Deletes data that is older than the settings say, or only says what would be deleted."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from accounts import trail
from accounts.trail import What
from identities import pseudonyms
from lib.arguments import with_json
from lib.commands import BaseCommand
from privacy.models import RetentionRun
from privacy.retention import report, run


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        now = actions.add_parser(
            "run", help="Run retention now, until it is done. A worker does so automatically once a day."
        )
        now.add_argument(
            "--dry-run", action="store_true", help="Say what would be deleted, and delete nothing."
        )
        with_json(now)

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        if options["dry_run"]:
            self._say(report.due(now), options["json"])
            return
        mine = RetentionRun.start(now) or RetentionRun.begin(now)
        if mine is None:
            raise CommandError("A worker runs it already; its page in the admin shows the progress.")
        trail.note(None, What.STARTED, mine)
        try:
            run.work(mine)
        except pseudonyms.NoKey as error:
            raise CommandError(str(error)) from error
        mine.refresh_from_db()
        self._say(report.of(mine), options["json"])

    def _say(self, found: dict[str, Any], as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(found))
            return
        for name, value in found.items():
            if not isinstance(value, dict | list):
                self.stdout.write(f"{name}: {value}")
                continue
            self.stdout.write(f"{name}:")
            rows = value.items() if isinstance(value, dict) else ((row.pop("kind"), row) for row in value)
            for label, row in rows:
                told = (
                    ", ".join(f"{key} {each}" for key, each in row.items()) if isinstance(row, dict) else row
                )
                self.stdout.write(f"  {label}: {told}")
