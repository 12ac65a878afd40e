"""What a message says: a template with the values for its slots, or a freeform message."""

from typing import Literal

from msgspec import Struct

HeaderKind = Literal["text", "image", "video", "document", "audio", "location"]
ButtonKind = Literal["dynamic_url", "static_url", "quick_reply", "call", "copy_code"]
FreeformKind = Literal["text", "image", "video", "audio", "document", "location"]


class Value(Struct, frozen=True, omit_defaults=True):
    """One template variable. `name` is empty for a positional one."""

    text: str
    name: str = ""


class Media(Struct, frozen=True, omit_defaults=True):
    url: str
    filename: str = ""
    caption: str = ""


class Location(Struct, frozen=True, omit_defaults=True):
    latitude: float
    longitude: float
    name: str = ""
    address: str = ""


class Header(Struct, frozen=True, omit_defaults=True):
    """`text` is the rendered text; `values` its variables; media and location by `kind`."""

    kind: HeaderKind
    text: str = ""
    values: tuple[Value, ...] = ()
    media: Media | None = None
    location: Location | None = None


class Button(Struct, frozen=True, omit_defaults=True):
    """`index` counts every button of the template (or card) from 0.

    `value` is the URL suffix, the quick reply's payload, the code, the whole static URL
    or the phone number, by `kind`; empty when CleverTap sent none.
    """

    index: int
    kind: ButtonKind
    text: str = ""
    value: str = ""


class Offer(Struct, frozen=True, omit_defaults=True):
    """A limited-time offer. `expires_ms` is epoch milliseconds, 0 when it has no expiry."""

    text: str = ""
    expires_ms: int = 0


class Card(Struct, frozen=True, omit_defaults=True):
    header: Header | None = None
    body: tuple[Value, ...] = ()
    body_text: str = ""
    buttons: tuple[Button, ...] = ()


class TemplateContent(Struct, frozen=True, omit_defaults=True, tag="template"):
    """A template and the values for its slots.

    `namespace` is CleverTap's string as sent (`ns:name` or the bare name); `name` the part
    after the last colon; `language` in Meta's spelling (`en_GB`).
    """

    name: str
    language: str
    namespace: str = ""
    header: Header | None = None
    body: tuple[Value, ...] = ()
    body_text: str = ""
    footer: str = ""
    buttons: tuple[Button, ...] = ()
    offer: Offer | None = None
    cards: tuple[Card, ...] = ()


class Freeform(Struct, frozen=True, omit_defaults=True, tag="freeform"):
    """A message inside the 24-hour window. A media caption lies in `media.caption`."""

    kind: FreeformKind
    text: str = ""
    media: Media | None = None
    location: Location | None = None


Content = TemplateContent | Freeform
