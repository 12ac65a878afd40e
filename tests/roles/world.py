"""One row at least of everything the pages show, full of people's phone numbers."""

import io
import json
from dataclasses import dataclass
from typing import Any

import msgspec
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.utils import timezone

from accounts import tokens, trail
from accounts.models import Entry, Token
from archive.models import Run
from audience import accounts, drafts, upload
from audience.models import Contact, OptChange, OptSetting, Subscription, Upload, UploadAccount
from broadcasts.models import Broadcast, Recipient, Segment
from callbacks.models import ForwardCall, Media, Outlet, Reply, Webhook
from campaigns.counting import deltas
from campaigns.models import Campaign, Event, Forward, Link, Message, Refusal, Status
from identities import pseudonyms
from operations.models import AcceptanceRun, Channel, Delivery, Incident
from privacy.models import Erasure, Hold, RetentionRun, RetentionSetting
from providers.messages import InboundMedia, Outcome, ReportCode
from providers.messages import Reply as Inbound
from providers.models import Provider
from stats.models import Report, SavedView
from stats.reconciliation import storage
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
JOINTS = ("\u2011", "\u2013", "\u00a0", "\u202f", "\u200b", "/", " • ", "\n")
WAMID = "wamid.HBgMOTE5ODEyMzQ1NjAxFQIAERgSQzE4"  # base64 of bytes that hold TO
SPELLINGS = (*NUMBERS, *(number[2:] for number in NUMBERS), SPACED, "98123 45", WAMID)
STRANGE = tuple(f"98123{joint}{number[-5:]}" for number in NUMBERS for joint in JOINTS)
SECRETS = ("n0t-for-anybodys-eyes", "passc0de-of-the-subscribe-api")


def all_of(number: str) -> str:
    return f"{number} {strange(number)}"


def strange(number: str) -> str:
    """The number in several ways in which people write one."""
    return ", ".join(each for each in STRANGE if each.endswith(number[-5:]))


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
    saved_view: SavedView
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
    incident: Incident
    channel: Channel
    delivery: Delivery
    acceptance: AcceptanceRun
    erasure: Erasure
    hold: Hold
    retention: RetentionRun
    archive_run: Run
    kept: RetentionSetting
    user: User
    group: Group
    token: Token
    entry: Entry
    passcode: str


def make() -> World:
    provider = make_provider(
        nickname="Shop",
        credentials={"username": "shop", "password": SECRETS[0]},
        delivery_url="https://clevertap.example/dlr",
        inbound_url="https://clevertap.example/inbound",
    )
    about = _messages(provider) | _callbacks(provider) | _audience(provider) | _templates(provider)
    about |= _broadcasts(provider) | _operations(provider) | _privacy(provider)
    for kept in ("message", "contact", "reply"):
        LogEntry.objects.log_actions(
            User.objects.create_superuser(f"old-{kept}").pk,
            [about[kept]],
            CHANGE,
            f"Looked after {strange(SENDER)}.",
        )
    user = User.objects.create_user("somebody", password="a-long-one-1")
    root = User.objects.create_superuser("root")
    token = tokens.add(root, ["stats:read"], timezone.now(), name="Dashboard").token
    group = Group.objects.create(name="Others")
    trail.note(None, Entry.What.LOOKED, f"/admin/campaigns/message/?q={TO}", text=strange(SENDER))
    entry = Entry.objects.latest("pk")
    return World(provider=provider, user=user, group=group, token=token, entry=entry, **about)


def _messages(provider: Provider) -> dict[str, Any]:
    payload = {"to": SPACED, "text": f"call {TO} or {SPACED[4:]} or {strange(TO)}", "timestamp": "1773835200"}
    content = {
        "type": "template",
        "name": "order_ready",
        "language": "en",
        "body": [{"text": f"Mira {all_of(TO)}"}],
    }
    message = MessageFactory(
        provider=provider, to=TO, to_raw=SPACED, payload=json.dumps(payload), content=json.dumps(content),
        custom_props={"number": all_of(TO)}, notes=[f"to was {SPACED} {strange(TO)}"],
    )  # fmt: skip
    counts_for = {"request": json.dumps({"method": "POST", "url": f"http://bsp.example/{TO}", "headers": {},
                                         "body": json.dumps({"to": TO, "as": strange(TO)})})}  # fmt: skip
    tried(message, Outcome.REJECTED, code=ReportCode.PHONE, text=f"{all_of(TO)} is not on WhatsApp",
          bsp_id=WAMID, response_status=400, response_body=json.dumps({"id": WAMID, "as": all_of(TO)}),
          **counts_for)  # fmt: skip
    event = Event.objects.get(message=message)
    Event.objects.filter(pk=event.pk).update(forward=Forward.PARKED, forward_error=f"HTTP 400: {all_of(TO)}")
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
    refusal.text, refusal.to_raw, refusal.payload = (
        f"{all_of(REFUSED)} is not a number",
        f"+{REFUSED}",
        f"to={all_of(REFUSED)}",
    )
    refusal.save()
    deltas.squash(limit=100)
    campaign = Campaign.objects.get(code="spring")
    lines = b"Run Date,Campaign ID,Total Sent (events)\n2026-03-18,spring,1\n"
    report, other_report = (
        storage.draft("report.csv", io.BytesIO(lines), zone="UTC", exported_at=timezone.now())
        for _ in range(2)
    )
    return {
        "report": report, "other_report": other_report,
        "saved_view": SavedView.objects.create(name="Spring", page="overview"),
        "message": message, "test": test, "event": event,
        "refusal": refusal, "link": link, "campaign": campaign,
    }  # fmt: skip


