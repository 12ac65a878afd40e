"""Interakt's public API.

Source: Interakt, "Template sending APIs" and its webhook pages. Interakt hands everything on to
Meta's Cloud API, so Meta's rules for values and Meta's error codes hold here too.
"""

from typing import Any

import msgspec

from lib import phone
from lib.http import HttpRequest, HttpResponse
from lib.reading import at, first, text
from lib.signatures import signed_sha256
from providers.connectors.base import Config, Connector, Field
from providers.dialects.cloud_api import button_value, needed_media, parameter_text
from providers.dialects.interakt_templates import read_page
from providers.dialects.interakt_webhook import CLICKED, MEDIA, RECEIVED, STATUSES, webhook_item
from providers.dialects.template_list import offset
from providers.features import Feature
from providers.messages import (
    Button,
    Card,
    Freeform,
    Header,
    Malformed,
    Outbound,
    Outcome,
    ReportCode,
    SendResult,
    TemplateContent,
    TemplatePage,
    Unsupported,
    Value,
    WebhookItem,
)
from providers.outcomes import EXCERPT, Reasons, accepted, by_status, by_words, json_object, rejected

BASE_URL = "https://api.interakt.ai"
LONGEST_PAYLOAD = 128

# Interakt refuses with a sentence and no code. Looked for in this order.
REASONS: Reasons = (
    (("24 hour", "24 hr", "24-hour"), ReportCode.OUTSIDE_WINDOW),
    (("template", "variable", "language", "headervalues", "bodyvalues", "button"), ReportCode.TEMPLATE),
    (("phone", "country code", "countrycode"), ReportCode.PHONE),
)


class Interakt(Connector):
    slug = "interakt"
    label = "Interakt"
    webhook_setup = (
        "Interakt > Settings > Developer Settings > Configure Webhook: the webhook URL, a secret key, and "
        "the events message_api_* and message_received."
    )
    credentials = (
        Field(
            "api_key",
            "API key",
            "Interakt > Settings > Developer Settings > API key, pasted as it is shown there.",
            secret=True,
            required=True,
        ),
        Field(
            "webhook_secret",
            "Webhook secret",
            "Interakt > Settings > Developer Settings > Configure Webhook > Secret key. Left empty, "
            "webhooks are trusted for knowing the URL.",
            secret=True,
        ),
    )
    options = (
        Field("base_url", "Base URL", "Another host that answers as Interakt does.", default=BASE_URL),
    )
    default_rate = (40, 60)
    lacks = {
        Feature.HEADER_LOCATION: "Interakt's API has no field for it.",
        Feature.NAMED: "Interakt numbers its variables.",
        Feature.OFFER: "Interakt's API has no field for it.",
        Feature.MEDIA_KEY: "Interakt's media URLs need no key.",
    }
    mapped_statuses = frozenset(STATUSES) | {CLICKED, RECEIVED} | frozenset(MEDIA)

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        content = outbound.content
        body = _freeform(content) if isinstance(content, Freeform) else _template(content)
        return HttpRequest(
            "POST",
            f"{config.base(BASE_URL)}/v1/public/message/",
            {**_key(config), "Content-Type": "application/json"},
            msgspec.json.encode({**_recipient(outbound.to), "callbackData": outbound.reference, **body}),
        )

    def parse_response(self, response: HttpResponse) -> SendResult:
        """Success is 201 with `{result: true, message, id}`, refusal `{result: false, message}`."""
        answer = json_object(response.body)
        ok, bsp_id = 200 <= response.status < 300, text(answer, "id")
        refused = at(answer, "result") is False
        if ok and bsp_id and not refused:
            return accepted(bsp_id)
        words = text(answer, "message")[:EXCERPT]
        result = by_status(response, words)
        # The status says that the message was refused, only the sentence says why.
        unexplained = result.outcome is Outcome.REJECTED and not result.credentials
        if unexplained or (ok and refused):
            return rejected(by_words(words, REASONS), result.bsp_code, result.text)
        return result

    def verify(self, request: HttpRequest, config: Config) -> bool:
        if not config.credential("webhook_secret"):
            return True  # optional in Interakt's dashboard; the URL's own token remains
        signature = first(request.header("Interakt-Signature"), request.header("X-Interakt-Signature"))
        return signed_sha256(signature, request.body, config.secrets("webhook_secret"))

    def parse_webhook(self, request: HttpRequest) -> list[WebhookItem]:
        payload = json_object(request.body)
        event = text(payload, "type")
        if payload is None or not event:
            raise Malformed("a JSON object with a type was expected")
        return [webhook_item(event, payload)]

    def templates_request(self, config: Config, cursor: str) -> HttpRequest | None:
        path = f"/v1/public/track/organization/templates?offset={offset(cursor)}"
        return HttpRequest("GET", config.base(BASE_URL) + path, _key(config))

    def parse_templates(self, response: HttpResponse, cursor: str) -> TemplatePage:
        return read_page(response, cursor)


