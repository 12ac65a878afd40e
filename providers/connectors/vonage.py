"""Vonage's Messages API, version 1 (once Nexmo).

Source: Vonage, "Messages API", "Signed webhooks", "Secure inbound media" and "WhatsApp template
management". Template messages and locations are `custom` messages: Meta's own object in Vonage's
envelope.
"""

from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode
from uuid import NAMESPACE_URL, uuid5

import msgspec

from lib.http import HttpRequest, HttpResponse, host
from lib.jwt_tokens import signed_rs256, verified_hs256
from lib.reading import number, text
from lib.signatures import same_secret
from providers.connectors.base import PLACE_OPTIONS, Config, Connector, Field, Rate
from providers.dialects.cloud_api.messages import with_place
from providers.dialects.template_list import read_page
from providers.dialects.vonage.codes import CODES, send_result
from providers.dialects.vonage.messages import message
from providers.dialects.vonage.webhook import CHANNEL, MEDIA, OTHERS, STATUSES, webhook_item
from providers.features import Feature, untold
from providers.messages import (
    AnswerCode,
    InboundMedia,
    Outbound,
    Refused,
    SendResult,
    TemplatePage,
    WebhookItem,
)

BASE_URL = "https://api.nexmo.com"
DOMAINS = (".nexmo.com", ".vonage.com")
PAGE = 100
JSON = {"Accept": "application/json"}

# A token serves ten minutes of messages: a new one every STEP, each good for LIFE. It counts from
# a little earlier, because Vonage takes none from the future and clocks differ.
STEP, LIFE, CLOCKS_DIFFER = 300, 900, 60
WEBHOOK_AGE = "5"  # minutes


class Vonage(Connector):
    slug = "vonage"
    label = "Vonage (Nexmo)"
    webhook_setup = (
        "Vonage dashboard > Applications > your application > Messages: the webhook URL as Inbound URL and "
        "as Status URL, version v1. Without an application: API settings > Webhooks for the Messages API."
    )
    credentials = (
        Field(
            "application_id",
            "Application ID",
            "Vonage dashboard > Applications > your application, with the Messages capability and the "
            "WhatsApp number linked to it. Preferred to the API key.",
        ),
        Field(
            "private_key",
            "Private key",
            "Vonage dashboard > Applications > your application > Generate public and private key: the whole "
            "content of the file private.key. It does not matter if its line breaks are lost.",
            secret=True,
        ),
        Field(
            "api_key",
            "API key",
            "Vonage dashboard > API settings > API key. With its secret, it sends without an application.",
        ),
        Field("api_secret", "API secret", "Vonage dashboard > API settings > API secret.", secret=True),
        Field(
            "signature_secret",
            "Signature secret",
            "Vonage dashboard > API settings > Signature secret. Every webhook is checked against it. Left "
            "empty, webhooks are trusted for knowing the URL.",
            secret=True,
        ),
        Field(
            "waba_id",
            "WhatsApp Business Account ID",
            "Vonage dashboard > External accounts, or Meta's WhatsApp Manager. Needed to import templates.",
        ),
    )
    options = (
        Field(
            "base_url",
            "Base URL",
            "A region's own host, such as https://api-eu.vonage.com, or the sandbox's.",
            default=BASE_URL,
        ),
        Field(
            "webhook_age",
            "Age of webhooks",
            "Most minutes since one was signed. Raise it if what Vonage repeats after an outage is refused.",
            default=WEBHOOK_AGE,
        ),
        *PLACE_OPTIONS,
    )
    default_rate = Rate(20, 1)  # Vonage publishes none for WhatsApp
    lacks = {Feature.CLICKED: "Vonage reports no click on a URL button.", **untold("Vonage")}
    mapped_statuses = frozenset(STATUSES) | frozenset(MEDIA) | OTHERS
    mapped_codes = frozenset(CODES)
    sends_to_user_ids = True
    capped_codes = frozenset({"1461"})
    proof = ("signature_secret",)
    account = "waba_id"

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        named = with_place(outbound, config.option("location_name"), config.option("location_address"))
        body = {
            "channel": CHANNEL,
            "from": outbound.sender,
            "to": outbound.to,
            "client_ref": outbound.reference,
            **message(named.content),
        }
        if config.webhook_url and not _has_application(config):
            # An application has a Status URL and a version of its own; the account's serve other systems too.
            body |= {"webhook_url": config.webhook_url, "webhook_version": "v1"}
        headers = {"Authorization": _login(config), "Content-Type": "application/json", **JSON}
        return HttpRequest("POST", f"{config.base(BASE_URL)}/v1/messages", headers, msgspec.json.encode(body))

    def parse_response(self, response: HttpResponse) -> SendResult:
        return send_result(response)

    def verify(self, request: HttpRequest, config: Config) -> bool:
        """A token in Authorization, signed with the account's secret, that names the body's digest."""
        if not config.credential("signature_secret"):
            return True  # some accounts have none; the URL's own token remains
        scheme, _, token = request.header("Authorization").partition(" ")
        claims = verified_hs256(token.strip(), config.secrets("signature_secret"))
        if scheme.lower() != "bearer" or claims is None:
            return False
        whole = same_secret(text(claims, "payload_hash").lower(), [sha256(request.body).hexdigest()])
        ours = (_is_ours(claims, name, config) for name in ("api_key", "application_id"))
        return whole and _is_fresh(claims, config) and all(ours)

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        return [webhook_item(request.body)]

    def media_request(self, media: InboundMedia, config: Config) -> HttpRequest | None:
        """Media is kept for 48 hours; an application may be set to give it to its own token only."""
        url = media.url
        vonages = url.startswith("https://") and host(url).endswith(DOMAINS)
        if not vonages and not url.startswith(config.base(BASE_URL) + "/"):
            return None
        return HttpRequest("GET", url, _login_if_any(config) if _has_application(config) else {})

    def templates_request(self, config: Config, cursor: str) -> HttpRequest | None:
        waba_id, login = quote(config.credential("waba_id"), safe=""), _login_if_any(config)
        if not waba_id or not login:
            return None
        base = config.base(BASE_URL)
        if host(base).endswith(DOMAINS):
            base = BASE_URL  # the list is not on the regions' hosts, nor on the sandbox's
        query = urlencode({"limit": PAGE, **({"after": cursor} if cursor else {})})
        url = f"{base}/v2/whatsapp-manager/wabas/{waba_id}/templates?{query}"
        return HttpRequest("GET", url, {**login, **JSON})

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        return read_page(response, cursor, "templates")


