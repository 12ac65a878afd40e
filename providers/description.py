"""A provider as it is shown: its URLs, and all of it as JSON without a secret."""

from typing import Any

from django.conf import settings
from django.urls import reverse

from providers.models import Provider

EVERY_WORDS = {
    Provider.Every.NEVER: "never",
    Provider.Every.HOUR: "hour",
    Provider.Every.QUARTER_DAY: "6hours",
    Provider.Every.DAY: "day",
}


def urls(provider: Provider) -> dict[str, str]:
    """The URLs an operator copies into CleverTap and into the BSP."""
    tokens = {row.purpose: row.token for row in provider.callback_tokens.all() if row.expires_at is None}

    def url(name: str, value: str) -> str:
        return f"{settings.PUBLIC_BASE_URL}{reverse(name, args=[value])}"

    return {
        "messages_url": url("messages", provider.public_id),
        "templates_url": url("templates", provider.public_id),
        "delivery_callback_url": url("delivery", tokens["delivery"]),
        "inbound_callback_url": url("inbound", tokens["inbound"]),
        "webhook_url": url("webhook", tokens["webhook"]),
    }


def as_json(provider: Provider) -> dict[str, Any]:
    """A provider as JSON, without any secret."""
    return {
        "id": provider.pk,
        "nickname": provider.nickname,
        "connector": provider.connector_slug,
        "waba_number": provider.waba_number,
        "state": provider.state,
        "archived_at": provider.archived_at.isoformat() if provider.archived_at else None,
        "paused_reason": provider.paused_reason,
        "hold_until": provider.hold_until.isoformat() if provider.hold_until else None,
        "hold_reason": provider.hold_reason,
        "marketing_held_until": held.isoformat() if (held := provider.marketing_held_until) else None,
        "is_default": provider.is_default,
        "endpoint": provider.endpoint,
        "credentials": sorted(provider.credentials),
        "unreadable": provider.unreadable or None,
        "options": provider.options,
        "quirks": provider.stored_quirks,
        "max_concurrency": provider.max_concurrency,
        "rate": f"{provider.rate_count}/{provider.get_rate_period_display()}"
        if provider.rate_count
        else None,
        "validity_seconds": int(provider.validity.total_seconds()),
        "cap_retries": provider.cap_retries,
        "delivery_url": provider.delivery_url,
        "inbound_url": provider.inbound_url,
        "import_endpoint": provider.import_endpoint,
        "import_limit": provider.import_limit,
        "import_paging": provider.import_paging,
        "import_credentials": sorted(provider.import_credentials),
        "import_every": EVERY_WORDS[Provider.Every(provider.import_every)],
        "webhook_networks": provider.webhook_networks.split(),
        "click_domain": provider.click_domain,
        "link_days": provider.link_days,
        "unknown_templates": provider.unknown_templates,
        "stopped_templates": provider.stopped_templates,
    } | urls(provider)
