"""The neutral vocabulary between CleverTap's format and each BSP's.

Everything here is an immutable value. Times are epoch seconds (int) unless a name says
milliseconds; phone numbers are international digits without "+".
"""

from enum import IntEnum, StrEnum
from typing import Any, Literal

from msgspec import Struct

HeaderKind = Literal["text", "image", "video", "document", "audio", "location"]
ButtonKind = Literal["dynamic_url", "static_url", "quick_reply", "call", "copy_code"]
FreeformKind = Literal["text", "image", "video", "audio", "document", "location"]


class AnswerCode(IntEnum):
    """What a refused request is told at once. Source: CleverTap's Generic WhatsApp page."""

    CREDENTIALS = 2000
    TEMPLATE = 2001
    PHONE = 2002
    NOT_SUBSCRIBED = 2003
    OTHER = 2004


class ReportCode(IntEnum):
    """Why a message failed, in a delivery report. Source: CleverTap's Generic WhatsApp page."""

    CREDENTIALS = 1000
    TEMPLATE = 1001
    PHONE = 1002
    INACTIVE = 1003
    TOO_MANY = 1004
    UNAVAILABLE = 1005
    BLACKLISTED = 1006
    DEVICE = 1007
    OUTSIDE_WINDOW = 1008
    OTHER = 1009
    BLOCKED_BY_META = 1010


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


class Registered(Struct, frozen=True, omit_defaults=True):
    """What we know of a template from the provider's list: its id there, and its components
    in Meta's grammar. `details` is what its connector's `parse_templates` noted for sending."""

    bsp_id: str = ""
    components: tuple[dict[str, Any], ...] = ()
    details: dict[str, Any] = {}


class Outbound(Struct, frozen=True, omit_defaults=True):
    """One message on its way to a BSP.

    `reference` is ours, unique for each attempt, and comes back in webhooks where the BSP
    can carry it; `msg_id` is CleverTap's, byte for byte; `sender` is the WABA number.
    `registered` is None for freeform messages and for templates we have no record of.
    """

    reference: str
    msg_id: str
    to: str
    sender: str
    content: Content
    custom_props: dict[str, str] = {}
    registered: Registered | None = None


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    THROTTLED = "throttled"
    RETRY = "retry"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class SendResult(Struct, frozen=True, omit_defaults=True):
    """What one attempt came to.

    `code` is set when rejected; `bsp_code` and `text` are the BSP's own words.
    `retry_after` is in seconds. `credentials` marks a refusal of our credentials, of which
    several in a row pause the provider.
    """

    outcome: Outcome
    bsp_id: str = ""
    code: ReportCode | None = None
    bsp_code: str = ""
    text: str = ""
    retry_after: float | None = None
    credentials: bool = False


StatusKind = Literal["sent", "delivered", "read", "failed", "clicked"]


class StatusUpdate(Struct, frozen=True, omit_defaults=True):
    """One delivery report from a BSP. Matched by `reference`, `bsp_id`, then `msg_id`.

    `timestamp` 0 means that the BSP gave none; `code` is set when failed.
    """

    kind: StatusKind
    timestamp: int = 0
    reference: str = ""
    bsp_id: str = ""
    msg_id: str = ""
    to: str = ""
    code: ReportCode | None = None
    bsp_code: str = ""
    text: str = ""
    url: str = ""
    short_url: str = ""
    user_agent: str = ""


ReplyKind = Literal[
    "text", "image", "video", "audio", "document", "sticker", "location", "button", "interactive", "other"
]


class InboundMedia(Struct, frozen=True, omit_defaults=True):
    """Media of an inbound message. `id` where the BSP wants a second call to fetch it."""

    url: str = ""
    id: str = ""
    mime_type: str = ""
    filename: str = ""
    caption: str = ""


class Reply(Struct, frozen=True, omit_defaults=True):
    """One inbound message.

    `kind` "button" is a template's quick reply, "interactive" a list or reply button;
    "other" is anything CleverTap has no form for, with a readable `text`.
    `context_*` name the message that was answered.
    """

    kind: ReplyKind
    sender: str
    bsp_id: str = ""
    to: str = ""
    timestamp: int = 0
    text: str = ""
    payload: str = ""
    media: InboundMedia | None = None
    location: Location | None = None
    location_url: str = ""
    context_bsp_id: str = ""
    context_reference: str = ""
    context_msg_id: str = ""
    profile_name: str = ""


class TemplateUpdate(Struct, frozen=True, omit_defaults=True):
    """What a BSP tells of a template: those of status, category and quality that it names.

    In Meta's words (`APPROVED`, `PAUSED`, `FLAGGED`…; `MARKETING`…; `GREEN`…). Found by name and
    language, or by the BSP's id.
    """

    name: str = ""
    language: str = ""
    bsp_id: str = ""
    status: str = ""
    category: str = ""
    quality: str = ""
    reason: str = ""
    timestamp: int = 0


class Unhandled(Struct, frozen=True, omit_defaults=True):
    """Something well-formed that we do nothing with; kept and counted under `kind`."""

    kind: str
    text: str = ""


WebhookItem = StatusUpdate | Reply | TemplateUpdate | Unhandled


class ListedTemplate(Struct, frozen=True, omit_defaults=True):
    """One template of a BSP's list. `components`, `status`, `category` and `parameter_format`
    are Meta's words; `reason` says why it was rejected; `details` is what the connector itself will
    need to send it."""

    name: str
    language: str
    category: str = ""
    status: str = ""
    components: tuple[dict[str, Any], ...] = ()
    bsp_id: str = ""
    parameter_format: str = "POSITIONAL"
    quality: str = ""
    reason: str = ""
    ttl_seconds: int = 0
    details: dict[str, Any] = {}
    previous_category: str = ""


class TemplatePage(Struct, frozen=True, omit_defaults=True):
    """One page of a template list. `next` asks for the one after it, empty on the last.

    `unreadable` says what could not be taken from the page, an entry each.
    """

    templates: tuple[ListedTemplate, ...] = ()
    next: str = ""
    unreadable: tuple[str, ...] = ()


class Malformed(Exception):
    """A body that cannot be read as what it should be. The text says what was wrong."""


class Refused(Exception):
    """A message that will not be sent, with the code CleverTap is told and the part named."""

    def __init__(self, code: AnswerCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Unsupported(Refused):
    """A part of the message that this BSP cannot express."""

    def __init__(self, message: str) -> None:
        super().__init__(AnswerCode.TEMPLATE, message)
