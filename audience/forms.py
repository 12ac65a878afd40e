"""The small forms of the audience's pages."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from audience import accounts
from audience.csv_reading import Column
from audience.csv_values import TYPES
from audience.models import OptSetting, UploadAccount
from lib.csv_files import ENCODINGS

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
        help_text="UTF-8, UTF-16 and Windows-1252 are found out.",
    )


class ColumnForm(forms.Form):
    """What becomes of one column."""

    to = forms.ChoiceField(choices=TARGETS, widget=UnfoldAdminSelectWidget())
    name = forms.CharField(required=False, max_length=120, widget=UnfoldAdminTextInputWidget())
    type = forms.ChoiceField(choices=[(name, name) for name in TYPES], widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, title: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = {"to": f"{title} becomes", "name": f"Attribute of {title}", "type": f"Type of {title}"}
        for name, label in labels.items():
            self.fields[name].widget.attrs["aria-label"] = label

    @property
    def column(self) -> Column:
        told = self.cleaned_data
        return Column(told["to"], told["name"].strip(), told["type"])


class CountryForm(forms.Form):
    country = forms.RegexField(
        r"^[1-9]\d{0,2}$",
        required=False,
        widget=UnfoldAdminTextInputWidget({"size": 4, "inputmode": "numeric"}),
        label="Country code of numbers without one",
        help_text="Digits only, for example 91. Empty: every number has its own.",
        error_messages={"invalid": "A country code is one to three digits, without +."},
    )


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Kept as the proof: how and when the person asked for it.",
    )


class OptSettingForm(_SettingForm):
    account_id = forms.CharField(
        required=False, max_length=64, label="Account id", widget=UnfoldAdminTextInputWidget()
    )
    passcode = forms.CharField(
        required=False,
        max_length=200,
        widget=UnfoldAdminPasswordWidget({"autocomplete": "new-password"}),
        help_text="Kept encrypted and never shown again. Empty: the stored one stays.",
    )

    class Meta:
        model = OptSetting
        fields = ("provider", "stop_words", "start_words", "subscribe_url")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["account_id"].initial = self.instance.account.get("account_id", "")

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        stored = self.instance.account.get("passcode", "")
        passcode = told.get("passcode") or stored
        if told.get("subscribe_url") and not (told.get("account_id") and passcode):
            raise ValidationError("CleverTap's subscribe API needs the account id and its passcode.")
        self.instance.account = {"account_id": told.get("account_id", ""), "passcode": passcode}
        return told


class AccountForm(_AccountForm):
    """A new account; its passcode is generated."""

    class Meta:
        model = UploadAccount
        fields = ("account_id", "label")

    passcode = ""

    def clean_account_id(self) -> str:
        account_id: str = self.cleaned_data["account_id"]
        try:
            accounts.check(account_id)
        except accounts.NoAccount as error:
            raise ValidationError(str(error)) from error
        return account_id
