"""What to do about a message that failed, by the BSP's own code: it says more than CleverTap's."""

from typing import NamedTuple

from providers.messages import Account, ReportCode
from providers.outcomes import ACCOUNT_REFUSALS


class Advice(NamedTuple):
    """`resend`: whether the same message may arrive, once that is done."""

    words: str
    resend: bool = False


def _then_resend(words: str) -> Advice:
    return Advice(f"{words} Then resend.", resend=True)


_NOT_ON_WHATSAPP = Advice(
    "The number is not on WhatsApp, or WhatsApp on its phone is too old. Sending again does not help: "
    "correct or remove the number in CleverTap."
)
_CAP = Advice(
    "WhatsApp limits how many marketing messages one person gets. Wait a day at least: Meta restricts "
    "accounts that try again sooner."
)
_STOPPED = Advice("The person stopped marketing messages. Do not resend.")
_EXPERIMENT = Advice(
    "In an experiment, Meta delivers no marketing messages to this person. Sending again gives the "
    "same answer."
)
_PAUSED = Advice("Meta paused the template for its quality. Improve it: sending again gives the same answer.")
_MARKETING_OFF = _then_resend(
    "Marketing templates are switched off for the Cloud API on this account. Switch them on at Meta."
)
_META_DOWN = Advice("Meta had an internal error. Resend: the message is usually sent later.", resend=True)
_NO_SUCH_TEMPLATE = _then_resend(
    "WhatsApp has no approved template of this name in this language. Get it approved, and import it."
)
_MISFIT = Advice(
    "The values do not fit the template as WhatsApp has it. Import the templates again and correct the "
    "campaign: sending again gives the same answer."
)
_MEDIA = _then_resend(
    "WhatsApp could not fetch the media. Make its URL public, with a file type that WhatsApp accepts."
)
_TOO_FAST = Advice("WhatsApp limited how fast messages are sent. Wait a while, then resend.", resend=True)
_PAYMENT = _then_resend(ACCOUNT_REFUSALS[Account.PAYMENT].remedy)
_SENDER = _then_resend(ACCOUNT_REFUSALS[Account.SENDER].remedy)
_RESTRICTED = _then_resend(ACCOUNT_REFUSALS[Account.RESTRICTED].remedy)

_META = {
    "131026": _NOT_ON_WHATSAPP,
    "131049": _CAP,
    "131050": _STOPPED,
    "130472": _EXPERIMENT,
    "132015": _PAUSED,
    "131042": _PAYMENT,
    "131044": _PAYMENT,
    "131063": _MARKETING_OFF,
    "131031": _RESTRICTED,
    "131048": _RESTRICTED,
    "368": _RESTRICTED,
    "131000": _META_DOWN,
    "131016": _META_DOWN,
    "131057": _META_DOWN,
    "130429": _TOO_FAST,
    "131056": _TOO_FAST,
    "131052": _MEDIA,
    "131053": _MEDIA,
    "132001": _NO_SUCH_TEMPLATE,
    "132000": _MISFIT,
    "132008": _MISFIT,
    "132012": _MISFIT,
    "132018": _MISFIT,
}
# Connectors that pass on Meta's codes have them besides their own.
_BY_CONNECTOR = {
    "gupshup": {
        "1002": _NOT_ON_WHATSAPP,
        "1003": _PAYMENT,
        "1012": _STOPPED,
        "4005": _PAUSED,
    },
    "infobip": {
        "7002": _NOT_ON_WHATSAPP,
        "7011": _RESTRICTED,
        "7019": _PAYMENT,
        "7032": _CAP,
        "7033": _STOPPED,
        "7034": _SENDER,
    },
    "twilio": {
        "63003": _NOT_ON_WHATSAPP,
        "63024": _NOT_ON_WHATSAPP,
        "63032": _EXPERIMENT,
        "63041": _PAUSED,
        "63049": _CAP,
        "21703": _SENDER,
        "21705": _SENDER,
        "63059": _SENDER,
        "63020": _RESTRICTED,
    },
    "vonage": {
        "1300": _NOT_ON_WHATSAPP,
        "1240": _STOPPED,
        "1461": _CAP,
        "1070": _PAYMENT,
        "1120": _SENDER,
        "1060": _RESTRICTED,
    },
}


# Where sending again gives the same answer, whatever the BSP's code.
_BY_REPORT_CODE: dict[int, str] = {
    ReportCode.PHONE: "Correct or remove the number in CleverTap. Sending again does not help.",
    ReportCode.INACTIVE: "Remove the number from the audience. Sending again does not help.",
    ReportCode.BLACKLISTED: "Treat the person as opted out. Do not resend.",
    ReportCode.DEVICE: "The phone cannot show it. Sending again does not help.",
    ReportCode.OUTSIDE_WINDOW: "Send a template: a freeform message must be sent within 24 hours.",
    ReportCode.BLOCKED_BY_META: "Meta held it back. Do not resend at once.",
}


def of_failure(connector: str, bsp_code: str, code: int | None) -> str:
    """The advice for one failed message: by the BSP's code, else by CleverTap's; else empty."""
    return by_code(connector, bsp_code) or _BY_REPORT_CODE.get(code or 0, "")


def by_code(connector: str, code: str) -> str:
    """The advice for a BSP's code; empty where the code says no more than CleverTap's."""
    found = _of(connector, code)
    return found.words if found else ""


def resending_helps(connector: str, bsp_code: str, code: int) -> bool:
    """Whether the same message may arrive later: by the BSP's code, else by CleverTap's. A message that
    waited too long here has no code of the BSP's."""
    if found := _of(connector, bsp_code):
        return found.resend
    return code == ReportCode.CREDENTIALS or (code == ReportCode.UNAVAILABLE and not bsp_code)


def _of(connector: str, code: str) -> Advice | None:
    return _BY_CONNECTOR.get(connector, {}).get(code) or _META.get(code)
