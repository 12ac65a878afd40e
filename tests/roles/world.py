"""One row at least of everything the pages show, full of people's phone numbers."""

import io
import json
from dataclasses import dataclass
from typing import Any

import msgspec
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.utils import timezone

from audience import accounts, upload, writing
from audience.models import Contact, OptChange, OptSetting, Subscription, Upload, UploadAccount
from broadcasts.models import Broadcast, Recipient, Segment
from callbacks.models import ForwardCall, Media, Outlet, Reply, Webhook
from campaigns import counts
from campaigns.models import Campaign, Event, Forward, Link, Message, Refusal, Report, Status
from campaigns.reconciliation import storage
from providers.messages import InboundMedia, Outcome, ReportCode
from providers.messages import Reply as Inbound
from providers.models import Provider
from templates_app.models import ImportRun, SeenTemplate, Template, TemplateChange
from tests.admin.conftest import failing, inbound, reported, tried, webhook
from tests.broadcasts.conftest import add, happen, launched, make_broadcast
from tests.factories import MessageFactory, make_provider
from tests.stats.conftest import accepted, refused

# Everybody's number, and how else it is written.
TO, TESTER, REFUSED, SENDER = "919812345601", "919812345602", "919812345603", "919812345604"
ASHA, NAMELESS, STOPPED, ROW = "919812345605", "919812345606", "919812345607", "919812345608"
HOOK, CALLED, ALTERNATIVE, SEGMENT = "919812345609", "919812345610", "919812345611", "919812345612"
NUMBERS = (TO, TESTER, REFUSED, SENDER, ASHA, NAMELESS, STOPPED, ROW, HOOK, CALLED, ALTERNATIVE, SEGMENT)
SPACED = "+91 98123 45601"
WAMID = "wamid.HBgMOTE5ODEyMzQ1NjAxFQIAERgSQzE4"  # base64 of bytes that hold TO
SPELLINGS = (*NUMBERS, *(number[2:] for number in NUMBERS), SPACED, "98123 45", WAMID)
SECRETS = ("n0t-for-anybodys-eyes", "passc0de-of-the-subscribe-api")


@dataclass
class World:
    provider: Provider
    message: Message
    test: Message
    event: Event
    refusal: Refusal
    reply: Reply
    webhook: Webhook
    outlet: Outlet
    call: ForwardCall
    link: Link
    campaign: Campaign
    report: Report
    other_report: Report
    contact: Contact
    nameless: Contact
    change: OptChange
    setting: OptSetting
    subscription: Subscription
    account: UploadAccount
    draft: Upload
    done: Upload
    template: Template
    template_change: TemplateChange
    run: ImportRun
    seen: SeenTemplate
    segment: Segment
    written: Broadcast
    broadcast: Broadcast
    recipient: Recipient
    user: User
    group: Group
    passcode: str


def make() -> World:
    provider = make_provider(
        nickname="Shop",
        credentials={"username": "shop", "password": SECRETS[0]},
        delivery_url="https://clevertap.example/dlr",
        inbound_url="https://clevertap.example/inbound",
    )
    about = _messages(provider) | _callbacks(provider) | _audience(provider) | _templates(provider)
    about |= _broadcasts(provider)
    for kept in ("message", "contact", "reply"):
        LogEntry.objects.log_actions(
            User.objects.create_superuser(f"old-{kept}").pk, [about[kept]], CHANGE, "Looked after."
        )
    user = User.objects.create_user("somebody", password="a-long-one-1")
    return World(provider=provider, user=user, group=Group.objects.create(name="Others"), **about)


def _messages(provider: Provider) -> dict[str, Any]:
    payload = {"to": SPACED, "text": f"call {TO} or {SPACED[4:]}", "timestamp": "1773835200"}
    content = {"type": "template", "name": "order_ready", "language": "en", "body": [{"text": f"Mira {TO}"}]}
    message = MessageFactory(
        provider=provider, to=TO, to_raw=SPACED, payload=json.dumps(payload), content=json.dumps(content),
        custom_props={"number": TO}, notes=[f"to was {SPACED}"],
    )  # fmt: skip
    counts_for = {"request": json.dumps({"method": "POST", "url": f"http://bsp.example/{TO}", "headers": {},
                                         "body": json.dumps({"to": TO})})}  # fmt: skip
    tried(message, Outcome.REJECTED, code=ReportCode.PHONE, text=f"{TO} is not on WhatsApp", bsp_id=WAMID,
          response_status=400, response_body=json.dumps({"id": WAMID, "to": TO}), **counts_for)  # fmt: skip
    event = Event.objects.get(message=message)
    Event.objects.filter(pk=event.pk).update(forward=Forward.PARKED, forward_error=f"HTTP 400: {TO}")
    link = Link.objects.create(
        message=message, token="t0ken", path="button.0", url=f"https://shop.example/?p={TO}",
        short_url="https://w.example/l/t0ken", created_at=timezone.now(), expires_at=timezone.now(),
    )  # fmt: skip
    test = MessageFactory(provider=provider, to=TESTER, msg_id="0|0|0|0", untracked=True, template="hello")
    Message.objects.filter(pk=test.pk).update(status=Status.UNKNOWN)
    seen = accepted(provider, timezone.now(), to=TO, campaign="spring", content=json.dumps(content))
    reported(seen, "sent", "delivered")
    refused(provider, at=timezone.now())
    refusal = Refusal.objects.get()
    refusal.text, refusal.to_raw, refusal.payload = f"{REFUSED} is no number", f"+{REFUSED}", f"to={REFUSED}"
    refusal.save()
    counts.squash(limit=100)
    campaign = Campaign.objects.get(code="spring")
    lines = b"Run Date,Campaign ID,Total Sent (events)\n2026-03-18,spring,1\n"
    report, other_report = (
        storage.draft("report.csv", io.BytesIO(lines), zone="UTC", exported_at=timezone.now())
        for _ in range(2)
    )
    return {
        "report": report, "other_report": other_report, "message": message, "test": test, "event": event,
        "refusal": refusal, "link": link, "campaign": campaign,
    }  # fmt: skip


