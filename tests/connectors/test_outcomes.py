"""What an answer means by its HTTP status alone."""

import pytest

from lib.http import HttpResponse
from providers.messages import Account, Outcome
from providers.outcomes import LONGEST_WAIT, by_status, retry_after, why_paused

NINE = "Mon, 05 Jan 2026 09:00:00 GMT"
BY_STATUS = {
    Outcome.UNKNOWN: (200, 201, 204, 299, 504),
    Outcome.REJECTED: (300, 302, 399, 400, 404, 407, 409, 413, 428, 430, 451, 499),
    Outcome.THROTTLED: (429,),
    Outcome.RETRY: (408, 500, 501, 503, 505, 599),
}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(status, outcome) for outcome, statuses in BY_STATUS.items() for status in statuses],
)
def test_the_status_decides(status: int, outcome: Outcome) -> None:
    found = by_status(HttpResponse(status, {"Retry-After": "7"}, b"why"))
    assert (found.outcome, found.bsp_code, found.text) == (outcome, str(status), f"HTTP {status}: why")
    assert found.retry_after == (7.0 if outcome in (Outcome.THROTTLED, Outcome.RETRY) else None)


@pytest.mark.parametrize(
    ("status", "account"),
    [(401, Account.CREDENTIALS), (403, Account.CREDENTIALS), (402, Account.PAYMENT)],
)
def test_what_is_about_the_account_fails_no_message(status: int, account: Account) -> None:
    found = by_status(HttpResponse(status, {}, b"who are you?"))
    assert (found.outcome, found.code, found.account) == (Outcome.STOPPED, None, account)


@pytest.mark.parametrize(
    ("status", "headers", "body", "bsp_code", "outcome"),
    [
        (502, {}, b"<h1>Bad gateway</h1>", "", Outcome.UNKNOWN),
        (502, {}, b'{"message": "bad upstream"}', "", Outcome.UNKNOWN),
        (502, {}, b'{"error": {"code": 7}}', "7", Outcome.RETRY),
        (503, {}, b"<h1>No upstream</h1>", "", Outcome.UNKNOWN),
        (503, {"Retry-After": "7"}, b"<h1>Later</h1>", "", Outcome.RETRY),
        (503, {}, b'{"message": "overloaded"}', "", Outcome.RETRY),
        (504, {}, b'{"error": {"code": 7}}', "7", Outcome.UNKNOWN),
        (500, {}, b"<h1>Oops</h1>", "", Outcome.RETRY),
    ],
)
def test_a_gateway_leaves_open_whether_the_message_was_taken(
    status: int, headers: dict[str, str], body: bytes, bsp_code: str, outcome: Outcome
) -> None:
    assert by_status(HttpResponse(status, headers, body), "", bsp_code).outcome is outcome


@pytest.mark.parametrize("account", Account)
def test_the_reason_of_a_pause_names_the_cause_and_the_remedy(account: Account) -> None:
    reason = why_paused("5 requests", account, "The words of the BSP")
    assert reason.startswith("5 requests in a row were refused ")
    assert "“The words of the BSP”" in reason
    assert "resume" in reason


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "86399"}, LONGEST_WAIT - 1),
        ({"Retry-After": "86400"}, LONGEST_WAIT),
        ({"Retry-After": "86401"}, LONGEST_WAIT),
        ({"Retry-After": "Mon, 05 Jan 2026 09:00:30 GMT"}, None),
        ({"Retry-After": "Mon, 05 Jan 2026 09:00:30 GMT", "Date": "Mon, 05 Jan 2026 09:00:00 GMT"}, 30.0),
        ({"Retry-After": "Mon, 05 Jan 2026 09:00:00 GMT", "Date": "Mon, 05 Jan 2026 09:00:30 GMT"}, 0.0),
        (
            {"Retry-After": "Thu, 05 Feb 2026 09:00:00 GMT", "Date": "Mon, 05 Jan 2026 09:00:00 GMT"},
            LONGEST_WAIT,
        ),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(HttpResponse(429, headers, b"")) == seconds
