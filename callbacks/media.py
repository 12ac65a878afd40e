"""Media of inbound messages: fetched from the BSP once, kept, and served from a URL of ours.

Only where the connector says that CleverTap cannot fetch it by itself, because it expires or
needs the BSP's key. Each such message has a row from the moment it is recorded; a worker
fetches soon, and the URL does it too when CleverTap is faster.
"""

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import time
from urllib.parse import urljoin

import msgspec
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.signing import BadSignature, TimestampSigner
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from callbacks.models import Media
from lib import http
from lib.http import HttpRequest, HttpResponse
from lib.redact import Redactor
from lib.transport import TransportError, transport
from providers import leases
from providers.connectors.base import Config, Connector
from providers.dialects.clevertap_callbacks import EXTENSIONS
from providers.messages import Reply as Inbound
from providers.models import Provider

TIMEOUT = 60.0
HOPS = 4
BATCH = 20
WAITS = [timedelta(seconds=seconds) for seconds in (5, 30, 300, 1800, 7200)]
# A document may be of any type. One that WhatsApp does not name is handed out as plain bytes, so
# that no browser runs what is in it.
PLAIN = "application/octet-stream"

_signer = TimestampSigner(salt="inbound media")


class Unavailable(Exception):
    """Media that could not be fetched. `for_good` when asking again will not help."""

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.for_good = for_good


@dataclass(frozen=True, slots=True)
class Fetched:
    content: bytes
    content_type: str


def expect(provider: Provider, replies: Sequence[tuple[int, Inbound]], now: datetime) -> bool:
    """Notes which of the new replies, with their ids, have media to fetch. Returns whether any has."""
    if not any(inbound.media for _, inbound in replies):
        return False
    config = provider.config
    wanted = [pk for pk, inbound in replies if _first_call(provider, inbound, config) is not None]
    Media.objects.bulk_create(Media(reply_id=pk, next_attempt_at=now) for pk in wanted)
    return bool(wanted)


def reachable(provider: Provider, reply_id: int, inbound: Inbound) -> Inbound:
    """The message with a media URL that CleverTap can fetch."""
    if inbound.media is None or _first_call(provider, inbound) is None:
        return inbound
    return msgspec.structs.replace(inbound, media=msgspec.structs.replace(inbound.media, url=url(reply_id)))


def url(reply_id: int) -> str:
    """Our URL of the reply's media, good for MEDIA_URL_SECONDS."""
    return f"{settings.PUBLIC_BASE_URL}{reverse('media', args=[_signer.sign(str(reply_id))])}"


def read_token(token: str) -> Media | None:
    """The media a URL of ours leads to; None when it is forged, too old, or gone."""
    try:
        reply_id = int(_signer.unsign(token, max_age=settings.MEDIA_URL_SECONDS))
    except (BadSignature, ValueError):
        return None
    return Media.objects.select_related("reply__provider").filter(reply_id=reply_id).first()


def _first_call(provider: Provider, inbound: Inbound, config: Config | None = None) -> HttpRequest | None:
    return provider.bsp.media_request(inbound.media, config or provider.config) if inbound.media else None


def obtain(media: Media) -> None:
    """Fetches the media and stores it. Raises Unavailable; either way the row says how it went."""
    provider = media.reply.provider
    inbound = msgspec.json.decode(media.reply.content, type=Inbound)
    media.attempts += 1
    try:
        fetched = fetch(provider, inbound)
    except Unavailable as error:
        media.error = Redactor(provider.secret_values).text(str(error))[:300]
        if error.for_good or media.attempts > len(WAITS):
            media.state = Media.State.FAILED
        else:
            media.next_attempt_at = timezone.now() + WAITS[media.attempts - 1]
        media.save()
        raise
    media.state, media.error, media.content_type = Media.State.STORED, "", fetched.content_type
    media.file.save(str(media.reply_id), ContentFile(fetched.content))


