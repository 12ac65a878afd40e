"""The form fields of Gupshup's self-serve API. A template's values are one flat list.

Source: Gupshup, "Sending template messages" (text, media, location, carousel, coupon code, limited-time
offer) and "Sending session messages".
"""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from lib.reading import objects, text
from providers.dialects.cloud_api.messages import content_body
from providers.dialects.placeholders import body_texts
from providers.messages import Button, Freeform, Registered, TemplateContent, Unsupported, Value

Json = dict[str, Any]


def freeform(content: Freeform) -> Json:
    """`{message}` of `POST /msg`."""
    body = content_body(content)
    kind, shown = body["type"], dict(body[body["type"]])
    if kind == "text":
        return {"message": {"type": "text", "text": shown["body"]}}
    if kind == "location":
        return {"message": {"type": "location", **_place(shown)}}
    link = shown.pop("link")
    if kind == "image":  # previewUrl is a thumbnail
        return {"message": {"type": "image", "originalUrl": link, "previewUrl": link, **shown}}
    return {"message": {"type": "file" if kind == "document" else kind, "url": link, **shown}}


def template(content: TemplateContent, registered: Registered | None) -> Json:
    """`{template, message?, postbackTexts?}` of `POST /template/msg`. Raises Unsupported."""
    if registered is None or not registered.bsp_id:
        raise Unsupported(
            f"template {content.name} ({content.language}): not in this provider's list; Gupshup sends by "
            "its own id, so import the templates first"
        )
    components = content_body(_in_order(content, registered.components))["template"].get("components", [])
    body_fields: Json = {"id": registered.bsp_id, "params": list(_params(components))}
    if content.offer and content.offer.expires_ms:
        body_fields["expiration"] = content.offer.expires_ms
    message = _carousel(components) or _header(components)
    postbacks = _postbacks(content)
    return {
        "template": body_fields,
        **({"message": message} if message else {}),
        **({"postbackTexts": postbacks} if postbacks else {}),
    }


def _in_order(content: TemplateContent, known: Sequence[Json]) -> TemplateContent:
    """The content as the template has it: named values by their first mention, buttons by their index."""
    carousel = [part for part in known if text(part, "type") == "CAROUSEL"]
    cards = []
    for index, card in enumerate(content.cards):
        texts = body_texts(card.body, objects(carousel, 0, "cards", index, "components"), f"card {index}, ")
        cards.append(replace(card, body=_values(texts), buttons=_sorted(card.buttons)))
    body = _values(body_texts(content.body, known))
    return replace(content, body=body, buttons=_sorted(content.buttons), cards=tuple(cards))


def _values(texts: list[str]) -> tuple[Value, ...]:
    return tuple(Value(each) for each in texts)


def _sorted(buttons: tuple[Button, ...]) -> tuple[Button, ...]:
    return tuple(sorted(buttons, key=lambda button: button.index))


def _params(components: Sequence[Json]) -> Iterator[str]:
    """Header, body, buttons, and then the same of each card.

    Gupshup's only sample of a carousel has one value, so the order of the cards' is our reading.
    """
    for part in components:
        for card in part.get("cards", ()):
            yield from _params(card["components"])
        for parameter in part.get("parameters", ()):
            if parameter["type"] in ("text", "coupon_code"):
                yield parameter[parameter["type"]]


def _header(components: Sequence[Json]) -> Json:
    """Meta's own parameter, which is what Gupshup takes. Empty where the header is a text or none."""
    for part in components:
        if part["type"] == "header" and part["parameters"][0]["type"] != "text":
            parameter: Json = part["parameters"][0]
            if parameter["type"] != "location":
                return parameter
            return {"type": "location", "location": _place(parameter["location"])}
    return {}


def _carousel(components: Sequence[Json]) -> Json:
    """`{type, cardHeaderType, cards: [{link}]}`; what else the cards hold is in the params."""
    for part in components:
        if part["type"] != "carousel":
            continue
        headers = [_header(card["components"]) for card in part["cards"]]
        kind = headers[0].get("type", "")
        for index, header in enumerate(headers):
            found = header.get("type", "missing")
            if found != kind or kind not in ("image", "video"):
                raise Unsupported(
                    f"card {index}, header {found}: Gupshup's cards all show an image, or all a video"
                )
        cards = [{"link": header[kind]["link"]} for header in headers]
        return {"type": "carousel", "cardHeaderType": kind.upper(), "cards": cards}
    return {}


def _postbacks(content: TemplateContent) -> list[Json]:
    for number, card in enumerate(content.cards):
        for button in card.buttons:
            if button.kind == "quick_reply" and button.value:
                where = f"card {number}, button {button.index}"
                raise Unsupported(f"{where}: Gupshup has no place for the payload of a card's quick reply")
    return [
        {"index": button.index, "text": button.value}
        for button in _sorted(content.buttons)
        if button.kind == "quick_reply" and button.value
    ]


def _place(place: Json) -> Json:
    """Meta's coordinates are strings, Gupshup's are numbers."""
    return {**place, "longitude": float(place["longitude"]), "latitude": float(place["latitude"])}
