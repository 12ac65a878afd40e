"""Kaleyra's answers to sends, and its error codes, in API V1 and V2.

Source: Kaleyra, "WhatsApp API V2 > Response codes" and "WhatsApp API > Error codes"; the choice of
CleverTap's code is ours. No page shows where in the JSON the code and the id are, so every likely
place is looked at. Meta's own codes are handed on in callbacks.
"""

import re
from collections.abc import Collection

from lib.http import HttpResponse
from lib.reading import at, first, text
from providers.dialects import cloud_api_errors
from providers.dialects.cloud_api_errors import LONGEST_CODE, Meaning, meant
from providers.messages import Outcome, ReportCode, SendResult
from providers.outcomes import EXCERPT, accepted, by_status, json_object, rejected

TAKEN = "WA200"
WRONG_FIELD = "E13001"
# The balance is used up. That holds for every message, so the provider must stop.
_UNPAID = Meaning(ReportCode.OTHER, credentials=True)
CODES: dict[str, Meaning] = {
    "RBC001": Meaning(ReportCode.CREDENTIALS, credentials=True),  # SID or key
    # The number or the template is not approved: the next template may be, so nothing is paused.
    "WA401": Meaning(ReportCode.CREDENTIALS),
    "WA400": Meaning(ReportCode.TEMPLATE),
    WRONG_FIELD: Meaning(ReportCode.TEMPLATE),  # or missing
    "E110": _UNPAID,
    "WAV2101": Meaning(ReportCode.TOO_MANY, Outcome.THROTTLED, retry_after=900.0),  # daily limit
    "WA500": Meaning(ReportCode.OTHER, Outcome.RETRY, retry_after=300.0),  # Kaleyra's advice: 5, 10, 15 min
}
_TEMPLATE_FIELDS = frozenset({
    "template_name", "lang_code", "params", "param_header", "param_url", "media_url", "coupon_code",
    "limited_time_offer", "type",
})  # fmt: skip
_INDEX = re.compile(r":[0-9]{1,3}\Z")


def bare_id(bsp_id: str) -> str:
    """The id without its recipient index (`…:0`), which not every callback repeats."""
    return _INDEX.sub("", bsp_id.strip())


def report_code(code: str) -> ReportCode:
    """CleverTap's code for a failed status, whose code is Kaleyra's or Meta's."""
    return CODES[code].code if code in CODES else cloud_api_errors.report_code(code)


def send_result(response: HttpResponse) -> SendResult:
    """Success is `{id}` or `{data: {message_id}}`, refusal `{code, message}` or `{error: {field: words}}`."""
    answer = json_object(response.body)
    ok = 200 <= response.status < 300
    code, words, fields = _code(answer), _words(answer), _fields(answer)
    # The name of a field says more than the code for "a field is wrong".
    if code in CODES and not (code == WRONG_FIELD and fields):
        return meant(CODES[code], code, response, words)
    bsp_id = bare_id(
        first(
            text(answer, "data", "message_id"),
            text(answer, "data", 0, "message_id"),
            text(answer, "messages", 0, "id"),
            text(answer, "id"),
        )
    )
    if ok and (bsp_id or code == TAKEN):
        return accepted(bsp_id)
    if response.status == 402:
        return meant(_UNPAID, code or "402", response, words)
    result = by_status(response, words, code)
    unexplained = result.outcome is Outcome.REJECTED and not result.credentials
    if at(answer, "error") and (ok or unexplained):
        return rejected(_about(fields), result.bsp_code, result.text)
    return result


def _code(answer: object) -> str:
    return first(
        text(answer, "code"),
        text(answer, "error_code"),
        text(answer, "error", "code"),
        text(answer, "errors", 0, "code"),
        text(answer, "data", "code"),
        text(answer, "data", 0, "code"),
    )[:LONGEST_CODE]


def _words(answer: object) -> str:
    return first(
        text(answer, "error", "message"),
        "; ".join(f"{name}: {words}" for name, words in _fields(answer).items()),
        text(answer, "error"),
        text(answer, "errors", 0, "message"),
        text(answer, "message"),
    )[:EXCERPT]


def _fields(answer: object) -> dict[str, str]:
    """The fields that a refusal names, which stand where other answers have `{code, message}`."""
    error = at(answer, "error")
    found = error if isinstance(error, dict) else {}
    return {name: text(found, name) for name in found if name not in ("code", "message")}


def _about(fields: Collection[str]) -> ReportCode:
    if "to" in fields:
        return ReportCode.PHONE
    return ReportCode.OTHER if _TEMPLATE_FIELDS.isdisjoint(fields) else ReportCode.TEMPLATE
