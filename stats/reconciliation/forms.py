"""The forms of the upload: the file, what the file does not say, and which column holds what."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.conf import settings
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from providers.models import Provider
from stats.models import Report
from stats.reconciliation.columns import TARGETS

ORDERS = (("", "as the file shows"), ("no", "day first: 31/12/2026"), ("yes", "month first: 12/31/2026"))
_MONTH_FIRST = {"": None, "no": False, "yes": True}


class _Zone(forms.CharField):
    def clean(self, value: Any) -> str:
        name = str(super().clean(value))
        if name not in available_timezones():
            raise forms.ValidationError("No such time zone. Write it as Asia/Kolkata or Europe/Berlin.")
        return name


class AboutForm(forms.Form):
    """What a report does not say."""

    zone = _Zone(
        label="Time zone of its days",
        widget=UnfoldAdminTextInputWidget(attrs={"list": "zones"}),
        help_text="The time zone of the CleverTap account, under Settings there.",
    )
    exported_at = forms.CharField(
        label="Exported at",
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": "2026-01-31 18:30"}),
        help_text="When CleverTap exported the report, in that time zone. Empty: now.",
    )
    provider = forms.ModelChoiceField(
        Provider.objects.all(),
        required=False,
        empty_label="as the file says, else all",
        widget=UnfoldAdminSelectWidget(),
    )
    month_first = forms.ChoiceField(
        label="Days with slashes", required=False, choices=ORDERS, widget=UnfoldAdminSelectWidget()
    )
    day = forms.DateField(
        label="The one day it is about",
        required=False,
        widget=UnfoldAdminDateWidget(),
        help_text="Only for a report without a column for the day.",
    )
    complete = forms.BooleanField(
        label="All campaigns of its days are in it",
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget(),
        help_text="If so, campaigns and days that the report lacks count as differences.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["zone"].initial = settings.TIME_ZONE

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        now = timezone.now()
        told["exported_at"] = self._exported(told.get("exported_at", ""), told.get("zone", "UTC"), now)
        told["month_first"] = _MONTH_FIRST.get(told.get("month_first", ""))
        return told

    def _exported(self, text: str, zone: str, now: datetime) -> datetime:
        if not text:
            return now
        try:
            moment = datetime.fromisoformat(text.strip())
            moment = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
            if moment > now + timedelta(days=1):
                self.add_error("exported_at", "This time is in the future.")
            return moment
        except (ValueError, OverflowError):
            self.add_error("exported_at", "Write it as 2026-01-31 18:30.")
            return now


class FileForm(AboutForm):
    file = forms.FileField(label="CSV file", widget=UnfoldAdminFileFieldWidget({"accept": ".csv,.txt,.tsv"}))

    field_order = ("file",)


class ColumnsForm(AboutForm):
    """Which column of a report holds what."""

    def __init__(self, report: Report, *args: Any, **kwargs: Any) -> None:
        order = {None: "", False: "no", True: "yes"}[report.month_first]
        local = report.exported_at.astimezone(ZoneInfo(report.zone))
        initial = {
            "zone": report.zone,
            "exported_at": f"{local:%Y-%m-%d %H:%M:%S}",
            "provider": report.provider_id,
            "month_first": order,
            "day": report.day,
            "complete": report.complete,
        }
        super().__init__(*args, initial=initial, **kwargs)
        options = [
            ("", "none"),
            *((str(n), heading or f"column {n + 1}") for n, heading in enumerate(report.header)),
        ]
        for target, label in TARGETS.items():
            self.fields[f"column_{target}"] = forms.ChoiceField(
                label=f"{label}: column",
                required=False,
                choices=options,
                initial=str(report.mapping.get(target, "")),
                widget=UnfoldAdminSelectWidget(),
            )

    @property
    def column_fields(self) -> list[forms.BoundField]:
        return [self[f"column_{target}"] for target in TARGETS]

    @property
    def about_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in AboutForm.base_fields]

    @property
    def mapped(self) -> dict[str, int]:
        told = {target: self.cleaned_data.get(f"column_{target}", "") for target in TARGETS}
        return {target: int(position) for target, position in told.items() if position}