def _has_application(config: Config) -> bool:
    return bool(config.credential("application_id") and config.credential("private_key"))


def _login(config: Config) -> str:
    """The Authorization of our calls: the application's token, else the API key. Raises Refused."""
    if _has_application(config):
        issued = (config.now - CLOCKS_DIFFER) // STEP * STEP
        application_id, private_key = config.credential("application_id"), config.credential("private_key")
        try:
            return f"Bearer {_token(application_id, private_key, issued)}"
        except ValueError as error:
            raise Refused(AnswerCode.CREDENTIALS, f"credentials: the private key is {error}") from error
    key, secret = config.credential("api_key"), config.credential("api_secret")
    if not key or not secret:
        lacking = "give an application ID and its private key, or API key and secret"
        raise Refused(AnswerCode.CREDENTIALS, f"credentials: {lacking}")
    return "Basic " + b64encode(f"{key}:{secret}".encode()).decode()


def _login_if_any(config: Config) -> dict[str, str]:
    try:
        return {"Authorization": _login(config)}
    except Refused:
        return {}


@lru_cache(maxsize=256)  # signing takes longer than everything else in a message
def _token(application_id: str, private_key: str, issued: int) -> str:
    claims = {
        "application_id": application_id,
        "iat": issued,
        "exp": issued + LIFE,
        "jti": str(uuid5(NAMESPACE_URL, f"{application_id}:{issued}")),
    }
    return signed_rs256(claims, private_key)


def _is_fresh(claims: dict[str, Any], config: Config) -> bool:
    signed = number(claims, "iat")
    oldest = 60 * (number(config.option("webhook_age")) or float(WEBHOOK_AGE))
    return signed is not None and -CLOCKS_DIFFER <= config.now - signed <= oldest + CLOCKS_DIFFER


def _is_ours(claims: dict[str, Any], name: str, config: Config) -> bool:
    """Webhooks of the account itself name no application, and not every set-up knows its API key."""
    named, known = text(claims, name), config.secrets(name)
    return not named or not known or named in known


vonage = Vonage()
