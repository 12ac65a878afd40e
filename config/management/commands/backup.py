from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from accounts import trail
from accounts.trail import What
from config import backups
from lib.commands import BaseCommand


class Command(BaseCommand):
    help = "Makes a backup of the database and the media, in a new directory under the one that is given."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, help="Where the new directory is made.")
        parser.add_argument(
            "--keys",
            action="store_true",
            help="Include the encryption keys. Whoever has them can read the secrets in the backup.",
        )
        parser.add_argument(
            "--no-media", action="store_true", help="Leave out the files of inbound messages."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = backups.make(
                options["directory"], with_keys=options["keys"], with_media=not options["no_media"]
            )
        except backups.Failed as error:
            raise CommandError(str(error)) from error
        trail.note(None, What.EXPORTED, "the whole database", to=str(made), keys=options["keys"])
        self.stdout.write(str(made))
