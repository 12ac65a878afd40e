"""The small forms of the audience's pages."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from phonenumbers import SUPPORTED_REGIONS, country_code_for_region
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from audience import accounts, csv_values
from audience.csv_reading import Column
from audience.models import KnownProperty, OptSetting, UploadAccount
from audience.profiles import OWN_CODES
from lib import phone
from lib.csv_files import ENCODINGS
from providers import destinations
from providers.encrypted_fields import Sealed, require_key
from providers.validation import check_target

if TYPE_CHECKING:
    _SettingForm = forms.ModelForm[OptSetting]
    _AccountForm = forms.ModelForm[UploadAccount]
else:
    _SettingForm = _AccountForm = forms.ModelForm

TARGETS = (
    ("identity", "Identity"), ("name", "Name"), ("email", "Email"), ("phone", "Phone"), ("gender", "Gender"),
    ("opted_in", "MSG-whatsapp"), ("dnd", "MSG-dndWhatsApp"), ("attribute", "an attribute"),
    ("skip", "left out"),
)  # fmt: skip


class FileForm(forms.Form):
    file = forms.FileField(label="CSV file", widget=UnfoldAdminFileFieldWidget({"accept": ".csv,.txt,.tsv"}))
    encoding = forms.ChoiceField(
        choices=[("", "Find it out"), *ENCODINGS.items()],
        required=False,
        widget=UnfoldAdminSelectWidget(),
        help_text="Waypost recognises UTF-8, UTF-16 and Windows-1252.",
    )


class ColumnForm(forms.Form):
    """What becomes of one column."""

    to = forms.ChoiceField(choices=TARGETS, widget=UnfoldAdminSelectWidget())
    name = forms.CharField(required=False, max_length=120, widget=UnfoldAdminTextInputWidget())
    type = forms.ChoiceField(widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, title: str = "", dates: Mapping[str, str], **kwargs: Any) -> None:
        """`dates` are the dates that the column may hold: see audience.survey."""
        super().__init__(*args, **kwargs)
        field = self.fields["type"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = _type_choices(dates)
        labels = {"to": f"{title} becomes", "name": f"Attribute of {title}", "type": f"Type of {title}"}
        for name, label in labels.items():
            self.fields[name].widget.attrs["aria-label"] = label

    @property
    def column(self) -> Column:
        cleaned = self.cleaned_data
        kind, _, form = cleaned["type"].partition(" ")
        return Column(cleaned["to"], cleaned["name"].strip(), kind, form or "iso")


def _type_choices(dates: Mapping[str, str]) -> list[tuple[str, str]]:
    """Every type, and each other format in which the column may hold dates, with a value of the file."""
    choices: list[tuple[str, str]] = []
    for kind in csv_values.TYPES:
        label = str(KnownProperty.Type(kind).label)
        choices.append((kind, label))
        if kind not in ("date", "moment"):
            continue
        for form in csv_values.FORMATS:
            if form != "iso" and (text := dates.get(f"{kind} {form}")):
                shown = csv_values.shown(text, form)
                choices.append((f"{kind} {form}", f"{label}, {_FORMAT_WORDS[form]}: {text} is {shown}"))
        if f"{kind} dmy" in dates and f"{kind} mdy" in dates:
            choices.append((f"{kind} ask", f"{label}: day or month first?"))
    return choices


_FORMAT_WORDS = {"dmy": "day first", "mdy": "month first", "excel": "a spreadsheet’s number of the day"}


def countries() -> list[tuple[str, str]]:
    """ISO codes with names and calling codes, by name."""
    named = sorted((phone.country_name(code), code) for code in SUPPORTED_REGIONS)
    return [(code, f"{name} (+{country_code_for_region(code)})") for name, code in named]


class CountryForm(forms.Form):
    country = forms.ChoiceField(
        required=False,
        widget=UnfoldAdminSelectWidget(),
        label="Country of the numbers without a country code",
        help_text="The country code is put before the numbers that have no +. The table shows the "
        "stored numbers.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["country"]
        assert isinstance(field, forms.ChoiceField)
        own = (OWN_CODES, "The numbers begin with their country code, and only lack the +")
        field.choices = [("", "Choose the country"), own, *countries()]


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextInputWidget(),
        help_text="How and when the person asked for it. Kept as the proof.",
    )


class OptSettingForm(_SettingForm):
    account_id = forms.CharField(
        required=False, max_length=64, label="Account id", widget=UnfoldAdminTextInputWidget()
    )
    passcode = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password"}),
        help_text="Stored encrypted and never shown again. Leave it empty to keep the stored one.",
    )

    class Meta:
        model = OptSetting
        fields = ()  # the admin's fieldsets name them

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["account_id"].initial = self.instance.account.get("account_id", "")

    def clean_subscribe_url(self) -> str:
        url: str = self.cleaned_data["subscribe_url"]
        check_target(url)
        return url

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if isinstance(self.instance.account, Sealed) and not cleaned.get("passcode"):
            if cleaned.get("subscribe_url"):
                raise ValidationError(
                    "The passcode cannot be decrypted. Enter it again, with the account id."
                )
            return cleaned
        require_key()
        stored = self.instance.account.get("passcode", "")
        passcode = cleaned.get("passcode") or stored
        moved = cleaned.get("subscribe_url") not in (None, "", self.instance.subscribe_url)
        if stored and moved and not cleaned.get("passcode"):
            self.add_error("passcode", destinations.AGAIN)
        if cleaned.get("subscribe_url") and not (cleaned.get("account_id") and passcode):
            raise ValidationError("CleverTap's subscribe API needs the account id and its passcode.")
        self.instance.account = {"account_id": cleaned.get("account_id", ""), "passcode": passcode}
        return cleaned


class AccountForm(_AccountForm):
    """A new account; its passcode is generated."""

    country = forms.ChoiceField(
        required=False,
        widget=UnfoldAdminSelectWidget(),
        help_text="Where numbers without a country code belong. Without a country they are refused, as by "
        "CleverTap.",
    )

    class Meta:
        model = UploadAccount
        fields = ("account_id", "label", "country")

    passcode = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["country"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "None: every number has its country code"), *countries()]

    def clean_account_id(self) -> str:
        account_id: str = self.cleaned_data["account_id"]
        try:
            accounts.check(account_id)
        except accounts.NoAccount as error:
            raise ValidationError(str(error)) from error
        return account_id
