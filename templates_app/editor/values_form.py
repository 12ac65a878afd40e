"""The form of a test message: numbers, and a field for every slot of the template."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldAdminURLInputWidget,
)

from lib import phone
from lib.user_ids import is_user_id
from templates_app.content.components import LONGEST_CODE, Component, Slot, slots
from templates_app.content.fill import SAMPLE_MEDIA, place

MOST_NUMBERS = 20
USER_IDS = "If a person's number is not known, write WhatsApp’s user id."

_HELP = {
    "url": "What replaces the variable in the template's URL, or the whole URL. Where clicks are "
    "tracked: the whole URL it leads to.",
    "payload": "The payload that comes back when somebody taps the button. Empty: the button's text.",
    "location": "Latitude, longitude, name, address. For example: 41.38, 2.17, Shop 4, Carrer Major 4.",
}


class ValuesForm(forms.Form):
    """`values` has what was filled in, by slot, as templates_app.content.fill takes it."""

    numbers = forms.CharField(
        label="Phone numbers",
        widget=UnfoldAdminTextareaWidget({"rows": 2, "placeholder": "+14155550100"}),
        help_text=f"With country code, separated by commas or line breaks; {MOST_NUMBERS} at most. "
        f"{USER_IDS}",
    )

    def __init__(self, components: Sequence[Component], default_country: str = "", *args: Any) -> None:
        super().__init__(*args)
        self.default_country = default_country
        self.slots = {_name(slot): slot for slot in slots(components)}
        for name, slot in self.slots.items():
            self.fields[name] = _field(slot)

    @property
    def values(self) -> dict[str, str]:
        return {slot.path: _written(self.cleaned_data.get(name)) for name, slot in self.slots.items()}

    def clean_numbers(self) -> list[str]:
        return numbers_of(self.cleaned_data["numbers"], self.default_country)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name, slot in self.slots.items():
            value = cleaned.get(name)
            if slot.kind == "expiry" and value and value <= timezone.now():
                self.add_error(name, "The offer must end in the future.")
            elif slot.kind == "location" and value and place(value) is None:
                self.add_error(name, "Begin with the latitude and the longitude, for example 41.38, 2.17.")
        return cleaned


def numbers_of(text: str, default_country: str = "") -> list[str]:
    """The phone numbers and user ids of a test, as people type them, each once. Raises ValidationError."""
    typed = [each.strip() for each in re.split(r"[,;\n]", text) if each.strip()]
    numbers = {each: each if is_user_id(each) else phone.digits(each, default_country) for each in typed}
    wrong = [each for each, digits in numbers.items() if not digits]
    if wrong:
        raise ValidationError(
            f"Not a phone number: {', '.join(wrong)}. Write it with its country code, such as +14155550100."
        )
    found = list(dict.fromkeys(numbers.values()))
    if len(found) > MOST_NUMBERS:
        raise ValidationError(f"{len(found)} numbers; a test goes to {MOST_NUMBERS} at most.")
    if not found:
        raise ValidationError("Write at least one number.")
    return found


def _name(slot: Slot) -> str:
    return "slot-" + slot.path.replace(".", "-")


def _field(slot: Slot) -> forms.Field:
    words: dict[str, Any] = {
        "label": slot.label[0].upper() + slot.label[1:],
        "help_text": _HELP.get(slot.kind, ""),
        "required": slot.required and slot.kind != "payload",
    }
    if slot.kind == "expiry":
        later = timezone.localtime(timezone.now() + timedelta(days=1)).replace(second=0, microsecond=0)
        widget = forms.DateTimeInput(
            {"type": "datetime-local", "class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%dT%H:%M"
        )
        zone = f"In the time zone {timezone.get_current_timezone_name()}."
        return forms.DateTimeField(widget=widget, initial=later, **words | {"help_text": zone})
    if slot.kind in SAMPLE_MEDIA:
        known = slot.example if slot.example.startswith(("http://", "https://")) else ""
        return forms.URLField(
            widget=UnfoldAdminURLInputWidget(), initial=known, assume_scheme="https", max_length=2000, **words
        )
    most = LONGEST_CODE if slot.kind == "code" else 2000
    return forms.CharField(
        widget=UnfoldAdminTextInputWidget(), initial=slot.example, max_length=most, **words
    )


def _written(value: Any) -> str:
    """A cleaned value as the message takes it; a time in epoch milliseconds."""
    if isinstance(value, datetime):
        return str(int(value.astimezone(UTC).timestamp() * 1000))
    return str(value or "")
