"""Fetching the media of an inbound message from the BSP, in one call or several. Nothing here is stored."""

from codecs import BOM_UTF8
from dataclasses import dataclass
from time import monotonic
from urllib.parse import urljoin

from django.conf import settings

from lib.http import HttpRequest, HttpResponse
from lib.transport import TransportError, transport
from providers.connectors.base import Config, Connector
from providers.dialects.clevertap.callbacks import EXTENSIONS
from providers.messages import Reply
from providers.outcomes import json_object

HOPS = 4
# A document may be of any type. One that WhatsApp does not name is handed out as plain bytes, so
# that no browser runs what is in it.
PLAIN = "application/octet-stream"
UNTYPED = ("", PLAIN, "binary/octet-stream")  # the last is what S3 says of an upload without a type
ALIASES = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/x-m4a": "audio/mp4",
    "application/ogg": "audio/ogg",
}
# How the types of each kind of media begin. A recorded voice may be told as a video's format.
FAMILIES: dict[str, tuple[str, ...]] = {
    "image": ("image/",),
    "sticker": ("image/", "video/"),
    "video": ("video/",),
    "audio": ("audio/", "video/"),
}
SVG = "image/svg+xml"  # WhatsApp has no such pictures: it is a page that may contain scripts
# The types of error pages. A person may send such a document, too, but then the webhook says so.
_ERROR_PAGES = ("text/html", "application/xhtml+xml", "application/json", "application/problem+json")
_HTML = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script")
_ERROR_KEYS = frozenset({"error", "errors", "code", "detail", "fault", "message", "meta", "status"})
_LONGEST_ERROR = 20_000  # bytes


class Unavailable(Exception):
    """Media that could not be fetched. `for_good` when asking again will not help."""

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.for_good = for_good


@dataclass(frozen=True, slots=True)
class Fetched:
    content: bytes
    content_type: str


def first_call(connector: Connector, config: Config, inbound: Reply) -> HttpRequest | None:
    return connector.media_request(inbound.media, config) if inbound.media else None


def fetch(connector: Connector, config: Config, inbound: Reply, timeout: float) -> Fetched:
    """The bytes from the BSP. Raises Unavailable. No credential goes where a redirect leads."""
    end = monotonic() + timeout
    request = first_call(connector, config, inbound)
    if request is None:
        raise Unavailable("the provider's connector was changed and cannot fetch it any more", for_good=True)
    followed = False
    for _ in range(HOPS):
        response = _call(request, end - monotonic())
        location = response.header("Location")
        if response.status in (301, 302, 303, 307, 308) and location:
            request = _redirected(request, location)
            continue
        onward = None if followed else connector.media_follow(response, config)
        if onward is None and not followed and _tells_where(connector):
            raise Unavailable("the BSP did not say where the media is", for_good=True)
        if onward is None:
            return _checked(response, inbound)
        request, followed = onward, True
    raise Unavailable("the BSP redirects too often", for_good=True)


def _tells_where(connector: Connector) -> bool:
    """Whether the BSP's first answer always holds the URL of the media, never the media itself."""
    return type(connector).media_follow is not Connector.media_follow


def _call(request: HttpRequest, timeout: float) -> HttpResponse:
    try:
        response = transport.send(request, max(timeout, 1.0), settings.MEDIA_MAX_BYTES + 1)
    except TransportError as error:
        raise Unavailable(str(error)) from error
    if response.status >= 400:
        lasting = response.status < 500 and response.status not in (408, 429)
        raise Unavailable(f"the BSP answered HTTP {response.status}", for_good=lasting)
    return response


def _redirected(request: HttpRequest, location: str) -> HttpRequest:
    try:
        target = urljoin(request.url, location)
        same = urljoin(target, "/") == urljoin(request.url, "/")
    except ValueError:  # such as unbalanced brackets
        target, same = "", False
    if not target.startswith(("https://", "http://")):
        raise Unavailable("the BSP redirects to something that is not a web address", for_good=True)
    return HttpRequest("GET", target, request.headers if same else {})


def _checked(response: HttpResponse, inbound: Reply) -> Fetched:
    if len(response.body) > settings.MEDIA_MAX_BYTES:
        raise Unavailable(f"larger than {settings.MEDIA_MAX_BYTES} bytes", for_good=True)
    if not response.body:
        raise Unavailable("the BSP answered with nothing")
    answered = _type(response.header("Content-Type"))
    kind = _type(inbound.media.mime_type) if inbound.media and answered in UNTYPED else answered
    family = FAMILIES.get(inbound.kind)
    if family and kind not in UNTYPED and (not kind.startswith(family) or answered == SVG):
        raise Unavailable(f"the BSP answered with {kind}, which is no {inbound.kind}", for_good=True)
    if _is_error_page(answered, response.body, inbound):
        raise Unavailable("the BSP answered with a page that is no document")
    return Fetched(response.body, kind if kind in EXTENSIONS else PLAIN)


def _is_error_page(answered: str, body: bytes, inbound: Reply) -> bool:
    """Whether it is a page or an error in JSON, where the message promised something else. Some servers
    say that their error is the picture or the document that was asked for."""
    looks_so = answered in _ERROR_PAGES or _is_html(body) or _is_json_error(body)
    promised = inbound.media is not None and (
        _type(inbound.media.mime_type) in _ERROR_PAGES
        or inbound.media.filename.lower().endswith((".html", ".htm", ".xhtml", ".json"))
    )
    return looks_so and not promised


def _is_html(body: bytes) -> bool:
    return body[:200].removeprefix(BOM_UTF8).lstrip().lower().startswith(_HTML)


def _is_json_error(body: bytes) -> bool:
    found = json_object(body) if len(body) <= _LONGEST_ERROR else None
    return found is not None and not _ERROR_KEYS.isdisjoint(found)


def _type(content_type: str) -> str:
    bare = content_type.partition(";")[0].strip().lower()
    return ALIASES.get(bare, bare)
