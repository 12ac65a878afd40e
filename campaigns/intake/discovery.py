"""The parts of a provider's set-up that CleverTap's requests and Kaleyra's webhooks carry.

Source: CleverTap's Kaleyra page. Every send carries `kaleyra-host`, `delivery-report-callback-url` and
`inbound-message-callback-url` as headers; the incoming URL entered at Kaleyra carries
`inbound_message_callback_url` and `payload_version` as query parameters. Waypost uses them if the connector
has `login_headers` or the provider's quirk `trust_callback_headers` is on. It takes callback URLs only for
hosts in CALLBACK_HOSTS.

A send comes with CleverTap's login; many webhooks prove only that their sender knows the URL. So a
webhook may set the URL of inbound messages where there is none, and may never change it.
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http.request import validate_host

from lib import aside, http, outages
from providers import auth
from providers.auth import ProviderAccess
from providers.models import Provider

_HEADERS = {
    "delivery_url": "HTTP_DELIVERY_REPORT_CALLBACK_URL",
    "inbound_url": "HTTP_INBOUND_MESSAGE_CALLBACK_URL",
}
_VERSION = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3})?")
_URL = re.compile(r"https://[!-~]{1,992}")
# Operators paste the URL as CleverTap's page says, unescaped, so it may bring a query of its own.
_PASTED = re.compile(r"[?&]inbound_message_callback_url=(?=https://)")


async def learn(access: ProviderAccess, environ: Mapping[str, str]) -> None:
    """Stores what the headers of a send say about the provider, where it is new and allowed."""
    if not _believed(access):
        return
    urls = {name: environ.get(header, "").strip() for name, header in _HEADERS.items()}
    changes: dict[str, Any] = _new_urls(access, urls)
    header = access.connector.host_header
    named = environ.get("HTTP_" + header.name.upper().replace("-", "_"), "").strip() if header else ""
    base = f"https://{http.host(named if '://' in named else f'https://{named}')}"
    if (
        header
        and named
        and base.removeprefix("https://") in header.hosts
        and _base_is_default(access)
        and base != access.config.base("")
    ):
        changes["options"] = {"base_url": base}
    await _keep(access, changes)


async def learn_from_url(access: ProviderAccess, webhook: http.HttpRequest) -> None:
    """The same for the parameters of the URL that a webhook was sent to."""
    if not _believed(access):
        return
    url = _pasted(webhook.url) or webhook.query.get("inbound_message_callback_url", "")
    changes: dict[str, Any] = {} if access.inbound_url else _new_urls(access, {"inbound_url": url})
    version = webhook.query.get("payload_version", "").strip()
    if version != access.quirks.version and _VERSION.fullmatch(version):
        changes["stored_quirks"] = {"version": version}
    await _keep(access, changes)


def _pasted(url: str) -> str:
    """CleverTap's URL with its own query, if there is one unescaped in the URL."""
    begun = _PASTED.search(url)
    found, followed, _ = url[begun.end() if begun else len(url) :].partition("&payload_version=")
    return found if followed and ("?" in found or "&" in found) else ""


def _believed(access: ProviderAccess) -> bool:
    return access.quirks.trust_callback_headers or bool(access.connector.login_headers)


def _new_urls(access: ProviderAccess, found: Mapping[str, str]) -> dict[str, str]:
    return {
        name: url for name, url in found.items() if url and url != getattr(access, name) and _allowed(url)
    }


def _base_is_default(access: ProviderAccess) -> bool:
    """Whether nobody has entered another address for the BSP."""
    defaults = {field.name: field.default for field in access.connector.options}
    return access.config.base("") in ("", defaults.get("base_url", ""))


async def _keep(access: ProviderAccess, changes: dict[str, Any]) -> None:
    if changes:
        await aside.run(outages.once_more, partial(_store, access.provider_id, changes))


def _store(provider_id: int, changes: dict[str, Any]) -> None:
    with transaction.atomic():
        provider = Provider.objects.select_for_update().get(pk=provider_id)
        for name, value in changes.items():
            setattr(provider, name, getattr(provider, name) | value if isinstance(value, dict) else value)
        provider.save(update_fields=list(changes))
    auth.forget()  # else every request would write this again until the cached access expires


def _allowed(url: str) -> bool:
    return bool(_URL.fullmatch(url)) and validate_host(http.host(url), settings.CALLBACK_HOSTS)
