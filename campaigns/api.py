"""The endpoint CleverTap posts messages to.

The answers are the shapes and codes of CleverTap's Generic WhatsApp page ("HTTPS Codes"),
nothing else: CleverTap reads a body only with status 200.
"""

import logging
from time import time

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from campaigns import discovery, intake
from lib.group_commit import Overloaded
from lib.plain_api import PlainView
from providers import auth
from providers.messages import AnswerCode, Malformed, Refused

logger = logging.getLogger(__name__)

SUCCESS = b'{"status":"success"}'


def answer(status: int, body: object) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(body), status=status, content_type="application/json")


def failure(code: int, message: str) -> HttpResponse:
    return answer(200, {"status": "failure", "error": {"code": int(code), "message": message}})


class MessagesView(PlainView):
    """POST one template or freeform message in CleverTap's format."""

    def post(self, request: HttpRequest, public_id: str) -> HttpResponse:
        began = time()
        environ = request.META
        try:
            door = auth.door(public_id)
            if door is None:
                return answer(403, {"message": "Bad Request: there is no such endpoint"})
            if not door.admits(environ):
                if door.quirks.bad_credentials_answer == "401":
                    return answer(401, {"message": "Invalid Credentials"})
                return failure(AnswerCode.CREDENTIALS, "Invalid Credentials")
            discovery.learn(door, environ)
            body = read_body(request, settings.INTAKE_MAX_BODY)
            intake.receive(door, body, began)
        except Malformed as error:
            return answer(403, {"message": f"Bad Request: {error}"})
        except Refused as refused:
            return failure(refused.code, refused.message)
        except Overloaded:
            return answer(429, {"message": "Too many requests to process"})
        except Exception:  # the database's errors, and our own bugs: CleverTap reads no web page
            logger.exception("A message could not be stored")
            return answer(500, {"status": "failure", "error": {"message": "Unable to process the request"}})
        return HttpResponse(SUCCESS, content_type="application/json")


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
            raise Malformed(f"the body is larger than {most} bytes")
        return body if chunked else request.body
    except OSError as error:
        raise Malformed("the body broke off") from error
