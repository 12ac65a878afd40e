"""Kaleyra's older WhatsApp API V1, which takes forms.

Source: Kaleyra, "WhatsApp API", "Callback Profiles".
"""

from urllib.parse import quote, urlencode

from lib.http import HttpRequest, HttpResponse
from providers.connectors.base import Config, Connector, Field
from providers.connectors.kaleyra import (
    BASE_URL,
    CREDENTIALS,
    HOST,
    LOGIN,
    NO_CLICKS,
    NO_KEY,
    OPTIONS,
    WEBHOOK_SETUP,
    from_kaleyra,
)
from providers.dialects.kaleyra.codes import CODES, TAKEN, send_result
from providers.dialects.kaleyra.messages import freeform, template
from providers.dialects.kaleyra.webhook import STATUSES, TYPES, callback_url, webhook_items
from providers.dialects.placeholders import numbered
from providers.features import Feature, untold
from providers.messages import (
    Freeform,
    Outbound,
    SendResult,
    WebhookItem,
)


class KaleyraV1(Connector):
    slug = "kaleyra-v1"
    label = "Kaleyra (API V1)"
    webhook_setup = f"Each message tells Kaleyra where to report. For inbound messages: {WEBHOOK_SETUP}"
    credentials = CREDENTIALS
    options = (
        *OPTIONS,
        Field(
            "callback_profile_id",
            "Callback profile ID",
            "Kaleyra > profile menu > Callback Profiles, of the profile for outgoing statuses. Left empty, "
            "each message carries the webhook URL itself, and Kaleyra calls that with GET.",
        ),
        Field(
            "drop_payloads",
            "Drop quick-reply payloads",
            "Enter yes to send templates without the payloads of their quick replies, which the API cannot "
            "carry: WhatsApp then returns the button's text. Otherwise such messages are refused.",
        ),
    )
    lacks = {
        **untold("Kaleyra"),
        Feature.HEADER_LOCATION: "Kaleyra's pages name no field for it.",
        Feature.NAMED: "API V1 numbers its variables.",
        Feature.QUICK_REPLY: "Kaleyra's pages name no field for it; the option drop_payloads sends without.",
        Feature.CAROUSEL: "Only API V2 has carousels.",
        Feature.CLICKED: NO_CLICKS,
        Feature.MEDIA_KEY: NO_KEY,
        Feature.TEMPLATES: "API V1 looks up single templates only.",
    }
    takes_get = True
    login_headers = LOGIN
    host_header = HOST
    mapped_statuses = frozenset(STATUSES) | TYPES
    mapped_codes = frozenset(CODES) | {TAKEN}
    proof = ("webhook_secret",)

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        content = outbound.content
        if isinstance(content, Freeform):
            fields = freeform(content)
        else:
            content = numbered(content, outbound.registered)
            fields = template(content, drop=config.option("drop_payloads").lower() == "yes")
        form = {
            "channel": "whatsapp",
            "from": f"+{outbound.sender}",
            "to": f"+{outbound.to}",
            **fields,
            "ref": outbound.reference,
            **_callback(outbound, config),
        }
        return HttpRequest(
            "POST",
            f"{config.base(BASE_URL)}/v1/{quote(config.credential('sid'), safe='')}/messages",
            {
                "api-key": config.credential("api_key"),
                "Content-Type": "application/x-www-form-urlencoded",
            },
            urlencode(form).encode(),
        )

    def parse_response(self, response: HttpResponse) -> SendResult:
        return send_result(response)

    def verify(self, request: HttpRequest, config: Config) -> bool:
        return from_kaleyra(request, config)

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        return webhook_items(request)


def _callback(outbound: Outbound, config: Config) -> dict[str, str]:
    if profile := config.option("callback_profile_id"):
        return {"callback_profile_id": profile}
    if not config.webhook_url:
        return {}
    secret = config.credential("webhook_secret")
    return {"callback_url": callback_url(config.webhook_url, outbound.reference, secret)}


kaleyra_v1 = KaleyraV1()
