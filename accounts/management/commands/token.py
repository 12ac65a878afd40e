"""Adds, lists and revokes the tokens by which programs call the APIs."""

import json
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.utils import timezone

from accounts import scopes, tokens, trail
from accounts.models import Token
from accounts.trail import What
from lib.arguments import with_json
from lib.commands import BaseCommand


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help="Make a token. It is printed once and cannot be shown again.")
        add.add_argument(
            "--user",
            required=True,
            help="The user that the token belongs to; the user's roles limit what it may do.",
        )
        add.add_argument(
            "--scope",
            action="append",
            required=True,
            choices=scopes.PERMISSIONS,
            help="What the token may do; may be given several times.",
        )
        add.add_argument(
            "--days", type=int, default=tokens.DAYS, help=f"How many days it lasts. Default: {tokens.DAYS}"
        )
        add.add_argument("--name", default="", help="What the token is for.")
        shown = actions.add_parser("list", help="List tokens, the newest first.")
        shown.add_argument("--user", default="", help="Only tokens of this user.")
        revoke = actions.add_parser("revoke", help="Revoke a token; it stops working at once.")
        revoke.add_argument("id", type=int, help="The number of the token, as `list` prints it.")
        for sub in (add, shown, revoke):
            with_json(sub)

    def handle(self, *args: Any, **options: Any) -> None:
        result = getattr(self, "do_" + options["action"])(options)
        if options["json"]:
            self.stdout.write(json.dumps(result))
        else:
            for row in result if isinstance(result, list) else [result]:
                self.stdout.write("  ".join(f"{name} {value}" for name, value in row.items() if value))

    def do_add(self, options: dict[str, Any]) -> dict[str, Any]:
        owner = _person(options["user"])
        try:
            added = tokens.add(
                owner, options["scope"], timezone.now(), name=options["name"], days=options["days"]
            )
        except tokens.NoToken as error:
            raise CommandError(str(error)) from error
        trail.note(None, What.TOKEN, added.token, user=owner.username, scopes=added.token.scopes)
        return _told(added.token) | {"token": added.secret}

    def do_list(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        found = Token.objects.select_related("owner").order_by("-id")
        return [
            _told(row) for row in (found.filter(owner=_person(options["user"])) if options["user"] else found)
        ]

    def do_revoke(self, options: dict[str, Any]) -> dict[str, Any]:
        token = Token.objects.select_related("owner").filter(pk=options["id"]).first()
        if token is None:
            raise CommandError(f"There is no token {options['id']}.")
        if tokens.revoke(token, timezone.now()):
            trail.note(None, What.REVOKED, token)
        token.refresh_from_db()
        return _told(token)


def _person(username: str) -> User:
    user = User.objects.filter(username=username).first()
    if user is None:
        raise CommandError(f"There is no user {username!r}.")
    return user


def _told(token: Token) -> dict[str, Any]:
    used = token.last_used_at
    return {
        "id": token.pk,
        "name": token.name,
        "user": token.owner.username,
        "scopes": token.scopes.split(),
        "state": token.state(timezone.now()),
        "created_at": token.created_at.isoformat(),
        "expires_at": token.expires_at.isoformat(),
        "last_used_at": used and used.isoformat(),
    }
