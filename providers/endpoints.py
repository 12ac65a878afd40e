"""What the endpoints for machines share: reading a body up to a limit, and answering in JSON."""

import asyncio
import zlib

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from lib import aside
from lib.plain_api import chunks
from providers.messages import Malformed

_GZIP = ("gzip", "x-gzip")
_GZIP_FORMAT = 31  # zlib's name for it
GROWS = 50  # times that a body of JSON is larger than what it comes as, hardly ever more


class TooLarge(Malformed):
    pass


def answer(status: int, body: object) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(body), status=status, content_type="application/json")


async def read_body(request: HttpRequest, most: int) -> bytes:
    """The body, unzipped where it comes as gzip. Raises Malformed when it is larger than `most` bytes, breaks
    off or does not come in time."""
    body = await _sent(request, most)
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if encoding not in _GZIP:
        return body
    return await aside.by_size(len(body) * GROWS, _unzipped, body, most)


def _unzipped(body: bytes, most: int) -> bytes:
    unzip = zlib.decompressobj(_GZIP_FORMAT)
    try:
        content = unzip.decompress(body, most + 1)
    except zlib.error as error:
        raise Malformed("the body is not gzip, as its Content-Encoding says") from error
    if len(content) > most:
        raise TooLarge(f"the body is larger than {most} bytes")
    if not unzip.eof:
        raise Malformed("the body broke off")
    return content


async def _sent(request: HttpRequest, most: int) -> bytes:
    given = request.META.get("CONTENT_LENGTH") or "0"
    if not (given.isascii() and given.isdigit() and len(given) < 19):
        raise Malformed("the Content-Length is not a number")
    length = int(given)
    if length > most:
        raise TooLarge(f"the body is larger than {most} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(settings.BODY_SECONDS):
            async for chunk in chunks(request):
                body += chunk
                if len(body) > most:
                    raise TooLarge(f"the body is larger than {most} bytes")
    except TimeoutError as error:
        raise Malformed(f"the body did not come within {settings.BODY_SECONDS:g} seconds") from error
    except OSError as error:
        raise Malformed("the body broke off") from error
    return bytes(body)
