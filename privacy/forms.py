"""What people fill in about a person, and about what is to stay."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import UnfoldAdminTextInputWidget

from campaigns.models import Campaign
from privacy import finding
from privacy.finding import Person, Unknown
from privacy.models import Hold

if TYPE_CHECKING:
    _HoldForm = forms.ModelForm[Hold]
else:
    _HoldForm = forms.ModelForm


class PersonForm(forms.Form):
    """The number travels in the body of a request only: addresses are kept in histories and logs."""

    number = forms.CharField(
        label="Phone number, user id or username",
        max_length=160,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "autofocus": True}),
        help_text="The number with its country code, such as +91 98765 43210; or WhatsApp's user id "
        "or username.",
    )

    person: Person

    def clean_number(self) -> str:
        try:
            self.person = finding.person(self.cleaned_data["number"])
        except Unknown as error:
            raise ValidationError(str(error)) from error
        return str(self.cleaned_data["number"])


class EraseForm(forms.Form):
    asked_by = forms.CharField(
        label="Who asked for it",
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="For example a ticket, or the date of a letter. The receipt keeps this text.",
    )


class HoldForm(_HoldForm):
    class Meta:
        model = Hold
        fields = ("provider", "campaign", "number", "reason")

    def clean_number(self) -> str:
        typed = str(self.cleaned_data["number"]).strip()
        try:
            return finding.named(typed) if typed else ""
        except Unknown as error:
            raise ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any] | None:
        """A hold on a campaign that nobody knows would hold nothing, and nobody would notice."""
        cleaned = super().clean()
        code, provider = self.cleaned_data.get("campaign"), self.cleaned_data.get("provider")
        if code:
            known = Campaign.objects.filter(code=code)
            if not known.exists():
                self.add_error("campaign", "No campaign has this id. The list of campaigns has them all.")
            elif provider and not known.filter(provider=provider).exists():
                self.add_error("campaign", f"{provider} has no campaign with this id.")
        return cleaned
