"""What each of CleverTap's codes means, and what may be done about it."""

from dataclasses import dataclass

from providers.messages import AnswerCode, ReportCode


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
        "Renew the credentials on the provider’s page and run Check connection; then resend.",
    ),
    ReportCode.TEMPLATE: Advice(
        "Template or its values",
        "The BSP or WhatsApp refused the template: unknown, paused, or sent with values that do not fit it.",
        "Compare name, language and variables on the template’s page; Validate with provider shows the "
        "BSP’s own words. Pausing comes from Meta and needs better content, not another try.",
    ),
    ReportCode.PHONE: Advice(
        "Not a WhatsApp number",
        "The number is malformed, or nobody uses WhatsApp with it.",
        "Correct or remove these numbers in CleverTap. Sending again does not help.",
    ),
    ReportCode.INACTIVE: Advice(
        "Number no longer active",
        "The number had WhatsApp once and has it no more.",
        "Remove these numbers from the audience.",
    ),
    ReportCode.TOO_MANY: Advice(
        "Too many messages to this number",
        "WhatsApp or the BSP limits how often one person is written to.",
        "Send less often: set a frequency cap in CleverTap. Do not resend at once.",
    ),
    ReportCode.UNAVAILABLE: Advice(
        "Temporarily unavailable",
        "The phone stayed out of reach, the BSP was down, or the message grew too old in the queue.",
        "Look whether the provider was paused or held then; resend what still matters.",
    ),
    ReportCode.BLACKLISTED: Advice(
        "Blocked",
        "The person blocked the business, opted out at the BSP, or the BSP lists the number as blocked.",
        "Take them as opted out. Do not resend.",
    ),
    ReportCode.DEVICE: Advice(
        "Device cannot receive it",
        "WhatsApp on the phone is too old for this kind of message, or its terms were not accepted.",
        "Nothing can be done from here; a plain text template reaches more phones.",
    ),
    ReportCode.OUTSIDE_WINDOW: Advice(
        "Outside the 24-hour window",
        "A freeform message more than a day after the person last wrote.",
        "Write by template; a freeform answer has to come within 24 hours.",
    ),
    ReportCode.OTHER: Advice(
        "Other",
        "The BSP gave a reason that has no code of its own in CleverTap.",
        "Open the messages: each shows the BSP’s own code and words.",
    ),
    ReportCode.BLOCKED_BY_META: Advice(
        "Not delivered by Meta",
        "Meta held it back, to keep people from getting too many marketing messages, or by an experiment.",
        "Do not resend at once. Better targeting and fewer messages raise the share that Meta delivers.",
    ),
    AnswerCode.CREDENTIALS: Advice(
        "CleverTap’s login refused",
        "The user name, password or headers CleverTap sent are not the provider’s.",
        "Copy the credentials from the provider’s page into CleverTap once more.",
    ),
    AnswerCode.TEMPLATE: Advice(
        "Template parameters",
        "The message did not bring what its template needs, or something the BSP cannot send.",
        "Open the refused requests: each names the slot that is missing or wrong. Correct the campaign in "
        "CleverTap.",
    ),
    AnswerCode.PHONE: Advice(
        "No phone number",
        "The recipient’s number is missing or is none.",
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
