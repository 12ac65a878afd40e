"""Contacts as uploads make them, and broadcasts worked step by step."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db.models import Count
from django.utils import timezone

from audience import profiles, writing
from audience.models import Contact, ContactEvent, OptChange
from broadcasts.models import Broadcast, Recipient
from broadcasts.run import lifecycle, worker
from campaigns.models import Message
from providers.models import Provider
from templates_app.models import Template

SOURCE = writing.Source(OptChange.Why.API)


def add(identity: str, *, opted_in: bool = True, at: Any = None, **fields: Any) -> Contact:
    """A contact by CleverTap's profile keys: `phone`, `name`, `Plan`, …"""
    data = {"MSG-whatsapp": opted_in} | fields
    record = {"identity": identity, "type": "profile", "profileData": data}
    writing.write([profiles.read_profile(record)], SOURCE, at or timezone.now())
    return Contact.objects.get(identity=identity)


def happen(identity: str, name: str, at: Any = None, **properties: Any) -> ContactEvent:
    """An event of a contact, now unless a time is given."""
    at = at or timezone.now()
    record = {
        "identity": identity,
        "type": "event",
        "evtName": name,
        "evtData": properties,
        "ts": int(at.timestamp()),
    }
    event = profiles.read_event(record, timezone.now(), 0)
    writing.write_all([], [event], SOURCE, timezone.now())
    return ContactEvent.objects.get(contact__identity=identity, digest=event.digest, at=event.at)


@pytest.fixture
def people(db: None) -> Callable[[int], list[Contact]]:
    """Makes contacts who may be messaged."""

    def make(count: int, **fields: Any) -> list[Contact]:
        data = [
            profiles.Profile(
                f"p{n:06d}", {"phone": f"91981{n:07d}", "name": f"Person {n}", "opted_in": True}, dict(fields)
            )
            for n in range(count)
        ]
        writing.write(data, SOURCE, timezone.now())
        return list(Contact.objects.filter(identity__startswith="p").order_by("pk"))

    return make


HELLO = [{"type": "BODY", "text": "Hello {{1}}, {{2}} waits for you."}]


def make_template(provider: Provider, name: str = "hello", **values: Any) -> Template:
    return Template.objects.create(
        **{"provider": provider, "name": name, "language": "en", "components": HELLO} | values
    )


def make_variant(name: str = "A", percent: int = 100, **values: Any) -> dict[str, Any]:
    texts = {"body.1": "{{ profile.name | friend }}", "body.2": "a parcel"}
    return {"name": name, "percent": percent, "template": "hello", "language": "en", "values": texts} | values


def make_broadcast(provider: Provider, **values: Any) -> Broadcast:
    """A draft for everybody with the template hello, which is made too unless it is there."""
    if not Template.objects.filter(provider=provider).exists():
        make_template(provider)
    values.setdefault("variants", [make_variant()])
    values.setdefault("name", "Spring sale")
    return Broadcast.objects.create(provider=provider, **values)


def work(broadcast: Broadcast, now: Any = None, steps: int = 200) -> Broadcast:
    """Takes the steps that are due by `now`, until none is."""
    now = now or timezone.now()
    for _ in range(steps):
        broadcast.refresh_from_db()
        if broadcast.next_step_at is None or broadcast.next_step_at > now:
            break
        worker.step(broadcast.pk, now)
    return broadcast


def launched(broadcast: Broadcast, now: Any = None) -> Broadcast:
    assert lifecycle.launch(broadcast)
    return work(broadcast, now)


def sums(broadcast: Broadcast) -> dict[str, int]:
    """The broadcast's counters, which must be those of its rows."""
    broadcast.refresh_from_db()
    rows = Recipient.objects.filter(broadcast=broadcast)
    names = ("waiting", "queued", "control", "excluded", "cancelled")
    counted = {
        name: rows.filter(state=state).count() for name, state in zip(names, Recipient.State, strict=True)
    }
    assert counted == {name: getattr(broadcast, name) for name in names}
    assert broadcast.recipients == rows.count() == sum(counted.values())
    excluded = rows.filter(state=Recipient.State.EXCLUDED).values_list("reason").annotate(n=Count("pk"))
    assert broadcast.excluded_for == dict(excluded)
    assert set(rows.exclude(message=None).values_list("state", flat=True)) <= {Recipient.State.QUEUED}
    assert rows.filter(state=Recipient.State.QUEUED, message=None).count() == 0
    assert Message.objects.filter(campaign=broadcast.code).count() == broadcast.queued
    return {name: number for name, number in counted.items() if number}
