"""Form fields for the quirks of a provider, after their declaration in providers.quirks."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django import forms
from django.core.validators import RegexValidator
from msgspec import inspect
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from providers.quirks import RECEIVES_FROM, Quirks


def quirk_name(name: str) -> str:
    return f"quirk__{name}"


def quirk_groups() -> tuple[list[str], list[str]]:
    """The quirks' form names: what CleverTap sends, what CleverTap receives."""
    names = list(Quirks.__struct_fields__)
    middle = names.index(RECEIVES_FROM)
    return [quirk_name(name) for name in names[:middle]], [quirk_name(name) for name in names[middle:]]


def quirk_fields() -> dict[str, forms.Field]:
    """One form field for each quirk, after its type, limits and description."""
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
        values = sorted(kind.values, key=lambda value: value != field.default)
        choices = [(value, value) for value in values]
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
    words["required"] = bool(field.default)  # validators are asked about no empty text
    return forms.CharField(validators=validators, widget=UnfoldAdminTextInputWidget(), **words)


def quirks_of(cleaned: Mapping[str, Any]) -> dict[str, Any]:
    """The quirks that differ from their defaults, as they are stored."""
    defaults = Quirks()
    given = {
        name: cleaned.get(quirk_name(name), getattr(defaults, name)) for name in Quirks.__struct_fields__
    }
    loaded = msgspec.convert(given, Quirks)
    return {name: value for name, value in given.items() if getattr(loaded, name) != getattr(defaults, name)}
