"""The parts of the benchmark of broadcasts that run inside the gateway's process."""

from time import monotonic
from typing import Any

from django.utils import timezone

from audience.models import Contact
from bench.inside_templates import timed
from broadcasts.message import composing
from broadcasts.message.composing import Composer
from broadcasts.models import Broadcast, Recipient
from broadcasts.run import lifecycle, planning, release_limits, releasing, worker
from campaigns.models import Message
from lib import sql
from providers.models import Provider
from templates_app.models import Template

CHUNK = 5000
_VALUES = {"body.1": "{{ profile.name | friend }}", "body.2": "{{ profile.City | your town }}"}
_CITY = {"kind": "attribute", "name": "City", "op": "is_not", "values": ["City 7"]}


def load_people(count: str) -> dict:
    """This many contacts, one in ten of them not opted in, and a template."""
    now = timezone.now()
    columns = ("identity", "name", "email", "phone", "gender", "opted_in", "dnd", "attributes", "created_at",
               "updated_at")  # fmt: skip
    for start in range(0, int(count), CHUNK):
        rows = [
            (
                f"user-{n}", f"Person {n}", "", f"9198{n:08d}", "", n % 10 != 0, False,
                f'{{"City": "City {n % 50}"}}', now, now,
            )
            for n in range(start, min(start + CHUNK, int(count)))
        ]  # fmt: skip
        sql.insert(Contact, columns, rows)
    components = [{"type": "BODY", "text": "Hello {{1}}, the sale in {{2}} begins."}]
    Template.objects.get_or_create(
        provider=Provider.objects.get(), name="sale", language="en", defaults={"components": components}
    )
    return {"people": Contact.objects.count()}


def _broadcast() -> Broadcast:
    values: dict[str, Any] = {"template": "sale", "language": "en", "values": _VALUES}
    return Broadcast.objects.create(
        name="bench",
        provider=Provider.objects.get(),
        who=Broadcast.Who.FILTER,
        filter={"match": "all", "groups": [{"match": "all", "conditions": [_CITY]}]},
        variants=[{"name": letter, "percent": 50} | values for letter in "AB"],
        control_percent=5,
        cap_count=3,
        cap_days=7,
    )


def run_broadcast() -> dict:
    """A broadcast from its launch to its last message in the queue; nothing sends meanwhile.

    `longest` is the longest of its transactions: what another writer on SQLite may have to wait for.
    """
    took = [_clocked(planning, "gather"), _clocked(planning, "plan"), _clocked(releasing, "_store")]
    release_limits.room_ahead = lambda *_: CHUNK  # type: ignore[assignment]
    broadcast = _broadcast()
    lifecycle.launch(broadcast)

    def work() -> dict:
        began, planned = monotonic(), 0.0
        while True:
            worker.step(broadcast.pk, timezone.now())
            broadcast.refresh_from_db()
            if broadcast.planned and not planned:
                planned = monotonic() - began
            if broadcast.state == Broadcast.State.DONE:
                break
        figures = {"planning": planned, "recipients": broadcast.recipients, "queued": broadcast.queued}
        return figures | {"gather": max(took[0]), "longest": max(map(max, took))}

    return timed(work)


def _clocked(module: Any, name: str) -> list[float]:
    """How long each call of the function takes from now on."""
    plain, took = getattr(module, name), [0.0]

    def clocked(*arguments: Any) -> None:
        began = monotonic()
        plain(*arguments)
        took.append(monotonic() - began)

    setattr(module, name, clocked)
    return took


def run_naively() -> dict:
    """The same the obvious way: everybody in a list, and a few statements for each."""
    broadcast = _broadcast()

    def work() -> dict:
        people = list(Contact.objects.exclude(attributes__City="City 7"))
        composer, now, queued = Composer(broadcast), timezone.now(), 0
        for person in people:
            row, _ = Recipient.objects.get_or_create(
                broadcast=broadcast,
                contact=person,
                trigger="",
                defaults={
                    "phone": person.phone,
                    "state": Recipient.State.WAITING,
                    "variant": "A",
                    "since": now,
                    "due_at": now,
                    "planned_at": now,
                },
            )
            if not person.opted_in:
                row.state, row.reason = Recipient.State.EXCLUDED, Recipient.Reason.NOT_OPTED_IN
                row.save()
                continue
            if Message.objects.filter(person=person.phone).count() >= 3:
                continue
            made = composer.compose(
                "A", row.msg_id, person.phone, composing.profile(person), {}, now.timestamp()
            )
            row.message = Message.objects.create(**_columns(made))
            row.state = Recipient.State.QUEUED
            row.save()
            queued += 1
        return {"recipients": len(people), "queued": queued}

    return timed(work)


def _columns(made: Any) -> dict[str, Any]:
    names = {field.attname for field in Message._meta.concrete_fields}
    return {name: value for name, value in made._asdict().items() if name in names}


COMMANDS = {"load_people": load_people, "run_broadcast": run_broadcast, "run_naively": run_naively}
