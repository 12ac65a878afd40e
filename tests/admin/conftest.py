"""Two users of the admin: one may do everything, one may only look."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import resolve, reverse
from django.utils import timezone

from callbacks.models import Outlet, Reply, Webhook
from campaigns.ledger import ledger
from campaigns.ledger.entries import Tried
from campaigns.models import Event, Forward, Message, Status
from lib.phone_masking import Middleware
from providers.messages import InboundMedia, Outcome, ReportCode, StatusUpdate
from providers.messages import Reply as Inbound
from providers.models import Provider
from tests.factories import MessageFactory, make_provider
from tests.visitor import visiting

Listed = Callable[[type[Model], dict[str, str]], list[int]]
SECRETS = {"api_key": "k3y-of-the-bsp-71f0", "webhook_secret": "h00k-secret-of-the-bsp-88"}


@pytest.fixture
def operator_user(db: None) -> User:
    return User.objects.create_superuser("mira")


@pytest.fixture
def operator(operator_user: User) -> Client:
    """A browser whose user may do everything."""
    return visiting(operator_user)


@pytest.fixture
def signed_in(db: None) -> Callable[[Iterable[str]], Client]:
    """A browser whose user has only these permissions, by codename; `view_` stands for all of them."""

    def make(codenames: Iterable[str]) -> Client:
        user = User.objects.create_user(f"staff-{User.objects.count()}", is_staff=True)
        for codename in codenames:
            found = Permission.objects.filter(codename__startswith=codename)
            user.user_permissions.add(*found)
        return visiting(user)

    return make


@pytest.fixture
def listed(operator: Client) -> Listed:
    """What the list of a model shows for a query, without the drawing of its page."""

    def found(model: type[Model], query: dict[str, str]) -> list[int]:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        request = RequestFactory().get(url, query)
        request.user, request.resolver_match = User.objects.get(username="mira"), resolve(url)
        shown: list[int] = []

        def read(request: Any) -> HttpResponse:
            rows = admin.site.get_model_admin(model).get_changelist_instance(request).result_list
            shown.extend(row.pk for row in rows)
            return HttpResponse()

        Middleware(read)(request)
        return shown

    return found


@pytest.fixture
def looker(signed_in: Callable[[Iterable[str]], Client]) -> Client:
    """A browser whose user may look at everything and change nothing."""
    return signed_in(["view_"])


@pytest.fixture
def bsp(db: None) -> Provider:
    """A provider whose connector asks for secrets."""
    return make_provider(
        nickname="Shop",
        connector_slug="interakt",
        waba_number="+918889500122",
        credentials=dict(SECRETS),
        delivery_url="https://clevertap.example/dlr",
        inbound_url="https://clevertap.example/inbound",
    )


def tried(message: Message, outcome: Outcome, **values: Any) -> None:
    """One more attempt at the message, recorded as the sender does."""
    message.refresh_from_db()
    Message.objects.filter(pk=message.pk).update(status=Status.SENDING, attempt=message.attempt + 1)
    values.setdefault("started_at", timezone.now())
    attempt = Tried(message.pk, message.attempt + 1, outcome=outcome, **values)
    ledger.record_attempts(message.provider_id, [attempt])
    message.refresh_from_db()


def failed(**values: Any) -> Message:
    message: Message = MessageFactory(**values)
    tried(message, Outcome.REJECTED, code=ReportCode.TEMPLATE, text="No such template")
    return message


def unknown(**values: Any) -> Message:
    message: Message = MessageFactory(**values)
    tried(message, Outcome.UNKNOWN, text="No answer within 30 s")
    return message


def reported(message: Message, *kinds: str) -> list[Event]:
    """Reports on the message, as a webhook brings them."""
    at = int(timezone.now().timestamp()) - 3
    updates = [StatusUpdate(kind, at, msg_id=message.msg_id) for kind in kinds]  # type: ignore[arg-type]
    ledger.record(message.provider_id, updates)
    return list(message.events.order_by("id"))


def parked(message: Message, error: str = "HTTP 400: unknown msgId") -> Event:
    event = reported(message, "delivered")[-1]
    Event.objects.filter(pk=event.pk).update(forward=Forward.PARKED, forward_error=error, forward_attempts=2)
    event.refresh_from_db()
    return event


def inbound(provider: Provider, sender: str = "919812345678", **values: Any) -> Reply:
    now = timezone.now()
    media = InboundMedia(url="https://cdn.example/receipt.jpg", mime_type="image/jpeg")
    content = Inbound("image", sender, text="Here it is", media=media, profile_name="Asha")
    defaults = {
        "bsp_id": f"in-{Reply.objects.count()}",
        "kind": "image",
        "text": "Here it is",
        "at": now,
        "received_at": now,
        "owed_since": now,
        "content": msgspec.json.encode(content).decode(),
    }
    return Reply.objects.create(provider=provider, sender=sender, **defaults | values)


def webhook(provider: Provider, **values: Any) -> Webhook:
    now = timezone.now()
    token = provider.callback_tokens.get(purpose="webhook", expires_at=None).token
    defaults: dict[str, Any] = {
        "source": "native",
        "method": "POST",
        "url": f"http://testserver/webhooks/{token}",
        "headers": {"Content-Type": "application/json", "X-Api-Key": "of the BSP"},
        "body": b'{"type": "message_api_sent", "data": {}}',
        "received_at": now,
        "next_attempt_at": now,
        "state": Webhook.State.DONE,
        "summary": "1 recorded sent",
    }
    return Webhook.objects.create(provider=provider, **defaults | values)


def failing(provider: Provider, kind: str = "delivery", until: datetime | None = None) -> Outlet:
    """A worker beside the test may have made the outlet already."""
    values = {
        "failures": 3,
        "hold_until": until or timezone.now() + timedelta(hours=1),
        "last_error": "HTTP 503: Service Unavailable",
    }
    return Outlet.objects.update_or_create(provider=provider, kind=kind, defaults=values)[0]
