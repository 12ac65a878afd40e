import json
from argparse import ArgumentParser
from pathlib import Path
from time import sleep
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError

from audience import accounts, csv_reading, upload
from audience.finding import search
from audience.models import Contact, Upload, UploadAccount
from lib.csv_files import ENCODINGS, Unreadable
from lib.shown import WHOLE

LISTED = 50
TARGETS = ("identity", "name", "email", "phone", "gender", "opted_in", "dnd", "skip")
COUNTED = ("rows", "created", "updated", "unchanged", "failed")


class Command(BaseCommand):
    help = "Uploads and lists contacts, and manages the accounts of the upload API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        take = actions.add_parser("upload", help="Take over a CSV file of contacts, now.")
        take.add_argument("file", type=Path)
        take.add_argument(
            "--map", action="append", default=[], metavar="COLUMN=FIELD",
            help=f"What a column is, where its name does not say: {', '.join(TARGETS)}; attribute:NAME else.",
        )  # fmt: skip
        take.add_argument("--country", default="", metavar="CODE", help="Of numbers without a country code.")
        take.add_argument("--encoding", default="", choices=ENCODINGS, help="Else it is found out.")
        show = actions.add_parser("list", help="Contacts, the newest first.")
        show.add_argument("search", nargs="?", default="", help="The beginning of identity, phone or e-mail.")
        show.add_argument("--limit", type=int, default=LISTED)
        uploads = actions.add_parser("uploads", help="The uploads, the newest first.")
        account = actions.add_parser("account", help="Who may call the upload API.")
        account.add_argument("what", choices=["add", "list", "renew", "remove"])
        account.add_argument("account_id", nargs="?", default="")
        account.add_argument("--label", default="")
        for sub in (take, show, uploads, account):
            sub.add_argument("--json", action="store_true")

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
                draft = upload.draft(path.name, file, "the command line", options["encoding"])
            draft.country = options["country"]
            draft.mapping = msgspec.to_builtins(_mapped(draft, options["map"]))
            upload.start(draft)
        except (Unreadable, OSError) as error:
            raise CommandError(str(error)) from error
        upload.work(draft)
        draft.refresh_from_db()
        while draft.state in Upload.OPEN:  # a worker was faster
            sleep(1)
            draft.refresh_from_db()
        return _told(draft) | {
            "errors": [
                {"line": error.line, "reason": error.reason} for error in draft.errors.order_by("pk")[:LISTED]
            ]
        }

    def do_list(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        found = Contact.objects.order_by("-id")
        if options["search"]:
            found = search(found, options["search"], WHOLE)
        return [
            {
                "identity": row.identity,
                "name": row.name,
                "email": row.email,
                "phone": row.phone,
                "gender": row.gender,
                "MSG-whatsapp": row.opted_in,
                "MSG-dndWhatsApp": row.dnd,
                "attributes": row.attributes,
            }
            for row in found[: options["limit"]]
        ]

    def do_uploads(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        return [_told(row) for row in Upload.objects.all()[:LISTED]]

    def do_account(self, options: dict[str, Any]) -> Any:
        what, account_id = options["what"], options["account_id"]
        if what == "list":
            rows = UploadAccount.objects.order_by("account_id")
            return [{"account_id": row.account_id, "label": row.label} for row in rows]
        if what == "add":
            try:
                account, passcode = accounts.add(account_id, options["label"])
            except accounts.NoAccount as error:
                raise CommandError(str(error)) from error
            return {"account_id": account.account_id, "passcode": passcode}
        found = UploadAccount.objects.filter(account_id=account_id).first()
        if found is None:
            raise CommandError(f"There is no account {account_id!r}.")
        if what == "renew":
            return {"account_id": account_id, "passcode": accounts.renew(found)}
        found.delete()
        return {"account_id": account_id, "removed": True}


def _told(row: Upload) -> dict[str, Any]:
    counts = {name: getattr(row, name) for name in COUNTED}
    return {"id": row.pk, "file": row.name, "state": row.state, **counts, "error": row.error}


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
