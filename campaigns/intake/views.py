"""The endpoint CleverTap posts messages to.

The answers are the shapes and codes of CleverTap's Generic WhatsApp page ("HTTPS Codes"),
nothing else: CleverTap reads a body only with status 200.
"""

import logging
from time import time

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from campaigns.intake import discovery, receive
from lib import addresses, aside, timings
from lib.group_commit import Overloaded
from lib.logs import bind
from lib.plain_api import PlainView
from providers import auth, refused_calls
from providers.endpoints import answer, read_body
from providers.messages import AnswerCode, Malformed, Refused
from providers.refused_calls import What

logger = logging.getLogger(__name__)

LATE = 1.0  # seconds after which CleverTap may have stopped waiting
SUCCESS = b'{"status":"success"}'


def failure(code: int, message: str) -> HttpResponse:
    return answer(200, {"status": "failure", "error": {"code": int(code), "message": message}})


class MessagesView(PlainView):
    """POST one template or freeform message in CleverTap's format."""

    async def post(self, request: HttpRequest, public_id: str) -> HttpResponse:
        began = time()
        environ, access = request.META, None
        try:
            access = await aside.at_hand(auth.access, public_id)
            if access is None:
                return answer(403, {"message": "Bad Request: there is no such endpoint"})
            bind(provider=access.nickname)
            if not access.admits(environ):
                words = access.login_words(environ)
                refused_calls.note(access.provider_id, What.LOGIN, addresses.caller(environ), words)
                if access.quirks.bad_credentials_answer == "401":
                    return answer(401, {"message": "Invalid Credentials"})
                return failure(AnswerCode.CREDENTIALS, "Invalid Credentials")
            await discovery.learn(access, environ)
            body = await read_body(request, settings.INTAKE_MAX_BODY)
            await receive.receive(access, body, began)
        except Malformed as error:
            if access is not None:
                refused_calls.note(access.provider_id, What.MALFORMED, addresses.caller(environ), str(error))
            return answer(403, {"message": f"Bad Request: {error}"})
        except Refused as refused:
            return failure(refused.code, refused.message)
        except Overloaded:
            return answer(429, {"message": "Too many requests to process"})
        except Exception:  # the database's errors, and our own bugs: CleverTap reads no web page
            logger.exception("A message could not be stored")
            return answer(500, {"status": "failure", "error": {"message": "Unable to process the request"}})
        finally:
            if access is not None:
                timings.note(timings.What.ANSWER, access.provider_id, [time() - began])
        if time() - began > LATE:
            refused_calls.note(access.provider_id, What.LATE, text=f"{time() - began:.1f} s")
        return HttpResponse(SUCCESS, content_type="application/json")
