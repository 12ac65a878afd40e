"""Meta's error codes, against a second list of what each must come to."""

import json
from typing import Any

from msgspec import Struct

from lib.http import HttpResponse
from providers.connectors import CONNECTORS
from providers.dialects.cloud_api.codes import META_CODES, cause, error_result
from providers.messages import SLOW_DOWN, Account, Outcome, ReportCode, SendResult, StatusUpdate, WebhookItem
from tests.connectors import cases

STOPPED_BY_META = {368, 131048}
ACCOUNTS = {
    Account.CREDENTIALS: {0, 3, 10, 190, *range(200, 300), 131005},
    Account.PAYMENT: {131042, 131044, 134011},
    Account.SENDER: {33, 131037, 131045, *(133000, 133005, 133006, 133008, 133009, 133010, 133015, 133016)},
    Account.RESTRICTED: {131031, *STOPPED_BY_META},
}
STOPS_THE_SENDER = {code: account for account, codes in ACCOUNTS.items() for code in codes}
THROTTLED = {4, 80007, 80008, 130429, 131064}
RETRY = {1, 2, 80012, 131000, 131016, 131027, 131056, 131057, 131059, 133004, 134101}
MARKETING_ALONE = 131063
WAITS = {131056: 6.0, 131063: 3600.0, 131064: 3600.0, 134101: 600.0}
REPORTS = {
    ReportCode.CREDENTIALS: STOPS_THE_SENDER.keys() - STOPPED_BY_META,
    ReportCode.TEMPLATE: {100, 131008, 131009, 131051, 131052, 131053, 131055}
    | {132000, 132001, 132005, 132007, 132008, 132012}
    | {132015, 132016, 132018, 132068, 132069, 134100, 134101, 134102, 135000},
    ReportCode.PHONE: {1013, 131021, 131030, 131062},
    ReportCode.TOO_MANY: {4, 80007, 80008, 80012, 130429, 131056},
    ReportCode.UNAVAILABLE: {131026},
    ReportCode.BLACKLISTED: {131050},
    ReportCode.DEVICE: {1026},
    ReportCode.OUTSIDE_WINDOW: {470, 130470, 131047},
    ReportCode.BLOCKED_BY_META: {130472, 130497, 131049, 131061, 131063, *STOPPED_BY_META, 131064},
    ReportCode.OTHER: {1, 2, 131000, 131016, 131027, 131057, 131059, 131060, 133004, 134103, 137000},
}
EXPECTED = {str(code): report for report, codes in REPORTS.items() for code in codes}


def test_the_table_is_complete() -> None:
    assert {code: meaning.code for code, meaning in META_CODES.items()} == EXPECTED


def check(found: dict[Any, Struct], wanted: dict[Any, Struct]) -> None:
    """Shows every code that came to something else, not only the first."""
    assert found.keys() == wanted.keys()
    wrong = [f"{key}: {found[key]}, not {wanted[key]}" for key in wanted if found[key] != wanted[key]]
    assert not wrong, "\n".join(wrong)


def answer(code: str, status: int) -> HttpResponse:
    return HttpResponse(
        status, {}, json.dumps({"error": {"code": int(code), "message": f"(#{code}) Why"}}).encode()
    )


def result_of(code: str) -> SendResult:
    number = int(code)
    outcome = Outcome.STOPPED if number in {*STOPS_THE_SENDER, MARKETING_ALONE} else Outcome.REJECTED
    if number in THROTTLED | RETRY:
        outcome = Outcome.THROTTLED if number in THROTTLED else Outcome.RETRY
    return SendResult(
        outcome,
        code=EXPECTED[code] if outcome is Outcome.REJECTED else None,
        bsp_code=code,
        text=f"(#{code}) Why",
        retry_after=WAITS.get(number),
        account=STOPS_THE_SENDER.get(number),
    )


def test_a_listed_code_decides_whatever_the_http_status() -> None:
    rows = [(code, status) for code in META_CODES for status in (200, 400, 429, 500)]
    found = {(code, status): CONNECTORS["meta"].parse_response(answer(code, status)) for code, status in rows}
    check(found, {(code, status): result_of(code) for code, status in rows})


def reported(code: str) -> WebhookItem:
    status = {"id": "wamid.1", "status": "failed", "errors": [{"code": int(code), "title": "Why"}]}
    payload = {"entry": [{"changes": [{"field": "messages", "value": {"statuses": [status]}}]}]}
    [item] = CONNECTORS["meta"].parse_webhook(cases.incoming({"request": {"json": payload}}))
    return item


def test_a_failed_status_is_reported_with_the_same_code() -> None:
    wanted = {
        code: StatusUpdate(
            "failed",
            bsp_id="wamid.1",
            code=EXPECTED[code],
            account=STOPS_THE_SENDER.get(int(code)),
            wait=WAITS.get(int(code), SLOW_DOWN) if int(code) in THROTTLED else None,
            marketing_is_off=int(code) == MARKETING_ALONE,
            bsp_code=code,
            text="Why",
        )
        for code in META_CODES
    }
    check({code: reported(code) for code in META_CODES}, wanted)


def test_unlisted_codes_go_by_the_http_status() -> None:
    result = error_result("999999", HttpResponse(503), "New here")
    assert (result.outcome, result.bsp_code, result.text) == (Outcome.RETRY, "999999", "New here")
    assert cause("999999").code is ReportCode.OTHER


def test_a_code_without_words_quotes_the_answer() -> None:
    result = CONNECTORS["meta"].parse_response(HttpResponse(400, {}, b'{"error": {"code": 100}}'))
    assert result.text == 'HTTP 400: {"error": {"code": 100}}'
