"""The endpoint CleverTap posts messages to.

The answers are the shapes and codes of CleverTap's Generic WhatsApp page ("HTTPS Codes"),
nothing else: CleverTap reads a body only with status 200.
"""

import logging
from time import time

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from campaigns import discovery, intake
from lib.group_commit import Overloaded
from lib.plain_api import PlainView
from providers import auth
from providers.machine_api import answer, read_body
from providers.messages import AnswerCode, Malformed, Refused

logger = logging.getLogger(__name__)

SUCCESS = b'{"status":"success"}'


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
