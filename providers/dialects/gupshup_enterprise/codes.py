"""Gupshup Enterprise's answers and error codes: what each one means for a message.

Source: CleverTap, "WhatsApp: Gupshup", and integrations in use; the choice of CleverTap's code is ours.
"""

from typing import NamedTuple

from lib.http import HttpResponse
from lib.reading import at, objects, text
from providers.dialects.cloud_api import codes as cloud_api_codes
from providers.dialects.cloud_api.codes import LONGEST_CODE
from providers.messages import Account, Cause, Outcome, ReportCode, SendResult
from providers.outcomes import (
    EXCERPT,
    AccountReasons,
    Reasons,
    accepted,
    by_status,
    json_object,
    refused_with,
    rejected,
    stopped,
)

TAKEN = frozenset({"success", "submitted"})
REFUSED = "error"
ACCOUNT_CODES = {"102": Account.CREDENTIALS}
ANSWER_CODES: dict[str, ReportCode] = {
    "105": ReportCode.PHONE,
    "175": ReportCode.PHONE,  # abroad, which the account may not send to
}
# For the numbers that nothing public explains. Looked for in this order.
ACCOUNT_REASONS: AccountReasons = (
    (("authentication fail", "authenticate", "unauthori", "password", "userid"), Account.CREDENTIALS),
    (("insufficient balance", "low balance", "insufficient credit"), Account.PAYMENT),
    (("account is disabled", "account is blocked", "account is suspended"), Account.RESTRICTED),
)
REASONS: Reasons = (
    (("template",), ReportCode.TEMPLATE),
    (("opt in", "opt-in", "optin", "opt_in", "opted", "opt out", "opt-out"), ReportCode.BLACKLISTED),
)

BLOCKED_SENDER = "00b"  # the sender's name is blocked
# The table is shared with SMS. Codes of six digits are Meta's, passed on.
CODES: dict[str, ReportCode] = {
    "001": ReportCode.UNAVAILABLE,  # absent
    "002": ReportCode.DEVICE,  # barred
    "003": ReportCode.INACTIVE,  # unknown
    "004": ReportCode.UNAVAILABLE,  # service down
    "005": ReportCode.OTHER,  # system failure
    "006": ReportCode.BLACKLISTED,  # do not disturb
    "007": ReportCode.BLACKLISTED,
    "008": ReportCode.BLACKLISTED,  # do not disturb, timed out
    "009": ReportCode.OTHER,  # outside working hours
    "00a": ReportCode.OTHER,
    BLOCKED_SENDER: ReportCode.CREDENTIALS,
    "00c": ReportCode.UNAVAILABLE,  # timed out
    "010": ReportCode.UNAVAILABLE,  # deferred
    "011": ReportCode.UNAVAILABLE,  # inbox full
    "012": ReportCode.UNAVAILABLE,  # congestion
    "013": ReportCode.UNAVAILABLE,  # not acknowledged
    "038": ReportCode.TEMPLATE,  # the text fits no template
}
_METAS_CODE = 6  # characters


class _Answer(NamedTuple):
    """What an answer says. `id` is the message's, or the number of an error."""

    status: str = ""
    id: str = ""
    words: str = ""


def send_result(response: HttpResponse) -> SendResult:
    """`{response: {id, phone, details, status}}`, with 200 whether it was taken or refused."""
    answer = _read_answer(response)
    ok, refused = 200 <= response.status < 300, answer.status == REFUSED
    if ok and answer.status in TAKEN:
        return accepted(answer.id)
    code = answer.id[:LONGEST_CODE] if refused else ""
    result = by_status(response, answer.words[:EXCERPT], code)
    explained = refused and (ok or result.outcome is Outcome.REJECTED)
    if not explained:
        return result
    if account := ACCOUNT_CODES.get(code):
        return stopped(account, result.bsp_code, result.text)
    if code in ANSWER_CODES:
        return rejected(ANSWER_CODES[code], result.bsp_code, result.text)
    return refused_with(answer.words, REASONS, ACCOUNT_REASONS, result.bsp_code, result.text)


def cause(code: str) -> Cause:
    """Why a message failed, by the code in its report."""
    if len(code) == _METAS_CODE:
        return cloud_api_codes.cause(code)
    account = Account.SENDER if code == BLOCKED_SENDER else None
    return Cause(CODES.get(code, ReportCode.OTHER), account)


def _read_answer(response: HttpResponse) -> _Answer:
    """The answer, all of it empty when it cannot be read."""
    payload = json_object(response.body)
    if payload is not None:
        found = next(iter(objects(payload, "data", "response_messages")), at(payload, "response"))
        return _Answer(text(found, "status").lower(), text(found, "id"), text(found, "details"))
    # Where `format` is not honoured: `error | 102 | words`, `success | 9198… | id`.
    parts = [part.strip() for part in response.text.split("|", 2)]
    if len(parts) < 3:
        return _Answer()
    status, second, third = parts
    status = status.lower()
    if status in TAKEN:
        return _Answer(status, third)
    return _Answer(status, second, third) if status == REFUSED else _Answer()