def _key(config: Config) -> dict[str, str]:
    # The key is used as Interakt shows it: encoding it once more is refused.
    return {"Authorization": f"Basic {config.credential('api_key')}"}


def _recipient(to: str) -> dict[str, str]:
    parts = phone.split(to)
    if parts is None or parts[1].startswith("0"):  # phoneNumber must not begin with 0
        return {"fullPhoneNumber": to}
    return {"countryCode": f"+{parts[0]}", "phoneNumber": parts[1]}


def _template(content: TemplateContent) -> dict[str, Any]:
    if content.offer is not None:
        raise Unsupported("limited-time offer: Interakt's API has no field for it")
    template: dict[str, Any] = {"name": content.name, "languageCode": content.language}
    template |= _header(content.header, "") | _body(content.body, "") | _buttons(content.buttons, "")
    if content.cards:
        template["carouselCards"] = [_card(index, card) for index, card in enumerate(content.cards)]
    return {"type": "Template", "template": template}


def _card(index: int, card: Card) -> dict[str, Any]:
    where = f"card {index}, "
    return _header(card.header, where) | _body(card.body, where) | _buttons(card.buttons, where)


def _header(header: Header | None, where: str) -> dict[str, Any]:
    if header is None:
        return {}
    slot = f"{where}header {header.kind}"
    if header.kind == "text":
        values = _values("header", header.values, where)
        return {"headerValues": values} if values else {}
    if header.kind in ("location", "audio"):
        raise Unsupported(f"{slot}: Interakt takes text, image, video and document headers")
    media = needed_media(header.media, slot)
    found: dict[str, Any] = {"headerValues": [media.url]}
    if header.kind == "document" and media.filename:
        found["fileName"] = media.filename
    return found


def _body(values: tuple[Value, ...], where: str) -> dict[str, Any]:
    return {"bodyValues": _values("body", values, where)} if values else {}


def _values(part: str, values: tuple[Value, ...], where: str) -> list[str]:
    found = []
    for position, value in enumerate(values, 1):
        slot = f"{where}{part} variable {value.name or position}"
        if value.name:
            raise Unsupported(f"{slot}: Interakt takes numbered variables only")
        found.append(parameter_text(value, slot))
    return found


def _buttons(buttons: tuple[Button, ...], where: str) -> dict[str, Any]:
    """`{buttonValues: {"<index>": [value]}, buttonPayload: {"<index>": [payload]}}`.

    Codes go by buttonValues as one-time passwords do, and cards take the same two keys as the
    template; Interakt's pages show neither.
    """
    values: dict[str, list[str]] = {}
    payloads: dict[str, list[str]] = {}
    for button in buttons:
        if button.kind in ("dynamic_url", "copy_code"):
            values[str(button.index)] = [button_value(button, where)]
        elif button.kind == "quick_reply" and button.value:
            if len(button.value) > LONGEST_PAYLOAD:
                raise Unsupported(f"{where}button {button.index}: the payload exceeds 128 characters")
            payloads[str(button.index)] = [button.value]
    found = {"buttonValues": values, "buttonPayload": payloads}
    return {key: by_index for key, by_index in found.items() if by_index}


def _freeform(content: Freeform) -> dict[str, Any]:
    """`{type, data}`; the caption is `message`, also where there is none."""
    if content.kind == "location":
        raise Unsupported("location: Interakt sends none")
    if content.kind == "text":
        if not content.text.strip():
            raise Unsupported("text: the message is empty")
        return {"type": "Text", "data": {"message": content.text}}
    media = needed_media(content.media, content.kind)
    if media.caption and content.kind == "audio":
        raise Unsupported("audio: WhatsApp shows no caption with it")
    filename = media.filename
    if content.kind in ("video", "audio"):
        # No page asks for it, but integrations in use always send one with these two.
        filename = filename or media.url.partition("?")[0].rpartition("/")[2] or content.kind
    data = {"message": media.caption, "mediaUrl": media.url}
    if filename and content.kind != "image":
        data["fileName"] = filename
    return {"type": content.kind.capitalize(), "data": data}


interakt = Interakt()
