"""Any endpoint that speaks CleverTap's own format.

Also what several BSPs offer for CleverTap: Interakt's `platform_integrations/clevertap/message/`
(headers `user` and `password`), Haptik's (header `Token`), Exotel's (Basic), Kaleyra's
(headers `api-key`, `sid`, …). Source: CleverTap's Generic WhatsApp page.
"""

from base64 import b64encode

import msgspec

from lib.http import HttpRequest, HttpResponse
from providers.connectors.base import Config, Field
from providers.dialects import clevertap_callbacks, clevertap_send, clevertap_write
from providers.messages import AnswerCode, Outbound, ReportCode, SendResult, Unsupported, WebhookItem
from providers.outcomes import accepted, by_status, json_object, rejected

REPORT_CODES = {
    AnswerCode.CREDENTIALS: ReportCode.CREDENTIALS,
    AnswerCode.TEMPLATE: ReportCode.TEMPLATE,
    AnswerCode.PHONE: ReportCode.PHONE,
    AnswerCode.NOT_SUBSCRIBED: ReportCode.BLACKLISTED,
    AnswerCode.OTHER: ReportCode.OTHER,
}


class Generic:
    slug = "generic"
    label = "Generic (CleverTap format)"
    takes_endpoint = True
    default_rate: tuple[int, int] | None = None
    options: tuple[Field, ...] = (
        Field("base_url", "Base URL", "Replaces scheme and host of the HTTP endpoint, for testing."),
    )
    credentials: tuple[Field, ...] = (
        Field("username", "Username", "For Basic authentication; leave empty for none or headers."),
        Field("password", "Password", "For Basic authentication.", secret=True),
        Field("header:", "Custom header", "A header the endpoint asks for, as header:NAME.", secret=True),
    )

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        if not config.endpoint:
            raise Unsupported("the provider has no HTTP endpoint")
        headers = {"Content-Type": "application/json"}
        for name, value in config.credentials.items():
            if name.startswith("header:"):
                headers[name.removeprefix("header:")] = value
        if config.credentials.get("username") or config.credentials.get("password"):
            pair = f"{config.credentials.get('username', '')}:{config.credentials.get('password', '')}"
            headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
        body = msgspec.json.encode(clevertap_write.write(outbound))
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

    def handshake(self, request: HttpRequest, config: Config) -> HttpResponse | None:
        return None

    def verify(self, request: HttpRequest, config: Config) -> bool:
        return True  # The format has no signature; the URL's token is the secret.

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        payload = clevertap_send.decode(request.body)
        if "statuses" in payload:
            return clevertap_callbacks.read_statuses(payload)
        return clevertap_callbacks.read_inbound(payload)


def _target(config: Config) -> str:
    base = config.options.get("base_url", "").rstrip("/")
    if not base:
        return config.endpoint
    path = config.endpoint.split("://", 1)[-1].partition("/")[2]
    return f"{base}/{path}"


generic = Generic()
