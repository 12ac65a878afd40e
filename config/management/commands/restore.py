from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError
from django.utils import timezone

from accounts import trail
from accounts.trail import What
from campaigns.ledger import lives
from config import backups
from identities import pseudonyms
from lib import schema
from lib.commands import BaseCommand
from privacy import erasing, receipt, restored
from providers import lifecycle, stored_secrets
from providers.models import Provider


class Command(BaseCommand):
    help = "Fills an empty database from a backup, and checks it. Every provider is paused afterwards."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, help="The directory that `backup` printed.")
        parser.add_argument(
            "--no-media", action="store_true", help="Leave out the files of inbound messages."
        )

        parser.add_argument(
            "--erasures",
            type=Path,
            action="append",
            default=[],
            metavar="FILE",
            help="The ERASURES_FILE of another machine of this Waypost. Everybody in it is erased again.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            manifest = backups.restore(options["directory"], with_media=not options["no_media"])
        except backups.Failed as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(f"The database does not answer: {error}") from error
        if schema.state() == schema.State.OLDER:
            call_command("migrate", verbosity=0)
        if words := schema.problem():
            raise CommandError(words)
        backups.leave_a_gap()
        lives.begin()
        for provider in Provider.in_use().filter(state=Provider.State.ACTIVE):
            lifecycle.pause(provider, f"Restored from the backup of {manifest['at'][:16]}.")
        trail.note(None, What.CHANGED, "the whole database", restored_from=str(options["directory"]))
        lost_key = self._erase_again(options["erasures"], datetime.fromisoformat(manifest["at"]))
        call_command("audit", stdout=self.stdout)
        for lost in stored_secrets.unreadable():
            self.stderr.write(f"No key can decrypt {lost}.")
        self.stdout.write(
            f"Restored from the backup of {manifest['at'][:16]}, made by Waypost {manifest['version']}."
            " Every provider is paused: messages that waited at that time may have been sent since. "
            "Check, then resume."
        )
        if lost_key:
            raise CommandError(
                f"People who were erased after the backup are not erased again. {lost_key} Then restore once "
                "more, into an empty database."
            )

    def _erase_again(self, files: list[Path], made_at: datetime) -> str:
        """Erases people again who were erased after the backup. Returns why the list cannot be used."""
        try:
            again = restored.erase_again(files, made_at, timezone.now())
        except (OSError, ValueError) as error:
            raise CommandError(f"The list of erasures cannot be read: {error}") from error
        except pseudonyms.NoKey as error:
            return str(error)
        for erasure in again.entered:
            trail.note(None, What.ERASED, erasure, again=True)
            if mine := erasing.take(erasure):
                erasing.work(mine)
            erasure.refresh_from_db()
            if waits := receipt.waits(erasure):
                self.stderr.write(f"{erasure.person} is not erased again yet. The erasure waits: {waits}.")
            else:
                self.stdout.write(f"Erased again: {erasure.person}.")
        if again.impossible:
            self.stderr.write(
                f"{again.impossible} erasures were made with another key than this backup has. Erase these "
                "people again by their numbers."
            )
        return ""
