"""Twilio's Programmable Messaging with WhatsApp.

Source: Twilio, "Messages resource", "Content API", "Webhooks security".
"""

import re
from base64 import b64encode
from urllib.parse import quote, urlencode, urlsplit

from lib.http import HttpRequest, HttpResponse, host
from lib.signatures import signed_form
from providers.connectors.base import Config, Connector, Field
from providers.dialects.twilio_codes import CODES, send_result
from providers.dialects.twilio_messages import freeform, template
from providers.dialects.twilio_templates import page_query, read_page
from providers.dialects.twilio_webhook import REFERENCE, STATUSES, TYPES, fields, webhook_items
from providers.features import Feature
from providers.messages import Freeform, InboundMedia, Outbound, SendResult, TemplatePage, WebhookItem

BASE_URL = "https://api.twilio.com"
CONTENT_BASE_URL = "https://content.twilio.com"
_MEDIA_PATH = re.compile(r"/[\d-]+/Accounts/\w+/Messages/\w+/Media/\w+")


class Twilio(Connector):
    slug = "twilio"
    label = "Twilio"
    webhook_setup = (
        "Twilio Console > Messaging > Senders > WhatsApp senders > the sender > Endpoint configuration: the "
        "webhook URL, as POST, for incoming messages; with a messaging service, its Integration page "
        "instead. Reports need no setting: every message tells Twilio where they go."
    )
    credentials = (
        Field(
            "account_sid",
            "Account SID",
            "Twilio Console > Account info on its first page. It begins with AC.",
            required=True,
        ),
        Field(
            "auth_token",
            "Auth token",
            "Twilio Console > Account info on its first page. Every webhook is checked against it, also "
            "where an API key is used for sending.",
            secret=True,
            required=True,
        ),
        Field(
            "api_key_sid",
            "API key SID",
            "Twilio Console > Account > API keys & tokens > Create API key. It begins with SK. Left empty, "
            "the auth token is used for sending.",
        ),
        Field(
            "api_key_secret",
            "API key secret",
            "Shown once by Twilio, when the API key is created.",
            secret=True,
        ),
    )
    options = (
        Field("base_url", "Base URL", "Another host that answers as Twilio does.", default=BASE_URL),
        Field(
            "content_base_url",
            "Content API base URL",
            "Another host that lists content templates as Twilio does.",
            default=CONTENT_BASE_URL,
        ),
        Field(
            "messaging_service_sid",
            "Messaging service SID",
            "Twilio Console > Messaging > Services. It begins with MG. Left empty, messages are sent from "
            "the provider's own number.",
        ),
    )
    default_rate = (10, 1)
    lacks = {
        Feature.HEADER_LOCATION: "Twilio's templates have no location header.",
        Feature.NAMED: "Twilio numbers its variables.",
        Feature.OFFER: "Twilio's content types have no field for it.",
        Feature.CLICKED: "Twilio tells of no click on a WhatsApp template's URL.",
    }
    mapped_statuses = frozenset(STATUSES) | TYPES
    mapped_codes = frozenset(CODES)
    webhook_answer = HttpResponse(200, {"Content-Type": "text/xml"}, b"<Response/>")

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        content = outbound.content
        told = freeform(content) if isinstance(content, Freeform) else template(content, outbound.registered)
        service = config.option("messaging_service_sid")
        sender = {"MessagingServiceSid": service} if service else {"From": f"whatsapp:+{outbound.sender}"}
        form = {"To": f"whatsapp:+{outbound.to}", **sender, **told, **_callback(outbound, config)}
        account = quote(config.credential("account_sid"), safe="")
        return HttpRequest(
            "POST",
            f"{config.base(BASE_URL)}/2010-04-01/Accounts/{account}/Messages.json",
            {**_login(config), "Content-Type": "application/x-www-form-urlencoded"},
            urlencode(form).encode(),
        )

    def parse_response(self, response: HttpResponse) -> SendResult:
        return send_result(response)

    def verify(self, request: HttpRequest, config: Config) -> bool:
        signature = request.header("X-Twilio-Signature")
        return signed_form(signature, request.url, fields(request.body), config.secrets("auth_token"))

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        return webhook_items(request.body, request.query)

    def media_request(self, media: InboundMedia, config: Config) -> HttpRequest | None:
        """Media lies on the API host and wants the login, which goes to the set-up's own host only.

        Twilio answers with a redirect to a file that needs none.
        """
        base = config.base(BASE_URL)
        named = host(media.url)
        path = urlsplit(media.url).path if named else ""
        ours = named == host(base) or named.endswith(".twilio.com")
        return (
            HttpRequest("GET", base + path, _login(config)) if ours and _MEDIA_PATH.fullmatch(path) else None
        )

    def templates_request(self, config: Config, cursor: str) -> HttpRequest | None:
        base = (config.option("content_base_url") or CONTENT_BASE_URL).rstrip("/")
        url = f"{base}/v1/ContentAndApprovals?{page_query(cursor)}"
        return HttpRequest("GET", url, _login(config))

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        return read_page(response)


def _login(config: Config) -> dict[str, str]:
    names = ("api_key_sid", "api_key_secret")
    if not all(config.credential(name) for name in names):
        names = ("account_sid", "auth_token")
    pair = ":".join(config.credential(name) for name in names)
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _callback(outbound: Outbound, config: Config) -> dict[str, str]:
    """Where Twilio reports on this message: our reference comes back in the URL, which it signs."""
    if not config.webhook_url:
        return {}
    joint = "&" if "?" in config.webhook_url else "?"
    return {"StatusCallback": f"{config.webhook_url}{joint}{urlencode({REFERENCE: outbound.reference})}"}


twilio = Twilio()