def _callbacks(provider: Provider) -> dict[str, Any]:
    call = ForwardCall.objects.create(
        provider=provider, kind="inbound", started_at=timezone.now(), url="https://clevertap.example/inbound",
        body=json.dumps({"mobile": CALLED}), status=400, answer=f"{CALLED} is unknown", error=f"no {CALLED}",
    )  # fmt: skip
    media = InboundMedia(url=f"https://cdn.example/{SENDER}.jpg", caption=f"of {SENDER}")
    content = Inbound("image", SENDER, text=f"Call me: {SENDER}", media=media, profile_name="Asha")
    reply = inbound(
        provider, SENDER, text=f"Call me: {SENDER}", answers=Message.objects.get(to_raw=SPACED),
        content=msgspec.json.encode(content).decode(), forward=Forward.PARKED, forward_log=call.pk,
        forward_error=f"no {SENDER}", bsp_id=WAMID,
    )  # fmt: skip
    Media.objects.create(reply=reply, next_attempt_at=timezone.now(), error=f"no {SENDER}")
    outlet = failing(provider)
    outlet.last_error = f"HTTP 400: {CALLED}"
    outlet.save()
    hook = webhook(
        provider, body=json.dumps({"from": HOOK, "id": WAMID}).encode(), state=Webhook.State.UNMATCHED,
        summary=f"1 unmatched: {HOOK}", headers={"X-Number": HOOK},
    )  # fmt: skip
    return {"reply": reply, "outlet": outlet, "call": call, "webhook": hook}


def _audience(provider: Provider) -> dict[str, Any]:
    writing.forget_names()
    contact = add("asha", phone=f"+{ASHA}", name="Asha", Email="asha@x.example", Other=f"+{ALTERNATIVE}")
    nameless = add(f"+{NAMELESS}", phone=f"+{NAMELESS}", name="Nobody")
    happen("asha", "Called", number=ALTERNATIVE)
    change = OptChange.objects.create(
        contact=contact, phone=STOPPED, to="stop", why="keyword", proof=f"STOP from {STOPPED}",
        provider=provider, at=timezone.now(),
    )  # fmt: skip
    setting = OptSetting.objects.create(
        provider=provider, subscribe_url="https://in1.api.clevertap.com/1/subscribe",
        account={"account_id": "W", "passcode": SECRETS[1]},
    )  # fmt: skip
    subscription = Subscription.objects.create(
        provider=provider, phone=STOPPED, status="Unsubscribe", created_at=timezone.now(),
        next_attempt_at=timezone.now(), error=f"no {STOPPED}", state=Subscription.State.PARKED,
    )  # fmt: skip
    account, passcode = accounts.add("W00")
    file = f"identity,phone,MSG-whatsapp,City\nann,{ROW},TRUE,Rome\nbob,{ROW}x,no,call {ROW}\n"
    draft = upload.draft("users.csv", io.BytesIO(file.encode()), by="mira")
    done = upload.draft("users.csv", io.BytesIO(file.encode()), by="mira")
    upload.start(done)
    upload.drain()
    done.refresh_from_db()
    return {
        "contact": contact, "nameless": nameless, "change": change, "setting": setting,
        "subscription": subscription, "account": account, "passcode": passcode, "draft": draft, "done": done,
    }  # fmt: skip


def _templates(provider: Provider) -> dict[str, Any]:
    now = timezone.now()
    template = Template.objects.create(
        provider=provider, name="order_ready", language="en",
        components=[{"type": "BODY", "text": "Your order is ready, {{1}}."}],
        imported=[{"type": "BODY", "text": "Ready, {{1}}."}],
    )  # fmt: skip
    change = TemplateChange.objects.create(template=template, at=now, kind="created", source="person")
    run = ImportRun.objects.create(provider=provider, state="running", by="mira")
    seen = SeenTemplate.objects.create(
        provider=provider, name="unknown_one", language="en", first_seen_at=now, last_seen_at=now,
        sample={"type": "template", "name": "unknown_one", "language": "en", "body": [{"text": TO}]},
    )  # fmt: skip
    return {"template": template, "template_change": change, "run": run, "seen": seen}


def _broadcasts(provider: Provider) -> dict[str, Any]:
    values = {"body.1": "{{ profile.phone }}"}
    variants = [{"name": "A", "percent": 100, "template": "order_ready", "language": "en", "values": values}]
    condition = {"kind": "field", "name": "phone", "op": "is_not", "values": [SEGMENT]}
    segment = Segment.objects.create(name="Called", filter={"groups": [{"conditions": [condition]}]})
    chosen = {"who": Broadcast.Who.SEGMENT, "segment": segment, "variants": variants}
    written = make_broadcast(provider, name="Being written", **chosen)
    broadcast = launched(make_broadcast(provider, name="Running", throttle=1, **chosen))
    assert broadcast.state == Broadcast.State.RUNNING
    Recipient.objects.filter(contact__identity="asha").update(detail=f"{ASHA} it was")
    recipient = Recipient.objects.filter(broadcast=broadcast)[:1].get()
    return {"segment": segment, "written": written, "broadcast": broadcast, "recipient": recipient}
