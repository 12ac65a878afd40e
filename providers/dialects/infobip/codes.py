"""Infobip's words for what became of a message: status groups, status ids, error ids, refusals.

Source: Infobip, "Response status and error codes"; the choice of CleverTap's code is ours.
Statuses and errors are numbered apart: status 6 is a rejecting network, error 6 an absent
subscriber. Answers carry a status alone, delivery reports both.
"""

import re
from typing import NamedTuple

from lib.http import HttpResponse
from lib.reading import at, first, objects, text
from providers.dialects.cloud_api.codes import LONGEST_CODE
from providers.messages import SLOW_DOWN, Account, Cause, Outcome, ReportCode, SendResult, StatusKind
from providers.outcomes import EXCERPT, accepted, by_status, json_object, rejected, stopped

GROUPS: dict[str, StatusKind] = {
    "1": "sent",  # PENDING: with WhatsApp, or on its way there
    "2": "failed",  # UNDELIVERABLE
    "3": "delivered",
    "4": "failed",  # EXPIRED
    "5": "failed",  # REJECTED
}
_EXPIRED = "4"
DUPLICATE = "23"  # REJECTED_DUPLICATE_MESSAGE_ID
TOO_FAST = "7017"  # an error, TOO_MANY_REQUESTS

_STATUSES = {
    ReportCode.CREDENTIALS: (6, 11, 12, 13, 17, 19),
    ReportCode.PHONE: (8, 51, 52),
    ReportCode.TOO_MANY: (20,),
    ReportCode.UNAVAILABLE: (15, 18, 29),
    ReportCode.BLACKLISTED: (10, 14),
}
# Statuses that every other message would be refused with as well.
ACCOUNT = {
    "11": Account.SENDER,
    "12": Account.PAYMENT,
    "13": Account.SENDER,
    "17": Account.PAYMENT,
}
# The same of errors.
ACCOUNT_ERRORS = {
    "7001": Account.SENDER,
    "7004": Account.CREDENTIALS,
    "7005": Account.CREDENTIALS,
    "7011": Account.RESTRICTED,
    "7016": Account.RESTRICTED,  # too much spam from the sender, Meta's 131048
    "7012": Account.SENDER,
    "7019": Account.PAYMENT,
    "7034": Account.SENDER,
}
# fmt: off
_ERRORS = {
    ReportCode.CREDENTIALS: (7001, 7004, 7005, 7011, 7012, 7019, 7034, 7038, 7083),
    ReportCode.TEMPLATE: (7006, 7008, 7009, 7013, 7014, 7015, 7022, 7031, 7036, 7037),
    ReportCode.PHONE: (1, 9, 351, 352),
    ReportCode.INACTIVE: (3041,),
    ReportCode.TOO_MANY: (541, 542, 4099, 4103, 7016, 7017, 7026),
    ReportCode.UNAVAILABLE: (6, 27, 2048, 4098, 4101, 7002, 7050, 7051),
    ReportCode.BLACKLISTED: (573, 604, 2049, 2050, 2052, 7003, 7030, 7033),
    ReportCode.DEVICE: (7020, 7025, 7201),
    ReportCode.OUTSIDE_WINDOW: (7010,),
    ReportCode.OTHER: (
        7018, 7021, 7023, 7024, 7029, 7052, 7080, 7081, 7082, 7084, 7280, 7281,
    ),
    ReportCode.BLOCKED_BY_META: (603, 607, 7007, 7027, 7032),
}
# fmt: on
STATUS_CODES = {str(number): code for code, numbers in _STATUSES.items() for number in numbers}
ERROR_CODES = {str(number): code for code, numbers in _ERRORS.items() for number in numbers}

# Which field of the request was refused, by the words of its path, looked for in this order.
_FIELDS = {"to": ReportCode.PHONE, "content": ReportCode.TEMPLATE, "from": ReportCode.CREDENTIALS}
_WORD = re.compile(r"\w+")


class Failure(NamedTuple):
    """Why a message failed, with Infobip's own code and words."""

    cause: Cause
    bsp_code: str
    words: str


def failure(report: object) -> Failure:
    """The failure that `{status: {…}, error?: {…}}` tells. Error 0 means no error; if an error has no meaning
    here, the status decides."""
    error, status = text(report, "error", "id"), text(report, "status", "id")
    unlisted = ReportCode.UNAVAILABLE if text(report, "status", "groupId") == _EXPIRED else ReportCode.OTHER
    code = ERROR_CODES.get(error) or STATUS_CODES.get(status) or unlisted
    cause = Cause(
        code, ACCOUNT_ERRORS.get(error) or ACCOUNT.get(status), SLOW_DOWN if error == TOO_FAST else None
    )
    said = at(report, "status" if error in ("", "0") else "error")
    words = ": ".join(filter(None, (text(said, "name"), text(said, "description"))))
    return Failure(cause, text(said, "id")[:LONGEST_CODE], words[:EXCERPT])


def send_result(response: HttpResponse) -> SendResult:
    """The outcome of a send: `{messages: [M]}` for templates, M itself for the rest.

    M is `{to, messageId, status: {groupId, id, name, description}}`. A 200 may say "rejected".
    """
    answer = json_object(response.body)
    message = next(iter(objects(answer, "messages")), answer)
    status, bsp_id = at(message, "status"), text(message, "messageId")
    if 200 <= response.status < 300 and GROUPS.get(text(status, "groupId")) == "failed":
        cause, bsp_code, words = failure(message)
        words = first(words, "refused without a reason")
        if bsp_code == DUPLICATE:
            # Infobip has a message of this id already. It may be this very one, so its reports decide.
            return SendResult(Outcome.UNKNOWN, bsp_id=bsp_id, bsp_code=bsp_code, text=words)
        if bsp_code == TOO_FAST:
            return SendResult(Outcome.THROTTLED, bsp_code=bsp_code, text=words)
        if cause.account:
            return stopped(cause.account, bsp_code, words)
        return rejected(cause.code, bsp_code, words)
    if 200 <= response.status < 300 and bsp_id:
        return accepted(bsp_id)
    return _refused(response, answer)


def _refused(response: HttpResponse, answer: object) -> SendResult:
    """Errors are `{requestError: {serviceException: {messageId, text, validationErrors: {path: [words]}}}}`,
    on newer endpoints `{errorCode, description, violations: [{property, violation}]}`.
    """
    exception = at(answer, "requestError", "serviceException")
    invalid = at(exception, "validationErrors")
    faults = [
        (str(path), ", ".join(filter(None, map(text, reasons if isinstance(reasons, list) else [reasons]))))
        for path, reasons in (invalid.items() if isinstance(invalid, dict) else ())
    ]
    faults += [(text(one, "property"), text(one, "violation")) for one in objects(answer, "violations")]
    words = first(text(exception, "text"), text(answer, "description"))
    details = "; ".join(f"{path}: {reason}" for path, reason in faults)
    result = by_status(
        response,
        ": ".join(filter(None, (words, details)))[:EXCERPT],
        first(text(exception, "messageId"), text(answer, "errorCode"))[:LONGEST_CODE],
    )
    if result.outcome is not Outcome.REJECTED:
        return result
    named = {word for path, _ in faults for word in _WORD.findall(path)}
    code = next((code for field, code in _FIELDS.items() if field in named), ReportCode.OTHER)
    if code is ReportCode.CREDENTIALS:
        return stopped(Account.SENDER, result.bsp_code, result.text)
    return rejected(code, result.bsp_code, result.text)
