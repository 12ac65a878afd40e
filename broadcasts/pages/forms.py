"""The steps of a broadcast as forms: what it is, what triggers it, who gets it, when it goes out."""

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from broadcasts.models import Broadcast, Segment
from broadcasts.people import builder
from broadcasts.people.builder import ComparisonsField, FilterField, offer
from broadcasts.run import clock
from providers.models import Provider

if TYPE_CHECKING:
    _Form = forms.ModelForm[Broadcast]
else:
    _Form = forms.ModelForm

Kind = Broadcast.Kind
Who = Broadcast.Who
ABOUT = {
    Kind.ONE_TIME: "One time: once, to everybody who is in the audience when it begins.",
    Kind.ACTION: "Single action: whenever somebody does something.",
    Kind.INACTION: "Inaction within time: when somebody did one thing and not another in time.",
    Kind.DATE: "On a date/time: some days or hours before or after a date of the contact or of an event.",
}


def whole(label: str, low: int, high: int, help_text: str = "") -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text=help_text,
        validators=[MinValueValidator(low), MaxValueValidator(high)],
    )


def time_field(label: str, help_text: str = "") -> forms.TimeField:
    widget = forms.TimeInput({"type": "time", "class": " ".join(INPUT_CLASSES)}, format="%H:%M")
    return forms.TimeField(label=label, required=False, widget=widget, help_text=help_text)


def zones() -> list[tuple[str, str]]:
    return [(name, name.replace("_", " ")) for name in clock.zones()]


class BasicsForm(_Form):
    name = forms.CharField(max_length=120, widget=UnfoldAdminTextInputWidget())
    kind = forms.ChoiceField(label="Type", choices=list(ABOUT.items()), widget=UnfoldAdminRadioSelectWidget())
    provider = forms.ModelChoiceField(Provider.in_use(), widget=UnfoldAdminSelectWidget(), empty_label=None)
    reported = forms.BooleanField(
        label="Report its messages to CleverTap",
        required=False,
        widget=UnfoldBooleanWidget(),
        help_text="CleverTap did not send these messages, so usually it gets no reports of them.",
    )

    class Meta:
        model = Broadcast
        fields = ("name", "kind", "provider", "reported")


class TriggerForm(_Form):
    """Only with the fields that its type has."""

    event_name = forms.CharField(
        label="The event",
        max_length=512,
        widget=UnfoldAdminTextInputWidget({"list": "events"}),
        help_text="The name that the upload API uses.",
    )
    event_where = ComparisonsField(label="Only where", help_text="Conditions on the event's properties.")
    without = forms.CharField(
        label="And not the event", max_length=512, widget=UnfoldAdminTextInputWidget({"list": "events"})
    )
    wait_minutes = whole("Minutes", 0, 60 * 24 * 90)
    date_name = forms.ChoiceField(label="The date", widget=UnfoldAdminSelectWidget())
    offset = whole("How many", 0, 3650)
    offset_unit = forms.ChoiceField(
        label="Unit", choices=Broadcast.Unit.choices, widget=UnfoldAdminSelectWidget()
    )
    side = forms.ChoiceField(
        label="Before or after it",
        choices=[("-", "before it"), ("+", "after it")],
        widget=UnfoldAdminSelectWidget(),
    )
    at_time = time_field(
        "At the time",
        "Empty: at the time of day that the date has; at 9:00 for a date without a time. For days only.",
    )
    zone = forms.ChoiceField(label="Time zone", widget=UnfoldAdminSelectWidget())

    _USED = {
        Kind.ACTION: ("event_name", "event_where", "wait_minutes"),
        Kind.INACTION: ("event_name", "event_where", "without", "wait_minutes"),
        Kind.DATE: ("date_name", "offset", "offset_unit", "side", "at_time", "zone", "event_where"),
    }

    class Meta:
        model = Broadcast
        fields = (
            "event_name",
            "event_where",
            "without",
            "wait_minutes",
            "offset",
            "offset_unit",
            "at_time",
            "zone",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind = Kind(self.instance.kind)
        for name in set(self.fields) - set(self._USED[kind]):
            del self.fields[name]
        if "zone" in self.fields:
            offer(self, "zone", zones())
        waits = {
            Kind.ACTION: ("Minutes to wait", "0: immediately."),
            Kind.INACTION: (
                "Within minutes",
                "The message goes out after these minutes if the other event did not happen.",
            ),
        }
        if kind in waits:
            self.fields["wait_minutes"].label, self.fields["wait_minutes"].help_text = waits[kind]
            return
        broadcast = self.instance
        # As JSON: a browser writes line breaks in a value anew, and any mark may be part of a name.
        found = [json.dumps([event, name]) for event, name in builder.dates()]
        now = json.dumps([broadcast.event_name, broadcast.date_name])
        if broadcast.date_name and now not in found:
            found.append(now)
        offer(self, "date_name", [(each, _date_label(each)) for each in found])
        self.initial = {
            **self.initial,
            "date_name": now,
            "offset": abs(broadcast.offset),
            "side": "+" if broadcast.offset > 0 else "-",
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("without") and cleaned.get("without") == cleaned.get("event_name"):
            self.add_error("without", "Choose another event: this one has just happened.")
        if self.instance.kind == Kind.INACTION and not cleaned.get("wait_minutes"):
            self.add_error("wait_minutes", "Say within how many minutes it must happen.")
        if "wait_minutes" in self.fields:
            cleaned["wait_minutes"] = cleaned.get("wait_minutes") or 0
        if self.instance.kind == Kind.DATE:
            cleaned["offset"] = (cleaned.get("offset") or 0) * (1 if cleaned.get("side") == "+" else -1)
            if cleaned.get("offset_unit") == Broadcast.Unit.HOURS and cleaned.get("at_time"):
                self.add_error(
                    "at_time", "Hours are counted from the date itself. A time goes with days only."
                )
            chosen = cleaned.get("date_name")
            if chosen and not json.loads(chosen)[0] and cleaned.get("event_where"):
                self.add_error(
                    "event_where", "This date belongs to the contact, so there is no event with properties."
                )
        return cleaned

    def save(self, commit: bool = True) -> Broadcast:
        if self.instance.kind == Kind.DATE:
            self.instance.event_name, self.instance.date_name = json.loads(self.cleaned_data["date_name"])
        return super().save(commit)


def _date_label(each: str) -> str:
    event, name = json.loads(each)
    return f"{name} of the event {event}" if event else f"{name} of the contact"


class WhoForm(_Form):
    who = forms.ChoiceField(
        label="Whom it is for", choices=Who.choices, widget=UnfoldAdminRadioSelectWidget()
    )
    segment = forms.ModelChoiceField(
        Segment.objects.all(), required=False, widget=UnfoldAdminSelectWidget(), empty_label="–"
    )
    filter = FilterField(label="Those who")
    file = forms.FileField(
        label="List of people",
        required=False,
        widget=UnfoldAdminFileFieldWidget({"accept": ".csv,.txt,.tsv"}),
        help_text="A CSV file, one person a row: their identity in a column called Identity or in the first, "
        "or their number in one called Phone. They must be contacts already.",
    )

    class Meta:
        model = Broadcast
        fields = ("who", "segment", "filter")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("who") == Who.SEGMENT and not cleaned.get("segment"):
            self.add_error("segment", "Choose the segment.")
        if cleaned.get("who") == Who.LIST and not cleaned.get("file") and not self.instance.list_name:
            self.add_error("file", "Choose the file.")
        return cleaned
