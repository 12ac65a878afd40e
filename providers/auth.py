"""Who is at the door: the provider behind a URL, and whether the caller may use it.

Looked up at every request, so kept in memory for PROVIDER_CACHE_SECONDS; a change in admin
takes effect everywhere within that time.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from lib import crypto
from lib.remember import Remembered
from providers.connectors.base import Config, Connector
from providers.models import CallbackToken, Provider
from providers.quirks import Quirks


@dataclass(frozen=True, slots=True)
class Door:
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
    credentials: tuple[tuple[Mapping[str, str], datetime | None], ...]

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Whether the request's headers (WSGI environ) satisfy one live credential."""
        admitted = False
        for required, expires_at in self.credentials:
            if expires_at is not None and expires_at <= timezone.now():
                continue
            # Every header of every credential is compared, whatever the first ones said.
            checks = [crypto.matches(_presented(headers, name), digest) for name, digest in required.items()]
            admitted |= bool(checks) and all(checks)
        return admitted


def _presented(environ: Mapping[str, str], name: str) -> str:
    """The header's value; for Authorization: Basic the decoded `username:password`."""
    value = environ.get("HTTP_" + name.upper().replace("-", "_"), "")
    if name == "authorization" and value[:6].lower() == "basic ":
        try:
            return b64decode(value[6:].strip(), validate=True).decode("utf-8", "surrogateescape")
        except (Base64Error, ValueError):
            return ""
    return value


def door(public_id: str) -> Door | None:
    """The provider whose message and template URLs hold `public_id`."""
    return _cached(("public", public_id), lambda: Provider.objects.filter(public_id=public_id))


def callback_door(purpose: str, token: str) -> Door | None:
    """The provider whose callback URL for `purpose` holds `token`, in its grace time too."""

    def providers() -> QuerySet[Provider]:
        live = CallbackToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
        return Provider.objects.filter(callback_tokens__in=live.filter(purpose=purpose, token=token))

    return _cached((purpose, token), providers)


def _load(providers: QuerySet[Provider]) -> Door | None:
    provider = providers.prefetch_related("api_credentials").first()
    if provider is None:
        return None
    return Door(
        provider.pk,
        provider.nickname,
        provider.waba_number,
        provider.bsp,
        provider.config,
        provider.switches,
        provider.delivery_url,
        provider.inbound_url,
        provider.unknown_templates,
        provider.stopped_templates,
        (
            *((row.headers, row.expires_at) for row in provider.api_credentials.all()),
            *_of_the_bsp(provider),
        ),
    )


def _of_the_bsp(provider: Provider) -> Iterator[tuple[Mapping[str, str], None]]:
    """The BSP's own credentials, where CleverTap is set up to present those.

    Replaced ones as well while they count: the change reaches CleverTap last.
    """
    named = provider.bsp.login_headers
    for stored in (provider.credentials, provider.credentials | provider.previous):
        values = {header: stored.get(name, "") for header, name in named.items()}
        if values and all(values.values()):
            yield {header: crypto.digest(value) for header, value in values.items()}, None


_doors: Remembered[tuple[str, str], Door | None] = Remembered()
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _cached(key: tuple[str, str], providers: Callable[[], QuerySet[Provider]]) -> Door | None:
    if not _TOKEN.fullmatch(key[1]):
        return None  # not ours, and PostgreSQL refuses a NUL even in a question
    return _doors.get(key, lambda: _load(providers()), settings.PROVIDER_CACHE_SECONDS)


def forget() -> None:
    """Drops what is in memory, so that the next request looks anew."""
    _doors.forget()
