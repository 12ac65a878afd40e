"""Kaleyra's answers to sends, and its error codes, in API V1 and V2.

Source: Kaleyra, "WhatsApp API V2 > Response codes" and "WhatsApp API > Error codes"; the choice of
CleverTap's code is ours. No page shows where in the JSON the code and the id are, so every likely
place is looked at. Meta's own codes are handed on in callbacks.
"""

import re
from collections.abc import Collection

from lib.http import HttpResponse
from lib.reading import at, first, text
from providers.dialects.cloud_api import codes as cloud_api_codes
from providers.dialects.cloud_api.codes import LONGEST_CODE, Meaning, about_account, meant
from providers.messages import Account, Cause, Outcome, ReportCode, SendResult
from providers.outcomes import EXCERPT, accepted, by_status, json_object, rejected

TAKEN = "WA200"
WRONG_FIELD = "E13001"
CODES: dict[str, Meaning] = {
    "RBC001": about_account(Account.CREDENTIALS),  # SID or key
    # The number or the template is not approved: the next template may be, so nothing is paused.
    "WA401": Meaning(ReportCode.CREDENTIALS),
    "WA400": Meaning(ReportCode.TEMPLATE),
    WRONG_FIELD: Meaning(ReportCode.TEMPLATE),  # or missing
    "E110": about_account(Account.PAYMENT),  # the balance is used up
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


def cause(code: str) -> Cause:
    """Why a message failed, by the code in its status, which is Kaleyra's or Meta's."""
    return CODES[code].cause if code in CODES else cloud_api_codes.cause(code)


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
    result = by_status(response, words, code)
    if at(answer, "error") and (ok or result.outcome is Outcome.REJECTED):
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
