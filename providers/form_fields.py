"""Form fields made from declarations: a connector's credentials and options, and the quirk switches."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from django import forms
from django.core.validators import RegexValidator
from django.utils.datastructures import MultiValueDict
from msgspec import inspect
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from lib.http import HEADER_NAME
from providers.connectors import CONNECTORS
from providers.connectors.base import Connector, Field
from providers.quirks import RECEIVES_FROM, Quirks

KEPT = "stored – leave empty to keep"
CLEAR = object()  # the cleaned value of a secret whose "clear" box was ticked

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def name_of(kind: str, connector: Connector, field: Field) -> str:
    """The form field's name, fit to be a variable in the page's script."""
    return re.sub(r"\W", "_", f"{kind}__{connector.slug}__{field.name.rstrip(':')}")


def declared() -> Iterator[tuple[str, str, Connector, Field]]:
    """Every field of every connector: form name, kind, connector, declaration."""
    for connector in CONNECTORS.values():
        for kind, fields in (("credential", connector.credentials), ("option", connector.options)):
            for field in fields:
                yield name_of(kind, connector, field), kind, connector, field


class SecretInput(forms.PasswordInput):
    """A secret goes in and never comes out: what is stored is only mentioned."""

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
        rows = [{"name": row[0], "stored": not row[1]} for row in value or ()]
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


def connector_fields() -> dict[str, forms.Field]:
    """The form fields of all connectors; the page shows those of the chosen one."""
    return {name: _connector_field(field) for name, _, _, field in declared()}


def _connector_field(field: Field) -> forms.Field:
    words: dict[str, Any] = {"label": field.label, "help_text": field.help}
    if field.name.endswith(":"):
        return RowsField(**words)
    # Required is for the chosen connector to say, so providers.setup.validate says it.
    if field.secret:
        return SecretField(required=False, widget=SecretInput(field.required), **words)
    widget = UnfoldAdminTextInputWidget({"placeholder": field.default, "autocomplete": "off"})
    return forms.CharField(required=False, widget=widget, **words)


def quirk_name(name: str) -> str:
    return f"quirk__{name}"


def quirk_groups() -> tuple[list[str], list[str]]:
    """The switches' form names: what CleverTap sends, what CleverTap receives."""
    names = list(Quirks.__struct_fields__)
    middle = names.index(RECEIVES_FROM)
    return [quirk_name(name) for name in names[:middle]], [quirk_name(name) for name in names[middle:]]


def quirk_fields() -> dict[str, forms.Field]:
    """One form field a switch, after its type, limits and description."""
    info = inspect.type_info(Quirks)
    assert isinstance(info, inspect.StructType)
    return {quirk_name(field.name): _quirk_field(field) for field in info.fields}


def _quirk_field(field: inspect.Field) -> forms.Field:
    kind, description = field.type, ""
    if isinstance(kind, inspect.Metadata):
        description = str((kind.extra_json_schema or {}).get("description", ""))
        kind = kind.type
    words: dict[str, Any] = {
        "label": field.name.replace("_", " ").capitalize(),
        "help_text": description,
        "initial": field.default,
        "required": False,
    }
    if isinstance(kind, inspect.BoolType):
        return forms.BooleanField(widget=UnfoldBooleanSwitchWidget(), **words)
    if isinstance(kind, inspect.LiteralType):
        choices = sorted(((value, value) for value in kind.values), key=lambda pair: pair[0] != field.default)
        return forms.ChoiceField(
            choices=choices, widget=UnfoldAdminSelectWidget(), **words | {"required": True}
        )
    if isinstance(kind, inspect.IntType):
        widget = UnfoldAdminIntegerFieldWidget()
        return forms.IntegerField(
            min_value=kind.ge, max_value=kind.le, widget=widget, **words | {"required": True}
        )
    pattern = kind.pattern if isinstance(kind, inspect.StrType) else None
    validators = [RegexValidator(pattern, "This does not fit: " + description)] if pattern else []
    return forms.CharField(validators=validators, widget=UnfoldAdminTextInputWidget(), **words)


def quirks_of(cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """The switches that differ from their defaults, as they are stored."""
    defaults = Quirks()
    given = {
        name: cleaned.get(quirk_name(name), getattr(defaults, name)) for name in Quirks.__struct_fields__
    }
    loaded = msgspec.convert(given, Quirks)
    return {name: value for name, value in given.items() if getattr(loaded, name) != getattr(defaults, name)}
