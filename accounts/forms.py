"""What people fill in on their own page."""

from typing import Any

from allauth.account.adapter import get_adapter
from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.views.decorators.debug import sensitive_variables
from unfold.forms import AdminOwnPasswordChangeForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from accounts import scopes, tokens


class OwnPasswordForm(AdminOwnPasswordChangeForm):  # type: ignore[misc]
    """The old password is a try like those of the sign-in page: counted with them, logged, in the trail."""

    @sensitive_variables("old")
    def clean_old_password(self) -> str:
        old: str = self.cleaned_data["old_password"]
        if not get_adapter().reauthenticate(self.user, old):
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return old


class TokenForm(forms.Form):
    """A new token, with the scopes that the person's roles allow."""

    name = forms.CharField(
        max_length=64, widget=UnfoldAdminTextInputWidget, help_text="What the token is for."
    )
    scopes = forms.MultipleChoiceField(widget=UnfoldAdminCheckboxSelectMultipleWidget)
    days = forms.IntegerField(
        min_value=1,
        max_value=tokens.MOST_DAYS,
        initial=tokens.DAYS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=f"The days that the token lasts, at most {tokens.MOST_DAYS}.",
    )

    def __init__(self, owner: User, *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        allowed = [(name, text) for name, text in scopes.CHOICES if owner.has_perm(scopes.PERMISSIONS[name])]
        self.fields["scopes"].choices = allowed  # type: ignore[attr-defined]
