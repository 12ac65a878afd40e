"""Exotel's WhatsApp API: Meta's message in an envelope of Exotel's.

Source: Exotel, developer.exotel.com, "WhatsApp API". Its newer pages leave the envelope out, and the
API refuses that.
"""

from base64 import b64encode
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from lib.http import HttpRequest, HttpResponse, host
from lib.reading import at, first, number, objects, text
from lib.signatures import signed_sha256
from providers.connectors.base import PLACE_OPTIONS, Config, Connector, Field
from providers.dialects.cloud_api import content_body, with_place
from providers.dialects.cloud_api_errors import LONGEST_CODE
from providers.dialects.exotel_webhook import KINDS, MEANINGS, failure_code, webhook_items
from providers.dialects.template_list import page
from providers.features import Feature
from providers.messages import (
    InboundMedia,
    Malformed,
    Outbound,
    Outcome,
    ReportCode,
    SendResult,
    TemplatePage,
    WebhookItem,
)
from providers.outcomes import (
    EXCERPT,
    Reasons,
    accepted,
    by_status,
    by_words,
    json_object,
    rejected,
    webhook_object,
)

BASE_URL = "https://api.in.exotel.com"
DOMAIN = "exotel.com"
PAGE = 400

# Looked for in the words of a refusal whose code says nothing, in this order.
REASONS: Reasons = (
    (("24 hour", "24-hour", "re-engagement", "reengagement"), ReportCode.OUTSIDE_WINDOW),
    (("phone", "recipient", "mobile", "valid number", "invalid number"), ReportCode.PHONE),
    (("template", "param", "component", "variable", "language"), ReportCode.TEMPLATE),
)


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
            "then. Left empty, webhooks are trusted for knowing the URL.",
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
    default_rate = (200, 60)
    lacks = {Feature.CLICKED: "Exotel reports no click on a URL button."}
    mapped_statuses = frozenset(KINDS)
    mapped_codes = frozenset(MEANINGS) - frozenset(KINDS)

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        return HttpRequest(
            "POST",
            f"{_account(config)}/messages",
            {**_login(config), "Content-Type": "application/json"},
            msgspec.json.encode(_envelope(outbound, config)),
        )

    def parse_response(self, response: HttpResponse) -> SendResult:
        """`{http_code, response: {whatsapp: {messages: [{code, status, error_data, data: {sid}}]}}}`.

        A message may be refused within an HTTP 200; refusals of the whole request lie higher up.
        """
        answer = json_object(response.body)
        entry = _entry(answer)
        refused = text(entry, "status").lower() == "failure" or bool(at(entry, "error_data"))
        bsp_id = text(entry, "data", "sid")
        if 200 <= response.status < 300 and bsp_id and not refused:
            return accepted(bsp_id)
        error = at(entry, "error_data")
        words = first(text(error, "message"), text(error), text(entry, "message"))
        words = ": ".join(filter(None, (words, text(error, "description"))))[:EXCERPT]
        code = text(error, "code")[:LONGEST_CODE]
        inner = (_status(entry, "code"), _status(answer, "http_code"))
        status = next((one for one in inner if 400 <= one < 600), response.status)
        result = by_status(HttpResponse(status, response.headers, response.body), words, code)
        if status == 402:  # no balance, or not in the plan: as true of every other message
            return rejected(ReportCode.OTHER, result.bsp_code, result.text, credentials=True)
        unexplained = result.outcome is Outcome.REJECTED and not result.credentials
        if unexplained or (refused and status < 400):
            return rejected(failure_code(code) or by_words(words, REASONS), result.bsp_code, result.text)
        return result

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
        query = {"waba_id": config.credential("waba_id"), "limit": str(PAGE)}
        query |= {"after": cursor} if cursor else {}
        return HttpRequest("GET", f"{_account(config)}/templates?{urlencode(query)}", _login(config))

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        payload = json_object(response.body)
        rows = at(payload, "response", "whatsapp", "templates")
        if not isinstance(rows, list):
            raise Malformed("a JSON object with a list response.whatsapp.templates was expected")
        return page([_listed(row) for row in rows], _following(payload, len(rows), cursor))


def _account(config: Config) -> str:
    return f"{config.base(BASE_URL)}/v2/accounts/{quote(config.credential('account_sid'), safe='')}"


def _login(config: Config) -> dict[str, str]:
    pair = f"{config.credential('api_key')}:{config.credential('api_token')}"
    return {"Authorization": "Basic " + b64encode(pair.encode()).decode()}


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


def _entry(answer: object) -> object:
    """What tells of the one message that was sent, or of the whole request."""
    messages = objects(answer, "response", "whatsapp", "messages")
    refused = (one for one in messages if text(one, "status").lower() == "failure")
    return next(refused, None) or at(messages, 0) or at(answer, "response") or answer


def _status(holder: object, key: str) -> int:
    return int(number(holder, key) or 0)


def _listed(row: object) -> object:
    """The template as Meta has it, which some rows call its components `containers`."""
    template = at(row, "data")
    if not isinstance(template, dict) or "components" in template:
        return template
    return {**template, "components": template.get("containers")}


def _following(payload: object, rows: int, cursor: str) -> str:
    """The next page's cursor. Exotel documents `after` and not where it is told, hence the three places.

    The list ends with a page that is short and names no next one, or that repeats its cursor.
    """
    places = (("response", "whatsapp", "paging"), ("metadata", "paging"), ("paging",))
    paging = next((found for place in places if isinstance(found := at(payload, *place), dict)), None)
    after = first(text(paging, "cursors", "after"), text(paging, "after"))
    more = rows >= PAGE or (rows > 0 and text(paging, "next"))
    return after if more and after != cursor else ""


exotel = Exotel()
