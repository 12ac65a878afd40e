"""What a broadcast's page shows: its state, why it waits, and the figures of its messages."""

import re
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from broadcasts import contact_filters
from broadcasts.models import Broadcast, Recipient
from broadcasts.run import clock, enrolment, release_limits, results
from campaigns.models import Message
from lib import phone_masking
from lib.admin import Tone, badge, link, list_url, page_url
from lib.display import length
from providers.models import Provider
from stats.pages import links
from stats.query.figures import LABELS

State = Broadcast.State
Kind = Broadcast.Kind
TONES: dict[str, Tone] = {
    State.DRAFT: "",
    State.SCHEDULED: "info",
    State.RUNNING: "info",
    State.PAUSED: "warning",
    State.DONE: "success",
    State.CANCELLED: "danger",
}
OPEN = (State.SCHEDULED, State.RUNNING)
_FIGURES = (
    "accepted", "submitted", "sent", "delivered", "viewed", "clicked_unique", "replied", "not_sent",
    "undelivered",
)  # fmt: skip


def state_badge(broadcast: Broadcast) -> SafeString:
    return badge(broadcast.get_state_display(), TONES[broadcast.state], phone_masking.text(broadcast.reason))


def page(broadcast: Broadcast, stats: bool) -> dict[str, Any]:
    """The part of the page that refreshes itself. `stats` is whether figures lead to the stats pages."""
    now = timezone.now()
    totals, filters = results.totals(broadcast), results.filters(broadcast)
    return {
        "broadcast": broadcast,
        "badge": state_badge(broadcast),
        "meaning": meaning(broadcast, now),
        "open": broadcast.state in OPEN or broadcast.waiting > 0 or not _settled(broadcast, totals),
        "as_of": now,
        "counters": _counters(broadcast),
        "excluded": [
            (Recipient.Reason(reason).label, f"{number:,}", _rows_url(broadcast, reason=reason))
            for reason, number in sorted(broadcast.excluded_for.items(), key=lambda item: -item[1])
        ],
        "figures": [
            (
                name,
                LABELS[name],
                f"{getattr(totals, name):,}",
                links.messages_behind(filters, name) if stats else "",
            )
            for name in _FIGURES
        ],
        "stats_url": links.page("campaign", filters) if stats else "",
        "several": len(broadcast.messages) > 1,
        "recipients": f"{broadcast.recipients:,}",
        "messages_url": list_url("campaigns_message", q=f"wp|{broadcast.code}|"),
        "rows_url": _rows_url(broadcast),
        "gone": _gone(broadcast),
    }


def _gone(broadcast: Broadcast) -> bool:
    """Whether retention has deleted its recipients."""
    if not broadcast.recipients or broadcast.finished_at is None:
        return False
    return not Recipient.objects.filter(broadcast=broadcast).exists()


def _settled(broadcast: Broadcast, totals: Any) -> bool:
    """Whether no message is on its way any more, or it is so long ago that nobody watches."""
    if broadcast.finished_at and broadcast.finished_at < timezone.now() - timedelta(minutes=10):
        return True
    return bool(totals.delivered + totals.not_sent + totals.undelivered >= broadcast.queued)


def _counters(broadcast: Broadcast) -> list[dict[str, Any]]:
    total = broadcast.recipients
    about = (
        ("waiting", "Waiting", "not queued yet"),
        ("queued", "Queued for sending", "handed over for sending"),
        ("control", "Control group", "never messaged"),
        ("excluded", "Excluded", "for the reasons below"),
        ("cancelled", "Cancelled", "will not be messaged"),
    )
    return [
        {
            "name": name,
            "label": label,
            "about": words,
            "count": f"{getattr(broadcast, name):,}",
            "share": round(getattr(broadcast, name) * 100 / total, 2) if total else 0,
            "url": _rows_url(broadcast, state=Recipient.State[name.upper()].value),
        }
        for name, label, words in about
    ]


def _rows_url(broadcast: Broadcast, **filters: str | int) -> str:
    return list_url("broadcasts_recipient", broadcast=broadcast.pk, **filters)


def people(broadcast: Broadcast, counter: str) -> SafeString:
    """A counter that leads to its people."""
    of_state = {} if counter == "recipients" else {"state": Recipient.State[counter.upper()].value}
    return link(_rows_url(broadcast, **of_state), f"{getattr(broadcast, counter):,}")


def meaning(broadcast: Broadcast, now: datetime) -> str:
    """Its state and what comes next, in a sentence or two."""
    match broadcast.state:
        case State.DRAFT:
            return "It is being written. Nothing happens until it is launched."
        case State.SCHEDULED:
            if broadcast.starts_at and broadcast.starts_at > now:
                return f"It begins at {local(broadcast, broadcast.starts_at)}."
            return "It begins in a moment."
        case State.PAUSED:
            return f"{broadcast.reason} Nothing is sent until it is resumed."
        case State.CANCELLED:
            return broadcast.reason
        case State.DONE:
            return broadcast.reason or "Everybody in the audience has got the message or was left out."
    return _running(broadcast, now)


