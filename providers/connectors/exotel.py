"""Exotel's WhatsApp API: Meta's message in an envelope of Exotel's.

Source: Exotel, developer.exotel.com, "WhatsApp API". Its newer pages leave the envelope out, and the
API refuses that.
"""

from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from lib.http import HttpRequest, HttpResponse, basic, host
from lib.reading import text
from lib.signatures import signed_sha256
from providers.connectors.base import PLACE_OPTIONS, Config, Connector, Field, Rate
from providers.dialects.cloud_api.codes import MISFITS
from providers.dialects.cloud_api.messages import content_body, with_place
from providers.dialects.exotel.codes import CODES, STATUSES, send_result
from providers.dialects.exotel.templates import SIZE, read_page
from providers.dialects.exotel.webhook import webhook_items
from providers.features import Feature, untold
from providers.messages import (
    InboundMedia,
    Outbound,
    SendResult,
    TemplatePage,
    WebhookItem,
)
from providers.outcomes import (
    json_object,
    webhook_object,
)

BASE_URL = "https://api.in.exotel.com"
DOMAIN = "exotel.com"


class Exotel(Connector):
    slug = "exotel"
    label = "Exotel"
    webhook_setup = (
        "Nothing for delivery reports and replies: every message carries the webhook URL. For messages "
        "that answer none, ask Exotel's support to enter it as the number's default WhatsApp webhook."
    )
    credentials = (
        Field(
            "api_key",
            "API key",
            "Exotel dashboard > Developer settings > API settings > API key (username).",
            required=True,
        ),
        Field(
            "api_token",
            "API token",
            "Exotel dashboard > Developer settings > API settings > API token (password).",
            secret=True,
            required=True,
        ),
        Field(
            "account_sid",
            "Account SID",
            "Exotel dashboard > Developer settings > API settings > Account SID.",
            required=True,
        ),
        Field(
            "waba_id",
            "WhatsApp Business Account ID",
            "Exotel dashboard > WhatsApp, or Meta's WhatsApp Manager > Settings. Needed to import templates.",
        ),
        Field(
            "webhook_secret",
            "Webhook secret",
            "From Exotel's support, for accounts whose webhooks carry X-Exotel-Signature: every one must "
            "then. Left empty, Waypost trusts every webhook that comes to the secret URL.",
            secret=True,
        ),
    )
    options = (
        Field(
            "base_url",
            "Base URL",
            "Exotel dashboard > Developer settings > API settings > Subdomain: https://api.in.exotel.com for "
            "accounts in Mumbai, https://api.exotel.com in Singapore.",
            default=BASE_URL,
        ),
        *PLACE_OPTIONS,
    )
    default_rate = Rate(200, 60)
    lacks = {
        Feature.CLICKED: "Exotel reports no click on a URL button.",
        **untold("Exotel", more=(Feature.REACTIONS,)),
    }
    mapped_statuses = frozenset(STATUSES)
    mapped_codes = frozenset(CODES) - frozenset(STATUSES)
    misfit_codes = MISFITS | {"30023", "EX_TEMPLATE_PARAM_ERROR"}
    proof = ("webhook_secret",)
    account = "account_sid"

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        return HttpRequest(
            "POST",
            f"{_account(config)}/messages",
            {**_login(config), "Content-Type": "application/json"},
            msgspec.json.encode(_envelope(outbound, config)),
        )

    def parse_response(self, response: HttpResponse) -> SendResult:
        return send_result(response)

    def handshake(self, request: HttpRequest, config: Config) -> HttpResponse | None:
        """`{type: "verification", challenge}` is answered with the challenge."""
        payload = json_object(request.body)
        if text(payload, "type") != "verification":
            return None
        answer = msgspec.json.encode({"challenge": text(payload, "challenge")})
        return HttpResponse(200, {"Content-Type": "application/json"}, answer)

    def verify(self, request: HttpRequest, config: Config) -> bool:
        if not config.credential("webhook_secret"):
            return True  # most accounts have no signature; the URL's own token remains
        signature = request.header("X-Exotel-Signature")
        return signed_sha256(signature, request.body, config.secrets("webhook_secret"))

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        return webhook_items(webhook_object(request.body))

    def media_request(self, media: InboundMedia, config: Config) -> HttpRequest | None:
        """Exotel's own media URLs ask for the API key; others anybody can fetch."""
        found = host(media.url)
        secure = media.url.startswith("https://") and (found == DOMAIN or found.endswith(f".{DOMAIN}"))
        ours = secure or media.url.startswith(f"{config.base(BASE_URL)}/")
        return HttpRequest("GET", media.url, _login(config)) if ours else None

    def templates_request(self, config: Config, cursor: str) -> HttpRequest | None:
        if not config.credential("waba_id"):
            return None
        query = {"waba_id": config.credential("waba_id"), "limit": str(SIZE)}
        query |= {"after": cursor} if cursor else {}
        return HttpRequest("GET", f"{_account(config)}/templates?{urlencode(query)}", _login(config))

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        return read_page(response, cursor)


def _account(config: Config) -> str:
    return f"{config.base(BASE_URL)}/v2/accounts/{quote(config.credential('account_sid'), safe='')}"


def _login(config: Config) -> dict[str, str]:
    return basic(config.credential("api_key"), config.credential("api_token"))


def _envelope(outbound: Outbound, config: Config) -> dict[str, Any]:
    """The reference and our URL stand on all three levels: Exotel documents the outer two, and
    integrations in use set the innermost, which wins."""
    ours = {"custom_data": outbound.reference, "status_callback": config.webhook_url}
    ours = {key: value for key, value in ours.items() if value}
    named = with_place(outbound, config.option("location_name"), config.option("location_address"))
    message = {
        "from": f"+{outbound.sender}",
        "to": f"+{outbound.to}",
        **ours,
        "content": {"recipient_type": "individual", **content_body(named.content)},
    }
    return {**ours, "whatsapp": {**ours, "messages": [message]}}


exotel = Exotel()
