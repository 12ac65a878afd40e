import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from accounts import trail
from accounts.trail import What
from lib.arguments import with_json
from lib.commands import BaseCommand
from operations.acceptance import report, runs
from operations.acceptance.kit import Options
from operations.acceptance.rows import Row
from providers.models import Provider


class Command(BaseCommand):
    help = "Tests a provider as CleverTap's integration team tests a new partner."

    def add_arguments(self, parser: ArgumentParser) -> None:
        usual = Options()
        parser.add_argument("nickname", help="The provider to test.")
        with_json(parser)
        parser.add_argument("--html", metavar="FILE", help="Write the report to this file, to hand it over.")
        parser.add_argument(
            "--to",
            default="",
            metavar="NUMBER",
            help="The test number that messages go to; not needed on the simulator.",
        )
        parser.add_argument(
            "--media",
            default="",
            metavar="URL",
            help="The URL of a folder with picture.png, film.mp4, sound.mp3 and paper.pdf, open to the BSP.",
        )
        parser.add_argument("--url", default="", help="The base URL to call. Default: PUBLIC_BASE_URL.")
        parser.add_argument(
            "--burst", type=int, default=usual.burst, help="How many requests to send at once."
        )
        parser.add_argument(
            "--patience", type=float, default=usual.patience, help="Seconds to wait for reports."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        provider = Provider.in_use().filter(nickname=options["nickname"]).first()
        if provider is None:
            raise CommandError(f"There is no provider {options['nickname']!r} in use.")
        if options["burst"] < 1:
            raise CommandError("--burst: at least 1.")
        wanted = Options(
            to="".join(filter(str.isdigit, options["to"])),
            media=options["media"],
            base=options["url"],
            burst=options["burst"],
            patience=options["patience"],
        )
        # Only our own address and the simulator are called meanwhile, and both are often private.
        private, settings.ALLOW_PRIVATE_TARGETS = settings.ALLOW_PRIVATE_TARGETS, True
        try:
            run = runs.run_now(provider, wanted, lambda row: None if options["json"] else self._say(row))
        except runs.Lost:
            raise CommandError("A run of this provider is under way: its page shows how far it is.") from None
        finally:
            settings.ALLOW_PRIVATE_TARGETS = private
        trail.note(None, What.STARTED, run)
        if options["html"]:
            Path(options["html"]).write_text(report.html(run), encoding="utf-8")
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json(run), ensure_ascii=False))
        found = report.summary(run, runs.rows_of(run))
        if not found.passed:
            raise CommandError(found.verdict)
        if not options["json"]:
            self.stdout.write(found.verdict)

    def _say(self, row: Row) -> None:
        took = f"{row.milliseconds} ms" if row.milliseconds is not None else ""
        self.stdout.write(f"{row.verdict:<12}  {took:>9}  {row.section}: {row.name}")
        if row.verdict != "passed":
            self.stdout.write(f"{'':>25}{row.why}")
        self.stdout.flush()
