"""The provider's form and the small ones beside it."""

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from providers import destinations, lifecycle, validation
from providers.connectors import CONNECTORS
from providers.connectors.base import Connector
from providers.models import Provider
from providers.pages import import_fields
from providers.pages.connector_fields import CONNECTOR_SECTIONS, connector_fields, declared
from providers.pages.duration_field import DurationField
from providers.pages.quirk_fields import quirk_fields, quirk_name, quirks_of
from providers.pages.secret_fields import CLEAR, RowsField, SecretField
from providers.quirks import Quirks

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Provider]
else:
    _ModelForm = forms.ModelForm

MODEL_FIELDS = (
    "nickname", "waba_number", "connector_slug", "endpoint", "is_default", "auto_reply", "auto_reply_text",
    "max_concurrency", "rate_count", "rate_period", "validity", "cap_retries", "delivery_url", "inbound_url",
    "import_endpoint", "import_limit", "import_paging", "import_every", "click_domain", "link_days",
    "unknown_templates", "stopped_templates", "webhook_networks",
)  # fmt: skip
# The fields that saving this form may write. The state is not among them: a worker may have paused or
# held the provider since the page was opened.
SAVED_FIELDS = (
    *MODEL_FIELDS, "credentials", "previous_credentials", "previous_until", "options", "stored_quirks",
    "import_credentials",
)  # fmt: skip

UNTRIED = " – not tried on a live account yet"

HELP = {
    "max_concurrency": "From 30 to 1000.",
    "rate_count": "Most requests in each period. Empty: no limit, or on a new provider the BSP's.",
    "validity": "A message that is still not sent after this time fails: 1 day, or 2 hours 30 minutes.",
    "is_default": "Used where no other provider is named. Only one provider can be the default.",
    "endpoint": "Where the BSP accepts messages in CleverTap's format.",
    "delivery_url": "CleverTap shows it as Delivery Report Callback URL. Empty: keep reports here.",
    "import_endpoint": "Lists templates in Meta's format. Empty: the BSP's own list, where it has one.",
    "import_limit": "From 50 to 500.",
    "inbound_url": "CleverTap shows it as Inbound Message Callback URL. Empty: keep inbound messages here.",
}


