"""The sections of a provider's form."""

from collections.abc import Iterable
from typing import Any

from django.template.loader import render_to_string

from providers import support_table
from providers.connectors.base import Connector
from providers.models import Provider
from providers.pages import import_fields
from providers.pages.connector_fields import declared
from providers.pages.quirk_fields import quirk_groups

Fieldset = tuple[str | None, dict[str, Any]]
ABOUT_SECRETS = (
    "Stored encrypted and never shown again. Leave all fields empty if the endpoint asks for no login."
)
ABOUT_QUIRKS = "Change a quirk only if CleverTap, or a BSP in its format, behaves differently."
ABOUT_IMPORT = (
    "Where this provider's template list comes from. The request is a GET; the answer is in Meta's format. "
    "“Import now” and the template health page show how it goes."
)
IMPORT = ("import_endpoint", ("import_limit", "import_paging"), "import_every", "click_domain")


def fieldsets(provider: Provider | None, connector: Connector, may_write: bool) -> list[Fieldset]:
    """The sections, in their order. `provider` is None while a new one is filled in."""
    of_kind = {
        kind: [each.name for each in declared(connector) if each.kind == kind]
        for kind in ("credential", "option")
    }
    credentials = of_kind["credential"] if may_write else []
    credentials = (["authentication"] if provider else []) + credentials
    presented = import_fields.NAMES if may_write else ("import_presents",)
    sends, receives = quirk_groups()
    first = ("nickname", "waba_number", "connector_slug", "request_type", "endpoint", "is_default")
    shown = [
        _fieldset(None, first),
        _fieldset("Authentication at the BSP", credentials, ABOUT_SECRETS, "connector"),
        _fieldset("Options of the connector", of_kind["option"], "", "connector", "collapse"),
        _fieldset("What the BSP supports", (), _support(connector), "connector"),
        _fieldset("Sending", ("max_concurrency", ("rate_count", "rate_period"), "validity", "cap_retries")),
        _fieldset("Back to CleverTap", ("delivery_url", "inbound_url")),
        _fieldset("Webhooks", ("webhook_networks",)),
        _fieldset("Template import", (*IMPORT, *presented), ABOUT_IMPORT),
        _fieldset("Templates", ("unknown_templates", "stopped_templates", "link_days")),
        _fieldset("Auto-reply", ("auto_reply", "auto_reply_text")),
        _fieldset("What CleverTap sends", sends, ABOUT_QUIRKS, "collapse"),
        _fieldset("What CleverTap receives", receives, ABOUT_QUIRKS, "collapse"),
    ]
    # People who may only look see the fields of the model. The other fields are only for editing.
    if may_write:
        return shown
    return [(title, options) for title, options in shown if "collapse" not in options["classes"]]


def _fieldset(title: str | None, fields: Iterable[Any], about: str = "", *classes: str) -> Fieldset:
    return title, {
        "fields": tuple(fields),
        "description": about,
        "classes": classes,
    }


def _support(connector: Connector) -> str:
    """What the connector can do, and why it cannot do the rest."""
    return render_to_string(
        "providers/support.html", {"connector": connector, "groups": support_table.of(connector)}
    )
