"""360dialog, which hands Meta's Cloud API on under a host and a key of its own.

Source: 360dialog, "Messaging API", "Webhooks", "Media", "Templates".
"""

from collections.abc import Sequence
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from lib.http import HttpRequest, HttpResponse
from lib.reading import at, first, text
from lib.signatures import same_secret
from providers.connectors.base import MARKETING_OPTIONS, PLACE_OPTIONS, Config, Connector, Field, Rate
from providers.dialects.cloud_api import marketing
from providers.dialects.cloud_api.codes import send_result
from providers.dialects.cloud_api.fields import WANTED, fields_of
from providers.dialects.cloud_api.messages import message_body, with_place
from providers.dialects.cloud_api.webhook import MESSAGES, STATUSES, read_body
from providers.dialects.template_list import listed, offset, page_of
from providers.features import Feature
from providers.messages import (
    Account,
    InboundMedia,
    ListedTemplate,
    Malformed,
    Outbound,
    Outcome,
    SendResult,
    TemplatePage,
    WebhookItem,
)
from providers.outcomes import EXCERPT, AccountReasons, by_status, json_object, refused_with, retry_after

BASE_URL = "https://waba-v2.360dialog.io"
WEBHOOK_HEADER = "X-Webhook-Secret"
PAGE = 200
# 360dialog's own refusals come with status 400, whatever they are about, and only the sentence tells.
TOO_FAST = ("rate limit", "exceeded the limit", "too many requests")
ACCOUNT_REASONS: AccountReasons = (
    (("lack of payment", "overdue invoice"), Account.PAYMENT),
    (("api has been disabled", "account has been disabled", "account is blocked"), Account.RESTRICTED),
    (("api key", "unauthorized"), Account.CREDENTIALS),
)


class Dialog360(Connector):
    slug = "360dialog"
    label = "360dialog"
    webhook_setup = (
        "360dialog Hub > the number > Webhook, or POST it with the API key to /v1/configs/webhook, as "
        "{url: the webhook URL}. A webhook secret goes beside it: {headers: {X-Webhook-Secret: the secret}}. "
        "Have the fields passed on that the provider's page lists under “Webhooks that came”."
    )
    webhook_fields = WANTED
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
        *MARKETING_OPTIONS,
        *PLACE_OPTIONS,
    )
    default_rate = Rate(80, 1)
    lacks = {
        Feature.CLICKED: "Meta reports no click on a URL button.",
        Feature.HISTORY: "360dialog sends it to the partner's webhook URL, not to the number's.",
    }
    mapped_statuses = frozenset(STATUSES) | MESSAGES
    category_codes = marketing.CODES
    sends_to_user_ids = True
    proof = ("webhook_secret",)

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        way = marketing.edge(outbound, config.option(marketing.MODE))
        named = with_place(outbound, config.option("location_name"), config.option("location_address"))
        return HttpRequest(
            "POST",
            f"{config.base(BASE_URL)}/{way}",
            {**_key(config), "Content-Type": "application/json"},
            msgspec.json.encode(message_body(named) | marketing.policy(way, config.option(marketing.POLICY))),
        )

    def parse_response(self, response: HttpResponse) -> SendResult:
        """Meta's answer, or 360dialog's own refusal: `{meta: {success, http_code, developer_message}}`."""
        answer = json_object(response.body)
        if any(at(answer, key) for key in ("messages", "error", "errors")):
            return send_result(response)
        words = first(text(answer, "meta", "developer_message"), text(answer, "meta", "developerMessage"))
        result = by_status(response, words[:EXCERPT])
        if result.outcome is not Outcome.REJECTED:
            return result
        if any(phrase in words.lower() for phrase in TOO_FAST):
            wait = retry_after(response)
            return SendResult(Outcome.THROTTLED, bsp_code=result.bsp_code, text=result.text, retry_after=wait)
        return refused_with(words, (), ACCOUNT_REASONS, result.bsp_code, result.text)

    def sends_marketing_apart(self, config: Config) -> bool:
        return marketing.apart(config.option(marketing.MODE))

    def category_named(self, request: HttpRequest, result: SendResult, config: Config) -> str:
        return marketing.category_named(request, result, config.option(marketing.MODE))

    def verify(self, request: HttpRequest, config: Config) -> bool:
        if not config.credential("webhook_secret"):
            return True  # 360dialog signs nothing; the URL's own token remains
        header = config.option("webhook_header") or WEBHOOK_HEADER
        return same_secret(request.header(header), config.secrets("webhook_secret"))

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        return read_body(request.body)

    def webhook_kinds(self, request: HttpRequest, items: Sequence[WebhookItem]) -> set[str]:
        return fields_of(request.body)

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
        return self._list_request(config, cursor, "")

    def named_templates_request(self, config: Config, name: str, cursor: str) -> HttpRequest | None:
        wanted = msgspec.json.encode({"business_templates.name": name}).decode()
        return self._list_request(config, cursor, f"&filters={quote(wanted, safe=':')}")

    def _list_request(self, config: Config, cursor: str, wanted: str) -> HttpRequest:
        # Pages by offset are only whole when the order stays the same.
        query = f"limit={PAGE}&offset={offset(cursor)}&sort=business_templates.name{wanted}"
        return HttpRequest("GET", f"{config.base(BASE_URL)}/v1/configs/templates?{query}", _key(config))

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        items = at(json_object(response.body), "waba_templates")
        if not isinstance(items, list):
            raise Malformed("a JSON object with a list 'waba_templates' was expected")
        following = str(offset(cursor) + len(items)) if len(items) >= PAGE else ""
        return page_of(items, following, _listed)


def _listed(item: object) -> ListedTemplate | None:
    """One item. Webhooks name a template by Meta's id, which stands beside 360dialog's own."""
    found = listed(item)
    metas = text(item, "external_id")
    return replace(found, bsp_id=metas) if found and metas else found


def _key(config: Config) -> dict[str, str]:
    return {"D360-API-KEY": config.credential("api_key")}


dialog360 = Dialog360()
