"""What the message page shows beside the timeline, in words and ready to copy."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from campaigns.log import timeline
from campaigns.models import Forward, Link, Message, Status
from lib import display, phone_masking
from lib.admin import Tone, badge, link
from providers import description
from providers.advice import of_failure
from providers.messages import Content
from providers.models import Provider
from templates_app.content.said import bubble_of
from templates_app.models import Template

CLICKS_SHOWN = 20

_TONES: dict[int, Tone] = {
    Status.QUEUED: "info",
    Status.SENDING: "info",
    Status.UNKNOWN: "warning",
    Status.ACCEPTED: "",
    Status.SENT: "",
    Status.FAILED: "danger",
    Status.DELIVERED: "success",
    Status.READ: "success",
}
_MEANINGS: dict[int, str] = {
    Status.SENDING: "It is on its way to the BSP right now.",
    Status.UNKNOWN: "It left Waypost, but no answer came, so it may have been delivered. Waypost does not "
    "resend it automatically. A delivery report settles the question; otherwise resend it.",
    Status.ACCEPTED: "The BSP accepted it. No delivery report has come yet.",
    Status.SENT: "The BSP handed it to WhatsApp. It has not reached the phone yet.",
    Status.DELIVERED: "It is on the phone.",
    Status.READ: "The person has read it.",
}


def status_badge(message: Message) -> SafeString:
    return badge(Status(message.status).label, _TONES.get(message.status, ""))


def meaning(message: Message) -> str:
    """Where the message is, why, and what may be done about it."""
    if message.status == Status.QUEUED:
        return _why_waiting(message)
    if message.status == Status.FAILED:
        why = _sentence(phone_masking.text(timeline.said_once(message.error_text)) or "No reason was given")
        advice = of_failure(message.provider.connector_slug, message.bsp_code, message.error_code)
        return f"{why} {advice or 'Waypost stopped retrying. Resend makes one more attempt.'}"
    return _MEANINGS.get(message.status, "")


def _why_waiting(message: Message) -> str:
    provider, now = message.provider, timezone.now()
    if provider.state == Provider.State.PAUSED:
        why = _sentence(provider.paused_reason)
        return f"It waits because {provider} is paused: {why} Resume the provider to send it."
    if provider.hold_until and provider.hold_until > now:
        until = display.to_second(provider.hold_until)
        return f"It waits because the BSP asked for a break until {until}: {provider.hold_reason}"
    if message.next_attempt_at > now:
        why = phone_masking.text(timeline.said_once(message.error_text))
        again = f"Waypost retries it at {display.to_second(message.next_attempt_at)}."
        return f"{_sentence(why)} {again}" if why else again
    return "It is next in line, as far as the rate limit and the concurrency allow."


def _sentence(text: str) -> str:
    return text.rstrip(". ") + "."


def message_page(message: Message, log: Iterable[Any]) -> dict[str, Any]:
    attempts = list(message.attempts.order_by("number"))
    events = list(message.events.order_by("id"))
    # Inbound messages are of an app above this one; Django's reverse relation leads to them.
    replies = list(message.reply_set.select_related("referral").order_by("id"))
    owed = [item.forward in (Forward.PENDING, Forward.PARKED) for item in events]
    owed += [reply.forward in (Forward.PENDING, Forward.PARKED) for reply in replies]
    return {
        "badge": status_badge(message),
        "meaning": meaning(message),
        "facts": _facts(message),
        "steps": timeline.shown(
            timeline.build(message, attempts, events, replies, log), phone_masking.eyes()
        ),
        "owed": sum(owed),
        "payload": phone_masking.text(display.body(message.payload)),
        "content": phone_masking.text(display.body(message.content)),
        "bubble": _bubble(message) if message.payload else "",
        "arrived": message.status in (Status.DELIVERED, Status.READ),
        "removed": not message.payload,
        "inbound_curl": phone_masking.text(_inbound_curl(message)),
        "links": [_link(each) for each in message.links.order_by("id")],
    }


def _bubble(message: Message) -> SafeString:
    """What the person sees, with the template as it is now."""
    try:
        content = msgspec.json.decode(message.content, type=Content)
    except msgspec.MsgspecError:
        return mark_safe("")
    rows = Template.objects.filter(provider=message.provider_id, name=message.template)
    known = rows.filter(language=message.language).first() if message.template else None
    seen = bubble_of(content, known.components if known else None, phone_masking.text)
    html = render_to_string("templates_app/bubble.html", {"bubble": seen})
    return mark_safe(phone_masking.text(html))  # noqa: S308 - a template's own output


def _link(each: Link) -> dict[str, Any]:
    """A short link with its newest clicks, previews among them."""
    seen = each.click_rows.order_by("-id")[:CLICKS_SHOWN]
    first = each.first_clicked_at
    facts = [
        ("Button", each.path),
        ("Leads to", phone_masking.text(each.url)),
        ("Short link", each.short_url),
        ("Clicks", f"{each.clicks:,}" + (f", first {display.to_second(first)}" if first else "")),
        ("Expires", display.to_second(each.expires_at)),
    ]
    clicks = [(display.to_second(one.at), one.address, one.user_agent, one.preview) for one in seen]
    return {"facts": facts, "clicks": clicks}


def _facts(message: Message) -> list[tuple[str, str]]:
    facts = [
        ("To", _to(message)),
        ("msgId", message.msg_id + (" (a test: never deduplicated or counted)" if message.untracked else "")),
        ("Template", _with_others(message, "template", f"{message.template} ({message.language})")),
        ("Kind", "" if message.template else "Freeform"),
        ("Campaign", _with_others(message, "campaign", message.campaign)),
        ("Batch", message.batch),
        ("Variant", message.variant),
        ("BSP id", phone_masking.text(message.bsp_id)),
        ("Error", timeline.code_words(message.error_code)),
        ("BSP code", message.bsp_code),
        ("Attempts", str(message.attempt)),
        (
            "Custom properties",
            phone_masking.text(", ".join(f"{name}: {value}" for name, value in message.custom_props.items())),
        ),
        ("Notes", phone_masking.text("; ".join(message.notes))),
    ]
    return [(name, value) for name, value in facts if value]


def _with_others(message: Message, of: str, words: str) -> str:
    """The template or the campaign, with a link to all its messages that count; tests do not."""
    value = getattr(message, of)
    if not value or message.untracked or not phone_masking.may("campaigns.view_stats"):
        return words if value else ""
    # The stats pages are above this app, so their address is known here by its name only.
    url = f"{reverse('stats:messages')}?{urlencode({'figure': 'accepted', 'range': 'all', of: value})}"
    return format_html("{} {}", words, link(url, "all its messages"))


def _to(message: Message) -> str:
    number, written = phone_masking.number(message.to), phone_masking.number(message.to_raw)
    return number if message.to_raw == message.to else f"{number} (written {written})"


def _inbound_curl(message: Message) -> str:
    """CleverTap's request once more, with placeholders where its credentials were."""
    login = message.provider.api_credentials.filter(expires_at=None).first()
    required = login.headers if login is not None else {"authorization": ""}
    headers = {"Content-Type": "application/json"}
    headers |= {name: "VALUE" for name in required if name != "authorization"}
    user = "USERNAME:PASSWORD" if "authorization" in required else ""
    url = description.urls(message.provider)["messages_url"]
    return display.curl("POST", url, headers, message.payload, user)
