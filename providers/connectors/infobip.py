"""Infobip's WhatsApp API.

Source: Infobip API reference, "WhatsApp": outbound messages, reports, inbound messages, templates;
and "Subscriptions" for how webhooks prove their origin.
"""

import hmac
import re
from base64 import b64encode
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from lib.http import HttpRequest, HttpResponse, host
from lib.signatures import same_secret
from providers.connectors.base import Config, Connector, Field, Rate
from providers.dialects.infobip.codes import ERROR_CODES, GROUPS, STATUS_CODES, send_result
from providers.dialects.infobip.messages import freeform, template
from providers.dialects.infobip.templates import SIZE, read_page
from providers.dialects.infobip.webhook import CLICKED, MESSAGES, webhook_items
from providers.dialects.template_list import offset
from providers.features import Feature, untold
from providers.messages import (
    Freeform,
    InboundMedia,
    Outbound,
    SendResult,
    TemplatePage,
    WebhookItem,
)
from providers.outcomes import webhook_object

BASE_URL = "https://api.infobip.com"
ALGORITHMS = {
    "HMAC_MD5": "md5",
    "HMAC_SHA_1": "sha1",
    "HMAC_SHA_224": "sha224",
    "HMAC_SHA_256": "sha256",
    "HMAC_SHA_384": "sha384",
    "HMAC_SHA_512": "sha512",
}
_MEDIA_PATH = re.compile(r"/whatsapp/1/senders/\w+/media/\w[\w.~=-]*")


class Infobip(Connector):
    slug = "infobip"
    label = "Infobip"
    stopped_codes = frozenset({"7033"})  # MARKETING_OPT_OUT
    capped_codes = frozenset({"7032"})  # FREQUENCY_CAPPING
    webhook_setup = (
        "Infobip portal > Channels and Numbers > WhatsApp > the sender's configuration: forward inbound "
        "messages to the webhook URL, in the format MO_OTT_CONTACT. Reports come to it automatically. If "
        "webhook credentials are set above, subscribe it instead to DELIVERY, SEEN, CLICK and "
        "INBOUND_MESSAGE, with that security, under Developer tools > Subscriptions management."
    )
    credentials = (
        Field(
            "api_key",
            "API key",
            "Infobip portal > Developer tools > API keys, with the scopes for sending and reading WhatsApp.",
            secret=True,
            required=True,
        ),
        Field(
            "webhook_username",
            "Webhook username",
            "The username of the Basic security that your Infobip subscription is set up with. Left empty "
            "with its password and the HMAC key, webhooks are trusted for knowing the URL.",
        ),
        Field(
            "webhook_password",
            "Webhook password",
            "The password of the Basic security that your Infobip subscription is set up with.",
            secret=True,
        ),
        Field(
            "hmac_key",
            "HMAC key",
            "The secretKey of the HMAC security that your Infobip subscription is set up with, where it "
            "is HMAC instead of Basic.",
            secret=True,
        ),
    )
    options = (
        Field(
            "base_url",
            "Base URL",
            "Your account's own host, such as https://xxxxx.api.infobip.com, from the home page of the "
            "Infobip portal.",
            default=BASE_URL,
        ),
        Field(
            "track_clicks",
            "Track clicks",
            "Write yes to have Infobip shorten the links in messages and report clicks on them. They then "
            "show Infobip's short address instead of yours.",
        ),
        Field(
            "idempotent",
            "Idempotent sending",
            "Write yes once Infobip has enabled idempotent message sending for WhatsApp on your account. "
            "Messages whose answer was lost are then sent again with the same message ID.",
        ),
        Field(
            "hmac_header",
            "HMAC header",
            "The header in which Infobip sends the signature, from a webhook of your subscription. Infobip "
            "documents no name; without one here, signed webhooks are refused.",
        ),
        Field(
            "hmac_algorithm",
            "HMAC algorithm",
            f"The algorithm of your Infobip subscription's security: {', '.join(ALGORITHMS)}.",
            default="HMAC_SHA_256",
        ),
    )
    default_rate = Rate(4000, 1)
    lacks = untold("Infobip", Feature.STOPS)
    mapped_statuses = frozenset(GROUPS) | MESSAGES | {CLICKED}
    mapped_codes = frozenset(ERROR_CODES) | frozenset(STATUS_CODES)
    misfit_codes = frozenset({"7008", "7009"})
    proof = ("hmac_key", "webhook_password")

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        """Templates go as `{messages: [M]}`, everything else as M alone, each kind to its own path."""
        content = outbound.content
        if isinstance(content, Freeform):
            kind, fields = str(content.kind), freeform(content)
        else:
            kind, fields = "template", template(content, outbound.registered)
        message = {
            "from": outbound.sender,
            "to": outbound.to,
            "messageId": outbound.once or outbound.reference,
            "content": fields,
            "callbackData": outbound.reference,
            **_callbacks(config),
        }
        return HttpRequest(
            "POST",
            f"{config.base(BASE_URL)}/whatsapp/1/message/{kind}",
            {**_key(config), "Content-Type": "application/json"},
            msgspec.json.encode({"messages": [message]} if kind == "template" else message),
        )

    def repeats_safely(self, config: Config) -> bool:
        return _yes(config, "idempotent")

    def parse_response(self, response: HttpResponse) -> SendResult:
        return send_result(response)

    def verify(self, request: HttpRequest, config: Config) -> bool:
        if config.credential("hmac_key"):
            return _signed(request, config)
        if not _proves(config):
            return True  # the URL's own token remains
        scheme, _, given = request.header("Authorization").partition(" ")
        logins = (
            b64encode(f"{username}:{password}".encode()).decode()
            for username in config.secrets("webhook_username")
            for password in config.secrets("webhook_password")
        )
        return same_secret(given.strip(), logins) and scheme.lower() == "basic"

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        return webhook_items(webhook_object(request.body))

    def media_request(self, media: InboundMedia, config: Config) -> HttpRequest | None:
        """Media lies on the API host and wants the key, which goes to the set-up's own host only."""
        base = config.base(BASE_URL)
        named = host(media.url)
        path = urlsplit(media.url).path if named else ""
        ours = named == host(base) or f".{named}".endswith(".api.infobip.com")
        if not ours or not _MEDIA_PATH.fullmatch(path):
            return None
        return HttpRequest("GET", base + path, _key(config))

    def templates_request(self, config: Config, cursor: str) -> HttpRequest | None:
        query = {"page": str(offset(cursor)), "size": str(SIZE)}
        if config.waba_number:
            query = {"sender": config.waba_number, **query}
        return HttpRequest(
            "GET", f"{config.base(BASE_URL)}/whatsapp/1/templates?{urlencode(query)}", _key(config)
        )

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        return read_page(response, cursor)


