"""360dialog, which hands Meta's Cloud API on under a host and a key of its own.

Source: 360dialog, "Messaging API", "Webhooks", "Media", "Templates".
"""

from urllib.parse import quote

import msgspec

from lib.http import HttpRequest, HttpResponse
from lib.reading import at, text
from lib.signatures import same_secret
from providers.connectors.base import PLACE_OPTIONS, Config, Connector, Field
from providers.dialects.cloud_api import message_body, with_place
from providers.dialects.cloud_api_errors import send_result
from providers.dialects.cloud_api_webhook import MESSAGES, STATUSES, read_body
from providers.dialects.template_list import offset, page
from providers.features import Feature
from providers.messages import InboundMedia, Malformed, Outbound, SendResult, TemplatePage, WebhookItem
from providers.outcomes import EXCERPT, by_status, json_object

BASE_URL = "https://waba-v2.360dialog.io"
WEBHOOK_HEADER = "X-Webhook-Secret"
PAGE = 200


class Dialog360(Connector):
    slug = "360dialog"
    label = "360dialog"
    webhook_setup = (
        "360dialog Hub > the number > Webhook, or POST it with the API key to /v1/configs/webhook, as "
        "{url: the webhook URL}. A webhook secret goes beside it: {headers: {X-Webhook-Secret: the secret}}."
    )
    credentials = (
        Field(
            "api_key",
            "API key",
            "360dialog Hub > WhatsApp accounts > the number > API key. It belongs to that number alone.",
            secret=True,
            required=True,
        ),
        Field(
            "webhook_secret",
            "Webhook secret",
            "Any text of your own, given to 360dialog as a header of the webhook. Left empty, webhooks are "
            "trusted for knowing the URL.",
            secret=True,
        ),
    )
    options = (
        Field("base_url", "Base URL", "Another host that answers as 360dialog does.", default=BASE_URL),
        Field(
            "webhook_header",
            "Webhook header",
            "The header in which 360dialog was told to send the webhook secret.",
            default=WEBHOOK_HEADER,
        ),
        *PLACE_OPTIONS,
    )
    default_rate = (80, 1)
    lacks = {Feature.CLICKED: "Meta tells of no click on a URL button."}
    mapped_statuses = frozenset(STATUSES) | MESSAGES

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        named = with_place(outbound, config.option("location_name"), config.option("location_address"))
        return HttpRequest(
            "POST",
            f"{config.base(BASE_URL)}/messages",
            {**_key(config), "Content-Type": "application/json"},
            msgspec.json.encode(message_body(named)),
        )

    def parse_response(self, response: HttpResponse) -> SendResult:
        """Meta's answer, or 360dialog's own refusal: `{meta: {success, http_code, developer_message}}`."""
        answer = json_object(response.body)
        if any(at(answer, key) for key in ("messages", "error", "errors")):
            return send_result(response)
        return by_status(response, text(answer, "meta", "developer_message")[:EXCERPT])

    def verify(self, request: HttpRequest, config: Config) -> bool:
        if not config.credential("webhook_secret"):
            return True  # 360dialog signs nothing; the URL's own token remains
        header = config.option("webhook_header") or WEBHOOK_HEADER
        return same_secret(request.header(header), config.secrets("webhook_secret"))

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        return read_body(request.body)

    def media_request(self, media: InboundMedia, config: Config) -> HttpRequest | None:
        """`GET /{media-id}` tells Meta's short-lived URL of it."""
        if not media.id:
            return None
        return HttpRequest("GET", f"{config.base(BASE_URL)}/{quote(media.id, safe='')}", _key(config))

    def media_follow(self, response: HttpResponse, config: Config) -> HttpRequest | None:
        """The URL leads to Meta, which does not know the key: 360dialog serves the same path itself."""
        scheme, _, rest = text(json_object(response.body), "url").partition("://")
        path = rest.partition("/")[2]
        if scheme not in ("https", "http") or not path:
            return None
        return HttpRequest("GET", f"{config.base(BASE_URL)}/{path}", _key(config))

    def templates_request(self, config: Config, cursor: str) -> HttpRequest | None:
        # Pages by offset are only whole when the order stays the same.
        query = f"limit={PAGE}&offset={offset(cursor)}&sort=business_templates.name"
        return HttpRequest("GET", f"{config.base(BASE_URL)}/v1/configs/templates?{query}", _key(config))

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        items = at(json_object(response.body), "waba_templates")
        if not isinstance(items, list):
            raise Malformed("a JSON object with a list 'waba_templates' was expected")
        return page(items, str(offset(cursor) + len(items)) if len(items) >= PAGE else "")


def _key(config: Config) -> dict[str, str]:
    return {"D360-API-KEY": config.credential("api_key")}


dialog360 = Dialog360()
