"""A recipient's message: the template's slots filled in, checked as CleverTap's own messages are."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from audience.models import Contact
from broadcasts import values
from broadcasts.filters import FIELDS
from broadcasts.models import Broadcast, Variant
from broadcasts.values import Missing, Parts
from campaigns import intake
from campaigns.ledger import Accepted
from providers import auth
from providers.dialects import clevertap_send, clevertap_write
from providers.messages import Outbound
from templates_app.components import Slot, slots
from templates_app.filling import fill
from templates_app.models import Template


def find(broadcast: Broadcast, variant: Variant) -> Template | None:
    rows = Template.objects.filter(provider=broadcast.provider_id)
    return rows.filter(name=variant.template, language=variant.language).first()


def profile(contact: Contact) -> dict[str, Any]:
    """What `profile.…` may name."""
    return {**contact.attributes, **{name: getattr(contact, name) for name in FIELDS}}


def needed(slot: Slot) -> bool:
    """Whether a message must fill the slot. An unfilled payload is the button's text."""
    return slot.required and slot.kind != "payload"


class Composer:
    """How one broadcast's messages are made, by its templates as they are now."""

    def __init__(self, broadcast: Broadcast) -> None:
        self.broadcast = broadcast
        self.zone = broadcast.tz
        door = auth.door(broadcast.provider.public_id)
        assert door is not None
        self.door = door
        self._templates: dict[str, tuple[Template, dict[str, Parts], list[Slot]]] = {}
        self.problem = ""
        for variant in broadcast.messages:
            self.problem = self.problem or self._prepare(variant)
        if not broadcast.messages:
            self.problem = "It has no message."

    def _prepare(self, variant: Variant) -> str:
        """Takes up a variant's template. Returns why it cannot be sent now, as a sentence."""
        label = f"The template {variant.template} ({variant.language})"
        template = find(self.broadcast, variant)
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
            text = values.render(parts.get(slot.path, ()), who, event, self.zone)
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
        payload = clevertap_write.write(Outbound("", msg_id, to, self.door.waba_number, content))
        send = clevertap_send.read(payload)
        notes = intake.check(self.door, send, now)
        row = intake.accepted(self.door, send, notes, msgspec.json.encode(payload), now)
        return row._replace(reported=self.broadcast.reported)


def _expiry(slot: Slot, text: str, composer: Composer) -> str:
    """An offer's end in epoch milliseconds, from those or from a date as `values` writes it."""
    if text.isdecimal():
        return text
    try:
        wall = datetime.fromisoformat(text)
    except ValueError as error:
        raise Missing(f"{slot.label}: “{text[:40]}” is no date") from error
    aware = wall if wall.tzinfo else wall.replace(tzinfo=composer.zone)
    return str(int(aware.timestamp() * 1000))