def _callbacks(provider: Provider) -> dict[str, Any]:
    call = ForwardCall.objects.create(
        provider=provider, kind="inbound", started_at=timezone.now(), url="https://clevertap.example/inbound",
        body=json.dumps({"mobile": CALLED, "as": strange(CALLED)}), status=400,
        answer=f"{all_of(CALLED)} is unknown", error=f"no {all_of(CALLED)}",
    )  # fmt: skip
    media = InboundMedia(url=f"https://cdn.example/{SENDER}.jpg", caption=f"of {all_of(SENDER)}")
    content = Inbound(
        "image",
        SENDER,
        text=f"Call me: {strange(SENDER)}",
        media=media,
        profile_name=f"Asha {strange(SENDER)}",
    )
    reply = inbound(
        provider, SENDER, text=f"Call me: {all_of(SENDER)}", answers=Message.objects.get(to_raw=SPACED),
        content=msgspec.json.encode(content).decode(), forward=Forward.PARKED, forward_log=call.pk,
        forward_error=f"no {all_of(SENDER)}", bsp_id=WAMID,
    )  # fmt: skip
    Media.objects.create(reply=reply, next_attempt_at=timezone.now(), error=f"no {all_of(SENDER)}")
    outlet = failing(provider)
    outlet.last_error = f"HTTP 400: {all_of(CALLED)}"
    outlet.save()
    hook = webhook(
        provider, body=json.dumps({"from": HOOK, "id": WAMID, "text": strange(HOOK)}).encode(),
        state=Webhook.State.UNMATCHED,
        summary=f"1 unmatched: {all_of(HOOK)}",
        headers={"X-Number": all_of(HOOK)},
    )  # fmt: skip
    return {"reply": reply, "outlet": outlet, "call": call, "webhook": hook}


def _audience(provider: Provider) -> dict[str, Any]:
    contact = add(
        "asha",
        phone=f"+{ASHA}",
        name="Asha",
        Email="asha@x.example",
        Other=f"+{all_of(ALTERNATIVE)}",
    )
    nameless = add(f"+{NAMELESS}", phone=f"+{NAMELESS}", name="Nobody")
    happen("asha", "Called", number=all_of(ALTERNATIVE))
    change = OptChange.objects.create(
        contact=contact, phone=STOPPED, to="stop", why="keyword", proof=f"STOP from {all_of(STOPPED)}",
        provider=provider, at=timezone.now(),
    )  # fmt: skip
    setting = OptSetting.objects.create(
        provider=provider, subscribe_url="https://in1.api.clevertap.com/1/subscribe",
        account={"account_id": "W", "passcode": SECRETS[1]},
    )  # fmt: skip
    subscription = Subscription.objects.create(
        provider=provider, phone=STOPPED, status="Unsubscribe", created_at=timezone.now(),
        next_attempt_at=timezone.now(), error=f"no {all_of(STOPPED)}", state=Subscription.State.PARKED,
    )  # fmt: skip
    account, passcode = accounts.add("W00")
    lines = (
        "identity,phone,MSG-whatsapp,City",
        f"ann,{ROW},TRUE,Rome",
        f'bob,{ROW}x,no,"call {strange(ROW)}"',
    )
    file = "\n".join(lines) + "\n"
    draft = drafts.draft("users.csv", io.BytesIO(file.encode()), by="mira")
    done = drafts.draft("users.csv", io.BytesIO(file.encode()), by="mira")
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
        sample={"type": "template", "name": "unknown_one", "language": "en", "body": [{"text": all_of(TO)}]},
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


def _operations(provider: Provider) -> dict[str, Any]:
    now = timezone.now()
    incident = Incident.objects.create(
        kind="provider_paused", scope=f"provider:{provider.pk}", subject=f"Shop {TO}", provider=provider,
        severity=2, began_at=now, seen_at=now, text=f"{all_of(TO)} is banned", messages=2,
    )  # fmt: skip
    channel = Channel.objects.create(name="On call", how="pagerduty", address=SECRETS[0], secret=SECRETS[1])
    delivery = Delivery.objects.create(
        channel=channel,
        incident=incident,
        about="began",
        created_at=now,
        next_attempt_at=now,
        error=all_of(TO),
    )
    acceptance = AcceptanceRun.objects.create(provider=provider, state="done", by="mira")
    return {"incident": incident, "channel": channel, "delivery": delivery, "acceptance": acceptance}


def _privacy(provider: Provider) -> dict[str, Any]:
    now = timezone.now()
    pseudonyms.of(TO)  # makes their key, which whoever only looks would make else
    erasure = Erasure.objects.create(
        person=pseudonyms.of("919812345699"), asked_at=now, deadline=now, by="mira", next_step_at=now,
        asked_by=f"mail of {all_of(TO)}"[:200], error=f"no {all_of(TO)}"[:500],
    )  # fmt: skip
    hold = Hold.objects.create(number=TO, reason="The court's letter")
    retention = RetentionRun.objects.create(started_at=now, next_step_at=now, counts={"bodies": 3})
    kept = RetentionSetting.objects.create(provider=provider, bodies=7)
    archived = Run.objects.create(
        started_at=now, next_step_at=now, counts={"messages": 3}, files=1, error=f"no {all_of(TO)}"[:500]
    )
    return {
        "erasure": erasure, "hold": hold, "retention": retention, "kept": kept, "archive_run": archived,
    }  # fmt: skip
