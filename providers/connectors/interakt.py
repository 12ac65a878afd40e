"""Interakt's public API.

Source: Interakt, "Template sending APIs" and its webhook pages. Interakt hands everything on to
Meta's Cloud API, so Meta's rules for values and Meta's error codes hold here too.
"""

import msgspec

from lib import phone
from lib.http import HttpRequest, HttpResponse
from lib.reading import first, text
from lib.signatures import signed_sha256
from providers.connectors.base import Config, Connector, Field, Rate
from providers.dialects.interakt.codes import send_result
from providers.dialects.interakt.messages import freeform, template
from providers.dialects.interakt.templates import read_page
from providers.dialects.interakt.webhook import CLICKED, MEDIA, RECEIVED, STATUSES, webhook_item
from providers.dialects.placeholders import numbered
from providers.dialects.template_list import offset
from providers.features import Feature, untold
from providers.messages import (
    Freeform,
    Malformed,
    Outbound,
    SendResult,
    TemplatePage,
    WebhookItem,
)
from providers.outcomes import json_object

BASE_URL = "https://api.interakt.ai"


class Interakt(Connector):
    slug = "interakt"
    label = "Interakt"
    webhook_setup = (
        "Interakt > Settings > Developer Settings > Configure Webhook: the webhook URL, a secret key, and "
        "the events message_api_* and message_received."
    )
    credentials = (
        Field(
            "api_key",
            "API key",
            "Interakt > Settings > Developer Settings > API key, pasted as it is shown there.",
            secret=True,
            required=True,
        ),
        Field(
            "webhook_secret",
            "Webhook secret",
            "Interakt > Settings > Developer Settings > Configure Webhook > Secret key. Left empty, "
            "webhooks are trusted for knowing the URL.",
            secret=True,
        ),
    )
    options = (
        Field("base_url", "Base URL", "Another host that answers as Interakt does.", default=BASE_URL),
    )
    default_rate = Rate(40, 60)
    lacks = {
        **untold("Interakt"),
        Feature.HEADER_LOCATION: "Interakt's API has no field for it.",
        Feature.NAMED: "Interakt numbers its variables.",
        Feature.OFFER: "Interakt's API has no field for it.",
        Feature.MEDIA_KEY: "Interakt's media URLs need no key.",
        Feature.RECEIVER: "Interakt's webhooks do not name the business number.",
    }
    mapped_statuses = frozenset(STATUSES) | {CLICKED, RECEIVED} | frozenset(MEDIA)
    proof = ("webhook_secret",)

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        content = outbound.content
        if isinstance(content, Freeform):
            body = freeform(content)
        else:
            body = template(numbered(content, outbound.registered))
        return HttpRequest(
            "POST",
            f"{config.base(BASE_URL)}/v1/public/message/",
            {**_key(config), "Content-Type": "application/json"},
            msgspec.json.encode({**_recipient(outbound.to), "callbackData": outbound.reference, **body}),
        )

    def parse_response(self, response: HttpResponse) -> SendResult:
        return send_result(response)

    def verify(self, request: HttpRequest, config: Config) -> bool:
        if not config.credential("webhook_secret"):
            return True  # optional in Interakt's dashboard; the URL's own token remains
        signature = first(request.header("Interakt-Signature"), request.header("X-Interakt-Signature"))
        return signed_sha256(signature, request.body, config.secrets("webhook_secret"))

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        payload = json_object(request.body)
        event = text(payload, "type")
        if payload is None or not event:
            raise Malformed("a JSON object with a type was expected")
        return [webhook_item(event, payload)]

    def templates_request(self, config: Config, cursor: str) -> HttpRequest | None:
        path = f"/v1/public/track/organization/templates?offset={offset(cursor)}"
        return HttpRequest("GET", config.base(BASE_URL) + path, _key(config))

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        return read_page(response, cursor)


def _key(config: Config) -> dict[str, str]:
    # The key is used as Interakt shows it: encoding it once more is refused.
    return {"Authorization": f"Basic {config.credential('api_key')}"}


def _recipient(to: str) -> dict[str, str]:
    country_code, number = phone.split(to) or ("", "")
    if not number or number.startswith("0"):  # phoneNumber must not begin with 0
        return {"fullPhoneNumber": to}
    return {"countryCode": f"+{country_code}", "phoneNumber": number}


interakt = Interakt()
