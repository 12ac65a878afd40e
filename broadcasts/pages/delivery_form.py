"""The delivery step: when a broadcast goes out, how fast, whom it leaves out, and when it pauses
automatically."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget

from broadcasts.models import Broadcast
from broadcasts.pages.forms import time_field, whole, zones
from broadcasts.people.builder import offer
from broadcasts.run import clock

if TYPE_CHECKING:
    _Form = forms.ModelForm[Broadcast]
else:
    _Form = forms.ModelForm

_CLOCK = {"type": "datetime-local", "class": " ".join(INPUT_CLASSES)}


class WallField(forms.Field):
    """A date and time without a zone."""

    widget = forms.DateTimeInput(_CLOCK, format="%Y-%m-%dT%H:%M")

    def to_python(self, value: Any) -> datetime | None:
        if not value:
            return None
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError as error:
            raise ValidationError("Write it as 2026-03-31 14:30.") from error
        if not 2000 <= found.year < 3000:  # zones cannot be applied near the first and the last year
            raise ValidationError(f"The year {found.year} cannot be meant.")
        return found.replace(tzinfo=None)


class DeliveryForm(_Form):
    """Times are by the clock of the zone chosen with them."""

    zone = forms.ChoiceField(
        label="Time zone",
        widget=UnfoldAdminSelectWidget(),
        help_text="The time zone of every time on this page.",
    )
    date_format = forms.ChoiceField(
        label="Dates in its messages",
        required=False,
        choices=Broadcast.DateFormat.choices,
        widget=UnfoldAdminSelectWidget(),
        help_text="How messages show dates. A date with a time is shown with it, in this time zone.",
    )
    starts_at = WallField(label="Begins", required=False, help_text="Empty: as soon as it is launched.")
    ends_at = WallField(
        label="Ends",
        required=False,
        help_text="Nothing triggers a message from then on. Empty: until you end it.",
    )
    quiet_from = time_field("Quiet from", "Messages wait for the end of the quiet hours.")
    quiet_to = time_field("Quiet to")
    throttle = whole("Messages per 5 minutes", 1, 10_000_000, "Empty: as fast as the provider allows.")
    cap_count = whole(
        "Frequency cap: messages to a person",
        1,
        1000,
        "A person who got so many template messages already gets no more. CleverTap’s messages count too.",
    )
    cap_days = whole("In days", 1, 365)
    control_percent = whole(
        "Control group, percent",
        0,
        90,
        "These people are counted and never messaged. Within one broadcast they are always the same people.",
    )
    error_percent = whole(
        "Error threshold, percent",
        1,
        100,
        "When more of the messages fail, the broadcast pauses and says why. Empty: it never does.",
    )

    class Meta:
        model = Broadcast
        fields = (
            "zone", "date_format", "starts_at", "ends_at", "quiet_from", "quiet_to", "throttle", "cap_count",
            "cap_days", "control_percent", "error_percent",
        )  # fmt: skip

    _GROUPS = (
        ("When", ("zone", "date_format", "starts_at", "ends_at")),
        ("Quiet hours", ("quiet_from", "quiet_to")),
        ("How much", ("throttle", "cap_count", "cap_days")),
        ("Control group and safety stop", ("control_percent", "error_percent")),
    )

    @property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """What belongs together, by heading."""
        return [
            (title, [self[name] for name in names if name in self.fields]) for title, names in self._GROUPS
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "zone", zones())
        if not self.instance.triggered:
            del self.fields["ends_at"]
        zone = ZoneInfo(self.instance.zone or settings.TIME_ZONE)
        for name in ("starts_at", "ends_at"):
            at = getattr(self.instance, name)
            self.initial[name] = at.astimezone(zone).replace(tzinfo=None) if at else None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("zone"):
            for name in ("starts_at", "ends_at"):
                if cleaned.get(name):
                    cleaned[name] = clock.moment(cleaned[name], ZoneInfo(cleaned["zone"]))
        begin, end = cleaned.get("quiet_from"), cleaned.get("quiet_to")
        if (begin is None) != (end is None):
            self.add_error("quiet_to", "Quiet hours need both a beginning and an end.")
        elif begin is not None and begin == end:
            self.add_error("quiet_to", "Quiet hours would never end. Choose another time.")
        if bool(cleaned.get("cap_count")) != bool(cleaned.get("cap_days")):
            self.add_error("cap_days", "A frequency cap needs both a number of messages and of days.")
        cleaned["date_format"] = cleaned.get("date_format") or self.instance.date_format
        cleaned["control_percent"] = cleaned.get("control_percent") or 0
        return cleaned
