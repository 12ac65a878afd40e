"""Form fields for the credentials and options that connectors declare."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from providers.connectors.base import Connector, Field
from providers.pages.secret_fields import RowsField, SecretField, SecretInput

# The ids of the sections that differ by connector: their titles, as the page makes ids of them.
CONNECTOR_SECTIONS = ("authentication-at-the-bsp", "options-of-the-connector", "what-the-bsp-supports")


def name_of(kind: str, connector: Connector, field: Field) -> str:
    """The form field's name."""
    return re.sub(r"\W", "_", f"{kind}__{connector.slug}__{field.name.rstrip(':')}")


class Declared(NamedTuple):
    """A connector's credential or option, as `kind` says, and the name of its form field."""

    name: str
    kind: str
    field: Field


def declared(connector: Connector) -> Iterator[Declared]:
    for field in connector.credentials:
        yield Declared(name_of("credential", connector, field), "credential", field)
    for field in connector.options:
        yield Declared(name_of("option", connector, field), "option", field)


def connector_fields(connector: Connector) -> dict[str, forms.Field]:
    return {each.name: _connector_field(each.field) for each in declared(connector)}


def _connector_field(field: Field) -> forms.Field:
    words: dict[str, Any] = {"label": field.label, "help_text": field.help}
    if field.name.endswith(":"):
        return RowsField(**words)
    # No field is required here: providers.validation.validate asks for those that the connector requires,
    # and a stored secret need not be entered again.
    if field.secret:
        return SecretField(required=False, widget=SecretInput(field.required), **words)
    if field.choices:
        unchosen = [] if field.default else [("", "not set")]
        chosen = [*unchosen, *((choice, choice) for choice in field.choices)]
        return forms.ChoiceField(
            required=False, choices=chosen, initial=field.default, widget=UnfoldAdminSelectWidget(), **words
        )
    widget = UnfoldAdminTextInputWidget({"placeholder": field.default, "autocomplete": "off"})
    return forms.CharField(required=False, widget=widget, **words)
