import json
from argparse import ArgumentParser, ArgumentTypeError
from decimal import Decimal
from pathlib import Path
from time import sleep
from typing import Any

import msgspec
from django.core.management.base import CommandError

from accounts import trail
from accounts.trail import What
from audience import accounts, csv_reading, csv_values, drafts, kept_values, opting, profiles, upload
from audience.finding import search
from audience.models import Contact, Upload, UploadAccount
from identities import known
from lib import phone
from lib.arguments import how_many, with_json
from lib.commands import BaseCommand
from lib.csv_files import ENCODINGS, Unreadable
from lib.phone_masking import WHOLE
from lib.user_ids import is_user_id

LISTED = 50
TARGETS = ("identity", "name", "email", "phone", "gender", "opted_in", "dnd", "skip")
COUNTED = ("rows", "created", "updated", "unchanged", "failed", "warned")


class Command(BaseCommand):
    help = "Uploads and lists contacts, and manages the accounts of the upload API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        take = actions.add_parser("upload", help="Import a CSV file of contacts now.")
        take.add_argument("file", type=Path, help="The CSV file.")
        take.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="COLUMN=FIELD",
            help=f"What a column is, if its name does not say so: {', '.join(TARGETS)} or attribute:NAME.",
        )
        take.add_argument(
            "--country",
            default="",
            metavar="CODE",
            type=_country,
            help="The country of numbers without a country code, such as IN; + if they only lack the +.",
        )
        take.add_argument(
            "--type",
            action="append",
            default=[],
            metavar="COLUMN=TYPE",
            help=f"A column's type: {', '.join(csv_values.TYPES)}. A date has its format: date:dmy, "
            "moment:mdy, date:excel.",
        )
        take.add_argument(
            "--encoding", default="", choices=ENCODINGS, help="The file's encoding. Default: detected"
        )
        show = actions.add_parser("list", help="List contacts, the newest first.")
        show.add_argument("search", nargs="?", default="", help="The beginning of identity, phone or e-mail.")
        show.add_argument("--limit", type=how_many, default=LISTED, help="How many to list.")
        one = actions.add_parser("show", help="Show one contact, with opt-outs and their proof.")
        one.add_argument("number", help="The phone number with its country code, or a user id.")
        uploads = actions.add_parser("uploads", help="List uploads, the newest first.")
        account = actions.add_parser("account", help="Manage the accounts that may call the upload API.")
        account.add_argument(
            "what", choices=["add", "list", "renew", "remove"], help="renew makes a new passcode."
        )
        account.add_argument("account_id", nargs="?", default="", help="The account; not for list.")
        account.add_argument("--label", default="", help="A name for the account.")
        account.add_argument(
            "--country", default="", help="The country of numbers without a country code, such as IN."
        )
        for sub in (take, show, one, uploads, account):
            with_json(sub)

    def handle(self, *args: Any, **options: Any) -> None:
        result = getattr(self, "do_" + options["action"])(options)
        if options["json"]:
            self.stdout.write(json.dumps(result))
        else:
            for row in result if isinstance(result, list) else [result]:
                self.stdout.write("  ".join(f"{name} {value}" for name, value in row.items() if value != ""))
        if isinstance(result, dict) and result.get("state") == Upload.State.FAILED:
            raise CommandError(result["error"])

    def do_upload(self, options: dict[str, Any]) -> dict[str, Any]:
        path: Path = options["file"]
        try:
            with path.open("rb") as file:
                draft = drafts.draft_at_once(path.name, file, "the command line", options["encoding"])
            columns = _typed(draft, _mapped(draft, options["map"]), options["type"])
            drafts.change(draft, columns, options["country"])
            upload.start(draft)
        except (Unreadable, OSError) as error:
            raise CommandError(str(error)) from error
        trail.note(None, What.STARTED, draft, rows=draft.rows)
        upload.work(draft)
        draft.refresh_from_db()
        while draft.state in Upload.OPEN:  # a worker was faster
            sleep(1)
            draft.refresh_from_db()
        return _summary(draft) | {
            "errors": [
                {"line": error.line, "reason": error.reason}
                for error in draft.errors.filter(refused=True).order_by("pk")[:LISTED]
            ],
            "warnings": [
                {"line": error.line, "reason": error.reason}
                for error in draft.errors.filter(refused=False).order_by("pk")[:LISTED]
            ],
            "consent": draft.consent,
        }

    def do_list(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        found = Contact.objects.order_by("-id")
        if options["search"]:
            found = search(found, options["search"], WHOLE)
        found = found[: options["limit"]]
        trail.note(None, What.LOOKED, "contacts", filter={"search": options["search"]}, rows=len(found))
        return [
            {
                "identity": row.identity,
                "name": row.name,
                "email": row.email,
                "phone": row.phone,
                "gender": row.gender,
                "MSG-whatsapp": row.opted_in,
                "MSG-dndWhatsApp": row.dnd,
                "attributes": {name: _shown(value) for name, value in row.attributes.items()},
            }
            for row in found
        ]

    def do_show(self, options: dict[str, Any]) -> dict[str, Any]:
        named = options["number"]
        trail.note(None, What.LOOKED, f"contacts of {named}")
        if is_user_id(named):
            number = known.numbers([named]).get(named, "")
            if not number:
                return {
                    "phone": "",
                    "user_ids": [named],
                    "contacts": [],
                    "stops": opting.waiting_stops(named),
                }
        else:
            number = phone.digits(named)
        if not number:
            raise CommandError(f"{named} is neither a phone number nor a user id.")
        contacts = Contact.objects.filter(phone__in=phone.spellings(number)).order_by("id")
        return {
            "phone": number,
            "user_ids": known.user_ids(number),
            "contacts": [row.identity for row in contacts],
            "stops": opting.stops(number),
        }

    def do_uploads(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        return [_summary(row) for row in Upload.objects.all()[:LISTED]]

    def do_account(self, options: dict[str, Any]) -> Any:
        what, account_id = options["what"], options["account_id"]
        if what == "list":
            rows = UploadAccount.objects.order_by("account_id")
            return [
                {"account_id": row.account_id, "label": row.label, "country": row.country} for row in rows
            ]
        if what == "add":
            try:
                account, passcode = accounts.add(account_id, options["label"], options["country"])
            except accounts.NoAccount as error:
                raise CommandError(str(error)) from error
            trail.note(None, What.CREDENTIALS, account)
            return {"account_id": account.account_id, "passcode": passcode}
        found = UploadAccount.objects.filter(account_id=account_id).first()
        if found is None:
            raise CommandError(f"There is no account {account_id!r}.")
        trail.note(None, What.CREDENTIALS if what == "renew" else What.DELETED, found)
        if what == "renew":
            return {"account_id": account_id, "passcode": accounts.renew(found)}
        found.delete()
        return {"account_id": account_id, "removed": True}


def _country(text: str) -> str:
    """A country, profiles.OWN_CODES, or nothing. Raises ArgumentTypeError."""
    if text not in ("", profiles.OWN_CODES) and not phone.is_country(text):
        raise ArgumentTypeError(f"{text} is not a country: write its ISO code, such as IN, or +")
    return text.upper()


def _summary(row: Upload) -> dict[str, Any]:
    counts = {name: getattr(row, name) for name in COUNTED}
    return {"id": row.pk, "file": row.name, "state": row.state, **counts, "error": row.error}


def _shown(value: Any) -> Any:
    """A number as the text that was written: JSON's numbers would lose the zeros of 1499.50."""
    return kept_values.spelled(value) if isinstance(value, Decimal) else value


def _typed(draft: Upload, columns: list[csv_reading.Column], wishes: list[str]) -> list[csv_reading.Column]:
    for wish in wishes:
        title, _, target = wish.rpartition("=")
        kind, _, form = target.partition(":")
        if title not in draft.header:
            raise CommandError(f"--type {wish}: the file has the columns {', '.join(draft.header)}")
        if kind not in csv_values.TYPES or (form or "iso") not in csv_values.FORMATS:
            raise CommandError(f"--type {wish}: write {', '.join(csv_values.TYPES)}, date:dmy, date:mdy …")
        column = columns[draft.header.index(title)]
        column.type, column.format = kind, form or "iso"
    return columns


def _mapped(draft: Upload, wishes: list[str]) -> list[csv_reading.Column]:
    columns = upload.columns_of(draft)
    for wish in wishes:
        title, _, target = wish.rpartition("=")
        if title not in draft.header:
            raise CommandError(f"--map {wish}: the file has the columns {', '.join(draft.header)}")
        position = draft.header.index(title)
        if target.startswith("attribute:"):
            columns[position] = msgspec.structs.replace(
                columns[position], to="attribute", name=target.removeprefix("attribute:")
            )
        elif target in TARGETS:
            columns[position] = csv_reading.Column(target)  # type: ignore[arg-type]
        else:
            raise CommandError(f"--map {wish}: write {', '.join(TARGETS)} or attribute:NAME")
    return columns
