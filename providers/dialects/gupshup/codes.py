"""Gupshup's answers and error codes: what each one means for a message.

Source: Gupshup, "Error codes"; the choice of CleverTap's code is ours.
"""

from typing import Any

import msgspec

from lib.http import HttpResponse
from lib.reading import at, text
from providers.dialects.cloud_api import codes as cloud_api_codes
from providers.messages import SLOW_DOWN, Account, Cause, Outcome, ReportCode, SendResult
from providers.outcomes import (
    EXCERPT,
    AccountReasons,
    Reasons,
    accepted,
    by_status,
    json_object,
    refused_with,
)

EMPTY_WALLET, TOO_FAST = "1003", "4001"
# Gupshup's own codes. What is not among them is Meta's, passed on.
CODES: dict[str, ReportCode] = {
    "500": ReportCode.OTHER,
    "1001": ReportCode.OTHER,
    "1002": ReportCode.UNAVAILABLE,  # not on WhatsApp
    EMPTY_WALLET: ReportCode.CREDENTIALS,
    "1004": ReportCode.OUTSIDE_WINDOW,
    # A text for which no template was found. We send templates by their id, so it was freeform.
    "1005": ReportCode.OUTSIDE_WINDOW,
    "1006": ReportCode.BLACKLISTED,  # not opted in
    "1007": ReportCode.BLACKLISTED,
    "1008": ReportCode.OUTSIDE_WINDOW,
    "1010": ReportCode.TEMPLATE,  # media: address
    "1011": ReportCode.TEMPLATE,  # media: size
    "1012": ReportCode.BLACKLISTED,  # opted out
    TOO_FAST: ReportCode.TOO_MANY,
    "4002": ReportCode.OTHER,
    "4003": ReportCode.TEMPLATE,
    "4004": ReportCode.OTHER,
    "4005": ReportCode.TEMPLATE,  # paused
}

# Gupshup refuses with a sentence and no code. Looked for in this order.
ACCOUNT_REASONS: AccountReasons = (
    (("apikey", "api key", "authentication fail"), Account.CREDENTIALS),
    (("wallet", "balance"), Account.PAYMENT),
    (
        ("app is disabled", "app is not live", "account is blocked", "account is suspended"),
        Account.RESTRICTED,
    ),
)
REASONS: Reasons = (
    (("template", "param"), ReportCode.TEMPLATE),
    (("destination",), ReportCode.PHONE),
)


def send_result(response: HttpResponse) -> SendResult:
    """Success is `{status, messageId}` with 200 or 202, refusal `{status: "error", message}`."""
    answer = json_object(response.body)
    bsp_id, words = text(answer, "messageId"), _words(at(answer, "message"))
    ok, refused = 200 <= response.status < 300, text(answer, "status").lower() == "error"
    if ok and bsp_id and not refused:
        return accepted(bsp_id)
    result = by_status(response, words)
    if result.outcome is Outcome.REJECTED or (ok and refused):
        return refused_with(words, REASONS, ACCOUNT_REASONS, result.bsp_code, result.text)
    return result


def cause(code: str) -> Cause:
    """Why a message failed, by the code in its status, which is Gupshup's or Meta's."""
    if code not in CODES:
        return cloud_api_codes.cause(code)
    account = Account.PAYMENT if code == EMPTY_WALLET else None
    return Cause(CODES[code], account, SLOW_DOWN if code == TOO_FAST else None)


def _words(message: Any) -> str:
    """A sentence, or an object of some shape that Gupshup does not document."""
    said = text(message) or (msgspec.json.encode(message).decode() if message else "")
    return said[:EXCERPT]
