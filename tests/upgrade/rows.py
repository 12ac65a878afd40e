"""Rows of every kind for a stored database, made as operators and the worker make them.

Each function runs in the installation that is stored, by `manage.py shell`.
"""

import io
import json
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils import timezone

from accounts import tokens, trail
from accounts.models import Entry
from archive.models import Run
from audience import accounts, drafts, upload
from audience.models import OptSetting
from broadcasts.models import Broadcast, Segment
from broadcasts.run import lifecycle
from callbacks.models import Webhook
from campaigns.counting import deltas
from campaigns.models import Link, Message, Status
from operations.models import AcceptanceRun, Channel, Delivery, Incident, Rule
from privacy.models import Hold, RetentionRun, RetentionSetting
from providers.messages import Outcome
from providers.models import Provider
from stats.models import SavedView
from stats.reconciliation import loading, storage
from templates_app.models import SeenTemplate
from tests.admin.conftest import tried
from tests.broadcasts.conftest import add, happen
from tests.bsps import bsp
from tests.factories import make_provider
from tests.gateway import SUCCESS, basic, call, call_back, freeform, template

PASSWORD = "a-long-one-for-mira"
CONTACTS = b"identity,phone,MSG-whatsapp,name\nasha,+919812345601,TRUE,Asha\nbilal,+919812345602,TRUE,Bilal\n"
ALWAYS = timedelta(days=30_000)  # a message of this database is never too old to be sent


def provider(simulator: str) -> None:
    """A provider at the simulator; prints what CleverTap and the BSP need to know."""
    there = bsp("generic", simulator).provider
    sink = f"{simulator}/sink/generic"
    urls = {"delivery_url": f"{sink}/delivery", "inbound_url": f"{sink}/inbound"}
    made = make_provider(
        nickname="Acme",
        import_credentials={"headers": {"X-Key": "of-the-list"}},
        **(there | urls),
    )
    Provider.objects.filter(pk=made.pk).update(validity=ALWAYS)  # longer than a form takes
    setting = OptSetting(provider=made, subscribe_url=f"{sink}/subscribe")
    setting.account = {"account_id": "W", "passcode": "0f-the-subscribe-api"}
    setting.save()
    login = {"username": made.login.username, "password": made.login.password}  # type: ignore[attr-defined]
    print(json.dumps({"path": f"/v1/{made.public_id}/messages", **login}))


def people() -> None:
    """Contacts by a file, a broadcast to them, who looks after it all, and what else is kept."""
    acme, now = Provider.objects.get(), timezone.now()
    accounts.add("W00")
    file = drafts.draft("people.csv", io.BytesIO(CONTACTS), by="mira")
    upload.start(file)
    upload.drain()
    add("chitra", phone="+919812345603", name="Chitra", Plan="Gold")
    happen("chitra", "Charged", amount=7)
    deltas.squash()
    condition = {"kind": "field", "name": "name", "op": "is_not", "values": ["Nobody"]}
    segment = Segment.objects.create(name="All", filter={"groups": [{"conditions": [condition]}]})
    variant = {"name": "A", "percent": 100, "template": "order_ready", "language": "en",
               "values": {"body.1": "{{ profile.name | friend }}"}}  # fmt: skip
    chosen = {"provider": acme, "who": Broadcast.Who.SEGMENT, "segment": segment, "variants": [variant]}
    Broadcast.objects.create(name="Being written", **chosen)
    lifecycle.launch(Broadcast.objects.create(name="Spring sale", **chosen))
    root = User.objects.create_superuser("mira", password=PASSWORD)
    root.groups.add(Group.objects.create(name="Others"))
    tokens.add(root, ["stats:read"], now, name="Dashboard")
    trail.note(None, Entry.What.LOOKED, "/admin/campaigns/message/", text="Asha")
    SavedView.objects.create(name="Spring", page="overview")
    lines = b"Run Date,Campaign ID,Total Sent (events)\n2026-03-18,spring,1\n"
    loading.start(storage.draft("report.csv", io.BytesIO(lines), zone="UTC", exported_at=now))
    SeenTemplate.objects.create(
        provider=acme, name="unknown", language="en", first_seen_at=now, last_seen_at=now
    )
    with transaction.atomic():
        _alarms(acme, now)
    Hold.objects.create(number="919812345699", reason="The court's letter")
    over = {"state": "done", "started_at": now, "next_step_at": now, "finished_at": now}
    RetentionRun.objects.create(counts={"bodies": 3}, **over)
    RetentionSetting.objects.create(provider=acme, bodies=700)
    Run.objects.create(counts={"messages": 3}, files=1, **over)
    message = Message.objects.filter(status=Status.READ)[0]
    Link.objects.create(
        message=message, token="t0ken", path="button.0", url="https://shop.example/", created_at=now,
        short_url="https://w.example/l/t0ken", expires_at=now + ALWAYS,
    )  # fmt: skip


def _alarms(acme: Provider, now: Any) -> None:
    channel = Channel.objects.create(name="On call", how="pagerduty", address="r0uting-key", secret="s",
                                     active=False)  # fmt: skip
    Rule.objects.create(channel=channel)
    incident = Incident.objects.create(
        kind="provider_paused", scope=f"provider:{acme.pk}", subject="Acme", provider=acme, severity=2,
        began_at=now - timedelta(hours=1), seen_at=now, ended_at=now, text="It was paused.",
    )  # fmt: skip
    Delivery.objects.create(
        channel=channel,
        incident=incident,
        about="began",
        created_at=now,
        next_attempt_at=now,
        sent_at=now,
        state=Delivery.State.SENT,
    )
    AcceptanceRun.objects.create(provider=acme, state="done", by="mira")


def waiting(path: str, username: str, password: str) -> None:
    """What the next version finds to do: a message to send, and a report on one that may have left."""
    acme = Provider.objects.get()
    for name, make in (("queued", freeform), ("unknown", template)):
        payload = json.dumps(make(msgId=f"{name}|1767225600|20260105|1|0", to="919812345677")).encode()
        assert call("POST", path, payload, basic(username, password)).body == SUCCESS
    message = Message.objects.get(msg_id__startswith="unknown")
    tried(message, Outcome.UNKNOWN, text="No answer within 30 s")
    read = Message.objects.filter(status=Status.READ, untracked=False)[0].msg_id
    told = next(body for each in Webhook.objects.all() if read.encode() in (body := bytes(each.body)))
    body = told.replace(read.encode(), message.msg_id.encode())
    assert call_back(acme, "delivery", body).status == 200