def _key(config: Config) -> dict[str, str]:
    return {"Authorization": f"App {config.credential('api_key')}", "Accept": "application/json"}


def _proves(config: Config) -> bool:
    names = ("webhook_username", "webhook_password", "hmac_key")
    return any(config.credential(name) for name in names)


def _callbacks(config: Config) -> dict[str, Any]:
    """Where this message's reports go.

    Infobip documents signatures for subscriptions only. If the provider demands them, reports to a URL in the
    message would be refused, so they must come by the subscription.
    """
    url = "" if _proves(config) else config.webhook_url
    found: dict[str, Any] = {"notifyUrl": url} if url else {}
    if _yes(config, "track_clicks"):
        tracking = {"shortenUrl": True, "trackClicks": True}
        found["urlOptions"] = tracking | ({"trackingUrl": url} if url else {})
    return found


def _signed(request: HttpRequest, config: Config) -> bool:
    """The HMAC of the raw body, hex or base64: Infobip documents neither the header nor the spelling."""
    given = request.header(config.option("hmac_header")).strip()
    algorithm = ALGORITHMS.get(config.option("hmac_algorithm") or "HMAC_SHA_256")
    if not given or algorithm is None:
        return False
    keys = [key.encode() for key in config.secrets("hmac_key")]
    digests = [hmac.new(key, request.body, algorithm).digest() for key in keys]
    in_hex = same_secret(given.lower(), [digest.hex() for digest in digests])
    return same_secret(given, [b64encode(digest).decode() for digest in digests]) or in_hex


def _yes(config: Config, name: str) -> bool:
    return config.option(name).strip().lower() in ("yes", "true", "on", "1")


infobip = Infobip()
