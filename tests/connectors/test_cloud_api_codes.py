"""Meta's error codes, against a second list of what each must come to."""

import json

import pytest

from lib.http import HttpResponse
from providers.connectors import get
from providers.dialects.cloud_api_errors import META_CODES, error_result, report_code
from providers.messages import Outcome, ReportCode, StatusUpdate
from tests.connectors import cases

ACCOUNT = {0, 3, 10, 33, 190, *range(200, 300), 131005, 131031, 131037, 131042, 131045, 133000, 133005}
ACCOUNT |= {133006, 133008, 133009, 133010, 133015, 133016, 134011}
STOPPED_BY_META = {368, 131048}
STOPS_THE_SENDER = ACCOUNT | STOPPED_BY_META
THROTTLED = {4, 80007, 80008, 130429}
RETRY = {1, 2, 80012, 131000, 131016, 131027, 131056, 131057, 131059, 133004, 134101}
WAITS = {131056: 6.0, 134101: 600.0}
REPORTS = {
    ReportCode.CREDENTIALS: ACCOUNT,
    ReportCode.TEMPLATE: {100, 131008, 131009, 131055, 131062, *(132000, 132001, 132005, 132007, 132012)}
    | {132015, 132016, 132018, 132068, 132069, 134100, 134101, 134102, 135000},
    ReportCode.PHONE: {1013, 131021},
    ReportCode.TOO_MANY: {4, 80007, 80008, 80012, 130429, 131056},
    ReportCode.UNAVAILABLE: {131026},
    ReportCode.BLACKLISTED: {131050},
    ReportCode.DEVICE: {1026, 131051, 131052, 131053},
    ReportCode.OUTSIDE_WINDOW: {470, 130470, 131047},
    ReportCode.BLOCKED_BY_META: {130472, 130497, 131049, *STOPPED_BY_META},
    ReportCode.OTHER: {1, 2, 131000, 131016, 131027, 131030, 131057, 131059, 131060, 133004, 134103, 137000},
}
EXPECTED = {str(code): report for report, codes in REPORTS.items() for code in codes}


def test_the_table_is_complete() -> None:
    assert {code: meaning.code for code, meaning in META_CODES.items()} == EXPECTED


@pytest.mark.parametrize("code", META_CODES)
@pytest.mark.parametrize("status", [200, 400, 429, 500])
def test_a_listed_code_decides_whatever_the_http_status(code: str, status: int) -> None:
    body = json.dumps({"error": {"code": int(code), "message": f"(#{code}) Why"}}).encode()
    result = get("meta").parse_response(HttpResponse(status, {}, body))
    number = int(code)
    outcome = Outcome.REJECTED
    if number in THROTTLED | RETRY:
        outcome = Outcome.THROTTLED if number in THROTTLED else Outcome.RETRY
    assert result.outcome is outcome
    assert result.code == (EXPECTED[code] if outcome is Outcome.REJECTED else None)
    assert result.credentials is (number in STOPS_THE_SENDER)
    assert result.retry_after == WAITS.get(number)
    assert (result.bsp_code, result.text) == (code, f"(#{code}) Why")


@pytest.mark.parametrize("code", META_CODES)
def test_a_failed_status_is_reported_with_the_same_code(code: str) -> None:
    status = {"id": "wamid.1", "status": "failed", "errors": [{"code": int(code), "title": "Why"}]}
    payload = {"entry": [{"changes": [{"field": "messages", "value": {"statuses": [status]}}]}]}
    [item] = get("meta").parse_webhook(cases.incoming({"request": {"json": payload}}))
    assert isinstance(item, StatusUpdate)
    assert (item.code, item.bsp_code, item.text) == (EXPECTED[code], code, "Why")


def test_unlisted_codes_go_by_the_http_status() -> None:
    result = error_result("999999", HttpResponse(503), "New here")
    assert (result.outcome, result.bsp_code, result.text) == (Outcome.RETRY, "999999", "New here")
    assert report_code("999999") is ReportCode.OTHER


def test_a_code_without_words_quotes_the_answer() -> None:
    result = get("meta").parse_response(HttpResponse(400, {}, b'{"error": {"code": 100}}'))
    assert result.text == 'HTTP 400: {"error": {"code": 100}}'
