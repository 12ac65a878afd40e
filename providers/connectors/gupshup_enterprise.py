"""Gupshup's Enterprise API (GatewayAPI), which finds a template by its rendered text.

Source: CleverTap, "WhatsApp: Gupshup", and integrations in use; Gupshup Enterprise's own pages are
not public. Everything is a form, and one user sends templates, another one messages in the window.
"""

from urllib.parse import urlencode

from lib.http import HttpRequest, HttpResponse
from providers.connectors.base import Config, Connector, Field
from providers.dialects.gupshup_enterprise.codes import ANSWER_CODES, CODES, send_result
from providers.dialects.gupshup_enterprise.messages import Form, freeform, template
from providers.dialects.gupshup_enterprise.templates import read_page
from providers.dialects.gupshup_enterprise.webhook import INDIA, STATUSES, TYPES, webhook_items
from providers.features import Feature, untold
from providers.messages import (
    AnswerCode,
    Freeform,
    InboundMedia,
    Outbound,
    Refused,
    SendResult,
    TemplatePage,
    WebhookItem,
)

BASE_URL = "https://mediaapi.smsgupshup.com"
TEMPLATES_BASE_URL = "https://wamedia.smsgupshup.com"
PATH = "/GatewayAPI/rest"
LIMIT = "2000"


class GupshupEnterprise(Connector):
    slug = "gupshup-enterprise"
    label = "Gupshup Enterprise"
    webhook_setup = (
        "Ask Gupshup's support to post real-time delivery reports of both users, inbound messages and "
        "link clicks to the webhook URL."
    )
    credentials = (
        Field(
            "hsm_userid",
            "HSM user ID",
            "Gupshup gives a business two users: this one sends templates (HSM, notifications). "
            "Gupshup's support names it where the account's papers do not.",
            required=True,
        ),
        Field(
            "hsm_password",
            "HSM password",
            "Comes from Gupshup together with the HSM user.",
            secret=True,
            required=True,
        ),
        Field(
            "two_way_userid",
            "Two-way user ID",
            "The other of the two users, for messages in the 24-hour window; it comes from Gupshup too. "
            "Left empty, freeform messages are refused.",
        ),
        Field(
            "two_way_password",
            "Two-way password",
            "Comes from Gupshup together with the two-way user.",
            secret=True,
        ),
    )
    options = (
        Field(
            "base_url",
            "Base URL",
            "Another host that answers as Gupshup does. Older accounts have https://media.smsgupshup.com.",
            default=BASE_URL,
        ),
        Field(
            "templates_base_url",
            "Template list's base URL",
            "Another host for the template list, which has a host of its own at Gupshup.",
            default=TEMPLATES_BASE_URL,
        ),
        Field(
            "template_limit",
            "Template limit",
            "How many templates to ask for at once; the list has no pages.",
            default=LIMIT,
        ),
        Field(
            "click_zone",
            "Zone of clicks",
            "The offset from UTC in which Gupshup tells the time of clicks, such as +05:30 for India.",
            default=INDIA,
        ),
    )
    lacks = {
        **untold("Gupshup"),
        Feature.HEADER_LOCATION: "No public page names a field for it in the Enterprise API.",
        Feature.QUICK_REPLY: "The Enterprise API has no known field for it; replies carry the button's text.",
        Feature.COPY_CODE: "No public page names a field for it in the Enterprise API.",
        Feature.OFFER: "No public page names a field for it in the Enterprise API.",
        Feature.CAROUSEL: "No public page names its fields in the Enterprise API.",
        Feature.PROOF: "Gupshup documents no signature; the URL is the secret.",
    }
    takes_get = True
    mapped_statuses = frozenset(STATUSES) | TYPES
    mapped_codes = frozenset(ANSWER_CODES) | frozenset(CODES)
    misfit_codes = frozenset({"038"})

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        content = outbound.content
        if isinstance(content, Freeform):
            user, fields = "two_way", freeform(content)
            if not config.credential("two_way_userid"):
                lacking = f"{content.kind}: the provider's credentials have no two-way user"
                raise Refused(AnswerCode.CREDENTIALS, lacking)
        else:
            user = "hsm"
            fields = template(content, outbound.registered.components if outbound.registered else ())
        plain = "".join(fields.values()).isascii()
        form = {
            **_login(config, user),
            "auth_scheme": "plain",
            "v": "1.1",
            "format": "json",
            "send_to": outbound.to,
            **fields,
            "data_encoding": "text" if plain else "Unicode_text",
            "extra": outbound.reference,
        }
        return HttpRequest(
            "POST",
            config.base(BASE_URL) + PATH,
            {"Content-Type": "application/x-www-form-urlencoded"},
            urlencode(form).encode(),
        )

    def parse_response(self, response: HttpResponse) -> SendResult:
        return send_result(response)

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        return webhook_items(request, INDIA)

    def read_webhook(self, request: HttpRequest, config: Config) -> list[WebhookItem]:
        return webhook_items(request, config.option("click_zone") or INDIA)

    def media_request(self, media: InboundMedia, config: Config) -> HttpRequest | None:
        """The URL is signed and expires, so it is fetched at once. It needs no credentials."""
        return HttpRequest("GET", media.url) if media.url.startswith(("https://", "http://")) else None

    def templates_request(self, config: Config, cursor: str) -> HttpRequest | None:
        query = {
            "method": "get_whatsapp_hsm",
            **_login(config, "hsm"),
            "limit": config.option("template_limit") or LIMIT,
            "fields": '["buttons"]',
        }
        base = (config.option("templates_base_url") or TEMPLATES_BASE_URL).rstrip("/")
        return HttpRequest("GET", f"{base}{PATH}?{urlencode(query)}")

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        return read_page(response)


def _login(config: Config, user: str) -> Form:
    return {"userid": config.credential(f"{user}_userid"), "password": config.credential(f"{user}_password")}


gupshup_enterprise = GupshupEnterprise()
