"""Webhooks of Meta's, signed, as one app with two numbers posts them."""

import hmac
import json
from copy import deepcopy
from hashlib import sha256
from typing import Any

from callbacks.models import Webhook
from callbacks.webhooks import ingest
from providers.models import Provider
from tests.connectors import cases
from tests.factories import make_provider
from tests.gateway import call_back

SECRET = "app-secret"
NUMBERS = {"810220330": "34911222333", "810220440": "34911222444"}


def number(number_id: str = "810220330", **changes: Any) -> Provider:
    """A provider with one of the app's two numbers."""
    credentials = {
        "access_token": "token",
        "phone_number_id": number_id,
        "waba_id": "700200300",
        "app_secret": SECRET,
        "verify_token": "verify",
    } | changes.pop("credentials", {})
    values = {"connector_slug": "meta", "waba_number": NUMBERS[number_id], "credentials": credentials}
    return make_provider(**(values | changes))


def payload(case: str) -> Any:
    """The request of one of the connector's cases, to be changed freely."""
    return deepcopy(dict(cases.read("meta", "webhook"))[case]["request"]["json"])


def post(provider: Provider, body: Any, secret: str = SECRET) -> Webhook:
    """The webhook after it came to the provider's URL and was read."""
    content = json.dumps(body).encode()
    signature = hmac.new(secret.encode(), content, sha256).hexdigest()
    answer = call_back(provider, "webhook", content, {"X-Hub-Signature-256": f"sha256={signature}"})
    assert answer.status == 200
    ingest.drain()
    return Webhook.objects.latest("id")
