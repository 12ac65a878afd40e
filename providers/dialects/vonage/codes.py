"""Vonage's answers and error codes: what each one means for a message.

Source: Vonage, "API errors" (generic ones and those of the Messages API); the choice of
CleverTap's code is ours. Answers and failed statuses hold the same kind of object,
`{type: "https://…/errors#<code>", title, detail, instance, invalid_parameters?}`.
"""

import re

from lib.http import HttpResponse
from lib.reading import at, objects, text
from providers.dialects.cloud_api.codes import LONGEST_CODE, META_CODES, Meaning, about_account, meant
from providers.messages import Account, Cause, Outcome, ReportCode, SendResult
from providers.outcomes import EXCERPT, accepted, by_status, json_object

_ACCOUNT = about_account(Account.CREDENTIALS)
_UNPAID = about_account(Account.PAYMENT)
_SENDER = about_account(Account.SENDER)
_RESTRICTED = about_account(Account.RESTRICTED)
_TEMPLATE = Meaning(ReportCode.TEMPLATE)
_TOO_FAST = Meaning(ReportCode.TOO_MANY, Outcome.THROTTLED)
_TOO_MANY = Meaning(ReportCode.TOO_MANY)
_VONAGE_DOWN = Meaning(ReportCode.OTHER, Outcome.RETRY)
_PHONE = Meaning(ReportCode.PHONE)
_BLACKLISTED = Meaning(ReportCode.BLACKLISTED)
_UNAVAILABLE = Meaning(ReportCode.UNAVAILABLE)
_BLOCKED = Meaning(ReportCode.BLOCKED_BY_META)

CODES: dict[str, Meaning] = {
    # The words of answers that are about the call.
    "unauthorized": _ACCOUNT,
    "forbidden": _ACCOUNT,
    "not-found": _ACCOUNT,
    "unprovisioned": _SENDER,
    "account-suspended": _RESTRICTED,
    "low-balance": _UNPAID,
    "jwt-expired": _ACCOUNT,
    "jwt-revoked": _ACCOUNT,
    "invalid-api-key": _ACCOUNT,
    "invalid-signature": _ACCOUNT,
    "invalid-params": _TEMPLATE,
    "invalid-json": _TEMPLATE,
    "throttled": _TOO_FAST,
    # The account or the sender.
    "1060": _RESTRICTED,  # the account is barred
    "1070": _UNPAID,
    "1080": _SENDER,  # the account is not enabled
    "1120": _SENDER,  # the sender is not the account's
    "1140": _SENDER,
    "1350": _SENDER,
    "1370": _SENDER,
    "1420": _SENDER,
    # Too fast, and too much.
    "1000": _TOO_FAST,
    "1241": _TOO_MANY,
    "1460": Meaning(ReportCode.TOO_MANY, Outcome.THROTTLED, retry_after=900.0),  # the account's daily limit
    # An error at Vonage. Nothing was sent.
    "1030": _VONAGE_DOWN,
    "1100": _VONAGE_DOWN,
    # The template, or our use of it.
    "1010": _TEMPLATE,
    "1020": _TEMPLATE,
    "1021": _TEMPLATE,
    "1022": _TEMPLATE,
    "1090": _TEMPLATE,  # too long
    "1380": _TEMPLATE,  # media: address, size, type
    "1381": _TEMPLATE,
    "1382": _TEMPLATE,
    # The recipient.
    "1040": _PHONE,  # an unknown prefix, for one
    "1170": _PHONE,
    "1430": _PHONE,
    "1190": Meaning(ReportCode.INACTIVE),
    "1050": _BLACKLISTED,
    "1160": _BLACKLISTED,  # not on the account's list of allowed recipients
    "1240": _BLACKLISTED,
    "1270": _BLACKLISTED,
    "1280": _BLACKLISTED,
    "1180": _UNAVAILABLE,
    "1200": _UNAVAILABLE,
    "1220": _UNAVAILABLE,
    "1230": _UNAVAILABLE,
    "1250": _UNAVAILABLE,
    "1251": _UNAVAILABLE,
    "1260": _UNAVAILABLE,
    "1290": _UNAVAILABLE,
    "1300": _UNAVAILABLE,  # not on WhatsApp
    "1360": _UNAVAILABLE,  # its time to live ended first
    "1310": Meaning(ReportCode.DEVICE),
    "1340": Meaning(ReportCode.OUTSIDE_WINDOW),
    # Held back.
    "1210": _BLOCKED,
    "1282": _BLOCKED,
    "1461": _BLOCKED,  # the user's share of marketing messages
}
DUPLICATE = "1320"  # Vonage has the message already
STATUSES = {402: _UNPAID, 404: _ACCOUNT}

_META_CODE = re.compile(r"\b13\d{4}\b")


def send_result(response: HttpResponse) -> SendResult:
    """The outcome of `POST /v1/messages`: 202 with `{message_uuid}`, or an error object.

    A 5xx and a 429 decide the outcome, whatever their code.
    """
    answer = json_object(response.body)
    ok, bsp_id = 200 <= response.status < 300, text(answer, "message_uuid")
    if ok and bsp_id:
        return accepted(bsp_id)
    code, words = error_words(answer)
    if code == DUPLICATE:
        # It may be this very one, so its reports decide.
        return SendResult(Outcome.UNKNOWN, bsp_id=bsp_id, bsp_code=code, text=words or "sent already")
    meaning = _meaning(code, words) or STATUSES.get(response.status)
    if ok or meaning is None or response.status == 429 or response.status >= 500:
        return by_status(response, words, code)
    return meant(meaning, code or str(response.status), response, words)


def cause(code: str, words: str) -> Cause:
    """Why a message failed, by the code and the words of its status."""
    meaning = _meaning(code, words)
    return meaning.cause if meaning else Cause(ReportCode.OTHER)


def error_words(error: object) -> tuple[str, str]:
    """Code and text of an error object, which may lie one `error` deeper."""
    inner = at(error, "error")
    error = inner if isinstance(inner, dict) else error
    title, fragment = text(error, "title"), text(error, "type").partition("#")[2]
    numbered = title.isascii() and title.isdecimal()
    invalid = [
        " ".join(filter(None, (text(one, "name"), text(one, "reason"))))
        for one in objects(error, "invalid_parameters")
    ]
    words = ": ".join(filter(None, ("" if numbered else title, text(error, "detail"), "; ".join(invalid))))
    return (title if numbered else fragment)[:LONGEST_CODE], words[:EXCERPT]


def _meaning(code: str, words: str) -> Meaning | None:
    """Where Vonage's own code says nothing of use, Meta's may stand in the text."""
    found = CODES.get(code)
    quoted = (META_CODES.get(one) for one in _META_CODE.findall(words))
    return found or next(filter(None, quoted), None)
