"""Any endpoint that speaks CleverTap's own format.

Also what several BSPs offer for CleverTap: Interakt's `platform_integrations/clevertap/message/`
(headers `user` and `password`), Haptik's (header `Token`), Exotel's (Basic), Kaleyra's
(headers `api-key`, `sid`, …). Source: CleverTap's Generic WhatsApp page.
"""

from base64 import b64encode
from urllib.parse import urlencode

import msgspec

from lib.http import HttpRequest, HttpResponse
from lib.reading import first, text
from providers.connectors.base import Config, Connector, Field
from providers.dialects.clevertap.callbacks import STATUSES, read_inbound, read_statuses
from providers.dialects.clevertap.messages import clevertap_payload
from providers.dialects.clevertap.requests import decode
from providers.dialects.cloud_api.codes import LONGEST_CODE
from providers.dialects.template_list import read_page
from providers.features import Feature, untold
from providers.messages import (
    Account,
    AnswerCode,
    Outbound,
    ReportCode,
    SendResult,
    TemplatePage,
    Unsupported,
    WebhookItem,
)
from providers.outcomes import EXCERPT, accepted, by_status, json_object, rejected, stopped

PAGE = 200
CREDENTIALS = str(AnswerCode.CREDENTIALS)
REPORT_CODES = {
    CREDENTIALS: ReportCode.CREDENTIALS,
    str(AnswerCode.TEMPLATE): ReportCode.TEMPLATE,
    str(AnswerCode.PHONE): ReportCode.PHONE,
    str(AnswerCode.NOT_SUBSCRIBED): ReportCode.BLACKLISTED,
    str(AnswerCode.OTHER): ReportCode.OTHER,
}


class Generic(Connector):
    slug = "generic"
    label = "Generic (CleverTap format)"
    webhook_setup = (
        "Give the BSP the Delivery Report Callback URL and the Inbound Message Callback URL above, as "
        "CleverTap would. One that has room for a single address takes the webhook URL for both."
    )
    takes_endpoint = True
    lacks = {
        **untold("CleverTap's page", more=(Feature.REACTIONS, Feature.UNSUPPORTED)),
        Feature.REFERENCE: "CleverTap's format has a field for its own msgId only, which comes back instead.",
        Feature.PROOF: "CleverTap's format has no signature.",
        Feature.MEDIA_KEY: "The format carries URLs that need no key.",
        Feature.INBOUND_CHOICE: "CleverTap's format has no list and no reply buttons.",
    }
    options = (
        Field("base_url", "Base URL", "Replaces the scheme and host of the HTTP endpoint, for tests."),
        Field("templates_url", "Template list URL", "Where the BSP lists its templates in Meta's format."),
    )
    credentials = (
        Field(
            "username",
            "Username",
            "For Basic authentication. Leave it empty if the endpoint asks for none, or for headers.",
        ),
        Field("password", "Password", "For Basic authentication.", secret=True),
        Field(
            "header:",
            "Custom header",
            "A header that the endpoint asks for, written header:NAME.",
            secret=True,
        ),
    )

    mapped_statuses = frozenset(STATUSES)
    mapped_codes = frozenset(REPORT_CODES)

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        if not config.endpoint:
            raise Unsupported("the provider has no HTTP endpoint")
        body = msgspec.json.encode(clevertap_payload(outbound))
        headers = {"Content-Type": "application/json", **_headers(config)}
        return HttpRequest("POST", _target(config), headers, body)

    def parse_response(self, response: HttpResponse) -> SendResult:
        """`{status: "success"}` or `{status: "failure", error: {code, message}}`, both with HTTP 200."""
        payload = json_object(response.body)
        if payload is None:
            return by_status(response)
        error = payload.get("error")
        words = first(text(error, "message"), text(error, "title"), text(error), text(payload, "message"))
        words = words[:EXCERPT]
        if response.status == 403 and words.lower().startswith("bad request"):
            # The page pairs 403 with "Bad Request": the request was wrong, not the credentials.
            return rejected(ReportCode.OTHER, "403", words)
        if not 200 <= response.status < 300:
            return by_status(response, words)
        status = text(payload, "status").lower()
        if status == "success":
            return accepted(first(text(payload, "id"), text(payload, "messageId")))
        if status != "failure":
            return by_status(response)
        code = text(error, "code")[:LONGEST_CODE]
        words = words or "the endpoint answered failure without a reason"
        if code == CREDENTIALS:
            return stopped(Account.CREDENTIALS, code, words)
        return rejected(REPORT_CODES.get(code, ReportCode.OTHER), code, words)

    def templates_request(self, config: Config, cursor: str) -> HttpRequest | None:
        url = config.option("templates_url")
        if not url:
            return None
        query = urlencode({"limit": str(PAGE), **({"after": cursor} if cursor else {})})
        return HttpRequest("GET", f"{url}{'&' if '?' in url else '?'}{query}", _headers(config))

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        return read_page(response, cursor)

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        payload = decode(request.body)
        if "statuses" in payload:
            return read_statuses(payload)
        return read_inbound(payload)


def _headers(config: Config) -> dict[str, str]:
    headers = {
        name.removeprefix("header:"): value
        for name, value in config.credentials.items()
        if name.startswith("header:")
    }
    if config.credential("username") or config.credential("password"):
        pair = f"{config.credential('username')}:{config.credential('password')}"
        headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
    return headers


def _target(config: Config) -> str:
    base = config.base("")
    if not base:
        return config.endpoint
    path = config.endpoint.split("://", 1)[-1].partition("/")[2]
    return f"{base}/{path}"


generic = Generic()
