"""Exotel's words and numbers: what became of a message, and what an answer to a send means.

Source: Exotel, developer.exotel.com, "WhatsApp API > Status codes"; the choice of CleverTap's code is ours.
"""

from typing import NamedTuple

from lib.http import HttpResponse
from lib.reading import at, first, number, objects, text
from providers.dialects.cloud_api import codes as cloud_api_codes
from providers.dialects.cloud_api.codes import LONGEST_CODE
from providers.messages import SLOW_DOWN, Account, Cause, Outcome, ReportCode, SendResult, StatusKind
from providers.outcomes import (
    EXCERPT,
    Reasons,
    accepted,
    by_status,
    by_words,
    json_object,
    rejected,
    retry_after,
    stopped,
)


class Failure(NamedTuple):
    """One of Exotel's numbered failures."""

    name: str
    code: ReportCode


class Meaning(NamedTuple):
    """What a word or number says of a message. `code` counts for failures alone."""

    kind: StatusKind
    code: ReportCode = ReportCode.OTHER


# By Exotel's number, its name, and the bare word of newer webhooks.
STATUSES: dict[str, StatusKind] = {
    "30001": "sent",
    "30002": "delivered",
    "30003": "read",
    "EX_MESSAGE_SENT": "sent",
    "EX_MESSAGE_DELIVERED": "delivered",
    "EX_MESSAGE_SEEN": "read",
    "SENT": "sent",
    "DELIVERED": "delivered",
    "READ": "read",
    "FAILED": "failed",
}
FAILURES: dict[str, Failure] = {
    "30004": Failure("EX_SYSTEM_ERROR", ReportCode.CREDENTIALS),
    "30005": Failure("EX_NUMBER_ERROR", ReportCode.PHONE),
    "30006": Failure("EX_SETUP_ERROR", ReportCode.CREDENTIALS),
    "30007": Failure("EX_RATE_LIMIT_HIT", ReportCode.TOO_MANY),
    "30008": Failure("EX_SPAM_RATE_LIMIT_HIT", ReportCode.BLOCKED_BY_META),
    "30009": Failure("EX_TOO_MANY_REQUEST", ReportCode.TOO_MANY),
    "30010": Failure("EX_INVALID_REQUEST", ReportCode.OTHER),
    "30011": Failure("EX_UNKNOWN_ERROR", ReportCode.OTHER),
    "30012": Failure("EX_INVALID_RECIPIENT", ReportCode.PHONE),
    "30013": Failure("EX_INCAPABLE_RECIPIENT", ReportCode.DEVICE),
    "30014": Failure("EX_RECIPIENT_BLOCKED", ReportCode.BLACKLISTED),
    "30015": Failure("EX_UNSUPPORTED_MESSAGE", ReportCode.OTHER),
    "30016": Failure("EX_MEDIA_DOWNLOAD_ERROR", ReportCode.OTHER),
    "30017": Failure("EX_MEDIA_UPLOAD_ERROR", ReportCode.OTHER),
    "30018": Failure("EX_REENGAGEMENT_ERROR", ReportCode.OUTSIDE_WINDOW),
    "30019": Failure("EX_INVALID_PARAM", ReportCode.TEMPLATE),
    "30020": Failure("EX_MISSING_PARAM", ReportCode.TEMPLATE),
    "30021": Failure("EX_INVALID_PARAM_VALUE", ReportCode.TEMPLATE),
    "30022": Failure("EX_TEMPLATE_ERROR", ReportCode.TEMPLATE),
    "30023": Failure("EX_TEMPLATE_PARAM_ERROR", ReportCode.TEMPLATE),
    "30024": Failure("EX_TEMPLATE_NOT_FOUND", ReportCode.TEMPLATE),
    "30025": Failure("EX_TEMPLATE_TEXT_TOO_LONG", ReportCode.TEMPLATE),
    "30026": Failure("EX_INVALID_TEMPLATE_NAMESPACE", ReportCode.TEMPLATE),
    "30027": Failure("EX_MESSAGE_PENDING_TOO_LONG", ReportCode.UNAVAILABLE),
    "30028": Failure("EX_MESSAGE_EXPIRED", ReportCode.UNAVAILABLE),
    "30029": Failure("EX_MESSAGE_TOO_LONG", ReportCode.OTHER),
    "30030": Failure("EX_WEBHOOK_ERROR", ReportCode.OTHER),
    "30031": Failure("EX_SECTION_COUNT_ERROR", ReportCode.OTHER),
    "30032": Failure("EX_ROWS_COUNT_ERROR", ReportCode.OTHER),
    "30033": Failure("EX_PRODUCT_COUNT_ERROR", ReportCode.OTHER),
    "30034": Failure("EX_CATALOGUE_NOT_FOUND", ReportCode.OTHER),
    "30035": Failure("EX_CATALOGUE_NOT_LINKED", ReportCode.OTHER),
    "30036": Failure("EX_MISSING_PRODUCT", ReportCode.OTHER),
    "30037": Failure("EX_PRODUCT_NOT_FOUND", ReportCode.OTHER),
    "30038": Failure("EX_PRODUCT_COMPLIANCE_ERROR", ReportCode.OTHER),
    "30039": Failure("EX_INVALID_HEADER", ReportCode.TEMPLATE),
    "30040": Failure("EX_MISSING_COMPLIANCE", ReportCode.OTHER),
    "30041": Failure("EX_CHAR_POLICY_VIOLATION", ReportCode.OTHER),
}
CODES: dict[str, Meaning] = {
    **{word: Meaning(kind) for word, kind in STATUSES.items()},
    **{number: Meaning("failed", failure.code) for number, failure in FAILURES.items()},
    **{failure.name: Meaning("failed", failure.code) for failure in FAILURES.values()},
    "EX_RESTRICTED_BY_META": Meaning("failed", ReportCode.BLOCKED_BY_META),  # its number is on no page
}
_TOO_FAST = ("EX_RATE_LIMIT_HIT", "EX_TOO_MANY_REQUEST")
# The failures that every other message would have as well, by name.
ACCOUNT = {"EX_SETUP_ERROR": Account.SENDER, "EX_SPAM_RATE_LIMIT_HIT": Account.RESTRICTED}

