"""Where reports and inbound messages come in: verify, store the raw bytes, answer at once."""

import logging
from typing import ClassVar

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest as DjangoRequest
from django.http import HttpResponse

from callbacks.models import Webhook
from callbacks.webhooks.store import store
from campaigns.intake import discovery
from lib import addresses, aside
from lib.group_commit import Overloaded
from lib.http import HttpRequest
from lib.logs import bind
from lib.plain_api import PlainView
from providers import auth, refused_calls
from providers.auth import ProviderAccess
from providers.endpoints import answer, read_body
from providers.messages import Malformed
from providers.refused_calls import What

logger = logging.getLogger(__name__)


class _CallbackView(PlainView):
    source: ClassVar[Webhook.Source]
    purpose: ClassVar[str]

    async def head(self, request: DjangoRequest, token: str) -> HttpResponse:
        """BSPs use HEAD to check that the URL exists."""
        known = await aside.at_hand(auth.callback_access, self.purpose, token)
        return HttpResponse(status=404 if known is None else 200)

    async def handle(self, request: DjangoRequest, token: str) -> HttpResponse:
        try:
            access = await aside.at_hand(auth.callback_access, self.purpose, token)
            if access is None:
                return answer(404, {"message": "There is no such callback URL"})
            bind(provider=access.nickname)
            address = addresses.caller(request.META)
            if access.networks and not addresses.within(address, access.networks):
                refused_calls.note(access.provider_id, What.ADDRESS, address, f"to the {self.purpose} URL")
                return answer(403, {"message": "This address may not call here"})
            incoming = HttpRequest(
                request.method or "",
                # As the BSP called it, not as a proxy passes it on: signatures cover the URL.
                settings.PUBLIC_BASE_URL + request.get_full_path(),
                headers_of(request.META),
                await read_body(request, settings.WEBHOOK_MAX_BODY),
            )
            given = await self.take(access, incoming)
            if given.status_code == 401:
                why = _why_refused(access, incoming)
                refused_calls.note(access.provider_id, What.SIGNATURE, address, why)
            return given
        except Malformed as error:
            return answer(400, {"message": str(error)})
        except Overloaded:
            return answer(503, {"message": "Too many requests to process"})
        except DatabaseError:
            logger.exception("A callback could not be stored")
            return answer(500, {"message": "Unable to process the request"})

    async def take(self, access: ProviderAccess, incoming: HttpRequest) -> HttpResponse:
        # An operator may have chosen a header of any name for the BSP's secret.
        secrets = [
            access.config.secrets(field.name) for field in access.connector.credentials if field.secret
        ]
        await store(access.provider_id, self.source, incoming, {value for live in secrets for value in live})
        return answer(200, {"status": "success"})


class DeliveryView(_CallbackView):
    """Delivery reports in CleverTap's format, for BSPs that already speak it."""

    source = Webhook.Source.DELIVERY
    purpose = "delivery"

    async def post(self, request: DjangoRequest, token: str) -> HttpResponse:
        return await self.handle(request, token)


class InboundView(_CallbackView):
    """Inbound messages in CleverTap's format, for BSPs that already speak it."""

    source = Webhook.Source.INBOUND
    purpose = "inbound"

    async def post(self, request: DjangoRequest, token: str) -> HttpResponse:
        return await self.handle(request, token)


class WebhookView(_CallbackView):
    """The BSP's own webhooks, with its handshake and signature where it has them."""

    source = Webhook.Source.NATIVE
    purpose = "webhook"

    async def post(self, request: DjangoRequest, token: str) -> HttpResponse:
        return await self.handle(request, token)

    async def get(self, request: DjangoRequest, token: str) -> HttpResponse:
        return await self.handle(request, token)

    async def take(self, access: ProviderAccess, incoming: HttpRequest) -> HttpResponse:
        answered = await aside.by_size(len(incoming.body), _answered, access, incoming)
        if answered is not None:
            return answered
        await discovery.learn_from_url(access, incoming)
        await super().take(access, incoming)
        given = access.connector.webhook_answer
        return HttpResponse(given.body, status=given.status, content_type=given.header("Content-Type"))


def _answered(access: ProviderAccess, incoming: HttpRequest) -> HttpResponse | None:
    """The answer to a handshake or to a webhook that fails its verification; None for a webhook to keep."""
    if access.config.sealed and access.connector.proof:
        return answer(
            503,
            {"message": "The webhook's secret cannot be decrypted now. Please send the webhook again later."},
        )
    challenge = access.connector.handshake(incoming, access.config)
    if challenge is not None:
        kind = challenge.header("Content-Type") or "text/plain"
        return HttpResponse(challenge.body, status=challenge.status, content_type=kind)
    if incoming.method != "POST" and not (access.connector.takes_get and incoming.query):
        refused = answer(405, {"message": "Webhooks are posted"})
        refused["Allow"] = "POST, HEAD, OPTIONS"
        return refused
    if not access.connector.verify(incoming, access.config):
        logger.warning("A webhook for provider %s failed its verification", access.nickname)
        return answer(401, {"message": "Verification failed"})
    return None


def _why_refused(access: ProviderAccess, incoming: HttpRequest) -> str:
    """Why a webhook failed its verification, as far as one can say without revealing a secret."""
    secrets = [field.label for field in access.connector.credentials if field.secret]
    size = f"{len(incoming.body):,} bytes"
    return f"{incoming.method}, {size}: it does not match the provider's secrets ({', '.join(secrets)})"


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
