"""The part of the provider's form with the credentials for the template list endpoint."""

from collections.abc import Mapping
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from providers.pages.secret_fields import CLEAR, RowsField, SecretField, SecretInput

NAMES = ("import_auth", "import_username", "import_password", "import_headers")
# When the page's script shows each field.
CONDITIONS = {
    "import_username": "['basic', 'both'].includes(import_auth)",
    "import_password": "['basic', 'both'].includes(import_auth)",
    "import_headers": "['headers', 'both'].includes(import_auth)",
}
_KINDS = [
    ("none", "none"),
    ("basic", "Basic: a username and a password"),
    ("headers", "headers"),
    ("both", "Basic and headers"),
]


def fields() -> dict[str, forms.Field]:
    return {
        "import_auth": forms.ChoiceField(
            label="Authentication", choices=_KINDS, initial="none", widget=UnfoldAdminSelectWidget()
        ),
        "import_username": forms.CharField(
            label="Username",
            required=False,
            widget=UnfoldAdminTextInputWidget({"autocomplete": "off"}),
        ),
        "import_password": SecretField(label="Password", required=False, widget=SecretInput(required=True)),
        "import_headers": RowsField(label="Headers"),
    }


def fill(form: Any, stored: Mapping[str, str]) -> None:
    """Shows what is stored: names, never values."""
    if "import_auth" not in form.fields:
        return
    names = [name.removeprefix("header:") for name in stored if name.startswith("header:")]
    basic = bool(stored.get("username"))
    form.initial["import_auth"] = ("both" if names else "basic") if basic else "headers" if names else "none"
    form.initial["import_username"] = stored.get("username", "")
    form.initial["import_headers"] = [(name, "") for name in names]
    form.fields["import_password"].widget.stored = bool(stored.get("password"))
    form.fields["import_headers"].stored = set(names)


def entered(cleaned: Mapping[str, Any]) -> set[str]:
    """The names of the secrets that were entered now, and are not kept from before."""
    headers = {f"header:{name}" for name, value in (cleaned.get("import_headers") or {}).items() if value}
    password = cleaned.get("import_password")
    return headers | ({"password"} if password and password is not CLEAR else set())


def given(cleaned: Mapping[str, Any], stored: Mapping[str, str]) -> dict[str, str]:
    """What to change of the stored values: new ones, and empty ones for those to remove.

    Raises ValidationError by field for a kind of authentication that lacks its values.
    """
    kind = cleaned.get("import_auth")
    changes: dict[str, str] = dict.fromkeys(stored, "")
    if kind in ("basic", "both"):
        username, password = cleaned.get("import_username", ""), cleaned.get("import_password", "")
        kept = stored.get("password", "") if password in ("", CLEAR) else password
        if not username:
            raise forms.ValidationError({"import_username": "Enter the username."})
        if not kept:
            raise forms.ValidationError({"import_password": "Enter the password."})
        changes |= {"username": username, "password": kept}
    if kind in ("headers", "both") and "import_headers" in cleaned:
        rows = cleaned["import_headers"]
        if not rows:
            raise forms.ValidationError({"import_headers": "Enter at least one header."})
        changes |= {f"header:{name}": value or stored[f"header:{name}"] for name, value in rows.items()}
    return changes
