"""Takes all second factors away from somebody who lost them."""

import json
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError

from accounts import factors, trail
from accounts.trail import What
from lib.arguments import with_json
from lib.commands import BaseCommand
from lib.display import counted


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        reset = actions.add_parser("reset", help="Remove the second factors of a user who lost them.")
        reset.add_argument("--user", required=True, help="The username.")
        with_json(reset)

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}.")
        count = factors.reset(user)
        trail.note(None, What.FACTOR, user, text=f"{counted(count, 'factor')} reset.")
        result = {"user": user.username, "removed": count}
        self.stdout.write(
            json.dumps(result) if options["json"] else f"{user.username}: {counted(count, 'factor')} removed"
        )
