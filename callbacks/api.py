"""Where reports and inbound messages come in: verify, store the raw bytes, answer at once."""

import logging
from typing import ClassVar

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest as DjangoRequest
from django.http import HttpResponse

from callbacks import inbox
from callbacks.models import Webhook
from campaigns import discovery
from lib.group_commit import Overloaded
from lib.http import HttpRequest
from lib.plain_api import PlainView
from providers import auth
from providers.auth import Door
from providers.machine_api import answer, read_body
from providers.messages import Malformed

logger = logging.getLogger(__name__)


class _CallbackView(PlainView):
    source: ClassVar[Webhook.Source]
    purpose: ClassVar[str]

    def handle(self, request: DjangoRequest, token: str) -> HttpResponse:
        try:
            door = auth.callback_door(self.purpose, token)
            if door is None:
                return answer(404, {"message": "There is no such callback URL"})
            incoming = HttpRequest(
                request.method or "",
                # As the BSP called it, not as a proxy passes it on: signatures cover the URL.
                settings.PUBLIC_BASE_URL + request.get_full_path(),
                headers_of(request.META),
                read_body(request, settings.WEBHOOK_MAX_BODY),
            )
            return self.take(door, incoming)
        except Malformed as error:
            return answer(400, {"message": str(error)})
        except Overloaded:
            return answer(503, {"message": "Too many requests to process"})
        except DatabaseError:
            logger.exception("A callback could not be stored")
            return answer(500, {"message": "Unable to process the request"})

    def take(self, door: Door, incoming: HttpRequest) -> HttpResponse:
        # A BSP may have been told to prove itself in a header of any name.
        secrets = [door.config.secrets(field.name) for field in door.connector.credentials if field.secret]
        inbox.store(door.provider_id, self.source, incoming, {value for live in secrets for value in live})
        return answer(200, {"status": "success"})


class DeliveryView(_CallbackView):
    """Delivery reports in CleverTap's format, for BSPs that already speak it."""

    source = Webhook.Source.DELIVERY
    purpose = "delivery"

    def post(self, request: DjangoRequest, token: str) -> HttpResponse:
        return self.handle(request, token)


class InboundView(_CallbackView):
    """Inbound messages in CleverTap's format, for BSPs that already speak it."""

    source = Webhook.Source.INBOUND
    purpose = "inbound"

    def post(self, request: DjangoRequest, token: str) -> HttpResponse:
        return self.handle(request, token)


class WebhookView(_CallbackView):
    """The BSP's own webhooks, with its handshake and signature where it has them."""

    source = Webhook.Source.NATIVE
    purpose = "webhook"

    def post(self, request: DjangoRequest, token: str) -> HttpResponse:
        return self.handle(request, token)

    def get(self, request: DjangoRequest, token: str) -> HttpResponse:
        return self.handle(request, token)

    def take(self, door: Door, incoming: HttpRequest) -> HttpResponse:
        challenge = door.connector.handshake(incoming, door.config)
        if challenge is not None:
            kind = challenge.header("Content-Type") or "text/plain"
            return HttpResponse(challenge.body, status=challenge.status, content_type=kind)
        if incoming.method != "POST" and not (door.connector.takes_get and incoming.query):
            return answer(405, {"message": "Webhooks are posted"})
        if not door.connector.verify(incoming, door.config):
            logger.warning("A webhook for provider %s failed its verification", door.nickname)
            return answer(401, {"message": "Verification failed"})
        discovery.learn_from_url(door, incoming)
        super().take(door, incoming)
        told = door.connector.webhook_answer
        return HttpResponse(told.body, status=told.status, content_type=told.header("Content-Type"))


def headers_of(environ: dict[str, str]) -> dict[str, str]:
    """The request's headers by their usual names."""
    headers = {
        name[5:].replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and name not in ("HTTP_COOKIE",)
    }
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    return headers
