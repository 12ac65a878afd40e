"""Meta's WhatsApp Cloud API, called directly.

Source: developers.facebook.com, "WhatsApp Cloud API": Messages, Webhooks, Error codes.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from urllib.parse import quote

import msgspec

from lib.http import HttpRequest, HttpResponse, host
from lib.reading import text
from lib.signatures import same_secret, signed_sha256
from providers.connectors.base import MARKETING_OPTIONS, PLACE_OPTIONS, Config, Connector, Field, Rate
from providers.dialects.cloud_api import marketing
from providers.dialects.cloud_api.codes import send_result
from providers.dialects.cloud_api.fields import WANTED, fields_of
from providers.dialects.cloud_api.messages import message_body, with_place
from providers.dialects.cloud_api.webhook import MESSAGES, STATUSES, read_body
from providers.dialects.template_list import read_page
from providers.features import Feature
from providers.messages import InboundMedia, Outbound, SendResult, TemplatePage, WebhookItem
from providers.outcomes import json_object

BASE_URL = "https://graph.facebook.com"
API_VERSION = "v25.0"
# When versions end, from Meta's table (developers.facebook.com/docs/graph-api/changelog), October 2026.
VERSION_ENDS = {
    "v20.0": date(2026, 9, 24),
    "v21.0": date(2027, 1, 21),
    "v22.0": date(2027, 5, 20),
    "v23.0": date(2027, 10, 8),
    "v24.0": date(2028, 2, 18),
    "v25.0": date(2028, 7, 29),
}
PAGE = 100
# Meta's answer has only the fields that are asked for.
FIELDS = (
    "id,name,language,status,category,previous_category,components,parameter_format,quality_score,"
    "rejected_reason,message_send_ttl_seconds,sub_category,correct_category,library_template_name,"
    "cta_url_link_tracking_opted_out"
)
MEDIA_HOSTS = ("lookaside.fbsbx.com",)


class Meta(Connector):
    slug = "meta"
    label = "Meta Cloud API"
    webhook_setup = (
        "App dashboard > WhatsApp > Configuration > Webhook: the webhook URL as Callback URL, and the "
        "verify token from above. Then subscribe to every field that the provider's page lists under "
        "“Webhooks that came”: it shows which of them have arrived."
    )
    webhook_fields = WANTED
    credentials = (
        Field(
            "access_token",
            "Access token",
            "Business settings > Users > System users > Generate token, with the permissions "
            "whatsapp_business_messaging and whatsapp_business_management. A token from the app's "
            "API Setup page expires within a day.",
            secret=True,
            required=True,
        ),
        Field(
            "phone_number_id",
            "Phone number ID",
            "App dashboard > WhatsApp > API Setup, below the From number. It is not the number itself.",
            required=True,
        ),
        Field(
            "waba_id",
            "WhatsApp Business Account ID",
            "App dashboard > WhatsApp > API Setup, or WhatsApp Manager > Settings. "
            "Needed to import templates.",
        ),
        Field(
            "app_secret",
            "App secret",
            "App dashboard > App settings > Basic > App secret. Every webhook is checked against it.",
            secret=True,
            required=True,
        ),
        Field(
            "verify_token",
            "Verify token",
            "Any text of your own: enter the same here and in the app dashboard > WhatsApp > "
            "Configuration > Webhook > Verify token.",
            secret=True,
            required=True,
        ),
    )
    options = (
        Field("base_url", "Base URL", "Another host that answers as Meta does.", default=BASE_URL),
        Field(
            "api_version",
            "Graph API version",
            "App dashboard > App settings > Advanced > Upgrade API version shows which ones are offered.",
            default=API_VERSION,
        ),
        Field(
            "template_fields",
            "Further template fields",
            "Names by comma, such as optimization_spec, the maximum price. They are asked for with the "
            "template list, and kept. Meta refuses the list when its version lacks one of them: then write "
            "none here, or the others.",
            default="optimization_spec",
        ),
        *MARKETING_OPTIONS,
        *PLACE_OPTIONS,
    )
    default_rate = Rate(80, 1)
    lacks = {Feature.CLICKED: "Meta reports no click on a URL button."}
    mapped_statuses = frozenset(STATUSES) | MESSAGES
    category_codes = marketing.CODES
    sends_to_user_ids = True
    proof = ("app_secret",)
    number_id = "phone_number_id"
    account = "waba_id"

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        way = marketing.edge(outbound, config.option(marketing.MODE))
        named = with_place(outbound, config.option("location_name"), config.option("location_address"))
        number_id = quote(config.credential("phone_number_id"), safe="")
        return HttpRequest(
            "POST",
            f"{config.base(BASE_URL)}/{_version(config)}/{number_id}/{way}",
            {**_bearer(config), "Content-Type": "application/json"},
            msgspec.json.encode(message_body(named) | marketing.policy(way, config.option(marketing.POLICY))),
        )

    def parse_response(self, response: HttpResponse) -> SendResult:
        return send_result(response)

    def handshake(self, request: HttpRequest, config: Config) -> HttpResponse | None:
        """`GET ?hub.mode=subscribe&hub.verify_token=…&hub.challenge=…` is answered with the challenge."""
        query = request.query
        if request.method != "GET" or "hub.mode" not in query:
            return None
        known = same_secret(query.get("hub.verify_token", ""), config.secrets("verify_token"))
        headers = {"Content-Type": "text/plain"}
        if query["hub.mode"] != "subscribe" or not known:
            return HttpResponse(403, headers)
        return HttpResponse(200, headers, query.get("hub.challenge", "").encode())

    def sends_marketing_apart(self, config: Config) -> bool:
        return marketing.apart(config.option(marketing.MODE))

    def category_named(self, request: HttpRequest, result: SendResult, config: Config) -> str:
        return marketing.category_named(request, result, config.option(marketing.MODE))

    def verify(self, request: HttpRequest, config: Config) -> bool:
        signature = request.header("X-Hub-Signature-256")
        return signed_sha256(signature, request.body, config.secrets("app_secret"))

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        return read_body(request.body)

    def webhook_kinds(self, request: HttpRequest, items: Sequence[WebhookItem]) -> set[str]:
        return fields_of(request.body)

    def api_ends(self, options: Mapping[str, str]) -> date | None:
        return VERSION_ENDS.get(options.get("api_version") or API_VERSION)

    def media_request(self, media: InboundMedia, config: Config) -> HttpRequest | None:
        """`GET /{media-id}` tells a URL that lives for five minutes; the id itself lives for seven days."""
        if not media.id:
            return None
        path = f"/{_version(config)}/{quote(media.id, safe='')}"
        return HttpRequest("GET", config.base(BASE_URL) + path, _bearer(config))

    def media_follow(self, response: HttpResponse, config: Config) -> HttpRequest | None:
        url = text(json_object(response.body), "url")
        base = config.base(BASE_URL)
        encrypted = url.startswith(("https://", f"{base}/"))  # unless the set-up itself says http
        ours = encrypted and host(url) in (host(base), *MEDIA_HOSTS)
        return HttpRequest("GET", url, _bearer(config)) if ours else None

    def templates_request(self, config: Config, cursor: str) -> HttpRequest | None:
        return self._list_request(config, cursor, "")

    def named_templates_request(self, config: Config, name: str, cursor: str) -> HttpRequest | None:
        return self._list_request(config, cursor, f"&name={quote(name, safe='')}")

    def _list_request(self, config: Config, cursor: str, wanted: str) -> HttpRequest | None:
        if not config.credential("waba_id"):
            return None
        after = f"&after={quote(cursor, safe='')}" if cursor else ""
        path = f"/{_version(config)}/{quote(config.credential('waba_id'), safe='')}/message_templates"
        more = config.option("template_fields").replace(" ", "").removeprefix("none")
        fields = f"{FIELDS},{quote(more, safe=',')}" if more else FIELDS
        query = f"fields={fields}&limit={PAGE}{wanted}{after}"
        return HttpRequest("GET", f"{config.base(BASE_URL)}{path}?{query}", _bearer(config))

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        return read_page(response, cursor)


def _version(config: Config) -> str:
    return config.option("api_version") or API_VERSION


def _bearer(config: Config) -> dict[str, str]:
    return {"Authorization": f"Bearer {config.credential('access_token')}"}


meta = Meta()
