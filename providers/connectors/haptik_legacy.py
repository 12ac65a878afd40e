"""Haptik's older notification API, for customers of its bots: templates out, nothing back.

Source: Haptik, documentation of April 2021, "WhatsApp notifications". The message is that of WhatsApp's
former On-Premises API with Haptik's business id beside it.
"""

import msgspec
from msgspec.structs import replace

from lib.http import HttpRequest, HttpResponse
from lib.reading import text
from providers.connectors.base import Config, Connector, Field
from providers.dialects.cloud_api.codes import send_result
from providers.dialects.cloud_api.messages import content_body
from providers.dialects.cloud_api.webhook import unhandled
from providers.dialects.placeholders import numbered
from providers.features import INBOUND, REPORTS, Feature, groups
from providers.messages import (
    Freeform,
    Outbound,
    Outcome,
    ReportCode,
    SendResult,
    TemplateContent,
    Unsupported,
    WebhookItem,
)
from providers.outcomes import EXCERPT, Reasons, by_status, by_words, json_object, rejected, webhook_object

BASE_URL = "https://whatsapp-notifications.haptikapi.com"
UNDOCUMENTED = "Haptik documents none for this API."
ONE_WAY = "This API only sends: it has no webhooks."

# Haptik refuses with a sentence and no code. Looked for in this order.
REASONS: Reasons = (
    (("contact", "phone", "country code"), ReportCode.PHONE),
    (("template", "param", "component", "namespace", "language"), ReportCode.TEMPLATE),
)


class HaptikLegacy(Connector):
    slug = "haptik-legacy"
    label = "Haptik (legacy notification API)"
    webhook_setup = (
        "Nothing to enter: this API reports nothing back. Only Haptik's dashboard shows the delivery."
    )
    credentials = (
        Field(
            "token",
            "Token",
            "Issued by Haptik's support for the notification API; sent as the Bearer token.",
            secret=True,
            required=True,
        ),
        Field("client_id", "Client ID", "Issued by Haptik's support together with the token.", required=True),
        Field(
            "business_id",
            "Business ID",
            "The number of the business at Haptik, issued together with the token.",
            required=True,
        ),
        Field(
            "namespace",
            "Template namespace",
            "The one that all templates of the account share: WhatsApp Manager > Message templates > "
            "Namespace, or from Haptik's support.",
            required=True,
        ),
    )
    options = (
        Field(
            "base_url",
            "Base URL",
            "The address that Haptik issued with the token, without the path.",
            default=BASE_URL,
        ),
    )
    lacks = {
        Feature.HEADER_LOCATION: UNDOCUMENTED,
        Feature.NAMED: "WhatsApp's On-Premises API numbered its variables.",
        Feature.COPY_CODE: UNDOCUMENTED,
        Feature.OFFER: UNDOCUMENTED,
        Feature.CAROUSEL: UNDOCUMENTED,
        **dict.fromkeys(groups()["Freeform sent"], "This API sends templates only."),
        **dict.fromkeys(REPORTS | INBOUND, ONE_WAY),
        Feature.REFERENCE: "The API has no field for it, and no webhook to return it in.",
        Feature.PROOF: ONE_WAY,
        Feature.MEDIA_KEY: ONE_WAY,
        Feature.TEMPLATES: "The API has no template list.",
    }

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        content = outbound.content
        if isinstance(content, Freeform):
            raise Unsupported(f"{content.kind}: Haptik's notification API sends templates only")
        content = numbered(content, outbound.registered)
        _check(content)
        business = config.credential("business_id").strip()
        if not business.isdecimal():
            raise Unsupported("business ID: Haptik's is a number")
        message = content_body(content)
        message["template"]["namespace"] = config.credential("namespace")
        return HttpRequest(
            "POST",
            f"{config.base(BASE_URL)}/whatsapp/notification/v2/",
            {
                "Authorization": f"Bearer {config.credential('token')}",
                "client-id": config.credential("client_id"),
                "Content-Type": "application/json",
            },
            msgspec.json.encode({"business_id": int(business), "to": outbound.to, **message}),
        )

    def parse_response(self, response: HttpResponse) -> SendResult:
        """Success is `{messages: [{id}]}`; a refusal `{error_message}`, or WhatsApp's own `{errors: […]}`."""
        answer = json_object(response.body)
        refusal = text(answer, "error_message")[:EXCERPT]
        if refusal and 200 <= response.status < 300:
            return rejected(by_words(refusal, REASONS), str(response.status), refusal)
        result = by_status(response, refusal) if refusal else send_result(response)
        unexplained = result.outcome is Outcome.REJECTED and result.code is ReportCode.OTHER
        if answer is not None and unexplained:
            return replace(result, code=by_words(result.text, REASONS))
        return result

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        """Nothing is expected. Events of Haptik's bots, which somebody may send here, tell of no delivery."""
        payload = webhook_object(request.body)
        return [unhandled(text(payload, "event_name"))]


def _check(content: TemplateContent) -> None:
    """Raises Unsupported for what Haptik's pages do not show."""
    header = content.header
    if header is not None and header.kind == "location":
        raise Unsupported("header location: Haptik takes text, image, video and document headers")
    if content.offer is not None:
        raise Unsupported("limited-time offer: Haptik's notification API knows none")
    if content.cards:
        raise Unsupported("carousel: Haptik's notification API knows none")
    for value in (*(header.values if header else ()), *content.body):
        if value.name:
            raise Unsupported(f"variable {value.name}: Haptik takes numbered variables only")
    for button in content.buttons:
        if button.kind == "copy_code":
            raise Unsupported(f"button {button.index}: Haptik's notification API knows no copy code")


haptik_legacy = HaptikLegacy()
