"""The demo's people and campaigns: two broadcasts, which run when it starts, and what its CleverTap posts."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.utils import timezone

from audience import accounts, profiles, writing
from audience.models import Contact, OptChange, UploadAccount
from broadcasts.models import Broadcast, Segment
from broadcasts.run import lifecycle
from campaigns.models import Campaign
from providers.connectors import CONNECTORS
from providers.dialects.clevertap.messages import clevertap_payload
from providers.messages import Outbound
from providers.models import Provider
from simulator import traffic
from simulator.templates import default as templates
from simulator.traffic import Traffic
from templates_app.content.fill import fill, samples
from templates_app.models import Template

PEOPLE = 1200
CITIES = ("Pune", "Goa", "Mumbai", "Delhi")
NAMES = ("Asha", "Bilal", "Chitra", "Dev", "Esha", "Farhan", "Gita", "Hari", "Isha", "Jai", "Kavya", "Lata")
ACCOUNT = "DEMO"
EVENT = "Charged"
OURS = "interakt"  # it reports clicks
EVERY = 2.0  # seconds between CleverTap's messages
# CleverTap's campaigns: connector, id, an operator's name for it, template, and each variant's values.
THEIRS: tuple[tuple[str, str, str, str, dict[str, dict[str, str]]], ...] = (
    (
        "infobip", "1767225600", "Weekend sale", "weekend_sale_image",
        {name: {"body.1": much, "body.2": "friend"} for name, much in (("0", "20%"), ("1", "A third"))},
    ),
    (
        "meta", "1767312000", "Your order has left", "dashboard_track_order",
        {"0": {"body.1": "friend", "button.0": "8812"}},
    ),
)  # fmt: skip


def nickname(connector: str) -> str:
    return f"Demo {CONNECTORS[connector].label}"


def seed(simulator: str) -> Broadcast:
    """People, a segment and the broadcasts, unless they are there. Returns the one to look at."""
    provider = Provider.objects.get(nickname=nickname(OURS))
    found = Broadcast.objects.filter(provider=provider).order_by("pk").first()
    if found is not None:
        return found
    now = timezone.now()
    if not Contact.objects.exists():
        _people(now)
    # One message a second, so that the stats keep moving for a quarter of an hour.
    Provider.objects.filter(pk=provider.pk).update(rate_count=1, rate_period=Provider.Period.SECOND)
    sale = _sale(provider, simulator)
    for broadcast in (sale, _thanks(provider)):
        lifecycle.launch(broadcast)
    return sale


def _people(now: datetime) -> None:
    """Contacts as an app would upload them, and what they did in the last weeks."""
    people, events = [], []
    for n in range(PEOPLE):
        identity = f"demo-{n:04d}"
        data: dict[str, Any] = {
            "Name": NAMES[n % len(NAMES)] if n % 9 else "",
            "MSG-whatsapp": n % 8 != 0,
            "City": CITIES[n * 7 % len(CITIES)],
            "Plan": "Gold" if n % 5 == 0 else "Free",
            "Points": n * 37 % 900,
            "Renewal": f"$D_{int((now + timedelta(days=2 + n % 60)).timestamp())}",
        }
        if n % 40:
            data["Phone"] = "+" + traffic.number(n, "9198")
        if n % 50 == 7:
            data["MSG-dndWhatsApp"] = True
        record = {"identity": identity, "type": "profile", "profileData": data}
        people.append(profiles.read_profile(record))
        if n % 3 == 0:
            record = {"identity": identity, "type": "event", "evtName": EVENT, "evtData": _bought(n)}
            at = now - timedelta(days=n % 20, minutes=n)
            events.append(profiles.read_event(record | {"ts": int(at.timestamp())}, now, n))
    writing.write_all(people, events, writing.Source(OptChange.Why.API, ACCOUNT), now)


def _bought(n: int) -> dict[str, Any]:
    return {
        "Amount": 199 + n * 53 % 4000,
        "Order": f"A-{1000 + n}",
        "Collect by": ("Friday", "Monday")[n % 2],
    }


def _sale(provider: Provider, simulator: str) -> Broadcast:
    cities = {"kind": "attribute", "name": "City", "op": "is", "values": list(CITIES[:3])}
    meant = {"match": "all", "groups": [{"match": "all", "conditions": [cities]}]}
    segment, _ = Segment.objects.get_or_create(name="In Pune, Goa or Mumbai", defaults={"filter": meant})
    name = "{{ profile.name | there }}"
    texts = (
        ("coupon_simple", {"body.1": name, "body.2": "15 %", "button.0": "SPRING15"}),
        (
            "weekend_sale_image",
            {"header": f"{simulator}/files/picture.png", "body.1": "15 %", "body.2": name},
        ),
    )
    return Broadcast.objects.create(
        name="Spring sale",
        provider=provider,
        who=Broadcast.Who.SEGMENT,
        segment=segment,
        variants=[
            {"name": letter, "percent": 50, "template": template, "language": "en", "values": values}
            for letter, (template, values) in zip("AB", texts, strict=True)
        ],
        control_percent=10,
        throttle=300,
        cap_count=3,
        cap_days=7,
        zone="Asia/Kolkata",
        by="the demo",
    )


def _thanks(provider: Provider) -> Broadcast:
    values = {
        "header.1": "{{ profile.name | friend }}",
        "body.1": "{{ event.Order }}",
        "body.2": "{{ event.Collect by | the weekend }}",
        "button.0": "{{ event.Order }}",
    }
    return Broadcast.objects.create(
        name="Your order is ready",
        kind=Broadcast.Kind.ACTION,
        event_name=EVENT,
        provider=provider,
        variants=[
            {"name": "A", "percent": 100, "template": "order_ready_v2", "language": "en", "values": values}
        ],
        zone="Asia/Kolkata",
        by="the demo",
    )


def upload_passcode(known: str) -> str:
    """The passcode of the upload API's demo account: the known one while it is the account's."""
    account = UploadAccount.objects.filter(account_id=ACCOUNT).first()
    if account is None:
        return accounts.add(ACCOUNT, "The demo's app")[1]
    return known if known and accounts.admits(ACCOUNT, known) else accounts.renew(account)


def their_traffic(logins: Mapping[str, tuple[str, str, str]], upload_url: str, passcode: str) -> Traffic:
    """What the fake CleverTap posts. `logins` has the URL, the name and the password of each provider."""
    posted = Traffic()
    now = timezone.now()
    for connector, code, name, template, variants in THEIRS:
        provider = Provider.objects.get(nickname=nickname(connector))
        seen = {"name": name, "first_seen_at": now, "last_seen_at": now}
        Campaign.objects.get_or_create(provider=provider, code=code, defaults=seen)
        payloads = {each: _payload(provider, template, values) for each, values in variants.items()}
        posted.campaigns.append(
            traffic.Campaign(*logins[provider.nickname], code, payloads, EVERY * len(THEIRS))
        )
    identities = [f"demo-{n:04d}" for n in range(1, PEOPLE, 7)]
    bought = [_bought(n) for n in range(40)]
    posted.events.append(traffic.Events(upload_url, ACCOUNT, passcode, EVENT, identities, bought, 15.0))
    posted.users.append(traffic.Users(_acts(), 12.0))
    return posted


def _acts() -> list[dict[str, str]]:
    """What else people do in WhatsApp: Waypost shows everything that a BSP reports."""
    ana = {"name": "Ana", "user_id": "IN.4411223344556677", "username": "ana.m"}
    ravi = {"name": "Ravi", "from": "919812345678"}
    meta = {"account": "demo-meta"}
    return [
        {**meta, **ana, "text": "Hello, is this the shop?"},  # her number is withheld
        {**meta, **ravi, "text": "Is my order on its way?"},
        {**meta, **ravi, "type": "edit", "text": "Is my order A-1009 on its way?", "about": traffic.BEFORE},
        {**meta, **ravi, "type": "reaction", "text": "👍", "reply_to": "newest"},
        {**meta, **ravi, "text": "Wrong chat"},
        {**meta, **ravi, "type": "revoke", "about": traffic.BEFORE},
        {"account": "demo-meta-second", **ravi, "text": "For your second number"},
        {**meta, "from": "919812345679", "type": "stop_marketing"},
        {**meta, **ana, "from": "919812345670", "text": "This is my number"},  # now the pair is known
        {"account": "demo-infobip", "from": "919812345671", "type": "stop_marketing"},
        {"account": "demo-twilio", **ana, "text": "Hello from a username"},
        {"account": "demo-vonage", **ravi, "type": "reaction", "text": "❤️", "reply_to": "newest"},
    ]


def _payload(provider: Provider, name: str, values: dict[str, str]) -> dict[str, Any]:
    """A message as CleverTap writes it, without its recipient and msgId."""
    (components,) = (
        row["components"] for row in templates() if (row["name"], row["language"]) == (name, "en")
    )
    content = fill(name, "en", components, samples(components, 0) | values)
    written = clevertap_payload(Outbound("", "", "", provider.waba_number, content))
    payload: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(written))
    return payload


def add_templates(provider: Provider) -> None:
    """The list of its fake BSP, as an import would bring it."""
    Template.objects.bulk_create(
        Template(
            provider=provider,
            name=row["name"],
            language=row["language"],
            category=row["category"],
            status=row["status"],
            parameter_format=row.get("parameter_format", "POSITIONAL"),
            components=row["components"],
            bsp_id=row["id"],
        )
        for row in templates()
    )
