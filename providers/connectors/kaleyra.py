"""Kaleyra's WhatsApp API V2, which takes Meta's messages in an envelope of its own.

Source: Kaleyra, "WhatsApp API V2", "Callback Profiles"; CleverTap's Kaleyra page for the set-up.
"""

from urllib.parse import quote, urlencode

import msgspec

from lib.http import HttpRequest, HttpResponse
from providers.connectors.base import PLACE_OPTIONS, Config, Connector, Field, HostHeader
from providers.dialects.cloud_api.messages import content_body, with_place
from providers.dialects.kaleyra.codes import CODES, TAKEN, send_result
from providers.dialects.kaleyra.templates import read_page
from providers.dialects.kaleyra.webhook import STATUSES, TYPES, verified, webhook_items
from providers.features import Feature, untold
from providers.messages import Outbound, SendResult, TemplatePage, WebhookItem

BASE_URL = "https://api.kaleyra.io"
# Kaleyra's pages disagree on the hosts of a region, so all of them are listed.
HOSTS = (
    "api.kaleyra.io",
    "api.in.kaleyra.io",
    "api.ap.kaleyra.io",
    "api.eu.kaleyra.io",
    "api.na.kaleyra.ai",
    "api.na.kaleyra.io",
)
LOGIN = {"api-key": "api_key", "sid": "sid"}
HOST = HostHeader("kaleyra-host", HOSTS)
WEBHOOK_HEADER = "X-Waypost-Secret"
WEBHOOK_SETUP = (
    "Kaleyra > profile menu > Callback Profiles: the webhook URL, method POST, the two bodies of "
    "docs/providers/kaleyra.md, and the webhook secret as a custom header. Instead, without a secret: the "
    "webhook URL in Settings > Enable WhatsApp Callback URLs, and in Channels > WhatsApp > "
    "Configurations > Edit Number > Incoming URL."
)
CREDENTIALS = (
    Field(
        "api_key",
        "API key",
        "Kaleyra > Developers > API Keys: hover over the key to see it.",
        secret=True,
        required=True,
    ),
    Field("sid", "SID", "Kaleyra > Developers > API Keys, beside the key.", required=True),
    Field(
        "webhook_secret",
        "Webhook secret",
        "Any text of your own, entered in Kaleyra's callback profiles as the value of a custom header or as "
        "the password of Basic authentication. Left empty, Waypost trusts every webhook that comes "
        "to the secret URL.",
        secret=True,
    ),
)
OPTIONS = (
    Field(
        "base_url",
        "Base URL",
        "Kaleyra > Developers > API Keys > Edit > API Domain, for example https://api.in.kaleyra.io.",
        default=BASE_URL,
    ),
    Field(
        "webhook_header",
        "Webhook header",
        "The name of the custom header that carries the webhook secret.",
        default=WEBHOOK_HEADER,
    ),
)
NO_CLICKS = "Kaleyra reports no click on a URL button."
NO_KEY = "Kaleyra's pages ask for no key to fetch media."


class Kaleyra(Connector):
    slug = "kaleyra"
    label = "Kaleyra (API V2)"
    webhook_setup = WEBHOOK_SETUP
    credentials = (
        *CREDENTIALS,
        Field(
            "waba_id",
            "WhatsApp Business Account ID",
            "Meta's WhatsApp Manager > Settings, or from Kaleyra's support. Needed to import templates.",
        ),
    )
    options = (
        *OPTIONS,
        Field(
            "bare_number",
            "Number without plus",
            "Enter yes should Kaleyra not know the business number in the URL with its plus sign.",
        ),
        *PLACE_OPTIONS,
    )
    lacks = {Feature.CLICKED: NO_CLICKS, Feature.MEDIA_KEY: NO_KEY, **untold("Kaleyra")}
    takes_get = True
    login_headers = LOGIN
    host_header = HOST
    mapped_statuses = frozenset(STATUSES) | TYPES
    mapped_codes = frozenset(CODES) | {TAKEN}
    proof = ("webhook_secret",)
    account = "waba_id"

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        """`{messaging_object: Meta's message, extra_info: {ref}}`; ref comes back in callbacks."""
        named = with_place(outbound, config.option("location_name"), config.option("location_address"))
        message = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": f"+{outbound.to}",
            **content_body(named.content),
        }
        plus = "" if config.option("bare_number").lower() == "yes" else "+"
        return HttpRequest(
            "POST",
            f"{_account(config)}/{quote(plus + outbound.sender, safe='')}/messages",
            _headers(config),
            msgspec.json.encode({"messaging_object": message, "extra_info": {"ref": outbound.reference}}),
        )

    def parse_response(self, response: HttpResponse) -> SendResult:
        return send_result(response)

    def verify(self, request: HttpRequest, config: Config) -> bool:
        return from_kaleyra(request, config)

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        return webhook_items(request)

    def templates_request(self, config: Config, cursor: str) -> HttpRequest | None:
        """The names of the query's parameters are not known, so the first page asks with none."""
        if not config.credential("waba_id"):
            return None
        query = f"?{urlencode({'after': cursor})}" if cursor else ""
        path = f"/{quote(config.credential('waba_id'), safe='')}/message_templates"
        return HttpRequest("GET", _account(config) + path + query, _headers(config))

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        return read_page(response, cursor)


def from_kaleyra(request: HttpRequest, config: Config) -> bool:
    """Whether the webhook has the secret, or none is set."""
    header = config.option("webhook_header") or WEBHOOK_HEADER
    agreed = bool(config.credential("webhook_secret"))
    return not agreed or verified(request, header, config.secrets("webhook_secret"))


def _account(config: Config) -> str:
    return f"{config.base(BASE_URL)}/v2/{quote(config.credential('sid'), safe='')}/whatsapp"


def _headers(config: Config) -> dict[str, str]:
    return {"api-key": config.credential("api_key"), "Content-Type": "application/json"}


kaleyra = Kaleyra()
