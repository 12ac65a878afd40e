"""Gupshup's self-serve WhatsApp API, for accounts with an API key and an app.

Source: Gupshup, docs.gupshup.io: sending messages, template messages, inbound and message events,
templates. Fields are form-encoded, structured ones as JSON inside them.
"""

from urllib.parse import quote, urlencode

import msgspec

from lib.http import HttpRequest, HttpResponse
from providers.connectors.base import PLACE_OPTIONS, Config, Connector, Field, Rate
from providers.dialects.cloud_api.codes import MISFITS
from providers.dialects.cloud_api.messages import with_place
from providers.dialects.gupshup.codes import CODES, send_result
from providers.dialects.gupshup.messages import freeform, template
from providers.dialects.gupshup.templates import SIZE, page_number, read_page
from providers.dialects.gupshup.webhook import MESSAGES, STATUSES, webhook_items
from providers.features import Feature, untold
from providers.messages import (
    Freeform,
    InboundMedia,
    Outbound,
    SendResult,
    TemplatePage,
    WebhookItem,
)

BASE_URL = "https://api.gupshup.io"
API_PATH = "/wa/api/v1"


class Gupshup(Connector):
    slug = "gupshup"
    label = "Gupshup (self-serve)"
    webhook_setup = (
        "Gupshup dashboard > WhatsApp > your app > Webhooks: the webhook URL as callback URL, payload "
        "version 2 or 3, with inbound messages, template events, and the message events sent, delivered, "
        "read and failed."
    )
    credentials = (
        Field(
            "api_key",
            "API key",
            "Gupshup dashboard > profile menu > Profile details > API key.",
            secret=True,
            required=True,
        ),
        Field(
            "app_name",
            "App name",
            "Gupshup dashboard > WhatsApp: the name, not the ID, of the app that the number belongs to.",
            required=True,
        ),
        Field(
            "app_id",
            "App ID",
            "Gupshup dashboard > WhatsApp > your app > Settings > App ID. The template list needs it, "
            "and only imported templates can be sent.",
            required=True,
        ),
    )
    options = (
        Field("base_url", "Base URL", "Another host that answers as Gupshup does.", default=BASE_URL),
        Field(
            "api_path",
            "API path",
            "Enter /sm/api/v1 for an older account, whose dashboard shows that path in its samples.",
            default=API_PATH,
        ),
        *PLACE_OPTIONS,
    )
    default_rate = Rate(20, 1)  # Gupshup publishes none for sending
    lacks = {
        **untold("Gupshup"),
        Feature.CLICKED: "Gupshup reports no click on a URL button.",
        Feature.REFERENCE: "Gupshup's API has no field for it: reports are matched by Gupshup's message id.",
        Feature.PROOF: "Gupshup signs no webhooks.",
    }
    mapped_statuses = frozenset(STATUSES) | MESSAGES
    mapped_codes = frozenset(CODES)
    misfit_codes = MISFITS | {"4003"}
    webhook_answer = HttpResponse(200, {"Content-Type": "text/plain"})  # Gupshup wants an empty body
    account = "app_name"

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        named = with_place(outbound, config.option("location_name"), config.option("location_address"))
        content = named.content
        if isinstance(content, Freeform):
            path, fields = "msg", freeform(content)
        else:
            path, fields = "template/msg", template(content, outbound.registered)
        form = {
            "channel": "whatsapp",
            "source": outbound.sender,
            "destination": outbound.to,
            "src.name": config.credential("app_name"),
            **{name: msgspec.json.encode(value) for name, value in fields.items()},
        }
        api_path = (config.option("api_path") or API_PATH).strip("/")
        return HttpRequest(
            "POST",
            f"{config.base(BASE_URL)}/{api_path}/{path}",
            {**_key(config), "Content-Type": "application/x-www-form-urlencoded"},
            urlencode(form).encode(),
        )

    def parse_response(self, response: HttpResponse) -> SendResult:
        return send_result(response)

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        return webhook_items(request.body)

    def media_request(self, media: InboundMedia, config: Config) -> HttpRequest | None:
        """The URL expires (`urlExpiry`) and asks for no key."""
        return HttpRequest("GET", media.url) if media.url.startswith(("https://", "http://")) else None

    def templates_request(self, config: Config, cursor: str) -> HttpRequest | None:
        app_id = quote(config.credential("app_id"), safe="")
        if not app_id:
            return None
        query = urlencode({"pageNo": page_number(cursor), "pageSize": SIZE})
        return HttpRequest("GET", f"{config.base(BASE_URL)}/wa/app/{app_id}/template?{query}", _key(config))

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        return read_page(response, cursor)


def _key(config: Config) -> dict[str, str]:
    return {"apikey": config.credential("api_key")}


gupshup = Gupshup()
