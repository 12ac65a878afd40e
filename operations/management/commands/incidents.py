import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.utils import timezone

from accounts import trail
from accounts.trail import What
from lib.arguments import how_many, with_json
from lib.commands import BaseCommand
from lib.display import counted, to_second
from operations.incidents import handling
from operations.incidents.wording import as_json
from operations.models import Incident

LISTED = 100


class Command(BaseCommand):
    help = "Lists, acknowledges and silences incidents."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        shown = actions.add_parser("list", help="List incidents, the newest first.")
        shown.add_argument("--open", action="store_true", help="Only incidents that have not ended.")
        shown.add_argument("--limit", type=how_many, default=LISTED, help="How many to list.")
        with_json(shown)
        for name, words in (
            ("ack", "Acknowledge an incident: somebody takes care of it."),
            ("silence", "Send no notification of an incident for some hours."),
        ):
            action = actions.add_parser(name, help=words)
            action.add_argument("id", type=int, help="The number of the incident, as `list` prints it.")
            action.add_argument("--user", default="", help="The username of whoever does this.")
            if name == "silence":
                action.add_argument("--hours", type=float, required=True, help="How long to stay silent.")
                action.add_argument("--reason", required=True, help="Why; shown with the incident.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "list":
            self._list(**options)
        else:
            self._handle_one(**options)

    def _list(self, **options: Any) -> None:
        incidents = Incident.objects.select_related("acknowledged_by", "provider").order_by(
            "-began_at", "-pk"
        )
        if options["open"]:
            incidents = incidents.filter(ended_at=None).order_by("-severity", "began_at")
        rows = [as_json(incident) for incident in incidents[: options["limit"]]]
        if options["json"]:
            self.stdout.write(json.dumps(rows))
            return
        for row in rows:
            ended = f", ended {row['ended']}" if row["ended"] else ""
            self.stdout.write(f"{row['id']:>6}  {row['severity']:<8}  {row['kind']}  {row['subject']}")
            self.stdout.write(f"{'':>8}since {row['began']}{ended}; {counted(row['messages'], 'message')}")
            self.stdout.write(f"{'':>8}{row['text']}")
            self.stdout.write(f"{'':>8}{row['next_step']}")
        if not rows:
            self.stdout.write("All is well." if options["open"] else "There was no incident yet.")

    def _handle_one(self, **options: Any) -> None:
        incident = Incident.objects.filter(pk=options["id"]).first()
        if incident is None:
            raise CommandError(f"There is no incident {options['id']}.")
        by = get_user_model()._default_manager.filter(username=options["user"]).first()
        if options["user"] and by is None:
            raise CommandError(f"There is no user {options['user']!r}.")
        now = timezone.now()
        if incident.ended_at is not None:
            raise CommandError(f"It ended at {to_second(incident.ended_at)}.")
        if options["action"] == "ack":
            if not handling.acknowledge(incident, by, now):
                raise CommandError("It has been acknowledged already.")
            trail.note(None, What.CHANGED, incident, acknowledged=True, user=options["user"])
            return
        if options["hours"] <= 0:
            raise CommandError("Give more than 0 hours.")
        until, reason = now + timedelta(hours=options["hours"]), options["reason"]
        try:
            handling.silence(incident, by, until, reason)
        except ValueError as error:
            raise CommandError(str(error)) from error
        trail.note(None, What.CHANGED, incident, silenced_until=until, reason=reason, user=options["user"])
