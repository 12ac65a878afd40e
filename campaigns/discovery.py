"""CleverTap's callback URLs taken from the headers of its requests, as Kaleyra's set-up has it.

Source: CleverTap's Kaleyra page: `delivery-report-callback-url` and
`inbound-message-callback-url` among the headers of every send. Only where the provider's switch
`trust_callback_headers` is on, and only for hosts in CALLBACK_HOSTS.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host

from lib import sql
from providers.auth import Door
from providers.models import Provider

_HEADERS = {
    "delivery_url": "HTTP_DELIVERY_REPORT_CALLBACK_URL",
    "inbound_url": "HTTP_INBOUND_MESSAGE_CALLBACK_URL",
}


def learn(door: Door, environ: Mapping[str, str]) -> None:
    """Keeps the callback URLs in the headers as the provider's, where they are new and allowed."""
    if not door.quirks.trust_callback_headers:
        return
    found = {name: environ.get(header, "").strip() for name, header in _HEADERS.items()}
    changed = {
        name: url for name, url in found.items() if url and url != getattr(door, name) and _allowed(url)
    }
    if changed:
        with sql.borrowed():
            Provider.objects.filter(pk=door.provider_id).update(**changed)


def _allowed(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:  # brackets that close nothing
        return False
    return parts.scheme == "https" and len(url) <= 1000 and validate_host(host, settings.CALLBACK_HOSTS)
