"""A recipient's message: the template's slots filled in, checked as CleverTap's own messages are."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from audience import properties
from audience.models import Contact
from broadcasts.contact_filters import FIELDS
from broadcasts.message import values
from broadcasts.message.values import Missing, Parts, Style
from broadcasts.models import Broadcast, Variant
from campaigns.intake import receive
from campaigns.ledger.entries import Accepted
from providers import auth
from providers.dialects.clevertap.messages import clevertap_payload
from providers.dialects.clevertap.requests import read_send
from providers.messages import Outbound
from templates_app.content.components import Slot, slots
from templates_app.content.fill import fill
from templates_app.models import Template


def registered(broadcast: Broadcast) -> dict[str, Template]:
    """The template of each variant, by the variant's name, as far as the provider has it."""
    names = {variant.template for variant in broadcast.messages}
    rows = Template.objects.filter(provider=broadcast.provider_id, name__in=names)
    there = {(row.name, row.language): row for row in rows}
    named = {each.name: there.get((each.template, each.language)) for each in broadcast.messages}
    return {name: template for name, template in named.items() if template is not None}


def style(broadcast: Broadcast) -> Style:
    """How the broadcast's messages write dates."""
    kinds = {f"profile.{name}": kind for name, kind in properties.types_of("").items()}
    if broadcast.event_name:
        kinds |= {f"event.{name}": kind for name, kind in properties.types_of(broadcast.event_name).items()}
    return Style(broadcast.tz, broadcast.date_format, kinds)


def profile(contact: Contact) -> dict[str, Any]:
    """What `profile.…` may name."""
    return {**contact.attributes, **{name: getattr(contact, name) for name in FIELDS}}


def needed(slot: Slot) -> bool:
    """Whether a message must fill the slot. An unfilled payload is the button's text."""
    return slot.required and slot.kind != "payload"


class Composer:
    """Makes the messages of one broadcast, with its templates as they are now."""

    def __init__(self, broadcast: Broadcast) -> None:
        self.broadcast = broadcast
        self.style = style(broadcast)
        self._templates: dict[str, tuple[Template, dict[str, Parts], list[Slot]]] = {}
        self.templates = registered(broadcast)
        self.problem = ""
        access = auth.access(broadcast.provider.public_id)
        if access is None:
            self.problem = f"{broadcast.provider} is archived, so nothing can be sent through it."
            return
        self.access = access
        for variant in broadcast.messages:
            self.problem = self.problem or self._prepare(variant)
        if not broadcast.messages:
            self.problem = "It has no message."

    def _prepare(self, variant: Variant) -> str:
        """Prepares a variant's template. Returns why it cannot be sent now, as a sentence."""
        label = f"The template {variant.template} ({variant.language})"
        template = self.templates.get(variant.name)
        if template is None:
            return f"{label} is not registered with {self.broadcast.provider} any more."
        if template.vanished_at is not None:
            return f"{label} is no longer in the BSP's list: an import did not find it."
        if template.status != Template.Status.APPROVED:
            why = f": {template.status_reason}" if template.status_reason else ""
            return f"{label} is {template.get_status_display().lower()}{why}."
        wanted = slots(template.components)
        try:
            parts = {path: values.parse(text) for path, text in variant.values.items()}
        except ValueError as error:
            return f"Variant {variant.name}: {error}"
        for slot in wanted:
            if needed(slot) and not parts.get(slot.path):
                return f"{label} has no value for its {slot.label} here."
        self._templates[variant.name] = (template, parts, wanted)
        return ""

    def values(self, variant: str, who: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, str]:
        """The text of each slot for one person. Raises Missing."""
        _, parts, wanted = self._templates[variant]
        texts = {}
        for slot in wanted:
            # An offer's end is read once more, so its date must be one that we read.
            how = msgspec.structs.replace(self.style, format="iso") if slot.kind == "expiry" else self.style
            text = values.rendered(parts.get(slot.path, ()), who, event, how)
            if needed(slot) and not text.strip():
                raise Missing(f"{slot.label} would be empty")
            texts[slot.path] = _expiry(slot, text, self) if slot.kind == "expiry" else text
        return texts

    def compose(
        self, variant: str, msg_id: str, to: str, who: Mapping[str, Any], event: Mapping[str, Any], now: float
    ) -> Accepted:
        """The message as it goes into the ledger. `now` is in epoch seconds. Raises Missing and Refused."""
        template, _, _ = self._templates[variant]
        content = fill(
            template.name, template.language, template.components, self.values(variant, who, event)
        )
        payload = clevertap_payload(Outbound("", msg_id, to, self.access.waba_number, content))
        send = read_send(payload)
        notes = receive.check(self.access, send, now)
        row = receive.accepted(self.access, send, notes, msgspec.json.encode(payload), now)
        return row._replace(reported=self.broadcast.reported)


def _expiry(slot: Slot, text: str, composer: Composer) -> str:
    """An offer's end in epoch milliseconds, from those or from a date as `values` writes it."""
    if text.isdecimal():
        return text
    try:
        wall = datetime.fromisoformat(text)
    except ValueError as error:
        raise Missing(f"{slot.label}: “{text[:40]}” is not a date") from error
    aware = wall if wall.tzinfo else wall.replace(tzinfo=composer.style.zone)
    return str(int(aware.timestamp() * 1000))
