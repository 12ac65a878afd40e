"""Twilio's answers and error codes: what each one means for a message.

Source: Twilio, "Error and warning dictionary" and its table of WhatsApp's errors; the choice of
CleverTap's code is ours. The same code comes in an answer or in a failed status.
"""

from lib.http import HttpResponse
from lib.reading import text
from providers.dialects.cloud_api.codes import LONGEST_CODE, Meaning, about_account, meant
from providers.messages import Account, Cause, Outcome, ReportCode, SendResult
from providers.outcomes import EXCERPT, accepted, by_status, json_object

# The account, its keys or its sender: every other message would be refused as well.
_ACCOUNT = about_account(Account.CREDENTIALS)
_SENDER = about_account(Account.SENDER)
_TEMPLATE = Meaning(ReportCode.TEMPLATE)
_PHONE = Meaning(ReportCode.PHONE)
_TOO_FAST = Meaning(ReportCode.TOO_MANY, Outcome.THROTTLED)
_BLOCKED = Meaning(ReportCode.BLACKLISTED)
_HELD_BY_META = Meaning(ReportCode.BLOCKED_BY_META)
_WHATSAPP_DOWN = Meaning(ReportCode.OTHER, Outcome.RETRY)
_OTHER = Meaning(ReportCode.OTHER)

CODES: dict[str, Meaning] = {
    "20003": _ACCOUNT,
    "20008": _ACCOUNT,  # test credentials
    "21212": _SENDER,
    "21603": _SENDER,  # neither a sender nor a service was given
    "21606": _SENDER,  # the sender is not the account's
    "21703": _SENDER,  # the service has no sender
    "21705": _SENDER,  # the service does not exist
    "63001": _ACCOUNT,
    "63002": _SENDER,
    "63007": _SENDER,
    "63008": _SENDER,
    "63020": about_account(Account.RESTRICTED),  # the business at Meta
    "63022": _SENDER,  # the number's certificate
    "63059": _SENDER,  # the number has moved to another WhatsApp Business account
    "21620": _TEMPLATE,  # media URL
    "21655": _TEMPLATE,  # ContentSid
    "21656": _TEMPLATE,  # ContentVariables
    "63005": _TEMPLATE,
    "63006": _TEMPLATE,
    "63013": _TEMPLATE,  # an empty variable, a line break or four spaces in one, or a kind of media
    "63019": _TEMPLATE,  # media, as are 63034 and 63037
    "63021": _TEMPLATE,
    "63027": _TEMPLATE,  # not in this language
    "63028": _TEMPLATE,  # number of variables
    "63029": _TEMPLATE,
    "63030": _TEMPLATE,
    "63034": _TEMPLATE,
    "63037": _TEMPLATE,
    "63040": _TEMPLATE,
    "63041": _TEMPLATE,  # paused
    "21211": _PHONE,
    "21614": _PHONE,
    "63024": _PHONE,
    "63031": _PHONE,  # sender and recipient are the same
    # WhatsApp does not find the recipient. What is sent has the form of a number, so it is not on WhatsApp.
    "63003": Meaning(ReportCode.UNAVAILABLE),
    "20429": _TOO_FAST,
    "63017": _TOO_FAST,
    "63018": _TOO_FAST,
    # The account's daily limit: ask every quarter of an hour.
    "63038": Meaning(ReportCode.TOO_MANY, Outcome.THROTTLED, retry_after=900.0),
    "21610": _BLOCKED,  # the recipient wrote STOP
    "63014": _BLOCKED,
    "63015": _BLOCKED,  # has not joined the sandbox
    "63033": _BLOCKED,
    "63016": Meaning(ReportCode.OUTSIDE_WINDOW),
    "63026": _HELD_BY_META,
    "63032": _HELD_BY_META,  # an experiment of Meta's
    "63049": _HELD_BY_META,  # the user's marketing cap
    "63009": _WHATSAPP_DOWN,
    "63010": _WHATSAPP_DOWN,
    "63011": _WHATSAPP_DOWN,
    "63012": _WHATSAPP_DOWN,
    "63023": _OTHER,
    "63025": _OTHER,
}


def cause(code: str) -> Cause:
    """Why a message failed, by the code in its status."""
    return CODES.get(code, _OTHER).cause


def send_result(response: HttpResponse) -> SendResult:
    """The outcome of a send: 201 with `{sid, status, error_code, error_message}`, an error with
    `{code, message, more_info, status}`. The code says more than the HTTP status beside it."""
    answer = json_object(response.body)
    sid, state = text(answer, "sid"), text(answer, "status")
    taken = 200 <= response.status < 300 and bool(sid)
    if taken and state not in ("failed", "undelivered"):
        return accepted(sid)
    code = text(answer, "error_code" if taken else "code")[:LONGEST_CODE]
    words = text(answer, "error_message" if taken else "message")[:EXCERPT]
    if taken:
        words = words or f"the message is {state} already"
        meaning = CODES.get(code, _OTHER)
        return meant(meaning if meaning.account else Meaning(meaning.code), code, response, words)
    return meant(CODES[code], code, response, words) if code in CODES else by_status(response, words, code)
