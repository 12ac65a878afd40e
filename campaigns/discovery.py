"""What CleverTap's requests and Kaleyra's webhooks tell of the set-up, as Kaleyra's integration has it.

Source: CleverTap's Kaleyra page. Every send carries `kaleyra-host`, `delivery-report-callback-url`
and `inbound-message-callback-url` as headers; the incoming URL entered at Kaleyra carries
`inbound_message_callback_url` and `payload_version` as query parameters. They are believed where
the connector knows that set-up or the provider's switch `trust_callback_headers` is on, callback
URLs only for hosts in CALLBACK_HOSTS.

A send proves CleverTap's login, a webhook often no more than that its sender knows the URL. So a
webhook may name the URL of inbound messages where there is none, and never another one.
"""

import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http.request import validate_host

from lib import http, sql
from providers import auth
from providers.auth import Door
from providers.models import Provider

_HEADERS = {
    "delivery_url": "HTTP_DELIVERY_REPORT_CALLBACK_URL",
    "inbound_url": "HTTP_INBOUND_MESSAGE_CALLBACK_URL",
}
_VERSION = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3})?")
_URL = re.compile(r"https://[!-~]{1,992}")
# CleverTap's page says to paste the URL, so it may stand there with a query of its own.
_PASTED = re.compile(r"[?&]inbound_message_callback_url=(https://[^?&]*[?&].*?)&payload_version=")


def learn(door: Door, environ: Mapping[str, str]) -> None:
    """Keeps what the headers of a send tell as the provider's, where it is new and allowed."""
    if not _believed(door):
        return
    urls = {name: environ.get(header, "").strip() for name, header in _HEADERS.items()}
    changes: dict[str, Any] = _new_urls(door, urls)
    header, hosts = door.connector.host_header
    told = environ.get("HTTP_" + header.upper().replace("-", "_"), "").strip() if header else ""
    base = f"https://{http.host(told if '://' in told else f'https://{told}')}"
    if (
        told
        and base.removeprefix("https://") in hosts
        and _base_is_default(door)
        and base != door.config.base("")
    ):
        changes["options"] = {"base_url": base}
    _keep(door, changes)


def learn_from_url(door: Door, webhook: http.HttpRequest) -> None:
    """The same for the parameters of the URL that a webhook was sent to."""
    if not _believed(door):
        return
    pasted = _PASTED.search(webhook.url)
    url = pasted[1] if pasted else webhook.query.get("inbound_message_callback_url", "")
    changes: dict[str, Any] = {} if door.inbound_url else _new_urls(door, {"inbound_url": url})
    version = webhook.query.get("payload_version", "").strip()
    if version != door.quirks.version and _VERSION.fullmatch(version):
        changes["quirks"] = {"version": version}
    _keep(door, changes)


def _believed(door: Door) -> bool:
    return door.quirks.trust_callback_headers or bool(door.connector.login_headers)


def _new_urls(door: Door, found: Mapping[str, str]) -> dict[str, str]:
    return {name: url for name, url in found.items() if url and url != getattr(door, name) and _allowed(url)}


def _base_is_default(door: Door) -> bool:
    """Whether nobody has entered another address for the BSP."""
    defaults = {field.name: field.default for field in door.connector.options}
    return door.config.base("") in ("", defaults.get("base_url", ""))


def _keep(door: Door, changes: dict[str, Any]) -> None:
    if not changes:
        return
    with sql.borrowed(), transaction.atomic():
        provider = Provider.objects.select_for_update().get(pk=door.provider_id)
        for name, value in changes.items():
            setattr(provider, name, getattr(provider, name) | value if isinstance(value, dict) else value)
        provider.save(update_fields=list(changes))
    auth.forget()  # or every request would write the same until the door is looked up anew


def _allowed(url: str) -> bool:
    return bool(_URL.fullmatch(url)) and validate_host(http.host(url), settings.CALLBACK_HOSTS)
