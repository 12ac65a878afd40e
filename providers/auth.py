"""Who may call: the provider behind a URL, and whether the caller knows its credentials.

Looked up at every request, so kept in memory for PROVIDER_CACHE_SECONDS; a change in admin
takes effect everywhere within twice that time.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from lib import addresses, crypto
from lib.ttl_cache import Remembered
from providers.connectors.base import Config, Connector
from providers.models import CallbackToken, Provider
from providers.quirks import Quirks


class Credential(NamedTuple):
    """One way for CleverTap to prove itself: a digest for each header, and when it stops counting."""

    headers: Mapping[str, str]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProviderAccess:
    """What a request handler needs to know of its provider, loaded once."""

    provider_id: int
    nickname: str
    waba_number: str
    connector: Connector
    config: Config
    quirks: Quirks
    delivery_url: str
    inbound_url: str
    unknown_templates: str
    stopped_templates: str
    networks: tuple[addresses.Network, ...]  # that callbacks may come from; none: from anywhere
    credentials: tuple[Credential, ...]

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Whether the request's headers (WSGI environ) satisfy one live credential."""
        admitted = False
        for credential in self.credentials:
            if credential.expires_at is not None and credential.expires_at <= timezone.now():
                continue
            # Every header of every credential is compared, so that the time gives nothing away.
            checks = [
                crypto.matches(_presented(headers, name), digest)
                for name, digest in credential.headers.items()
            ]
            admitted |= bool(checks) and all(checks)
        return admitted

    def login_words(self, environ: Mapping[str, str]) -> str:
        """What was wrong with a login that `admits` refused, for the operator; no secret is in it."""
        wanted = " or ".join(sorted({name for each in self.credentials for name in each.headers}))
        presented = _presented(environ, "authorization")
        if ":" in presented:
            return f"username {presented.partition(':')[0][:100]!r} with a password that is not its own"
        missing = [name for name in wanted.split(" or ") if not _presented(environ, name)]
        if missing:
            return f"without the header {' and '.join(missing)}"
        return f"the header {wanted} has another value"


def _presented(environ: Mapping[str, str], name: str) -> str:
    """The header's value; for Authorization: Basic the decoded `username:password`."""
    value = environ.get("HTTP_" + name.upper().replace("-", "_"), "")
    if name == "authorization" and value[:6].lower() == "basic ":
        try:
            return b64decode(value[6:].strip(), validate=True).decode("utf-8", "surrogateescape")
        except (Base64Error, ValueError):
            return ""
    return value


def access(public_id: str) -> ProviderAccess | None:
    """The provider whose message and template URLs hold `public_id`; None for one in the archive."""
    return _cached("public", public_id, lambda: Provider.in_use().filter(public_id=public_id))


def callback_access(purpose: str, token: str) -> ProviderAccess | None:
    """The provider whose callback URL for `purpose` holds `token`, in its grace time too."""

    def providers() -> QuerySet[Provider]:
        live = CallbackToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
        return Provider.objects.filter(callback_tokens__in=live.filter(purpose=purpose, token=token))

    return _cached(purpose, token, providers)


def _load(providers: QuerySet[Provider]) -> ProviderAccess | None:
    provider = providers.prefetch_related("api_credentials").first()
    if provider is None:
        return None
    return ProviderAccess(
        provider.pk,
        provider.nickname,
        provider.waba_number,
        provider.connector,
        provider.config,
        provider.quirks,
        provider.delivery_url,
        provider.inbound_url,
        provider.unknown_templates,
        provider.stopped_templates,
        addresses.networks(provider.webhook_networks.splitlines()),
        (
            *(Credential(row.headers, row.expires_at) for row in provider.api_credentials.all()),
            *_of_the_bsp(provider),
        ),
    )


def _of_the_bsp(provider: Provider) -> Iterator[Credential]:
    """The BSP's own credentials, for connectors whose set-up at CleverTap presents those.

    Replaced credentials count for a while too, because they are changed at CleverTap last.
    """
    named = provider.connector.login_headers
    for stored in (provider.credentials, provider.credentials | provider.previous):
        values = {header: stored.get(name, "") for header, name in named.items()}
        if values and all(values.values()):
            yield Credential({header: crypto.digest(value) for header, value in values.items()})


_accesses: Remembered[tuple[str, str], ProviderAccess | None] = Remembered()
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _cached(purpose: str, token: str, providers: Callable[[], QuerySet[Provider]]) -> ProviderAccess | None:
    if not _TOKEN.fullmatch(token):
        return None  # no token of ours has one, and PostgreSQL refuses a query with a NUL
    return _accesses.get((purpose, token), lambda: _load(providers()), settings.PROVIDER_CACHE_SECONDS)


def forget() -> None:
    """Drops what is in memory, so that the next request looks anew."""
    _accesses.forget()
