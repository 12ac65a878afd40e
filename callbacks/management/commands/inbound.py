import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db.models import Q

from accounts import trail
from accounts.trail import What
from callbacks.models import Reply
from campaigns.models import Forward
from identities import known
from lib import phone
from lib.arguments import how_many, with_json
from lib.commands import BaseCommand
from providers.models import Provider

LISTED = 50


class Command(BaseCommand):
    help = "Lists inbound messages, the newest first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        shown = actions.add_parser(
            "list", help="List inbound messages, and whether each was forwarded to CleverTap."
        )
        shown.add_argument(
            "--provider", default="", metavar="NICKNAME", help="Only inbound messages of this provider."
        )
        shown.add_argument(
            "--from",
            default="",
            dest="sender",
            metavar="WHO",
            help="Only messages of this person: a number with its country code, a user id or a username.",
        )
        shown.add_argument("--limit", type=how_many, default=LISTED, help="How many to list.")
        with_json(shown)

    def handle(self, *args: Any, **options: Any) -> None:
        replies = Reply.objects.select_related("provider", "answers").order_by("-id")
        if options["provider"]:
            provider = Provider.objects.filter(nickname=options["provider"]).first()
            if provider is None:
                raise CommandError(f"There is no provider {options['provider']!r}.")
            replies = replies.filter(provider=provider)
        if options["sender"]:
            replies = replies.filter(_by(options["sender"]))
        rows = [_told(reply) for reply in replies[: options["limit"]]]
        asked = {"provider": options["provider"], "from": options["sender"]}
        trail.note(None, What.LOOKED, "inbound messages", filter=asked, rows=len(rows))
        if options["json"]:
            self.stdout.write(json.dumps(rows))
            return
        for row in rows:
            self.stdout.write("  ".join(f"{name} {value}" for name, value in row.items() if value))


def _by(sender: str) -> Q:
    """The messages of one person, by whichever number or user id they came."""
    number = phone.digits(sender)
    names = known.who(sender) or known.spelt(known.all_names([number]).get(number, ()))
    return Q(sender__in=names) | (~Q(user_id="") & Q(user_id__in=names))


def _told(reply: Reply) -> dict[str, str]:
    return {
        "provider": reply.provider.nickname,
        "from": reply.sender,
        "user_id": reply.user_id,
        "kind": reply.kind,
        "text": reply.text,
        "state": Forward(reply.forward).label.lower(),
        "answers": reply.answers.msg_id if reply.answers else "",
        "received_at": reply.received_at.isoformat(),
    }
