"""The codes by which CleverTap is told what went wrong, and what can be wrong with an account."""

from enum import IntEnum, StrEnum
from typing import NamedTuple


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


class Account(StrEnum):
    """What is wrong with the whole account, so that every other message would be refused as well."""

    CREDENTIALS = "credentials"
    PAYMENT = "payment"
    SENDER = "sender"  # the number, or the service it sends by, is not ready
    RESTRICTED = "restricted"  # locked, disabled or held back, by Meta or the BSP


MARKETING_HOLD = 3600.0  # seconds until a marketing template is retried if none may be sent
SLOW_DOWN = 60.0  # seconds to send nothing where a BSP says "too fast" and not for how long


class Cause(NamedTuple):
    """Why a BSP reports a message as failed: CleverTap's code, and what it means for the whole account.

    `wait` is for how many seconds the account is to send nothing, where it sends too fast or too much.
    `marketing_is_off` where the account may send no marketing templates, and everything else.
    """

    code: ReportCode
    account: Account | None = None
    wait: float | None = None
    marketing_is_off: bool = False