def fetch(provider: Provider, inbound: Inbound) -> Fetched:
    """The bytes from the BSP. Raises Unavailable. No credential goes where a redirect leads."""
    request = _first_call(provider, inbound)
    followed = False
    for _ in range(HOPS):
        if request is None:
            break
        response = _call(request)
        location = response.header("Location")
        if response.status in (301, 302, 303, 307, 308) and location:
            request = _redirected(request, location)
            continue
        onward = None if followed else provider.bsp.media_follow(response, provider.config)
        if onward is None and not followed and _tells_where(provider):
            raise Unavailable("the BSP did not say where the media lies", for_good=True)
        if onward is None:
            return _checked(response, inbound)
        request, followed = onward, True
    raise Unavailable("the BSP sends from one address to the next", for_good=True)


def _tells_where(provider: Provider) -> bool:
    """Whether the BSP's first answer is only ever the way to the media."""
    return type(provider.bsp).media_follow is not Connector.media_follow


def _call(request: HttpRequest) -> HttpResponse:
    try:
        response = transport.send(request, TIMEOUT, settings.MEDIA_MAX_BYTES + 1)
    except TransportError as error:
        raise Unavailable(str(error)) from error
    if response.status >= 400:
        lasting = response.status < 500 and response.status not in (408, 429)
        raise Unavailable(f"the BSP answered HTTP {response.status}", for_good=lasting)
    return response


def _redirected(request: HttpRequest, location: str) -> HttpRequest:
    target = urljoin(request.url, location)
    if not target.startswith(("https://", "http://")):
        raise Unavailable("the BSP redirects to something that is no web address", for_good=True)
    same = http.host(target) == http.host(request.url) and target.startswith(request.url.partition("//")[0])
    return HttpRequest("GET", target, request.headers if same else {})


def _checked(response: HttpResponse, inbound: Inbound) -> Fetched:
    if len(response.body) > settings.MEDIA_MAX_BYTES:
        raise Unavailable(f"larger than {settings.MEDIA_MAX_BYTES} bytes", for_good=True)
    if not response.body:
        raise Unavailable("the BSP answered with nothing")
    told = response.header("Content-Type").partition(";")[0].strip().lower()
    expected = inbound.media.mime_type.partition(";")[0].strip().lower() if inbound.media else ""
    for kind in (told, expected):
        if kind in EXTENSIONS and (kind == told or told in ("", PLAIN)):
            return Fetched(response.body, kind)
    if inbound.kind == "document":
        return Fetched(response.body, PLAIN)
    raise Unavailable(
        f"the BSP answered with {told or 'an unnamed type'}, which is no {inbound.kind}", for_good=True
    )


def _due() -> QuerySet[Media]:
    return Media.objects.filter(state=Media.State.PENDING, next_attempt_at__lte=timezone.now())


def due() -> bool:
    return _due().exists()


def drain(
    *, linger: float = 0.0, stirred: threading.Event | None = None, stop: threading.Event | None = None
) -> int:
    """Fetches everything due. Returns how many were tried; nothing while another worker does it."""
    stirred = stirred or threading.Event()
    hold = leases.take("media")
    if hold is None:
        return 0
    done = 0
    idle_since = time()
    with hold:
        while not (stop and stop.is_set()):
            stirred.clear()
            rows = list(_due().select_related("reply__provider").order_by("next_attempt_at", "id")[:BATCH])
            for row in rows:
                hold.renew()
                _try(row)
            done += len(rows)
            if rows:
                idle_since = time()
            elif time() - idle_since >= linger:
                break
            else:
                stirred.wait(0.2)
    return done


def _try(row: Media) -> None:
    with suppress(Unavailable):  # the row says why, and when it is tried again
        obtain(row)


def forget(now: datetime, days: int, limit: int = 500) -> int:
    """Deletes media that came more than `days` ago, files first. Returns how many."""
    old = list(Media.objects.filter(reply__received_at__lt=now - timedelta(days=days)).order_by("pk")[:limit])
    for media in old:
        media.file.delete(save=False)
    return Media.objects.filter(pk__in=[media.pk for media in old]).delete()[0]
