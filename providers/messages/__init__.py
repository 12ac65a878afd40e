"""The neutral vocabulary between CleverTap's format and each BSP's.

Everything here is an immutable value. Times are epoch seconds (int) unless a name says
milliseconds; phone numbers are international digits without "+".
"""

from providers.messages.codes import (
    MARKETING_HOLD,
    SLOW_DOWN,
    Account,
    AnswerCode,
    Cause,
    ReportCode,
)
from providers.messages.content import (
    Button,
    ButtonKind,
    Card,
    Content,
    Freeform,
    FreeformKind,
    Header,
    HeaderKind,
    Location,
    Media,
    Offer,
    TemplateContent,
    Value,
)
from providers.messages.errors import (
    Malformed,
    Refused,
    Unsupported,
)
from providers.messages.identities import (
    Identity,
    Receiver,
    identity,
)
from providers.messages.sending import (
    Outbound,
    Outcome,
    Registered,
    SendResult,
)
from providers.messages.template_pages import (
    ListedTemplate,
    TemplatePage,
)
from providers.messages.webhook_items import (
    NO_ANSWERS,
    AccountEffect,
    AccountUpdate,
    IdentityChange,
    InboundMedia,
    Preference,
    Pricing,
    Referral,
    Reply,
    ReplyKind,
    StatusKind,
    StatusUpdate,
    TemplateUpdate,
    Unhandled,
    WebhookItem,
    addressed,
    kind_of,
)

__all__ = [
    "MARKETING_HOLD",
    "NO_ANSWERS",
    "SLOW_DOWN",
    "Account",
    "AccountEffect",
    "AccountUpdate",
    "AnswerCode",
    "Button",
    "ButtonKind",
    "Card",
    "Cause",
    "Content",
    "Freeform",
    "FreeformKind",
    "Header",
    "HeaderKind",
    "Identity",
    "IdentityChange",
    "InboundMedia",
    "ListedTemplate",
    "Location",
    "Malformed",
    "Media",
    "Offer",
    "Outbound",
    "Outcome",
    "Preference",
    "Pricing",
    "Receiver",
    "Referral",
    "Refused",
    "Registered",
    "Reply",
    "ReplyKind",
    "ReportCode",
    "SendResult",
    "StatusKind",
    "StatusUpdate",
    "TemplateContent",
    "TemplatePage",
    "TemplateUpdate",
    "Unhandled",
    "Unsupported",
    "Value",
    "WebhookItem",
    "addressed",
    "identity",
    "kind_of",
]