class ProviderForm(_ModelForm):
    connector: Connector  # form_of() sets it, with the fields that it declares
    connector_slug = forms.ChoiceField(
        label="Connector",
        choices=[
            (connector.slug, connector.label + ("" if connector.tried_live else UNTRIED))
            for connector in CONNECTORS.values()
        ],
        # Another choice fetches the sections of the chosen connector and leaves what was typed elsewhere.
        widget=UnfoldAdminSelectWidget(
            {
                "hx-get": "?",
                "hx-swap": "none",
                "hx-select-oob": ",".join(f"#{each}" for each in CONNECTOR_SECTIONS),
            }
        ),
    )

    class Meta:
        model = Provider
        fields = ()  # the admin's fieldsets name them
        help_texts = HELP
        labels = {"import_paging": "Paging"}
        field_classes = {"validity": DurationField}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.was = self.instance.connector_slug  # before the form changes it
        provider = self.instance
        if "cap_retries" in self.fields:
            self.fields["cap_retries"].required = False
        if "rate_count" in self.fields:
            self.fields["rate_count"].validators.append(MinValueValidator(1))
        self.initial["connector_slug"] = self.connector.slug
        same = self.connector.slug == provider.connector_slug
        for name, kind, field in declared(self.connector):
            if name not in self.fields:
                continue
            form_field = self.fields[name]
            stored = (provider.credentials if kind == "credential" else provider.options) if same else {}
            if isinstance(form_field, RowsField):
                names = [key.removeprefix(field.name) for key in stored if key.startswith(field.name)]
                form_field.stored = set(names)
                self.initial[name] = [(each, "") for each in names]
            elif isinstance(form_field, SecretField):
                form_field.widget.stored = bool(stored.get(field.name))
            else:
                self.initial[name] = stored.get(field.name) or (field.default if field.choices else "")
        import_fields.fill(self, provider.import_credentials)
        for name in Quirks.__struct_fields__:
            if name in provider.stored_quirks:
                self.initial[quirk_name(name)] = provider.stored_quirks[name]

    def clean_is_default(self) -> bool:
        wanted: bool = self.cleaned_data["is_default"]
        others = Provider.objects.filter(is_default=True).exclude(pk=self.instance.pk)
        if wanted and (other := others.first()) is not None:
            raise ValidationError(f"“{other}” is the default provider. Remove the mark there first.")
        return wanted

    def clean_cap_retries(self) -> int:
        return self.cleaned_data["cap_retries"] or 0

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("auto_reply") and not cleaned.get("auto_reply_text"):
            self.add_error("auto_reply_text", "Write the text that untracked users get as answer.")
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if "connector_slug" not in self.cleaned_data:
            return
        provider = self.instance
        if not CONNECTORS[provider.connector_slug].takes_endpoint:
            provider.endpoint = ""
        if self.was and self.was != provider.connector_slug:
            # The credentials of the former BSP are of no use at the new one.
            provider.credentials, provider.previous_credentials, provider.previous_until = {}, {}, None
        entered = self._given("credential", provider.credentials)
        lifecycle.set_credentials(provider, entered)
        provider.options = {name: value for name, value in self._given("option", {}).items() if value}
        try:
            changes = import_fields.given(self.cleaned_data, provider.import_credentials)
            lifecycle.set_import_credentials(provider, changes)
        except ValidationError as error:
            self.add_error(None, error)
        if not any(name.startswith("quirk__") for name in self.errors):
            provider.stored_quirks = quirks_of(self.cleaned_data)
        try:
            validation.validate(provider)
            destinations.check(provider, entered, import_fields.entered(self.cleaned_data))
        except ValidationError as error:
            self._place(error.message_dict)

    def _given(self, kind: str, stored: Mapping[str, str]) -> dict[str, str]:
        """What to change of the stored values: new ones, and empty ones for those to remove."""
        changes: dict[str, str] = {}
        kept: set[str] = set()
        for name, its_kind, field in declared(self.connector):
            if its_kind != kind:
                continue
            value = self.cleaned_data.get(name)
            if isinstance(self.fields[name], RowsField):
                rows = {field.name + header: content for header, content in (value or {}).items()}
                kept |= rows.keys()
                changes |= {key: content for key, content in rows.items() if content}
            elif isinstance(self.fields[name], SecretField):
                kept.add(field.name)
                if value is CLEAR:
                    changes[field.name] = ""
                elif value:
                    changes[field.name] = value
            else:
                kept.add(field.name)
                changes[field.name] = value or ""
        return changes | {name: "" for name in stored if name not in kept}

    def _place(self, messages: dict[str, list[str]]) -> None:
        """Puts each complaint of providers.validation.validate at the field it is about."""
        places = {(kind, field.name): name for name, kind, field in declared(self.connector)}
        for key, texts in messages.items():
            for text in texts:
                about, _, words = text.partition(": ")
                place = places.get((key.removesuffix("s"), about))
                if place is not None:
                    self.add_error(place, words)
                elif key == "import_credentials":
                    self.add_error("import_auth", text)
                elif key in self.fields:
                    self.add_error(key, text)
                else:
                    self.add_error(None, text)


@cache
def form_of(connector_slug: str) -> type[ProviderForm]:
    """The form with that connector's credentials and options."""
    connector = CONNECTORS[connector_slug]
    fields = connector_fields(connector) | import_fields.fields() | quirk_fields()
    return type("ProviderForm", (ProviderForm,), {"connector": connector, **fields})


class PauseForm(forms.Form):
    reason = forms.CharField(
        max_length=500,
        widget=UnfoldAdminTextInputWidget(),
        help_text="Shown to everybody wherever this provider sends nothing.",
    )


class LoginForm(forms.Form):
    """How CleverTap is to prove itself: Basic, or headers whose names the operator chooses."""

    kind = forms.ChoiceField(
        label="Authentication",
        choices=[("basic", "Basic: a username and a password"), ("headers", "Custom headers")],
        initial="basic",
        widget=UnfoldAdminRadioSelectWidget(),
    )
    names = forms.CharField(
        label="Header names",
        required=False,
        widget=UnfoldAdminTextInputWidget({"placeholder": "user, password"}),
        help_text="For custom headers: their names, separated by commas. Waypost makes the values.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        names = [name.strip() for name in cleaned.get("names", "").split(",") if name.strip()]
        if cleaned.get("kind") == "headers":
            wrong = [name for name in names if not re.fullmatch(r"[A-Za-z0-9-]{1,100}", name)]
            if not names:
                self.add_error("names", "Enter at least one header name.")
            elif wrong:
                self.add_error(
                    "names", f"Not a header name: {', '.join(wrong)}. Use letters, digits, hyphens."
                )
            elif len({name.lower() for name in names}) < len(names):
                self.add_error("names", "One name is there twice.")
        cleaned["header_names"] = tuple(names) if cleaned.get("kind") == "headers" else ()
        return cleaned
