"""The message step: variants, each a template with a text for every slot."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from broadcasts.contact_filters import FIELDS
from broadcasts.message import composing, values
from broadcasts.models import Broadcast, Variant
from broadcasts.people.builder import names, offer
from templates_app.content.components import Slot, slots
from templates_app.models import Template

MOST = 4
LETTERS = "ABCD"
_HELP = {
    "url": "What replaces the variable in the template’s URL, or the whole URL.",
    "payload": "The payload that comes back when somebody taps the button. Empty: the button’s text.",
    "location": "Latitude, longitude, name, address.",
    "expiry": "When the offer ends: 2026-03-31 18:00, or a date such as {{ event.Valid until }}.",
}


def templates(broadcast: Broadcast) -> list[Template]:
    """Those of the provider that may be sent."""
    rows = Template.objects.filter(provider=broadcast.provider_id, status=Template.Status.APPROVED)
    return list(rows.filter(vanished_at=None).order_by("name", "language"))


class VariantForm(forms.Form):
    percent = forms.IntegerField(
        label="Percent", min_value=1, max_value=100, widget=UnfoldAdminIntegerFieldWidget()
    )
    template = forms.ChoiceField(label="Template", widget=UnfoldAdminSelectWidget({"data-refresh": ""}))

    def __init__(
        self, name: str, offered: list[Template], chosen: Template | None, *args: Any, **named: Any
    ) -> None:
        super().__init__(*args, **named)
        self.name = name
        self.chosen = chosen
        choices = [("", "Choose a template"), *((str(row.pk), str(row)) for row in offered)]
        if chosen and chosen not in offered:
            choices.append((str(chosen.pk), f"{chosen} – cannot be sent now"))
        offer(self, "template", choices)
        self.slots: dict[str, Slot] = {}
        for slot in slots(chosen.components) if chosen else []:
            key = "slot-" + slot.path.replace(".", "-")
            self.slots[key] = slot
            self.fields[key] = forms.CharField(
                label=slot.label[0].upper() + slot.label[1:],
                required=composing.needed(slot),
                widget=UnfoldAdminTextInputWidget({"data-insert": "", "placeholder": slot.example}),
                help_text=_HELP.get(slot.kind, ""),
                max_length=values.LONGEST,
            )

    @property
    def texts(self) -> dict[str, str]:
        """What is in the fields now, by slot, right or wrong."""
        return {slot.path: str(self[key].value() or "") for key, slot in self.slots.items()}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for key in self.slots:
            try:
                values.parse(cleaned.get(key) or "")
            except ValueError as error:
                self.add_error(key, ValidationError(str(error)))
        return cleaned

    @property
    def variant(self) -> Variant:
        assert self.chosen is not None
        texts = {
            slot.path: self.cleaned_data[key] for key, slot in self.slots.items() if self.cleaned_data[key]
        }
        return Variant(self.name, self.cleaned_data["percent"], self.chosen.name, self.chosen.language, texts)


class MessageForm:
    """All variants together. `action` is what a button other than Save asks for."""

    def __init__(self, broadcast: Broadcast, data: Mapping[str, str] | None = None) -> None:
        self.broadcast = broadcast
        self.data = data
        self.error = ""
        self.offered = templates(broadcast)
        self.action = (data or {}).get("action", "save")
        self.forms = self._posted(data) if data is not None else self._stored()

    def _stored(self) -> list[VariantForm]:
        forms = []
        registered = composing.registered(self.broadcast)
        for n, variant in enumerate(self.broadcast.messages):
            template = registered.get(variant.name)
            initial: dict[str, Any] = {
                "percent": variant.percent,
                "template": str(template.pk) if template else "",
            }
            initial |= {"slot-" + path.replace(".", "-"): text for path, text in variant.values.items()}
            forms.append(self._form(n, template, initial))
        return forms or [self._form(0, None, {"percent": 100})]

    def _posted(self, data: Mapping[str, str]) -> list[VariantForm]:
        """The forms as posted, with a variant more or less if that was asked for."""
        given = data.get("variants", "1")
        count = min(max(int(given[:4]) if given.isdecimal() else 1, 1), MOST)
        kept = [n for n in range(count) if self.action != f"remove-{n}" or count == 1]
        if self.action == "save" or self.action == "preview":
            return [self._form(n, self._chosen(data.get(f"v{n}-template", "")), None, data) for n in kept]
        forms = []
        for position, n in enumerate(kept):
            start = f"v{n}-"
            initial = {key.removeprefix(start): data[key] for key in data if key.startswith(start)}
            forms.append(self._form(position, self._chosen(data.get(f"{start}template", "")), initial))
        if self.action == "add" and len(forms) < MOST:
            last = forms[-1].initial
            forms.append(self._form(len(forms), forms[-1].chosen, dict(last)))
        if self.action == "add" or self.action.startswith("remove-"):
            for form, percent in zip(forms, _shares(len(forms)), strict=True):
                form.initial["percent"] = percent
        return forms

    def _chosen(self, pk: str) -> Template | None:
        if not pk.isdecimal() or len(pk) > 18:
            return None
        return Template.objects.filter(pk=int(pk), provider=self.broadcast.provider_id).first()

    def _form(self, n: int, chosen: Template | None, initial: Any, data: Any = None) -> VariantForm:
        return VariantForm(LETTERS[n], self.offered, chosen, data, initial=initial, prefix=f"v{n}")

    def is_valid(self) -> bool:
        wrong = [form for form in self.forms if not form.is_valid()]  # every form says what is wrong with it
        valid = not wrong
        if valid and sum(form.cleaned_data["percent"] for form in self.forms) != 100:
            self.error = "The variants’ percentages must sum to 100."
        return valid and not self.error

    def save(self) -> None:
        variants = [form.variant for form in self.forms]
        self.broadcast.variants = msgspec.to_builtins(variants)
        self.broadcast.save(update_fields=["variants", "updated_at"])


def _shares(count: int) -> list[int]:
    return [100 // count + (n < 100 % count) for n in range(count)]


def insertable(broadcast: Broadcast) -> list[tuple[str, list[str]]]:
    """What may be inserted into a text, by heading."""
    known = names()
    found = [
        ("Contact", [f"{{{{ profile.{name} | }}}}" for name in FIELDS if name != "identity"]),
        ("Attributes", [f"{{{{ profile.{name} | }}}}" for name in known.get("", [])]),
    ]
    if broadcast.event_name:
        found.append(
            (
                f"Event {broadcast.event_name}",
                [f"{{{{ event.{name} | }}}}" for name in known.get(broadcast.event_name, [])],
            )
        )
    return [(title, listed) for title, listed in found if listed]