def _running(broadcast: Broadcast, now: datetime) -> str:
    if not broadcast.triggered and not broadcast.planned:
        return "Waypost is listing the recipients. It sends nothing before the list is complete."
    quiet = broadcast.quiet_from and broadcast.quiet_to
    until = clock.quiet_until(now, broadcast.quiet_from, broadcast.quiet_to, broadcast.tz) if quiet else None  # type: ignore[arg-type]
    if until:
        return f"Quiet hours last until {local(broadcast, until)}."
    if broadcast.provider.state == Provider.State.PAUSED:
        return f"It waits because {broadcast.provider} is paused: {broadcast.provider.paused_reason}"
    if broadcast.waiting:
        window = release_limits.throttle(broadcast, now)
        if window is not None and not window.free(now.timestamp()):
            left = timedelta(seconds=window.next_free(now.timestamp()))
            return (
                f"The throttle allows {broadcast.throttle:,} messages in 5 minutes; more in {length(left)}."
            )
        return "It sends." if not broadcast.triggered else "It sends, and looks for more people."
    if broadcast.triggered:
        looks = "approaching dates" if broadcast.kind == Kind.DATE else f"the event {broadcast.event_name}"
        return f"It looks for {looks}, every {length(enrolment.every(broadcast))}."
    return "Nearly done."


def local(broadcast: Broadcast, at: datetime) -> str:
    return f"{at.astimezone(broadcast.tz):%Y-%m-%d %H:%M} ({broadcast.zone})"


def summary(broadcast: Broadcast) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """What was chosen, step by step: the step, its title, and facts."""
    return [
        ("basics", "What", _what(broadcast)),
        *([("trigger", "Trigger", [("Triggered by", set_off(broadcast))])] if broadcast.triggered else []),
        ("who", "Who", [("For", whom(broadcast))]),
        ("message", "Message", _messages(broadcast)),
        ("delivery", "Delivery", _delivery(broadcast)),
    ]


def _what(broadcast: Broadcast) -> list[tuple[str, str]]:
    told = "gets reports of its messages" if broadcast.reported else "gets no reports of its messages"
    return [
        ("Name", broadcast.name),
        ("Type", broadcast.get_kind_display()),
        ("Provider", str(broadcast.provider)),
        ("CleverTap", told),
        ("Campaign id", broadcast.code),
    ]


def set_off(broadcast: Broadcast) -> str:
    """What triggers a message, in words."""
    if broadcast.kind == Kind.DATE:
        whose = f" of the event {broadcast.event_name}" if broadcast.event_name else ""
        side = "before" if broadcast.offset < 0 else "after"
        unit = broadcast.offset_unit if abs(broadcast.offset) != 1 else broadcast.offset_unit.rstrip("s")
        how_far = f"{abs(broadcast.offset)} {unit} {side}" if broadcast.offset else "On"
        clock_time = f", at {broadcast.at_time:%H:%M}" if broadcast.at_time else ""
        return f"{how_far} {broadcast.date_name or '–'}{whose}{clock_time} ({broadcast.zone})"
    words = f"The event {broadcast.event_name or '–'}"
    if broadcast.kind == Kind.INACTION:
        return f"{words}, and not {broadcast.without or '–'} within {broadcast.wait_minutes} minutes"
    return words + (f", after {broadcast.wait_minutes} minutes" if broadcast.wait_minutes else "")


def whom(broadcast: Broadcast) -> str:
    match broadcast.who:
        case Broadcast.Who.SEGMENT:
            segment = broadcast.segment
            return f"The segment {segment}: {segment.words}" if segment else "A segment, not chosen yet"
        case Broadcast.Who.LIST:
            return (
                f"The list {broadcast.list_name}: {broadcast.listed.count():,} contacts"
                if broadcast.list_name
                else "A list, not uploaded yet"
            )
        case Broadcast.Who.FILTER:
            return contact_filters.describe(contact_filters.read(broadcast.filter))
    return "Everybody"


def _messages(broadcast: Broadcast) -> list[tuple[str, str]]:
    several = len(broadcast.messages) > 1
    found = []
    for each in broadcast.messages:
        share = f", {each.percent} %" if several else ""
        found.append(
            (f"Variant {each.name}" if several else "Template", f"{each.template} ({each.language}){share}")
        )
        found += [(_slot(path), text) for path, text in each.values.items() if text]
    return found or [("Template", "–")]


def _slot(path: str) -> str:
    """A slot as the form calls it: buttons and cards count from 1 there."""
    counted = re.sub(r"(button|card)\.(\d+)", lambda found: f"{found[1]} {int(found[2]) + 1}", path)
    return counted.replace(".", " ").capitalize()


def _delivery(broadcast: Broadcast) -> list[tuple[str, str]]:
    begins = local(broadcast, broadcast.starts_at) if broadcast.starts_at else "when it is launched"
    found = [("Begins", begins)]
    if broadcast.ends_at:
        found.append(("Ends", local(broadcast, broadcast.ends_at)))
    if broadcast.quiet_from and broadcast.quiet_to:
        hours = f"{broadcast.quiet_from:%H:%M} to {broadcast.quiet_to:%H:%M} ({broadcast.zone})"
        found.append(("Quiet hours", hours))
    if broadcast.throttle:
        found.append(("Throttle", f"{broadcast.throttle:,} messages per 5 minutes"))
    if broadcast.cap_count:
        found.append(
            ("Frequency cap", f"{broadcast.cap_count} messages to a person in {broadcast.cap_days} days")
        )
    if broadcast.control_percent:
        found.append(("Control group", f"{broadcast.control_percent} %"))
    threshold = f"{broadcast.error_percent} %" if broadcast.error_percent else "none"
    return [*found, ("Error threshold", threshold)]


def message_link(message: Message | None) -> SafeString | None:
    if message is None:
        return None
    return format_html(
        '<a class="text-link" href="{}">{}</a>', page_url("campaigns_message", message.pk), message.pk
    )
