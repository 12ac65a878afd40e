"""Kaleyra's older WhatsApp API V1, which takes forms.

Source: Kaleyra, "WhatsApp API", "Callback Profiles".
"""

from typing import Any
from urllib.parse import quote, urlencode

import msgspec

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
from providers.dialects.cloud_api import button_value, needed_media, parameter_text
from providers.dialects.kaleyra_answers import CODES, TAKEN, send_result
from providers.dialects.kaleyra_webhook import STATUSES, TYPES, callback_url, webhook_items
from providers.dialects.placeholders import body_texts
from providers.features import Feature
from providers.messages import (
    Button,
    Freeform,
    Header,
    Offer,
    Outbound,
    SendResult,
    TemplateContent,
    Unsupported,
    Value,
    WebhookItem,
)

_FIELDS = {"dynamic_url": "param_url", "copy_code": "coupon_code"}


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

    def build_request(self, outbound: Outbound, config: Config) -> HttpRequest:
        content = outbound.content
        if isinstance(content, Freeform):
            fields = _freeform(content)
        else:
            fields = _template(content, drop=config.option("drop_payloads").lower() == "yes")
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


def _template(content: TemplateContent, *, drop: bool) -> dict[str, str]:
    if content.cards:
        raise Unsupported("carousel: only Kaleyra's API V2 has it")
    fields = {
        "type": "mediatemplate" if content.header or content.buttons else "template",
        "template_name": content.name,
        "lang_code": content.language,
    }
    if content.body:
        fields["params"] = _params(content.body)
    return fields | _header(content.header) | _buttons(content.buttons, drop) | _offer(content.offer)


def _params(values: tuple[Value, ...]) -> str:
    """`"A","B"`: without the quotes a comma would part a value in two."""
    for value in values:
        _numbered(value, "body")
    return ",".join(map(_quoted, body_texts(values, None)))


def _quoted(words: str) -> str:
    # How to escape a quote is not documented.
    return '"' + words.replace('"', "”") + '"'


def _numbered(value: Value, part: str) -> None:
    if value.name:
        raise Unsupported(f"{part} variable {value.name}: Kaleyra's API V1 numbers its variables")


def _header(header: Header | None) -> dict[str, str]:
    if header is None:
        return {}
    slot = f"header {header.kind}"
    if header.kind == "text":
        return _header_text(header.values)
    if header.kind in ("location", "audio"):
        raise Unsupported(f"{slot}: Kaleyra's API V1 takes text, image, video and document headers")
    return {"media_url": needed_media(header.media, slot).url}


def _header_text(values: tuple[Value, ...]) -> dict[str, str]:
    if len(values) > 1:
        raise Unsupported("header variable 2: Meta takes a single one")
    if not values:
        return {}
    _numbered(values[0], "header")
    return {"param_header": parameter_text(values[0], "header variable 1")}


def _buttons(buttons: tuple[Button, ...], drop: bool) -> dict[str, str]:
    fields: dict[str, str] = {}
    for button in buttons:
        if button.kind == "quick_reply" and button.value and not drop:
            raise Unsupported(
                f"button {button.index}: Kaleyra's API V1 has no field for a payload; "
                "the provider's option drop_payloads sends without it"
            )
        field = _FIELDS.get(button.kind)
        if field is None:
            continue
        if field in fields:
            raise Unsupported(f"button {button.index}: Kaleyra's API V1 takes one {field}")
        value = button_value(button)
        fields[field] = _quoted(value) if button.kind == "copy_code" else value
    return fields


def _offer(offer: Offer | None) -> dict[str, str]:
    """JSON text in a form field, with the component as Meta has its parameter."""
    if offer is None or not offer.expires_ms:
        return {}
    expiry = {"expiration_time_ms": offer.expires_ms}
    written: list[dict[str, Any]] = [{"type": "limited_time_offer", "limited_time_offer": expiry}]
    return {"type": "mediatemplate", "limited_time_offer": msgspec.json.encode(written).decode()}


def _freeform(content: Freeform) -> dict[str, str]:
    if content.kind == "location":
        raise Unsupported("location: Kaleyra's pages name no fields for it in API V1")
    if content.kind == "text":
        if not content.text.strip():
            raise Unsupported("text: the message is empty")
        return {"type": "text", "body": content.text}
    media = needed_media(content.media, content.kind)
    if media.caption and content.kind == "audio":
        raise Unsupported("audio: WhatsApp shows no caption with it")
    caption = {"caption": media.caption} if media.caption else {}
    return {"type": "media", "media_url": media.url, **caption}


kaleyra_v1 = KaleyraV1()
