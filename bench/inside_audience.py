"""The parts of the audience benchmarks that run inside the gateway's own process; see bench.inside."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from django.test import Client
from django.utils import timezone

from audience import accounts, drafts, upload
from audience.models import Contact, ContactEvent, UploadAccount
from bench.inside_templates import timed

HEADER = ("Identity", "Name", "Email", "Phone", "Gender", "MSG-WhatsApp", "City", "Points", "Departs")


def _file(rows: str, path: str) -> Path:
    """The file with this many contacts, made once."""
    target = Path(path)
    if not target.exists():
        with target.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            for n in range(int(rows)):
                writer.writerow(
                    (
                        f"user-{n}", f"Person {n}", f"p{n}@example.org", f"+9198{n:08d}", "MF"[n % 2], "TRUE",
                        f"City {n % 50}", n % 1000, f"2026-{n % 12 + 1:02d}-05",
                    )
                )  # fmt: skip
    return target


def upload_contacts(rows: str, path: str) -> dict:
    """The upload of the file, from its choice to its result."""
    target = _file(rows, path)

    def work() -> dict:
        with target.open("rb") as file:
            draft = drafts.draft_at_once(target.name, file)
        upload.start(draft)
        upload.drain()
        draft.refresh_from_db()
        return {name: getattr(draft, name) for name in ("created", "updated", "unchanged", "failed")}

    return timed(work)


def upload_naively(rows: str, path: str) -> dict:
    """The same file the obvious way."""
    target = _file(rows, path)

    def work() -> dict:
        with target.open(newline="") as file:
            people = list(csv.DictReader(file))
        now = timezone.now()
        for person in people:
            values = {
                "name": person["Name"],
                "email": person["Email"],
                "phone": person["Phone"].removeprefix("+"),
                "gender": person["Gender"],
                "opted_in": person["MSG-WhatsApp"] == "TRUE",
                "attributes": {name: person[name] for name in HEADER[6:]},
                "updated_at": now,
            }
            Contact.objects.update_or_create(
                identity=person["Identity"], defaults=values, create_defaults=values | {"created_at": now}
            )
        return {"failed": 0}

    return timed(work)


def _bodies(calls: int) -> list[bytes]:
    bodies = []
    for call in range(calls):
        records = []
        for n in range(call * 500, call * 500 + 500):
            data = {
                "Name": f"Person {n}",
                "Phone": f"+9198{n:08d}",
                "MSG-whatsapp": True,
                "City": f"City {n % 50}",
            }
            records.append({"identity": f"user-{n}", "type": "profile", "profileData": data})
            did = {"Amount": n % 90, "Product": "shoes"}
            event = {"type": "event", "evtName": "Charged", "evtData": did, "ts": 1767225600 + n}
            records.append({"identity": f"user-{n}"} | event)
        bodies.append(json.dumps({"d": records}).encode())
    return bodies


def call_upload(calls: str) -> dict:
    """Calls, one after the other, through Django's test client."""
    UploadAccount.objects.filter(account_id="bench").delete()
    _, passcode = accounts.add("bench")
    bodies, client = _bodies(int(calls)), Client(SERVER_NAME="localhost")
    began = monotonic()
    for body in bodies:
        headers = {"X-CleverTap-Account-Id": "bench", "X-CleverTap-Passcode": passcode}
        answer = client.post("/1/upload", body, "application/json", headers=headers).json()
        assert answer == {"status": "success", "processed": 1000, "unprocessed": []}, answer
    return {"records": len(bodies) * 1000, "seconds": monotonic() - began}


def call_naively(calls: str) -> dict:
    """The same records saved one by one, without a transaction around them."""
    bodies = _bodies(int(calls))
    began = monotonic()
    for body in bodies:
        for record in json.loads(body)["d"]:
            now = timezone.now()
            if record["type"] == "profile":
                data = dict(record["profileData"])
                values = {
                    "name": data.pop("Name"),
                    "phone": data.pop("Phone").removeprefix("+"),
                    "opted_in": data.pop("MSG-whatsapp"),
                    "attributes": data,
                    "updated_at": now,
                }
                Contact.objects.update_or_create(
                    identity=record["identity"], defaults=values, create_defaults=values | {"created_at": now}
                )
            else:
                contact = Contact.objects.get(identity=record["identity"])
                ContactEvent.objects.create(
                    contact=contact,
                    name=record["evtName"],
                    at=datetime.fromtimestamp(record["ts"], UTC),
                    properties=record["evtData"],
                    digest=record["identity"],
                )
    return {"records": len(bodies) * 1000, "seconds": monotonic() - began}


COMMANDS = {
    "upload_contacts": upload_contacts,
    "upload_naively": upload_naively,
    "call_upload": call_upload,
    "call_naively": call_naively,
}
