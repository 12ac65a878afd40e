"""What each of CleverTap's codes means, and what may be done about it."""

from collections import defaultdict
from dataclasses import dataclass

from providers.advice import by_code
from providers.messages import AnswerCode, ReportCode
from stats.query.details import ErrorCount


@dataclass(frozen=True, slots=True)
class Advice:
    """`meaning` says what went wrong, `advice` what to do."""

    title: str
    meaning: str
    advice: str


ADVICE: dict[int, Advice] = {
    ReportCode.CREDENTIALS: Advice(
        "Credentials refused",
        "The BSP did not accept Waypost’s key, or the account may not send.",
        "The provider’s page says what to correct: credentials, payment or the sender. Run Check connection; "
        "then resend.",
    ),
    ReportCode.TEMPLATE: Advice(
        "Template or its values",
        "The BSP or WhatsApp refused the template: unknown, paused, or sent with values that do not fit it.",
        "Compare name, language and variables on the template’s page; Validate with provider shows the "
        "BSP’s own words. Pausing comes from Meta and needs better content, not another attempt.",
    ),
    ReportCode.PHONE: Advice(
        "Not a WhatsApp number",
        "The number is malformed, or nobody uses WhatsApp with it.",
        "Correct or remove these numbers in CleverTap. Sending again does not help.",
    ),
    ReportCode.INACTIVE: Advice(
        "Number no longer active",
        "The number was on WhatsApp once, and is no longer.",
        "Remove these numbers from the audience.",
    ),
    ReportCode.TOO_MANY: Advice(
        "Too many messages to this number",
        "WhatsApp or the BSP limits how often one person is written to.",
        "Send less often: set a frequency cap in CleverTap. Do not resend immediately.",
    ),
    ReportCode.UNAVAILABLE: Advice(
        "Unavailable",
        "The number is not on WhatsApp, the phone stayed out of reach, or the message grew too old in the "
        "queue.",
        "Open the messages: the BSP’s code says which it was, and each page what to do. Numbers that are not "
        "on WhatsApp have to be removed. Resend only what waited for a provider that was paused or held.",
    ),
    ReportCode.BLACKLISTED: Advice(
        "Blocked",
        "The person blocked the business, opted out at the BSP, or the BSP lists the number as blocked.",
        "Treat these people as opted out. Do not resend.",
    ),
    ReportCode.DEVICE: Advice(
        "Device cannot receive it",
        "WhatsApp on the phone is too old for this kind of message, or its terms were not accepted.",
        "Waypost can do nothing about it. A plain text template reaches more phones.",
    ),
    ReportCode.OUTSIDE_WINDOW: Advice(
        "Outside the 24-hour window",
        "A freeform message more than a day after the person last wrote.",
        "Send a template; a freeform answer must be sent within 24 hours.",
    ),
    ReportCode.OTHER: Advice(
        "Other",
        "The BSP gave a reason for which CleverTap has no code.",
        "Open the messages: each shows the BSP’s own code and words.",
    ),
    ReportCode.BLOCKED_BY_META: Advice(
        "Not delivered by Meta",
        "Meta did not deliver it, so that people get fewer marketing messages, or for an experiment.",
        "Do not resend at once. Better targeting and fewer messages raise the share that Meta delivers.",
    ),
    AnswerCode.CREDENTIALS: Advice(
        "CleverTap’s login refused",
        "The user name, password or headers CleverTap sent are not the provider’s.",
        "The provider’s page shows, under Health, which user name came last. Enter the right login in "
        "CleverTap. Passwords are shown once: if nobody knows it any more, use New credentials to "
        "make a new one.",
    ),
    AnswerCode.TEMPLATE: Advice(
        "Template parameters",
        "The message lacks something that its template needs, or has something that the BSP cannot send.",
        "Open the refused requests: each names the slot that is missing or wrong. Correct the campaign in "
        "CleverTap.",
    ),
    AnswerCode.PHONE: Advice(
        "No phone number",
        "The recipient’s number is missing or invalid.",
        "Write numbers with their country code in CleverTap, or set the provider’s default country.",
    ),
    AnswerCode.NOT_SUBSCRIBED: Advice(
        "Not subscribed",
        "The person is not opted in.",
        "Leave them out, or ask for their opt-in first.",
    ),
    AnswerCode.OTHER: Advice(
        "Other",
        "The request could not be understood or may not be sent.",
        "Open the refused requests: each tells what was wrong.",
    ),
}
_UNKNOWN = Advice(
    "Unknown code", "No meaning is known for this code.", "Open the messages for the BSP’s own words."
)


def advice(code: int) -> Advice:
    return ADVICE.get(code, _UNKNOWN)


def what_to_do(error: ErrorCount) -> str:
    """By the BSP's codes where they say more than CleverTap's; CleverTap's for all others behind it."""
    codes: dict[str, list[str]] = defaultdict(list)
    explained = 0
    for each in error.bsp_codes:
        if words := by_code(each.connector, each.code):
            codes[words].append(f"{each.code} ({each.number:,})")
            explained += each.number
    told = [f"{', '.join(named)}: {words}" for words, named in codes.items()]
    if explained < error.count:
        told.append(f"Otherwise: {advice(error.code).advice}" if told else advice(error.code).advice)
    return " ".join(told)
