"""What a BSP's webhook has: delivery reports, inbound messages, changes of templates and of the account."""

from typing import Any, ClassVar, Literal, Self

from msgspec import Struct
from msgspec.structs import replace

from providers.messages.codes import Account, Cause, ReportCode
from providers.messages.content import Location
from providers.messages.identities import Identity, Receiver

StatusKind = Literal["sent", "delivered", "read", "failed", "clicked", "priced"]


class Pricing(Struct, frozen=True, omit_defaults=True):
    """How WhatsApp charges a message, in Meta's words: regular, free…; marketing, utility…

    `billable` is None where the BSP does not say it.
    """

    type: str = ""
    category: str = ""
    billable: bool | None = None


class OfPerson(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What every item about one person has. `number_field` names the field with the phone number."""

    number_field: ClassVar[str] = "sender"

    user_id: str = ""
    parent_user_id: str = ""
    username: str = ""
    receiver: Receiver | None = None

    @property
    def person(self) -> Identity:
        number = getattr(self, self.number_field)
        return Identity(number, self.user_id, self.parent_user_id, self.username)

    def of(self, who: Identity) -> Self:
        """The same item, with this person's number and ids."""
        ids = {"user_id": who.user_id, "parent_user_id": who.parent_user_id, "username": who.username}
        return replace(self, **{self.number_field: who.phone}, **ids)


class StatusUpdate(OfPerson, frozen=True, omit_defaults=True):
    """One delivery report from a BSP. Matched by `reference`, `bsp_id`, then `msg_id`.

    One that is `priced` says how the message is charged and nothing else.

    `timestamp` 0 means that the BSP gave none; `code` is set when failed, `account`, `wait` or
    `marketing_is_off` when it failed because of the account (`Cause`). `to` and the ids say who got the
    message, as far as the BSP names them.
    """

    number_field: ClassVar[str] = "to"

    kind: StatusKind
    timestamp: int = 0
    reference: str = ""
    bsp_id: str = ""
    msg_id: str = ""
    to: str = ""
    code: ReportCode | None = None
    account: Account | None = None
    wait: float | None = None
    marketing_is_off: bool = False
    bsp_code: str = ""
    text: str = ""
    url: str = ""
    short_url: str = ""
    user_agent: str = ""
    pricing: Pricing | None = None

    def failed(self, cause: Cause, bsp_code: str, text: str) -> Self:
        """The same report, with why the message failed, and the BSP's own code and words."""
        return replace(self, **cause._asdict(), bsp_code=bsp_code, text=text)

    @property
    def for_account(self) -> bool:
        """Whether the message failed because of the account, so that it may be sent later."""
        return self.account is not None or self.wait is not None or self.marketing_is_off


ReplyKind = Literal[
    "text", "image", "video", "audio", "document", "sticker", "location", "button", "interactive", "other",
    "reaction", "edit", "revoke", "unsupported", "ephemeral", "welcome", "group", "system", "echo",
    "history", "call",
]  # fmt: skip
# What comes in but answers nothing: it is kept and shown, and nothing follows from it.
NO_ANSWERS: frozenset[ReplyKind] = frozenset({
    "reaction", "edit", "revoke", "unsupported", "ephemeral", "welcome", "group", "system", "echo",
    "history", "call",
})  # fmt: skip


class InboundMedia(Struct, frozen=True, omit_defaults=True):
    """Media of an inbound message. `id` where the BSP wants a second call to fetch it."""

    url: str = ""
    id: str = ""
    mime_type: str = ""
    filename: str = ""
    caption: str = ""


class Referral(Struct, frozen=True, omit_defaults=True):
    """The ad or post from which a person began to write. `click_id` is Meta's `ctwa_clid`."""

    source_type: str = ""
    source_id: str = ""
    source_url: str = ""
    headline: str = ""
    body: str = ""
    media_url: str = ""
    click_id: str = ""


class Reply(OfPerson, frozen=True, omit_defaults=True):
    """One inbound message.

    `kind` "button" is a template's quick reply, "interactive" a list or reply button;
    "other" is anything CleverTap has no form for, with a readable `text` and, as the BSP wrote it, `data`.
    `context_*` name the message that was answered. `sender` is the phone number, empty where only
    the user id is told. `about_bsp_id` names the earlier inbound message that an "edit" or a "revoke" is
    about. The `payload` of a "reaction" is its emoji, empty when it was removed.
    """

    kind: ReplyKind
    sender: str = ""
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
    about_bsp_id: str = ""
    data: dict[str, Any] = {}
    referral: Referral | None = None


class Preference(OfPerson, frozen=True, omit_defaults=True):
    """Somebody stopped or resumed marketing messages in WhatsApp itself. `proof` is the BSP's text.

    `sender` is the phone number, empty where only the user id is told.
    """

    stops: bool
    sender: str = ""
    timestamp: int = 0
    proof: str = ""


class IdentityChange(Struct, frozen=True, omit_defaults=True):
    """Somebody has a new number or user id: both sides name the same person."""

    old: Identity
    new: Identity
    timestamp: int = 0
    receiver: Receiver | None = None


class TemplateUpdate(Struct, frozen=True, omit_defaults=True):
    """What a BSP reports about a template: its status, category or quality, whichever it names.

    In Meta's words (`APPROVED`, `PAUSED`, `FLAGGED`…; `MARKETING`…; `GREEN`…). Found by name and
    language, or by the BSP's id. `edited` says that something of it changed that only its list tells.
    """

    name: str = ""
    language: str = ""
    bsp_id: str = ""
    status: str = ""
    category: str = ""
    quality: str = ""
    reason: str = ""
    edited: bool = False
    timestamp: int = 0
    receiver: Receiver | None = None


AccountEffect = Literal["", "stop", "faster"]


class AccountUpdate(Struct, frozen=True, omit_defaults=True):
    """What a BSP reports about the account: a restriction, a ban, its limits, its quality.

    `kind` is the BSP's word for the event. `effect` "stop" means that nothing can be sent from now on,
    "faster" that the number may send faster.
    """

    kind: str
    text: str = ""
    effect: AccountEffect = ""
    timestamp: int = 0
    receiver: Receiver | None = None


class Unhandled(Struct, frozen=True, omit_defaults=True):
    """An item that can be read and has no effect. It is kept, and counted under `kind`."""

    kind: str
    text: str = ""


WebhookItem = StatusUpdate | Reply | Preference | IdentityChange | TemplateUpdate | AccountUpdate | Unhandled


def kind_of(item: WebhookItem) -> str:
    """The sort of news that an item is, in words for operators."""
    match item:
        case StatusUpdate():
            return f"report: {item.kind}"
        case Reply():
            return f"message: {item.kind}"
        case Preference():
            return "marketing preference"
        case IdentityChange():
            return "changed number or user id"
        case TemplateUpdate():
            return "template"
        case AccountUpdate():
            return "account"
    return item.kind


def addressed(item: WebhookItem, receiver: Receiver) -> WebhookItem:
    """The item, marked as meant for this number or account of ours."""
    if isinstance(item, Unhandled) or receiver == Receiver():
        return item
    return replace(item, receiver=receiver)