# Looked for in the words of a refusal whose code says nothing, in this order.
REASONS: Reasons = (
    (("24 hour", "24-hour", "re-engagement", "reengagement"), ReportCode.OUTSIDE_WINDOW),
    (("phone", "recipient", "mobile", "valid number", "invalid number"), ReportCode.PHONE),
    (("template", "param", "component", "variable", "language"), ReportCode.TEMPLATE),
)


def send_result(response: HttpResponse) -> SendResult:
    """`{http_code, response: {whatsapp: {messages: [{code, status, error_data, data: {sid}}]}}}`.

    A message may be refused within an HTTP 200; refusals of the whole request lie higher up.
    """
    answer = json_object(response.body)
    entry = _entry(answer)
    refused = text(entry, "status").lower() == "failure" or bool(at(entry, "error_data"))
    bsp_id = text(entry, "data", "sid")
    if 200 <= response.status < 300 and bsp_id and not refused:
        return accepted(bsp_id)
    error = at(entry, "error_data")
    words = first(text(error, "message"), text(error), text(entry, "message"))
    words = ": ".join(filter(None, (words, text(error, "description"))))[:EXCERPT]
    code = text(error, "code")[:LONGEST_CODE]
    inner = (_status(entry, "code"), _status(answer, "http_code"))
    status = next((one for one in inner if 400 <= one < 600), response.status)
    result = by_status(HttpResponse(status, response.headers, response.body), words, code)
    if result.outcome is Outcome.REJECTED or (refused and status < 400):
        if _name(code) in _TOO_FAST:
            return SendResult(
                Outcome.THROTTLED,
                bsp_code=result.bsp_code,
                text=result.text,
                retry_after=retry_after(response),
            )
        if account := cause(code).account:
            return stopped(account, result.bsp_code, result.text)
        return rejected(failure_code(code) or by_words(words, REASONS), result.bsp_code, result.text)
    return result


def failure_code(code: str) -> ReportCode | None:
    """CleverTap's code for a failure by Exotel's number or name; None for anything else."""
    meaning = CODES.get(code.upper())
    return meaning.code if meaning and meaning.kind == "failed" else None


def cause(code: str) -> Cause:
    """Why a message failed, by Exotel's number or name, or by Meta's code."""
    own = failure_code(code)
    if own is None:
        return cloud_api_codes.cause(code)
    name = _name(code)
    return Cause(own, ACCOUNT.get(name), SLOW_DOWN if name in _TOO_FAST else None)


def _name(code: str) -> str:
    return FAILURES[code].name if code in FAILURES else code.upper()


def _entry(answer: object) -> object:
    """The part about the one message that was sent, or about the whole request."""
    messages = objects(answer, "response", "whatsapp", "messages")
    refused = (one for one in messages if text(one, "status").lower() == "failure")
    return next(refused, None) or at(messages, 0) or at(answer, "response") or answer


def _status(holder: object, key: str) -> int:
    return int(number(holder, key) or 0)
