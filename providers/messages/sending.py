"""One message on its way to a BSP, and the result of one attempt to send it."""

from enum import StrEnum
from typing import Any

from msgspec import Struct

from providers.messages.codes import Account, ReportCode
from providers.messages.content import Content


class Registered(Struct, frozen=True, omit_defaults=True):
    """What we know of a template from the provider's list: its id there, its components in Meta's
    grammar, and its latest category in Meta's words. `details` is what its connector's `parse_templates`
    noted for sending."""

    bsp_id: str = ""
    components: tuple[dict[str, Any], ...] = ()
    details: dict[str, Any] = {}
    category: str = ""


class Outbound(Struct, frozen=True, omit_defaults=True):
    """One message on its way to a BSP.

    `reference` is ours, unique for each attempt, and comes back in webhooks where the BSP
    can carry it; `msg_id` is CleverTap's, byte for byte; `sender` is the WABA number.
    `registered` is None for freeform messages and for templates we have no record of.
    `once` is the reference of the first attempt since the message was queued or resent: the same for
    each automatic retry, for BSPs that deliver a message of one id only once.
    """

    reference: str
    msg_id: str
    to: str
    sender: str
    content: Content
    custom_props: dict[str, str] = {}
    registered: Registered | None = None
    once: str = ""


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    THROTTLED = "throttled"
    RETRY = "retry"
    STOPPED = "stopped"  # refused because of the account: the message waits in the queue
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class SendResult(Struct, frozen=True, omit_defaults=True):
    """The result of one attempt to send a message.

    `code` is set when rejected; `bsp_code` and `text` are the BSP's own words.
    `retry_after` is in seconds. `account` is set when stopped; several in a row pause the provider. Stopped
    without one, only marketing templates are refused.
    `category` is set when the refusal says that the template has another one than is known.
    """

    outcome: Outcome
    bsp_id: str = ""
    code: ReportCode | None = None
    bsp_code: str = ""
    text: str = ""
    retry_after: float | None = None
    account: Account | None = None
    category: str = ""

    @property
    def marketing_is_off(self) -> bool:
        return self.outcome is Outcome.STOPPED and self.account is None
