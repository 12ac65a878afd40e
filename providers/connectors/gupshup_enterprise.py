"""Gupshup's Enterprise API (GatewayAPI), which finds a template by its rendered text.

Source: CleverTap, "WhatsApp: Gupshup", and integrations in use; Gupshup Enterprise's own pages are
not public. Everything is a form, and one user sends templates, another one messages in the window.
"""

from urllib.parse import urlencode

from lib.http import HttpRequest, HttpResponse
from lib.reading import at, objects, text
from providers.connectors.base import Config, Connector, Field
from providers.dialects.cloud_api_errors import LONGEST_CODE
from providers.dialects.gupshup_enterprise_messages import Form, freeform, template
from providers.dialects.gupshup_enterprise_templates import read_page
from providers.dialects.gupshup_enterprise_webhook import CODES, INDIA, STATUSES, TYPES, webhook_items
from providers.features import Feature
from providers.messages import (
    AnswerCode,
    Freeform,
    InboundMedia,
    Outbound,
    Outcome,
    Refused,
    ReportCode,
    SendResult,
    TemplatePage,
    WebhookItem,
)
from providers.outcomes import EXCERPT, Reasons, accepted, by_status, by_words, json_object, rejected

BASE_URL = "https://mediaapi.smsgupshup.com"
TEMPLATES_BASE_URL = "https://wamedia.smsgupshup.com"
PATH = "/GatewayAPI/rest"
LIMIT = "2000"

TAKEN = frozenset({"success", "submitted"})
REFUSED = "error"
ERRORS: dict[str, ReportCode] = {
    "102": ReportCode.CREDENTIALS,
    "105": ReportCode.PHONE,
    "175": ReportCode.PHONE,  # abroad, which the account may not send to
}
# For the numbers that nothing public explains. Looked for in this order.
REASONS: Reasons = (
    (("authentication fail", "authenticate", "unauthori", "password", "userid"), ReportCode.CREDENTIALS),
    (("template",), ReportCode.TEMPLATE),
    (("opt in", "opt-in", "optin", "opt_in", "opted", "opt out", "opt-out"), ReportCode.BLACKLISTED),
)


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
            "Another host for the template list, which Gupshup keeps apart.",
            default=TEMPLATES_BASE_URL,
        ),
        Field(
            "template_limit",
            "Template limit",
            "How many templates the list is asked for at once; it has no pages.",
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
        Feature.HEADER_LOCATION: "No public page names its field in the Enterprise API.",
        Feature.QUICK_REPLY: "The Enterprise API has no known field for it; replies carry the button's text.",
        Feature.COPY_CODE: "No public page names its field in the Enterprise API.",
        Feature.OFFER: "No public page names its field in the Enterprise API.",
        Feature.CAROUSEL: "No public page names its fields in the Enterprise API.",
        Feature.PROOF: "Gupshup documents no signature; the URL is the secret.",
    }
    takes_get = True
    mapped_statuses = frozenset(STATUSES) | TYPES
    mapped_codes = frozenset(ERRORS) | frozenset(CODES)

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
        """`{response: {id, phone, details, status}}`, with 200 whether it was taken or refused."""
        status, bsp_id, words = _answer(response)
        ok = 200 <= response.status < 300
        if ok and status in TAKEN:
            return accepted(bsp_id)
        code = bsp_id[:LONGEST_CODE] if status == REFUSED else ""
        result = by_status(response, words[:EXCERPT], code)
        explained = status == REFUSED and (ok or result.outcome is Outcome.REJECTED)
        if not explained or result.credentials:
            return result
        meaning = ERRORS.get(code) or by_words(words, REASONS)
        return rejected(meaning, result.bsp_code, result.text, credentials=meaning is ReportCode.CREDENTIALS)

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


def _answer(response: HttpResponse) -> tuple[str, str, str]:
    """Status, id (an error's number) and words of the answer, all empty when it cannot be read."""
    answer = json_object(response.body)
    if answer is None:
        # Where `format` is not honoured: `error | 102 | words`, `success | 9198… | id`.
        parts = [part.strip() for part in response.text.split("|", 2)]
        if len(parts) < 3:
            return "", "", ""
        status, second, third = parts[0].lower(), parts[1], parts[2]
        if status in TAKEN:
            return status, third, ""
        return (status, second, third) if status == REFUSED else ("", "", "")
    found = next(iter(objects(answer, "data", "response_messages")), at(answer, "response"))
    return text(found, "status").lower(), text(found, "id"), text(found, "details")


gupshup_enterprise = GupshupEnterprise()
