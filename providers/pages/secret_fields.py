"""Form fields whose values are never shown again: a secret, and rows of names with secret values."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.datastructures import MultiValueDict
from unfold.widgets import (
    INPUT_CLASSES,
)

from lib.http import HEADER_NAME

KEPT = "stored – leave empty to keep"
CLEAR = object()  # the cleaned value of a secret whose "clear" box was ticked

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class SecretInput(forms.PasswordInput):
    """The input of a secret. It says whether one is stored, and never shows it."""

    template_name = "providers/widgets/secret.html"
    stored = False

    def __init__(self, required: bool) -> None:
        super().__init__(attrs={"class": " ".join(INPUT_CLASSES), "autocomplete": "new-password"})
        self.needed = required

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, "", attrs)
        if self.stored:
            context["widget"]["attrs"]["placeholder"] = KEPT
        context["widget"]["clearable"] = self.stored and not self.needed
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        return CLEAR if data.get(f"{name}-clear") else data.get(name, "")


class SecretField(forms.CharField):
    """Cleans to the new secret, an empty string for "keep", or CLEAR."""

    def to_python(self, value: Any) -> Any:
        return value if value is CLEAR else super().to_python(value)

    def run_validators(self, value: Any) -> None:
        if value is not CLEAR:
            super().run_validators(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data)


class RowsInput(forms.Widget):
    """Rows of a name and a secret value, to add to and take from."""

    template_name = "providers/widgets/rows.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        rows = [{"name": header, "stored": not content} for header, content in value or ()]
        context: dict[str, Any] = super().get_context(name, None, None)
        context["widget"] |= {"rows": rows, "classes": " ".join(INPUT_CLASSES), "kept": KEPT}
        return context

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[tuple[str, str]]:
        many = data.getlist if isinstance(data, MultiValueDict) else lambda key: data.get(key, [])
        names, values = many(f"{name}-name"), many(f"{name}-value")
        return [(n.strip(), v.strip()) for n, v in zip(names, values, strict=False) if n.strip() or v.strip()]


class RowsField(forms.Field):
    """Cleans to `{name: value}`; an empty value keeps what is stored under that name."""

    widget = RowsInput

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, **options)
        self.stored: set[str] = set()

    def clean(self, value: list[tuple[str, str]]) -> dict[str, str]:
        rows: dict[str, str] = {}
        errors = []
        for name, content in value:
            if not HEADER_NAME.fullmatch(name):
                errors.append(f"“{name}” cannot be the name of a header. Use letters, digits and hyphens.")
            elif name.lower() in {other.lower() for other in rows}:
                errors.append(f"{name} is there twice. Keep one of them.")
            elif _CONTROL.search(content):
                errors.append(f"{name}: the value holds a line break or another control character.")
            elif not content and name not in self.stored:
                errors.append(f"{name}: enter its value.")
            rows[name] = content
        if errors:
            raise forms.ValidationError(errors)
        return rows

    def has_changed(self, initial: Any, data: Any) -> bool:
        return any(value for _, value in data) or {name for name, _ in data} != self.stored
