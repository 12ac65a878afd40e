"""What the endpoints for machines share: a body read within its limit, an answer in JSON."""

import msgspec
from django.http import HttpRequest, HttpResponse

from providers.messages import Malformed


class TooLarge(Malformed):
    pass


def answer(status: int, body: object) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(body), status=status, content_type="application/json")


def read_body(request: HttpRequest, most: int) -> bytes:
    """The raw body. Raises Malformed when it is larger than `most` bytes or breaks off."""
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError as error:
        raise Malformed("the Content-Length is not a number") from error
    # Without a length the body comes in chunks, which Django does not read.
    chunked = not request.META.get("CONTENT_LENGTH") and request.META.get("wsgi.input_terminated", False)
    try:
        body: bytes = request.META["wsgi.input"].read(most + 1) if chunked else b""
        if max(length, len(body)) > most:
            raise TooLarge(f"the body is larger than {most} bytes")
        return body if chunked else request.body
    except OSError as error:
        raise Malformed("the body broke off") from error
