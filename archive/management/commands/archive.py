"""Writes what is new into the archive, lists what is in it, or checks its files."""

import json
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from accounts import trail
from accounts.trail import What
from archive.models import Run
from lib.arguments import with_json
from lib.commands import BaseCommand


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for name, text in (
            ("run", "Write everything new. A worker does so automatically every fifteen minutes."),
            ("list", "List what is archived, by data set, day and provider."),
            ("verify", "Read every file and compare it with the manifest."),
        ):
            with_json(actions.add_parser(name, help=text))

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.ARCHIVE_TO:
            raise CommandError(
                "There is no archive. Set ARCHIVE_TO to a directory, or to s3://bucket/folder."
            )
        from archive.target import Unreachable

        try:
            getattr(self, "do_" + options["action"])(options["json"])
        except Unreachable as error:
            raise CommandError(f"{settings.ARCHIVE_TO}: {error}") from error

    def do_run(self, as_json: bool) -> None:
        from archive import writing

        now = timezone.now()
        mine = Run.start(now) or Run.begin(now)
        if mine is None:
            raise CommandError("A worker runs it already; its page in the admin shows the progress.")
        trail.note(None, What.STARTED, mine)
        writing.work(mine)
        mine.refresh_from_db()
        if mine.error:
            raise CommandError(f"{settings.ARCHIVE_TO}: {mine.error}")
        found = {
            "rows": mine.counts,
            "files": mine.files,
            "bytes": mine.bytes,
            "corrections": mine.corrections,
        }
        self._say(found if as_json else [f"{name}: {value}" for name, value in found.items()], as_json)

    def do_list(self, as_json: bool) -> None:
        from archive import checking
        from archive.target import Target

        lines = checking.listed(Target())
        words = [", ".join(f"{name} {value}" for name, value in line.items()) for line in lines]
        self._say(lines if as_json else words, as_json)

    def do_verify(self, as_json: bool) -> None:
        from archive import checking
        from archive.target import Target

        problems = list(checking.problems(Target()))
        self._say({"problems": problems} if as_json else problems or ["All files are as written."], as_json)
        if problems:
            raise CommandError(f"{len(problems)} problems.")

    def _say(self, found: Any, as_json: bool) -> None:
        for line in [json.dumps(found, ensure_ascii=False)] if as_json else found:
            self.stdout.write(line)
