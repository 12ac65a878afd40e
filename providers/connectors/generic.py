"""Any endpoint that speaks CleverTap's own format.

Also what several BSPs offer for CleverTap: Interakt's `platform_integrations/clevertap/message/`
(headers `user` and `password`), Haptik's (header `Token`), Exotel's (Basic), Kaleyra's
(headers `api-key`, `sid`, …). Source: CleverTap's Generic WhatsApp page.
"""

from base64 import b64encode
from urllib.parse import urlencode

import msgspec

from lib.http import HttpRequest, HttpResponse
from providers.connectors.base import Config, Connector, Field
from providers.dialects import clevertap_callbacks, clevertap_send, clevertap_write
from providers.dialects.template_list import read_page
from providers.features import Feature
from providers.messages import (
    AnswerCode,
    Outbound,
    ReportCode,
    SendResult,
    TemplatePage,
    Unsupported,
    WebhookItem,
)
from providers.outcomes import accepted, by_status, json_object, rejected

PAGE = 200
REPORT_CODES = {
    AnswerCode.CREDENTIALS: ReportCode.CREDENTIALS,
    AnswerCode.TEMPLATE: ReportCode.TEMPLATE,
    AnswerCode.PHONE: ReportCode.PHONE,
    AnswerCode.NOT_SUBSCRIBED: ReportCode.BLACKLISTED,
    AnswerCode.OTHER: ReportCode.OTHER,
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
        Feature.REFERENCE: "CleverTap's format has room for its own msgId alone, which comes back instead.",
        Feature.PROOF: "CleverTap's format has no signature.",
        Feature.MEDIA_KEY: "The format carries URLs that need no key.",
        Feature.INBOUND_CHOICE: "CleverTap's format knows no list or reply buttons.",
    }
    options = (
        Field("base_url", "Base URL", "Replaces scheme and host of the HTTP endpoint, for testing."),
        Field("templates_url", "Template list URL", "Where the BSP lists its templates in Meta's format."),
    )
    credentials = (
        Field("username", "Username", "For Basic authentication; leave empty for none or headers."),
        Field("password", "Password", "For Basic authentication.", secret=True),
        Field("header:", "Custom header", "A header the endpoint asks for, as header:NAME.", secret=True),
    )

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        if not config.endpoint:
            raise Unsupported("the provider has no HTTP endpoint")
        body = msgspec.json.encode(clevertap_write.write(outbound))
        headers = {"Content-Type": "application/json", **_headers(config)}
        return HttpRequest("POST", _target(config), headers, body)

    def parse_response(self, response: HttpResponse) -> SendResult:
        payload = json_object(response.body)
        if payload is None:
            return by_status(response)
        error = payload.get("error")
        error = error if isinstance(error, dict) else {}
        text = str(error.get("message") or error.get("title") or payload.get("message") or "")[:500]
        if response.status == 403 and text.lower().startswith("bad request"):
            # The page pairs 403 with "Bad Request": the request was wrong, not the credentials.
            return rejected(ReportCode.OTHER, "403", text)
        if not 200 <= response.status < 300:
            return by_status(response, text)
        status = str(payload.get("status")).lower()
        if status == "success":
            return accepted(str(payload.get("id") or payload.get("messageId") or ""))
        if status != "failure":
            return by_status(response)
        try:
            code = AnswerCode(int(error.get("code", AnswerCode.OTHER)))
        except (TypeError, ValueError):
            code = AnswerCode.OTHER
        return rejected(
            REPORT_CODES[code],
            str(error.get("code", ""))[:64],
            text or "the endpoint answered failure without a reason",
            credentials=code == AnswerCode.CREDENTIALS,
        )

    def templates_request(self, config: Config, cursor: str) -> HttpRequest | None:
        url = config.option("templates_url")
        if not url:
            return None
        query = urlencode({"limit": str(PAGE), **({"after": cursor} if cursor else {})})
        return HttpRequest("GET", f"{url}{'&' if '?' in url else '?'}{query}", _headers(config))

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        return read_page(response, cursor)

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        payload = clevertap_send.decode(request.body)
        if "statuses" in payload:
            return clevertap_callbacks.read_statuses(payload)
        return clevertap_callbacks.read_inbound(payload)


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
    base = config.options.get("base_url", "").rstrip("/")
    if not base:
        return config.endpoint
    path = config.endpoint.split("://", 1)[-1].partition("/")[2]
    return f"{base}/{path}"


generic = Generic()
