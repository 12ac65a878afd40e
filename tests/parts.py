"""A message for each part that one may have, as CleverTap posts it, and the template it fills."""

from typing import Any

from providers.features import Feature

Json = dict[str, Any]

_IMAGE = "https://cdn.example.test/h.png"
_EXPIRES = 4_102_444_800_000  # the year 2100, in milliseconds


def _template(name: str, *components: Json, named: bool = False) -> Json:
    return {
        "name": name,
        "language": "en",
        "status": "APPROVED",
        "category": "MARKETING",
        "id": str(7_000_000_000_000 + sum(name.encode())),
        "parameter_format": "NAMED" if named else "POSITIONAL",
        "components": list(components),
    }


def _media_header(kind: str) -> Json:
    return {"type": "HEADER", "format": kind, "example": {"header_handle": ["https://cdn.example.test/s"]}}


def _buttons(*buttons: Json) -> Json:
    return {"type": "BUTTONS", "buttons": list(buttons)}


_BODY: Json = {"type": "BODY", "text": "Hello {{1}}", "example": {"body_text": [["Mira"]]}}
_NAMED: Json = {
    "type": "BODY",
    "text": "Hello {{first_name}}",
    "example": {"body_text_named_params": [{"param_name": "first_name", "example": "Mira"}]},
}
_OPEN: Json = {"type": "URL", "text": "Open", "url": "https://shop.example.test/{{1}}", "example": ["a"]}
_TAP: Json = {"type": "QUICK_REPLY", "text": "Yes"}
_CODE: Json = {"type": "COPY_CODE", "example": "SAVE20"}
_CARD: Json = {"components": [_media_header("IMAGE"), _BODY, _buttons(_OPEN)]}

TEMPLATES: list[Json] = [
    _template("order_ready", _BODY),
    _template("with_text", {"type": "HEADER", "format": "TEXT", "text": "Order {{1}}"}, _BODY),
    _template("with_image", _media_header("IMAGE"), _BODY),
    _template("with_video", _media_header("VIDEO"), _BODY),
    _template("with_document", _media_header("DOCUMENT"), _BODY),
    _template("with_location", {"type": "HEADER", "format": "LOCATION"}, _BODY),
    _template("with_names", _NAMED, named=True),
    _template("with_url", _BODY, _buttons(_OPEN)),
    _template("with_reply", _BODY, _buttons(_TAP)),
    _template("with_code", _BODY, _buttons(_CODE)),
    _template(
        "with_offer",
        _BODY,
        {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "Ends soon", "has_expiration": True}},
        _buttons(_CODE, _OPEN),
    ),
    _template("with_cards", _BODY, {"type": "CAROUSEL", "cards": [_CARD, _CARD]}),
]


def _uses(name: str, *components: Json) -> Json:
    return {"template": {"namespace": name, "languageCode": "en"}, "components": list(components)}


def _header(kind: str, content: Json) -> Json:
    return {"type": "header", "header": {"type": kind, kind: content}}


def _button(index: int, kind: str, parameter: Json) -> Json:
    return {
        "type": "button",
        "subType": kind,
        "index": index,
        "buttonText": "Press",
        "parameters": [parameter],
    }


_hello: Json = {
    "type": "body",
    "body": {"text": "Hello Mira", "parameters": [{"type": "text", "text": "Mira"}]},
}
_named: Json = {
    "type": "body",
    "body": {
        "text": "Hello Mira",
        "parameters": [{"type": "text", "text": "Mira", "parameter_name": "first_name"}],
    },
}
_open = _button(0, "dynamicUrl", {"type": "text", "text": "https://shop.example.test/cart/7"})
_tap = _button(0, "quickReply", {"type": "payload", "payload": "YES_PLEASE"})
_code = _button(0, "copy_code", {"type": "coupon_code", "coupon_code": "SAVE20"})
_offer: Json = {
    "type": "limited_time_offer",
    "parameters": [
        {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": _EXPIRES}},
    ],
}
_card: Json = {"components": [_header("image", {"mediaURL": _IMAGE}), _hello, _open]}

MESSAGES: dict[Feature, Json] = {
    Feature.BODY: _uses("order_ready", _hello),
    Feature.HEADER_TEXT: _uses(
        "with_text",
        _header("text", {"text": "Order 7", "parameters": [{"type": "text", "text": "7"}]}),
        _hello,
    ),
    Feature.HEADER_IMAGE: _uses("with_image", _header("image", {"mediaURL": _IMAGE}), _hello),
    Feature.HEADER_VIDEO: _uses(
        "with_video", _header("video", {"mediaURL": "https://cdn.example.test/h.mp4"}), _hello
    ),
    Feature.HEADER_DOCUMENT: _uses(
        "with_document",
        _header("file", {"mediaURL": "https://cdn.example.test/h.pdf", "filename": "invoice.pdf"}),
        _hello,
    ),
    Feature.HEADER_LOCATION: _uses(
        "with_location", _header("location", {"latitude": "19.1", "longitude": "72.9"}), _hello
    ),
    Feature.NAMED: _uses("with_names", _named),
    Feature.URL_SUFFIX: _uses("with_url", _hello, _open),
    Feature.QUICK_REPLY: _uses("with_reply", _hello, _tap),
    Feature.COPY_CODE: _uses("with_code", _hello, _code),
    Feature.OFFER: _uses("with_offer", _hello, _offer, _code, _open | {"index": 1}),
    Feature.CAROUSEL: _uses(
        "with_cards", _hello, {"type": "carousel", "cards": [_card | {"card_index": n} for n in (0, 1)]}
    ),
    Feature.TEXT: {"type": "text", "text": {"body": "Hi, Ümit 👋 & friends = 100 %"}},
    Feature.IMAGE: {"type": "image", "image": {"mediaURL": _IMAGE, "caption": "A picture"}},
    Feature.VIDEO: {"type": "video", "video": {"mediaURL": "https://cdn.example.test/v.mp4"}},
    Feature.AUDIO: {"type": "audio", "audio": {"mediaURL": "https://cdn.example.test/a.mp3"}},
    Feature.DOCUMENT: {
        "type": "file",
        "file": {"mediaURL": "https://cdn.example.test/b.pdf", "filename": "b.pdf", "caption": "Bill"},
    },
}
