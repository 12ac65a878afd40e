"""Twilio's Programmable Messaging with WhatsApp.

Source: Twilio, "Messages resource", "Content API", "Webhooks security".
"""

import re
from urllib.parse import quote, urlencode, urlsplit

from lib.http import HttpRequest, HttpResponse, basic, host
from lib.signatures import signed_form
from lib.user_ids import is_user_id
from providers.connectors.base import Config, Connector, Field, Rate
from providers.dialects.twilio.codes import CODES, send_result
from providers.dialects.twilio.messages import freeform, template
from providers.dialects.twilio.templates import page_query, read_page
from providers.dialects.twilio.webhook import REFERENCE, STATUSES, TYPES, webhook_items
from providers.features import Feature, untold
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
    default_rate = Rate(10, 1)
    lacks = {
        **untold("Twilio"),
        Feature.HEADER_LOCATION: "Twilio's templates have no location header.",
        Feature.NAMED: "Twilio numbers its variables.",
        Feature.OFFER: "Twilio's content types have no field for it.",
        Feature.CLICKED: "Twilio tells of no click on a WhatsApp template's URL.",
    }
    mapped_statuses = frozenset(STATUSES) | TYPES
    mapped_codes = frozenset(CODES)
    misfit_codes = frozenset({"21656", "63028"})
    webhook_answer = HttpResponse(200, {"Content-Type": "text/xml"}, b"<Response/>")
    sends_to_user_ids = True
    capped_codes = frozenset({"63049"})
    proof = ("auth_token",)
    account = "account_sid"

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        content = outbound.content
        if isinstance(content, Freeform):
            fields = freeform(content)
        else:
            fields = template(content, outbound.registered)
        service = config.option("messaging_service_sid")
        sender = {"MessagingServiceSid": service} if service else {"From": f"whatsapp:+{outbound.sender}"}
        to = outbound.to if is_user_id(outbound.to) else f"+{outbound.to}"
        form = {"To": f"whatsapp:{to}", **sender, **fields, **_callback(outbound, config)}
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
        return signed_form(signature, request.url, request.body, config.secrets("auth_token"))

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
    username, password = (config.credential(name) for name in names)
    return basic(username, password)


def _callback(outbound: Outbound, config: Config) -> dict[str, str]:
    """Where Twilio reports on this message: our reference comes back in the URL, which it signs."""
    if not config.webhook_url:
        return {}
    joint = "&" if "?" in config.webhook_url else "?"
    return {"StatusCallback": f"{config.webhook_url}{joint}{urlencode({REFERENCE: outbound.reference})}"}


twilio = Twilio()
