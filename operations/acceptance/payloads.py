"""What CleverTap posts: its validation message, templates of every kind, freeform messages.

Source: CleverTap's Generic WhatsApp page ("Validation Payload", "API Payload for Template Message", "…
Freeform Message").
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from providers.dialects.clevertap.messages import clevertap_payload
from providers.dialects.clevertap.requests import VERIFY_NAMESPACE
from providers.features import Feature
from providers.messages import Freeform, Media, Outbound
from templates_app.content.components import Component, Shape, shape
from templates_app.content.fill import fill, samples

Json = dict[str, Any]
NO_CAMPAIGN = "0|0|0|0"  # the msgId of everything that CleverTap posts to validate


def validations() -> dict[str, Json]:
    """The dummy message of a provider that is saved, in the three shapes that CleverTap has posted it."""
    values = [{"type": "text", "text": str(n)} for n in (1, 2, 3)]
    body = {"type": "body", "body": {"text": "1 code: 2.Valid for 3 minutes.", "parameters": values}}
    plain: Json = {
        "to": "918900000000",
        "isTemplate": True,
        "template": {"namespace": VERIFY_NAMESPACE, "languageCode": "en"},
        "components": [body],
        "msgId": NO_CAMPAIGN,
    }
    return {
        "wrapped in body": {"body": plain},
        "not wrapped, with + before the number": plain | {"to": f"+{plain['to']}"},
        "wrapped, as a text": {"body": json.dumps(plain)},
    }


class TemplateKind(NamedTuple):
    """A kind of template, and the feature without which a BSP cannot send it."""

    name: str
    needs: Feature


KINDS: tuple[TemplateKind, ...] = (
    TemplateKind("text only", Feature.BODY),
    TemplateKind("text header", Feature.HEADER_TEXT),
    TemplateKind("image header", Feature.HEADER_IMAGE),
    TemplateKind("video header", Feature.HEADER_VIDEO),
    TemplateKind("document header", Feature.HEADER_DOCUMENT),
    TemplateKind("location header", Feature.HEADER_LOCATION),
    TemplateKind("named variables", Feature.NAMED),
    TemplateKind("URL button with a value", Feature.URL_SUFFIX),
    TemplateKind("quick replies", Feature.QUICK_REPLY),
    TemplateKind("call button", Feature.BODY),
    TemplateKind("copy code", Feature.COPY_CODE),
    TemplateKind("limited-time offer", Feature.OFFER),
    TemplateKind("carousel", Feature.CAROUSEL),
)
_BUTTONS = {
    "dynamic_url": "URL button with a value",
    "quick_reply": "quick replies",
    "call": "call button",
    "copy_code": "copy code",
}


def kinds_of(components: Sequence[Component]) -> set[str]:
    """The names of the kinds that a template is of."""
    wanted = shape(components)
    found = {f"{wanted.header} header"} if wanted.header else set()
    found |= {_BUTTONS[each.kind] for each in wanted.buttons if each.kind in _BUTTONS}
    if any(not name.isdecimal() for name in wanted.body):
        found.add("named variables")
    types = {str(each.get("type", "")).upper() for each in components}
    if "LIMITED_TIME_OFFER" in types:
        found.add("limited-time offer")
    if wanted.cards:
        found.add("carousel")
    return found or {"text only"}


def media_of(wanted: Shape) -> set[str]:
    """The kinds of file that a template's headers show."""
    mine = {wanted.header} & {"image", "video", "document"}
    return mine.union(*(media_of(card) for card in wanted.cards))


def template(
    number: str,
    name: str,
    language: str,
    components: Sequence[Component],
    media: Mapping[str, str],
    now_ms: int,
) -> Json:
    """A message of the template as CleverTap writes it, without its recipient and msgId."""
    values = samples(components, now_ms)
    for path in values:
        if path.endswith("header") and _kind_at(shape(components), path) in media:
            values[path] = media[_kind_at(shape(components), path)]
        elif "button." in path and "{{" in values[path]:
            values[path] = "acceptance"
    return _written(Outbound("", "", "", number, fill(name, language, components, values)))


def _kind_at(wanted: Shape, path: str) -> str:
    """The kind of the header at `header`, or at `card.1.header`."""
    pieces = path.split(".")
    return wanted.cards[int(pieces[1])].header if pieces[0] == "card" else wanted.header


FREEFORM: dict[Feature, str] = {
    Feature.TEXT: "text",
    Feature.IMAGE: "image",
    Feature.VIDEO: "video",
    Feature.AUDIO: "audio",
    Feature.DOCUMENT: "document",
}


def freeform(number: str, kind: str, media: Mapping[str, str]) -> Json:
    if kind == "text":
        content = Freeform("text", text="Acceptance: Ümit 👋 & friends = 100 %")
    else:
        optional = {"document": {"filename": "acceptance.pdf"}}.get(kind, {})
        content = Freeform(kind, media=Media(media[kind], **optional))  # type: ignore[arg-type]
    return _written(Outbound("", "", "", number, content))


def _written(outbound: Outbound) -> Json:
    payload: Json = msgspec.json.decode(msgspec.json.encode(clevertap_payload(outbound)))
    return payload
